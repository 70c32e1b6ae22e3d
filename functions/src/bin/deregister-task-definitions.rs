//! Deregisters and deletes every revision of the tenant's task definition.

use std::sync::LazyLock;

use functions::request::Teardown;
use functions::task_definition;
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ecs = &LazyLock::new(|| aws_sdk_ecs::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: Teardown| async move {
        task_definition::delete(ecs, &settings, request).await
    })
    .await
}
