//! Deregisters revisions that nobody needs.

use std::sync::LazyLock;

use functions::task_definition::revision::{self, Prune};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ecs = &LazyLock::new(|| aws_sdk_ecs::Client::new(shared::aws::config()));
    shared::lambda::run(
        |settings: Settings, request: Prune| async move { revision::prune(ecs, &settings, request).await },
    )
    .await
}
