//! Tells whether the tenant's deployment is complete.

use functions::service;

use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ecs = &aws_sdk_ecs::Client::new(&shared::aws::config().await);
    shared::lambda::run(|settings: Settings, request: service::Check| async move {
        service::check_deployment(ecs, &settings, request).await
    })
    .await
}
