//! Gives the tenant's id: the one that was asked for, or a new one.

use serde::{Deserialize, Serialize};
use shared::{Settings, TenantId};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    tenant_id: Option<TenantId>,
}

#[derive(Serialize)]
struct Chosen {
    tenant_id: TenantId,
    generated: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::lambda::run(|_: Settings, request: Request| async {
        let generated = request.tenant_id.is_none();
        Ok(Chosen { tenant_id: request.tenant_id.map_or_else(TenantId::generate, Ok)?, generated })
    })
    .await
}
