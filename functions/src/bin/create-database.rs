//! Creates the tenant's database and user.

use std::sync::LazyLock;

use functions::database;

use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let secrets = &LazyLock::new(|| aws_sdk_secretsmanager::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: database::Create| async move {
        database::create(secrets, &settings, request).await
    })
    .await
}
