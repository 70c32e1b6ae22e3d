//! Changes the tenant's service.

use functions::service::update::{self, Update};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ecs = &aws_sdk_ecs::Client::new(&shared::aws::config().await);
    shared::lambda::run(
        |settings: Settings, request: Update| async move { update::update(ecs, &settings, request).await },
    )
    .await
}
