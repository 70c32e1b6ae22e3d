//! The input of deprovision-tenant.

use serde_json::{Value, json};

/// A request with a complete checklist and no recovery window, so that nothing of the tenant is left.
pub fn request(tenant: &str) -> Value {
    json!({
        "tenant_id": tenant,
        "checklist": {"owner_notified": true, "data_backup": "completed", "billing_finalized": true},
        "approved_by": "Ada",
        "force_delete_secret": true,
    })
}
