//! A tenant's files: the directory `/wordpress/<id>` on the file system, with a record of its owner.
//!
//! EFS makes directories at the first mount, and knows no owner. So the directory is made here, before the access point,
//! with the record `owner.json` in it. The tenant's tasks mount `wp-content` below the directory, and cannot reach the
//! record. The directory is made under a temporary name and then renamed: renaming onto a directory with anything in it
//! fails, so of several claims on one directory exactly one succeeds, and no directory is ever seen without its record.
//! An interruption leaves a temporary directory, which [`quarantine`] removes when it is a day old.
//!
//! Files remain when a person removes the tenant; [`purge`] deletes them on request. A rollback moves the directory
//! that its own execution has made into the quarantine. A directory without a record was not made here: nothing but a
//! purge removes it.
//!
//! Only stacks whose functions mount the file system have this kind. In others, nothing is known of the files.

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::{Error, ErrorKind, Kind, Names, Owner, Result, Settings, TenantId};

use crate::resources::teardown::Teardown;
use crate::resources::{Found, Left, Removal};

mod mount;
pub mod purge;
pub mod quarantine;
mod record;

use mount::{NEW, failed, mounted, names_in, unless_missing};
use record::Record;

/// Maximum number of temporary directories of one execution. Each was left by a run that was interrupted.
const TEMPORARY: usize = 100;
/// Why a teardown without an owner keeps the files.
const STAY: &str = "files stay on the file system unless purge_files is true";

/// Input of create-files.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The execution that creates it.
    pub owner: Owner,
}

/// Output of create-files.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Created {
    /// The tenant's directory on the file system.
    pub files_directory: String,
}

/// A tenant's directory on the file system.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// Its path on the file system.
    pub directory: String,
    /// The execution that made it; absent when there is no record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<Owner>,
    /// When it was made; without a record, when an entry was last added to it or removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// Whether the functions of this stack mount the file system.
pub fn are_mounted(settings: &Settings) -> bool {
    settings.optional(mount::VARIABLE).is_some()
}

/// The tenant's directory. An empty directory counts as none: it has nothing of anybody, and a new tenant may take it.
/// `None` when functions do not mount the file system.
///
/// # Errors
/// When the file system refuses, or does not answer.
pub async fn find(settings: &Settings, names: &Names) -> Result<Option<Vec<Found>>> {
    if !are_mounted(settings) {
        return Ok(None);
    }
    let directory = read(settings, names).await?;
    Ok(Some(directory.into_iter().map(|found| Found::present(found.directory, found.owner)).collect()))
}

/// The tenant's directory with its record; `None` when there is none, or functions do not mount the file system.
///
/// # Errors
/// When the file system refuses, or does not answer.
pub(crate) async fn read(settings: &Settings, names: &Names) -> Result<Option<Directory>> {
    if !are_mounted(settings) {
        return Ok(None);
    }
    let (doing, names) = (format!("reading files ({})", names.directory()), names.clone());
    mounted(settings, doing.clone(), move |mount| look(mount, &names).map_err(|error| failed(&doing, error))).await
}

/// The tenants that have a directory, also an empty one. None when functions do not mount the file system.
///
/// # Errors
/// When the file system refuses, or does not answer.
pub(crate) async fn list(settings: &Settings) -> Result<BTreeSet<TenantId>> {
    if !are_mounted(settings) {
        return Ok(BTreeSet::new());
    }
    let doing = "listing the directories of tenants".to_owned();
    mounted(settings, doing.clone(), move |mount| {
        let names = names_in(mount).map_err(|error| failed(&doing, error))?;
        Ok(names.into_iter().filter_map(|name| TenantId::try_from(name).ok()).collect())
    })
    .await
}

/// Creates the tenant's directory with the record of its owner. Idempotent: a second run by the same owner finds it.
///
/// # Errors
/// `ResourceConflict` when there is a directory with anything in it that another owner made, or nobody known.
pub async fn create(settings: &Settings, request: Create) -> Result<Created> {
    let names = settings.names(&request.tenant_id);
    let created = Created { files_directory: names.directory() };
    let doing = format!("creating files ({})", names.directory());
    mounted(settings, doing.clone(), move |mount| claim(mount, &names, &request.owner, &doing)).await?;
    Ok(created)
}

/// Moves the directory that the owner has made into the quarantine. Without an owner, the files stay.
///
/// # Errors
/// When the file system refuses, or does not answer.
pub async fn delete(settings: &Settings, request: Teardown) -> Result<Removal> {
    let names = request.names(settings)?;
    let doing = format!("deleting files ({})", names.directory());
    mounted(settings, doing.clone(), move |mount| {
        let mut removal = Removal::of(Kind::Files);
        let found = look(mount, &names).map_err(|error| failed(&doing, error))?;
        let found = found.map(|found| Found::present(found.directory, found.owner));
        if request.owner.is_none() {
            removal.kept.extend(found.map(|found| Left { identifier: found.identifier, reason: STAY.to_owned() }));
            return Ok(removal);
        }
        for ours in removal.keep_foreign(found.into_iter().collect(), request.owner.as_ref()) {
            // Another run of this step may have moved it just now.
            if quarantine::enter(mount, &names, Timestamp::now()).map_err(|error| failed(&doing, error))? {
                removal.removed.push(ours.identifier);
            }
        }
        Ok(removal)
    })
    .await
}

/// What is at the tenant's place below the mounted directory. A link is not followed, and counts as somebody's files.
fn look(mount: &Path, names: &Names) -> io::Result<Option<Directory>> {
    let place = mount.join(names.tenant().as_str());
    let Some(metadata) = unless_missing(place.symlink_metadata())? else { return Ok(None) };
    let record = if metadata.is_dir() { Record::read(&place)? } else { None };
    if record.is_none() && metadata.is_dir() && names_in(&place)?.is_empty() {
        return Ok(None);
    }
    let changed = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
    Ok(Some(Directory {
        directory: names.directory(),
        since: record.as_ref().map(|record| record.created_at).or(changed),
        owner: record.map(|record| record.owner),
    }))
}

/// Makes the directory with its record under another name, and renames it.
fn claim(mount: &Path, names: &Names, owner: &Owner, doing: &str) -> Result<()> {
    let is_ours = || is_ours(look(mount, names).map_err(|error| failed(doing, error))?, owner);
    if is_ours()? {
        return Ok(());
    }
    let new = prepared(mount, owner).map_err(|error| failed(doing, error))?;
    let Err(error) = fs::rename(&new, mount.join(names.tenant().as_str())) else { return Ok(()) };
    // If this fails, too, the directory is removed when it is a day old.
    fs::remove_dir_all(&new).ok();
    // Another execution was faster, or another run of this one.
    if is_ours()? { Ok(()) } else { Err(failed(doing, error)) }
}

/// Whether the directory that was found is the owner's. `false` if there is none.
fn is_ours(found: Option<Directory>, owner: &Owner) -> Result<bool> {
    let Some(found) = found else { return Ok(false) };
    let whose = match found.owner {
        Some(other) if other == *owner => return Ok(true),
        Some(other) => format!("belong to {other}"),
        None => "have no record of an owner".to_owned(),
    };
    Err(Error::new(
        ErrorKind::ResourceConflict,
        format!(
            "files exist ({}) and {whose}: purge them (deprovision-tenant with purge_files), or take another tenant id",
            found.directory
        ),
    ))
}

/// A new directory with the owner's record, under a temporary name that no other run has.
fn prepared(mount: &Path, owner: &Owner) -> io::Result<PathBuf> {
    let names = (0..TEMPORARY).map(|number| format!("{NEW}{}-{number}", owner.idempotency_token("files")));
    for new in names.map(|name| mount.join(name)) {
        match fs::create_dir(&new) {
            Ok(()) => {
                // Whatever the process's mask: functions that only read do so without root's rights.
                fs::set_permissions(&new, Permissions::from_mode(0o755))?;
                Record { owner: owner.clone(), created_at: Timestamp::now() }.write(&new)?;
                return Ok(new);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!("{TEMPORARY} temporary directories of this execution exist")))
}

#[cfg(test)]
mod tests;
