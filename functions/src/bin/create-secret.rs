//! Claims the tenant's id by creating its secret.

use std::sync::LazyLock;

use functions::secret;

use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let secrets = &LazyLock::new(|| aws_sdk_secretsmanager::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: secret::Create| async move {
        secret::create(secrets, &settings, request).await
    })
    .await
}
