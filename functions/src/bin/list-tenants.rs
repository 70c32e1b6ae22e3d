//! Lists the environment's tenants, a page at a time.

use functions::inventory::Clients;
use functions::tenants::list::{self, Request};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let aws = shared::aws::config().await;
    let clients = Clients {
        ecs: aws_sdk_ecs::Client::new(&aws),
        elb: aws_sdk_elasticloadbalancingv2::Client::new(&aws),
        efs: aws_sdk_efs::Client::new(&aws),
        logs: aws_sdk_cloudwatchlogs::Client::new(&aws),
        secrets: aws_sdk_secretsmanager::Client::new(&aws),
    };
    let clients = &clients;
    shared::lambda::run(
        |settings: Settings, request: Request| async move { list::list(clients, &settings, request).await },
    )
    .await
}
