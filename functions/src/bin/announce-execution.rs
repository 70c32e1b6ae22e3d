//! Says on the event bus what became of an execution.

use functions::conclusion::{self, Announcement};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let events = &aws_sdk_eventbridge::Client::new(&shared::aws::config().await);
    shared::lambda::run(|settings: Settings, request: Announcement| async move {
        conclusion::announce(events, &settings, request).await
    })
    .await
}
