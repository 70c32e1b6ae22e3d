//! Deletes the tenant's log group.

use std::sync::LazyLock;

use functions::log_group;
use functions::request::Teardown;
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let logs = &LazyLock::new(|| aws_sdk_cloudwatchlogs::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: Teardown| async move {
        log_group::delete(logs, &settings, request).await
    })
    .await
}
