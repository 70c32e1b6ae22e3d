//! Starts a deprovisioning in another environment.

use functions::peers::{self, Start};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let aws = &shared::aws::config().await;
    let sts = &peers::sts(aws);
    shared::lambda::run(
        |settings: Settings, request: Start| async move { peers::start(sts, aws, &settings, request).await },
    )
    .await
}
