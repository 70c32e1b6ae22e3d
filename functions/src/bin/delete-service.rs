//! Scales the tenant's service to 0 and deletes it.

use std::sync::LazyLock;

use functions::request::Teardown;
use functions::service;
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ecs = &LazyLock::new(|| aws_sdk_ecs::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: Teardown| async move {
        service::delete(ecs, &settings, request).await
    })
    .await
}
