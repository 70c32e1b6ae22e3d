//! Deletes the tenant's files.

use functions::files::{self, Purge};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::lambda::run(|settings: Settings, request: Purge| async move { files::purge(&settings, request).await })
        .await
}
