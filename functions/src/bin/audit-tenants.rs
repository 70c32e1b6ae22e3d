//! Looks at every tenant: how many there are of each status, and which lack something.

use std::sync::LazyLock;

use functions::inventory::Clients;
use functions::tenants::audit::{self, Audit};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let clients = &LazyLock::new(|| Clients::new(shared::aws::config()));
    shared::lambda::run(|settings: Settings, _: Audit| async move { audit::audit(clients, &settings).await }).await
}
