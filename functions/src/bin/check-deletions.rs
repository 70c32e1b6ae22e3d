//! Step 1 of a bulk deprovisioning: checks the request, and writes the list of tenants.

use functions::deletion::bulk::{self, Check};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let s3 = &aws_sdk_s3::Client::new(&shared::aws::config().await);
    shared::lambda::run(|settings: Settings, request: Check| async move { bulk::check(s3, &settings, request).await })
        .await
}
