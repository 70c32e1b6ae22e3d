//! Chooses the id of a new tenant: the requested one, or a new one.

use serde::{Deserialize, Serialize};
use shared::{Result, TenantId};

/// Input of generate-tenant-id.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The requested id, if there is one.
    pub tenant_id: Option<TenantId>,
}

/// Output of generate-tenant-id.
#[derive(Debug, Serialize)]
pub struct Chosen {
    /// The tenant's id.
    pub tenant_id: TenantId,
    /// The id is new, not requested.
    pub generated: bool,
}

/// Chooses the tenant's id.
///
/// # Errors
/// When the operating system has no random bytes.
pub fn choose(request: Request) -> Result<Chosen> {
    let generated = request.tenant_id.is_none();
    Ok(Chosen { tenant_id: request.tenant_id.map_or_else(TenantId::generate, Ok)?, generated })
}
