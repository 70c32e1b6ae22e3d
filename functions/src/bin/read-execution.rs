//! Tells what became of an execution, and what may be left of it.

use std::sync::LazyLock;

use functions::conclusion::{self, Read};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let machines = &LazyLock::new(|| aws_sdk_sfn::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: Read| async move {
        conclusion::read(machines, &settings, request).await
    })
    .await
}
