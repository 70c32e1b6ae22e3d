//! Step 1 of a bulk deprovisioning: checks the request, and writes the list of tenants.

use std::sync::LazyLock;

use functions::deletion::bulk::{self, Check};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let s3 = &LazyLock::new(|| aws_sdk_s3::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: Check| async move { bulk::check(s3, &settings, request).await })
        .await
}
