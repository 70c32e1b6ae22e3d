//! Step 1 of a deprovisioning: checks the request, its checklist and its confirmation.

use functions::workflows::deprovision_tenant;

functions::lambda! {
    |settings, request| deprovision_tenant::check(&settings, request)
}
