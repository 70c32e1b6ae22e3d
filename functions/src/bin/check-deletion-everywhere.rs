//! Step 1 of a deprovisioning in several environments: checks the request.

use functions::workflows::deprovision_tenant_everywhere;

functions::lambda! {
    |settings, request| deprovision_tenant_everywhere::check(&settings, request)
}
