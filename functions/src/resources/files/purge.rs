//! Deletes a tenant's files, whoever made them, because a person asked for it.
//!
//! Symbolic links are removed and never followed.

use serde::{Deserialize, Serialize};
use shared::{Result, Settings, TenantId};

use super::mount::{failed, mounted, remove};
use super::quarantine;

/// Input of purge-files.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Purge {
    /// The tenant.
    pub tenant_id: TenantId,
}

/// Output of purge-files.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Purged {
    /// The tenant's directory on the file system.
    pub directory: String,
    /// Files existed, in the directory or in the quarantine, and have been deleted.
    pub removed: bool,
}

/// Deletes the tenant's files, those in the quarantine included. If this is interrupted, the next run deletes the rest.
///
/// # Errors
/// `EnvironmentNotReady` when the file system is not mounted; `AccessDenied`; `Transient` when it does not answer.
pub async fn purge(settings: &Settings, request: Purge) -> Result<Purged> {
    let names = settings.names(&request.tenant_id);
    let directory = names.directory();
    let doing = format!("deleting files ({directory})");
    let removed = mounted(settings, doing.clone(), move |mount| {
        let deleted = || {
            let mut removed = remove(&mount.join(names.tenant().as_str()))?;
            for entry in quarantine::of_tenant(mount, names.tenant())? {
                removed |= remove(&entry)?;
            }
            Ok(removed)
        };
        deleted().map_err(|error| failed(&doing, error))
    });
    Ok(Purged { removed: removed.await?, directory })
}
