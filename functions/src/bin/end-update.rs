//! Last step of an update: lets others update the tenant again.

use functions::update::{self, End};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let s3 = &aws_sdk_s3::Client::new(&shared::aws::config().await);
    shared::lambda::run(|settings: Settings, request: End| async move { update::end(s3, &settings, request).await })
        .await
}
