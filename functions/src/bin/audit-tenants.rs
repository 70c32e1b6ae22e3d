//! Looks at every tenant, and tells of those that stay incomplete.

use std::sync::LazyLock;

use functions::inventory::Clients;
use functions::tenants::audit::{self, Audit};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let clients = &LazyLock::new(|| Clients::new(shared::aws::config()));
    let s3 = &LazyLock::new(|| aws_sdk_s3::Client::new(shared::aws::config()));
    let events = &LazyLock::new(|| aws_sdk_eventbridge::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: Audit| async move {
        audit::audit(clients, s3, events, &settings, request).await
    })
    .await
}
