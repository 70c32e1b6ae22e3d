//! The id of a new tenant: the one that was asked for, or a new one.

use serde::{Deserialize, Serialize};
use shared::{Result, TenantId};

/// Input of generate-tenant-id.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The id, if one was asked for.
    pub tenant_id: Option<TenantId>,
}

/// Output of generate-tenant-id.
#[derive(Debug, Serialize)]
pub struct Chosen {
    /// The tenant's id.
    pub tenant_id: TenantId,
    /// Nobody asked for it.
    pub generated: bool,
}

/// Gives the tenant's id.
///
/// # Errors
/// When there is no randomness.
pub fn choose(request: Request) -> Result<Chosen> {
    let generated = request.tenant_id.is_none();
    Ok(Chosen { tenant_id: request.tenant_id.map_or_else(TenantId::generate, Ok)?, generated })
}
