//! Deletes the tenant's files.

use functions::resources::files::purge;

functions::lambda! {
    |settings, request| purge::purge(&settings, request).await
}
