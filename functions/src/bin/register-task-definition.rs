//! Registers the tenant's task definition.

use std::sync::LazyLock;

use functions::task_definition;

use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ecs = &LazyLock::new(|| aws_sdk_ecs::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: task_definition::Register| async move {
        task_definition::register(ecs, &settings, request).await
    })
    .await
}
