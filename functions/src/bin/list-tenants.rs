//! Lists the environment's tenants, a page at a time.

use std::sync::LazyLock;

use functions::inventory::Clients;
use functions::tenants::list::{self, Request};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let clients = &LazyLock::new(|| Clients::new(shared::aws::config()));
    shared::lambda::run(
        |settings: Settings, request: Request| async move { list::list(clients, &settings, request).await },
    )
    .await
}
