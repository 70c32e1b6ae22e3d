//! Moves the files that an execution has made into the quarantine.

use functions::resources::files;

functions::lambda! {
    |settings, request| files::delete(&settings, request).await
}
