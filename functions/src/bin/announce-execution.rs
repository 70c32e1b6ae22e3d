//! Says on the event bus what became of an execution.

use std::sync::LazyLock;

use functions::conclusion::{self, Announcement};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let events = &LazyLock::new(|| aws_sdk_eventbridge::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: Announcement| async move {
        conclusion::announce(events, &settings, request).await
    })
    .await
}
