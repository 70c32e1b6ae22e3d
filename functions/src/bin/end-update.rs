//! Last step of an update: lets others update the tenant again.

use std::sync::LazyLock;

use functions::update::{self, End};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let s3 = &LazyLock::new(|| aws_sdk_s3::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: End| async move { update::end(s3, &settings, request).await })
        .await
}
