//! Tells of the tenants that lacked something in two audits in a row.

use std::sync::LazyLock;

use functions::tenants::audit::report::{self, Request};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let s3 = &LazyLock::new(|| aws_sdk_s3::Client::new(shared::aws::config()));
    let events = &LazyLock::new(|| aws_sdk_eventbridge::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: Request| async move {
        report::report(s3, events, &settings, request).await
    })
    .await
}
