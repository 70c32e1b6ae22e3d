//! Finds a tenant in all environments.

use functions::reading::locate;
use functions::stack::peers;

functions::lambda! {
    sts = peers::sts;
    |settings, request| locate::locate(sts, shared::aws::config(), &settings, request).await
}
