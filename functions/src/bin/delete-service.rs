//! Scales the tenant's service to 0 and deletes it.

use functions::request::Teardown;
use functions::service;
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ecs = &aws_sdk_ecs::Client::new(&shared::aws::config().await);
    shared::lambda::run(|settings: Settings, request: Teardown| async move {
        service::delete(ecs, &settings, request).await
    })
    .await
}
