//! Tells whether a deprovisioning in another environment has ended.

use functions::peers::{self, Check};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let aws = &shared::aws::config().await;
    let sts = &peers::sts(aws);
    shared::lambda::run(
        |settings: Settings, request: Check| async move { peers::check(sts, aws, &settings, request).await },
    )
    .await
}
