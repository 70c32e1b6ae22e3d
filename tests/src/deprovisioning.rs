//! How a person asks for a deprovisioning.

use serde_json::{Value, json};

/// A request with its whole checklist, after which nothing is left.
pub fn request(tenant: &str) -> Value {
    json!({
        "tenant_id": tenant,
        "checklist": {"owner_notified": true, "data_backup": "completed", "billing_finalized": true},
        "approved_by": "Ada",
        "force_delete_secret": true,
    })
}
