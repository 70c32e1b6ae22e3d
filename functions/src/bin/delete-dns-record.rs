//! Deletes the DNS records of a tenant's host.

use std::sync::LazyLock;

use functions::dns_record;
use functions::request::Teardown;
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let route53 = &LazyLock::new(|| aws_sdk_route53::Client::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: Teardown| async move {
        dns_record::delete(route53, &settings, request).await
    })
    .await
}
