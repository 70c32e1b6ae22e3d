//! Step 1 of a provisioning: checks the request and finds what the tenant will be made in.

use std::sync::LazyLock;

use functions::environment::{self, Clients};
use functions::request::ProvisionRequest;
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let ec2 = &LazyLock::new(|| network::Client::new(shared::aws::config()));
    let clients = &LazyLock::new(|| {
        let aws = shared::aws::config();
        Clients {
            sts: aws_sdk_sts::Client::new(aws),
            efs: aws_sdk_efs::Client::new(aws),
            elb: aws_sdk_elasticloadbalancingv2::Client::new(aws),
            ecs: aws_sdk_ecs::Client::new(aws),
            route53: aws_sdk_route53::Client::new(aws),
            secrets: aws_sdk_secretsmanager::Client::new(aws),
        }
    });
    shared::lambda::run(|settings: Settings, request: ProvisionRequest| async move {
        environment::resolve(clients, &settings, request, network::find(ec2, &settings)).await
    })
    .await
}
