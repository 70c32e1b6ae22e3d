//! Deletes the tenant's target group.

use std::sync::LazyLock;

use functions::request::Teardown;
use functions::target_group;
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let elb = &LazyLock::new(|| aws_sdk_elasticloadbalancingv2::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: Teardown| async move {
        target_group::delete(elb, &settings, request).await
    })
    .await
}
