//! Tells where a tenant is, across the environments.

use std::sync::LazyLock;

use functions::peers::{self, Locate};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let sts = &LazyLock::new(|| peers::sts(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: Locate| async move {
        peers::locate(sts, shared::aws::config(), &settings, request).await
    })
    .await
}
