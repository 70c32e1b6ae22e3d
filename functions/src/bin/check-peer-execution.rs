//! Tells whether a deprovisioning in another environment has ended.

use std::sync::LazyLock;

use functions::peers::{self, Check};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let sts = &LazyLock::new(|| peers::sts(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: Check| async move {
        peers::check(sts, shared::aws::config(), &settings, request).await
    })
    .await
}
