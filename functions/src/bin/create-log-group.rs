//! Creates the tenant's log group.

use std::sync::LazyLock;

use functions::log_group;

use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let logs = &LazyLock::new(|| aws_sdk_cloudwatchlogs::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: log_group::Create| async move {
        log_group::create(logs, &settings, request).await
    })
    .await
}
