//! Deletes the tenant's secret.

use functions::request::Teardown;
use functions::secret;
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let secrets = &aws_sdk_secretsmanager::Client::new(&shared::aws::config().await);
    shared::lambda::run(|settings: Settings, request: Teardown| async move {
        secret::delete(secrets, &settings, request).await
    })
    .await
}
