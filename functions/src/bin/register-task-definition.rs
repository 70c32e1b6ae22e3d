//! Registers the tenant's task definition.

use functions::task_definition;

use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ecs = &aws_sdk_ecs::Client::new(&shared::aws::config().await);
    shared::lambda::run(|settings: Settings, request: task_definition::Register| async move {
        task_definition::register(ecs, &settings, request).await
    })
    .await
}
