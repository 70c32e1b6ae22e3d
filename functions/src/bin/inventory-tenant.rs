//! Lists everything of a tenant that exists.

use functions::inventory::{self, Clients};
use functions::request::Teardown;
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let clients = &Clients::new(&shared::aws::config().await);
    shared::lambda::run(|settings: Settings, request: Teardown| async move {
        inventory::take(clients, &settings, request).await
    })
    .await
}
