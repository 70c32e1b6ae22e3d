//! Gives what to run the database task with.

use functions::database_task::{self, Request};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let aws = shared::aws::config().await;
    let (ec2, secrets) = (&aws_sdk_ec2::Client::new(&aws), &aws_sdk_secretsmanager::Client::new(&aws));
    shared::lambda::run(|settings: Settings, request: Request| async move {
        database_task::prepare(ec2, secrets, &settings, request).await
    })
    .await
}
