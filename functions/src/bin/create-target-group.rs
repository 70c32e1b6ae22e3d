//! Creates the tenant's target group.

use std::sync::LazyLock;

use functions::target_group;

use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let elb = &LazyLock::new(|| aws_sdk_elasticloadbalancingv2::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: target_group::Create| async move {
        target_group::create(elb, &settings, request).await
    })
    .await
}
