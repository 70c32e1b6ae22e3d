//! Starts the provisioning of a tenant that signed up, by an event.

use std::sync::LazyLock;

use functions::events::Event;
use functions::events::signup::{self, TenantSignedUp};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let machines = &LazyLock::new(|| aws_sdk_sfn::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, event: Event<TenantSignedUp>| async move {
        signup::start(machines, &settings, event).await
    })
    .await
}
