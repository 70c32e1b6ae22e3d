//! Reads the end of a tenant's log.

use std::sync::LazyLock;

use functions::tenants::logs::{self, Request};
use jiff::Timestamp;
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let client = &LazyLock::new(|| aws_sdk_cloudwatchlogs::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: Request| async move {
        logs::tail(client, &settings, Timestamp::now(), request).await
    })
    .await
}
