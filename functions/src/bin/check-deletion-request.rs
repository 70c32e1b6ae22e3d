//! Step 1 of a deprovisioning: checks the request, its checklist and its confirmation.

use functions::deletion::{self, DeletionRequest};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::lambda::run(
        |settings: Settings, request: DeletionRequest| async move { deletion::check(&settings, request) },
    )
    .await
}
