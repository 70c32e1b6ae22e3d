//! Starts a deprovisioning in another environment.

use functions::stack::peers;
use functions::workflows::deprovision_tenant_everywhere::start;

functions::lambda! {
    sts = peers::sts;
    |settings, request| start::start(sts, shared::aws::config(), &settings, request).await
}
