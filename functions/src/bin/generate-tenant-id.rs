//! Chooses the tenant's id: the requested one, or a new one.

use functions::workflows::provision_tenant::tenant_id;

functions::lambda! {
    |_, request| tenant_id::choose(request)
}
