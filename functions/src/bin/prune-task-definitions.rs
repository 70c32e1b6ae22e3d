//! Deregisters revisions that nobody needs.

use functions::task_definition::revision::{self, Prune};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ecs = &aws_sdk_ecs::Client::new(&shared::aws::config().await);
    shared::lambda::run(
        |settings: Settings, request: Prune| async move { revision::prune(ecs, &settings, request).await },
    )
    .await
}
