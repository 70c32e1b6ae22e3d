//! Looks at every tenant, and tells of those that stay incomplete.

use functions::inventory::Clients;
use functions::tenants::audit::{self, Audit};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let aws = shared::aws::config().await;
    let clients = &Clients::new(&aws);
    let (s3, events) = (&aws_sdk_s3::Client::new(&aws), &aws_sdk_eventbridge::Client::new(&aws));
    shared::lambda::run(|settings: Settings, request: Audit| async move {
        audit::audit(clients, s3, events, &settings, request).await
    })
    .await
}
