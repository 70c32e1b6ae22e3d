//! Tells what the database task has done.

use std::sync::LazyLock;

use functions::database_task::{self, Reading};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let logs = &LazyLock::new(|| aws_sdk_cloudwatchlogs::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, reading: Reading| async move {
        database_task::read(logs, &settings, reading).await
    })
    .await
}
