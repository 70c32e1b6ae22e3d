//! The quarantine: the directories of provisionings that were rolled back, as `/wordpress/.quarantine/<id>-<time>`. They
//! are kept for 14 days, in case a person misses something.
//!
//! The times are in the names, because renaming a directory does not change its own times.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use shared::{Names, Owner, Result, Settings, TenantId};

use super::mount::{NEW, failed, mounted, names_in, remove, unless_missing};

const DIRECTORY: &str = ".quarantine";
/// The time in a name, in UTC.
const TIME: &str = "%Y%m%dT%H%M%SZ";
/// How long a directory is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Age from which a temporary directory is certainly not in use: a function runs for 15 minutes at most.
const UNUSED: SignedDuration = SignedDuration::from_hours(24);
/// Maximum number of directories that one run removes. The next audit continues.
const REMOVED: usize = 100;

/// Input of purge-quarantine.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expire {
    /// The execution that audits, for the log.
    pub execution: Owner,
}

/// Output of purge-quarantine.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Expired {
    /// The directories that were removed, by their names: at most 100.
    pub removed: Vec<String>,
    /// Number of directories that are left for the next run.
    pub more: usize,
}

/// Removes what has been in the quarantine for 14 days, and the temporary directories that interruptions have left. If
/// this is interrupted, the next run removes the rest.
///
/// # Errors
/// `EnvironmentNotReady` when the file system is not mounted; `AccessDenied`; `Transient` when it does not answer.
pub async fn expire(settings: &Settings, now: Timestamp, _: Expire) -> Result<Expired> {
    let doing = "emptying the quarantine of files".to_owned();
    mounted(settings, doing.clone(), move |mount| {
        let emptied = || {
            let mut expired = expired(mount, now)?;
            let rest = expired.split_off(expired.len().min(REMOVED));
            for name in &expired {
                remove(&mount.join(name))?;
            }
            Ok(Expired { removed: expired, more: rest.len() })
        };
        emptied().map_err(|error| failed(&doing, error))
    })
    .await
}

/// Moves a tenant's directory into the quarantine. `false` when it does not exist.
pub(super) fn enter(mount: &Path, names: &Names, now: Timestamp) -> io::Result<bool> {
    let quarantine = mount.join(DIRECTORY);
    match fs::create_dir(&quarantine) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ if quarantine.symlink_metadata()?.is_dir() => {}
        _ => return Err(io::Error::other(format!("{} is not a directory", quarantine.display()))),
    }
    let tenant = names.tenant();
    let moved = fs::rename(mount.join(tenant.as_str()), quarantine.join(format!("{tenant}-{}", now.strftime(TIME))));
    Ok(unless_missing(moved)?.is_some())
}

/// A tenant's directories in the quarantine.
pub(super) fn of_tenant(mount: &Path, tenant: &TenantId) -> io::Result<Vec<PathBuf>> {
    let entries = entries(mount)?.into_iter().filter(|(of, ..)| of == tenant);
    Ok(entries.map(|(_, _, name)| mount.join(name)).collect())
}

/// The directories in the quarantine, each with its tenant, when it came, and its name below the mounted directory.
/// Other names are ignored.
fn entries(mount: &Path) -> io::Result<Vec<(TenantId, Timestamp, String)>> {
    let quarantine = mount.join(DIRECTORY);
    // A link is not followed.
    let is_directory = unless_missing(quarantine.symlink_metadata())?.is_some_and(|found| found.is_dir());
    let names = if is_directory { names_in(&quarantine)? } else { Vec::new() };
    let entry = |name: String| {
        let (tenant, time) = name.split_once('-')?;
        let tenant = TenantId::try_from(tenant.to_owned()).ok()?;
        let came = DateTime::strptime(TIME, time).ok()?.to_zoned_datetime(TimeZone::UTC).ok()?.timestamp();
        Some((tenant, came, format!("{DIRECTORY}/{name}")))
    };
    Ok(names.into_iter().filter_map(entry).collect())
}

/// What is to be removed, the oldest first, by the names below the mounted directory.
fn expired(mount: &Path, now: Timestamp) -> io::Result<Vec<String>> {
    let kept = entries(mount)?.into_iter().map(|(_, came, name)| (came, name));
    let mut expired: Vec<_> = kept.filter(|(came, _)| now.duration_since(*came) > KEPT).collect();
    for name in names_in(mount)?.into_iter().filter(|name| name.starts_with(NEW)) {
        let Some(metadata) = unless_missing(mount.join(&name).symlink_metadata())? else { continue };
        let made = Timestamp::try_from(metadata.modified()?).map_err(io::Error::other)?;
        if now.duration_since(made) > UNUSED {
            expired.push((made, name));
        }
    }
    expired.sort();
    Ok(expired.into_iter().map(|(_, name)| name).collect())
}
