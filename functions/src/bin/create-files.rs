//! Creates the directory of the tenant's files, with the record of its owner.

use functions::resources::files;

functions::lambda! {
    |settings, request| files::create(&settings, request).await
}
