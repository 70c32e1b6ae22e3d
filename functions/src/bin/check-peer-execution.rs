//! Checks whether a deprovisioning in another environment has ended.

use functions::stack::peers;
use functions::workflows::deprovision_tenant_everywhere::follow;

functions::lambda! {
    sts = peers::sts;
    |settings, request| follow::check(sts, shared::aws::config(), &settings, request).await
}
