//! Deletes the tenant's secret.

use std::sync::LazyLock;

use functions::request::Teardown;
use functions::secret;
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let secrets = &LazyLock::new(|| aws_sdk_secretsmanager::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: Teardown| async move {
        secret::delete(secrets, &settings, request).await
    })
    .await
}
