//! Starts the conclusion of an execution that has ended.

use std::sync::LazyLock;

use functions::conclusion::{self, StatusChange};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let machines = &LazyLock::new(|| aws_sdk_sfn::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, event: StatusChange| async move {
        conclusion::start(machines, &settings, event).await
    })
    .await
}
