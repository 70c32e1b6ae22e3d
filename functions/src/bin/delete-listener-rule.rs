//! Deletes the tenant's listener rules.

use functions::listener_rule;
use functions::request::Teardown;
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let elb = &aws_sdk_elasticloadbalancingv2::Client::new(&shared::aws::config().await);
    shared::lambda::run(|settings: Settings, request: Teardown| async move {
        listener_rule::delete(elb, &settings, request).await
    })
    .await
}
