//! Creates the tenant's listener rule.

use std::sync::LazyLock;

use functions::listener_rule;

use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let elb = &LazyLock::new(|| aws_sdk_elasticloadbalancingv2::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: listener_rule::Create| async move {
        listener_rule::create(elb, &settings, request).await
    })
    .await
}
