//! Deletes the tenant's EFS access points.

use std::sync::LazyLock;

use functions::access_point;
use functions::request::Teardown;
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let efs = &LazyLock::new(|| aws_sdk_efs::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: Teardown| async move {
        access_point::delete(efs, &settings, request).await
    })
    .await
}
