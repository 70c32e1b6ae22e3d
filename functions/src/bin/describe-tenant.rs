//! Describes a tenant: what runs, what it is made of, and what went wrong last.

use functions::inventory::Clients;
use functions::tenants::describe::{self, Request};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let clients = &Clients::new(&shared::aws::config().await);
    shared::lambda::run(|settings: Settings, request: Request| async move {
        describe::describe(clients, &settings, request).await
    })
    .await
}
