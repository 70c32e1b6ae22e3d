//! Creates the tenant's database and user.

use functions::database;

use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let secrets = &aws_sdk_secretsmanager::Client::new(&shared::aws::config().await);
    shared::lambda::run(|settings: Settings, request: database::Create| async move {
        database::create(secrets, &settings, request).await
    })
    .await
}
