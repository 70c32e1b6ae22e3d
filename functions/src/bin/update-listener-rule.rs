//! Shows the tenant's site, or that it is suspended.

use std::sync::LazyLock;

use functions::listener_rule::suspension::{self, Turn};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let elb = &LazyLock::new(|| aws_sdk_elasticloadbalancingv2::Client::new(shared::aws::config()));
    shared::lambda::run(
        |settings: Settings, request: Turn| async move { suspension::turn(elb, &settings, request).await },
    )
    .await
}
