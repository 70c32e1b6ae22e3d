//! Tells whether the tenant's deployment is complete.

use std::sync::LazyLock;

use functions::service::deployment;

use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ecs = &LazyLock::new(|| aws_sdk_ecs::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: deployment::Check| async move {
        deployment::check(ecs, &settings, request).await
    })
    .await
}
