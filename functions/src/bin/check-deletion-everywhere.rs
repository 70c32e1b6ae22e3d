//! Step 1 of a deprovisioning in several environments: checks the request.

use functions::deletion::everywhere::{self, Request};
use shared::Settings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::lambda::run(|settings: Settings, request: Request| async move { everywhere::check(&settings, request) })
        .await
}
