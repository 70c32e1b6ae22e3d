//! Starts a deprovisioning in another environment.

use functions::peers::{self, Start};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let aws = shared::aws::config().await;
    let (sts, machines) = (&peers::sts(&aws), &aws_sdk_sfn::Config::new(&aws));
    shared::lambda::run(|settings: Settings, request: Start| async move {
        peers::start(sts, machines, &settings, request).await
    })
    .await
}
