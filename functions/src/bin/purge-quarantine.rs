//! Removes the files that have been in the quarantine for 14 days.

use functions::resources::files::quarantine;

functions::lambda! {
    |settings, request| quarantine::expire(&settings, jiff::Timestamp::now(), request).await
}
