//! Creates the tenant's EFS access point.

use std::sync::LazyLock;

use functions::access_point;

use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let efs = &LazyLock::new(|| aws_sdk_efs::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: access_point::Create| async move {
        access_point::create(efs, &settings, request).await
    })
    .await
}
