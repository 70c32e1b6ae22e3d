//! Describes a tenant: what runs, what it is made of, and what went wrong last.

use std::sync::LazyLock;

use functions::inventory::Clients;
use functions::tenants::describe::{self, Request};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let clients = &LazyLock::new(|| Clients::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: Request| async move {
        describe::describe(clients, &settings, request).await
    })
    .await
}
