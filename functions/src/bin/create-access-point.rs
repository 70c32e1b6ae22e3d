//! Creates the tenant's EFS access point.

use functions::access_point;

use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let efs = &aws_sdk_efs::Client::new(&shared::aws::config().await);
    shared::lambda::run(|settings: Settings, request: access_point::Create| async move {
        access_point::create(efs, &settings, request).await
    })
    .await
}
