//! Writes what became of many tenants.

use functions::deletion::report::{self, Request};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let s3 = &aws_sdk_s3::Client::new(&shared::aws::config().await);
    shared::lambda::run(
        |settings: Settings, request: Request| async move { report::report(s3, &settings, request).await },
    )
    .await
}
