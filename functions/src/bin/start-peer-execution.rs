//! Starts a deprovisioning in another environment.

use std::sync::LazyLock;

use functions::peers::{self, Start};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let sts = &LazyLock::new(|| peers::sts(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: Start| async move {
        peers::start(sts, shared::aws::config(), &settings, request).await
    })
    .await
}
