//! Creates the tenant's service.

use functions::service;

use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ecs = &aws_sdk_ecs::Client::new(&shared::aws::config().await);
    shared::lambda::run(|settings: Settings, request: service::Create| async move {
        service::create(ecs, &settings, request).await
    })
    .await
}
