//! Deletes the tenant's files.

use functions::resources::files;

functions::lambda! {
    |settings, request| files::purge(&settings, request).await
}
