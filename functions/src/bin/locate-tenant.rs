//! Tells where a tenant is, across the environments.

use functions::peers::{self, Locate};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let aws = &shared::aws::config().await;
    let sts = &peers::sts(aws);
    shared::lambda::run(|settings: Settings, request: Locate| async move {
        peers::locate(sts, aws, &settings, request).await
    })
    .await
}
