//! Deletes the tenant's listener rules.

use std::sync::LazyLock;

use functions::listener_rule;
use functions::request::Teardown;
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let elb = &LazyLock::new(|| aws_sdk_elasticloadbalancingv2::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: Teardown| async move {
        listener_rule::delete(elb, &settings, request).await
    })
    .await
}
