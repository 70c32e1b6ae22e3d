//! Lists everything of a tenant that exists.

use std::sync::LazyLock;

use functions::inventory::{self, Clients};
use functions::request::Teardown;
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let clients = &LazyLock::new(|| Clients::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, request: Teardown| async move {
        inventory::take(clients, &settings, request).await
    })
    .await
}
