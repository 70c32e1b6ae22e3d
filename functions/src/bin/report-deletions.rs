//! Writes what became of many tenants.

use std::sync::LazyLock;

use functions::deletion::report::{self, Request};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let s3 = &LazyLock::new(|| aws_sdk_s3::Client::new(shared::aws::config()));
    shared::lambda::run(
        |settings: Settings, request: Request| async move { report::report(s3, &settings, request).await },
    )
    .await
}
