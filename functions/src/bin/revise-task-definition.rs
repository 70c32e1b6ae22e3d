//! Registers a revision of the tenant's task definition.

use std::sync::LazyLock;

use functions::task_definition::revision::{self, Revise};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ecs = &LazyLock::new(|| aws_sdk_ecs::Client::new(shared::aws::config()));
    shared::lambda::run(
        |settings: Settings, request: Revise| async move { revision::revise(ecs, &settings, request).await },
    )
    .await
}
