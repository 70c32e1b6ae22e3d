//! Drops the tenant's database and user.

use std::sync::LazyLock;

use functions::database;
use functions::request::Teardown;
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let secrets = &LazyLock::new(|| aws_sdk_secretsmanager::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: Teardown| async move {
        database::delete(secrets, &settings, request).await
    })
    .await
}
