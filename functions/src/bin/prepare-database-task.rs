//! Gives what to run the database task with.

use std::sync::LazyLock;

use functions::database_task::{self, Request};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ec2 = &LazyLock::new(|| network::Client::new(shared::aws::config()));
    let secrets = &LazyLock::new(|| aws_sdk_secretsmanager::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: Request| async move {
        database_task::prepare(network::find(ec2, &settings), secrets, &settings, request).await
    })
    .await
}
