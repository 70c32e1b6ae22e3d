//! Changes the tenant's service.

use std::sync::LazyLock;

use functions::service::update::{self, Update};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ecs = &LazyLock::new(|| aws_sdk_ecs::Client::new(shared::aws::config()));
    shared::lambda::run(
        |settings: Settings, request: Update| async move { update::update(ecs, &settings, request).await },
    )
    .await
}
