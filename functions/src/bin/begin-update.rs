//! Step 1 of an update: checks the request, takes the tenant's lock, and decides what to do.

use std::sync::LazyLock;

use functions::update::{self, Begin, Clients};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let clients = &LazyLock::new(|| {
        let aws = shared::aws::config();
        Clients {
            ecs: aws_sdk_ecs::Client::new(aws),
            elb: aws_sdk_elasticloadbalancingv2::Client::new(aws),
            s3: aws_sdk_s3::Client::new(aws),
            sfn: aws_sdk_sfn::Client::new(aws),
        }
    });
    shared::lambda::run(
        |settings: Settings, request: Begin| async move { update::begin(clients, &settings, request).await },
    )
    .await
}
