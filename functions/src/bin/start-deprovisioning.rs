//! Starts the deprovisioning of a tenant that cancelled, by an event.

use std::sync::LazyLock;

use functions::deletion::DeletionRequest;
use functions::events::{Event, cancellation};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let machines = &LazyLock::new(|| aws_sdk_sfn::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, event: Event<DeletionRequest>| async move {
        cancellation::start(machines, &settings, event).await
    })
    .await
}
