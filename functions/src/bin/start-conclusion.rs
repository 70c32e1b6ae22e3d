//! Starts the conclusion of an execution that has ended.

use functions::conclusion::{self, StatusChange};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let machines = &aws_sdk_sfn::Client::new(&shared::aws::config().await);
    shared::lambda::run(|settings: Settings, event: StatusChange| async move {
        conclusion::start(machines, &settings, event).await
    })
    .await
}
