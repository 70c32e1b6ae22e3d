//! The directory of all tenants' files, where functions mount it.
//!
//! The file system is mounted at `/wordpress`, so nothing outside that directory can be reached.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use shared::{Error, ErrorKind, Result, Settings};

/// The function setting with the mounted directory. It is empty when functions do not mount the file system.
pub(super) const VARIABLE: &str = "FILES_DIRECTORY";

/// Name of the directory of all tenants. Nothing is read or changed outside of a directory of this name.
const TENANTS: &str = "wordpress";

/// Temporary directories have this prefix, and no tenant's directory has.
pub(super) const NEW: &str = ".new-";

/// Does `work` with the mounted directory, on a thread that may wait for the file system.
///
/// # Errors
/// `EnvironmentNotReady` when the file system is not mounted; those of `work`.
pub(super) async fn mounted<T: Send + 'static>(
    settings: &Settings,
    doing: String,
    work: impl FnOnce(&Path) -> Result<T> + Send + 'static,
) -> Result<T> {
    let mounted = settings.optional(VARIABLE).ok_or_else(|| {
        Error::not_ready(
            "the tenants' files are not mounted: set the stack parameters FilesAccessPointArn and LambdaSubnetIds",
        )
    })?;
    let mounted = PathBuf::from(mounted);
    let done = tokio::task::spawn_blocking(move || work(&tenants(&mounted)?)).await;
    done.map_err(|error| Error::internal(doing).with_source(error))?
}

/// The mounted directory, without links on its path.
fn tenants(mounted: &Path) -> Result<PathBuf> {
    let tenants = mounted
        .canonicalize()
        .map_err(|error| Error::not_ready(format!("{} is not mounted", mounted.display())).with_source(error))?;
    if !tenants.is_dir() || tenants.file_name().is_none_or(|name| name != TENANTS) {
        return Err(Error::not_ready(format!(
            "{} is not the directory of the tenants' files: its name has to be \"{TENANTS}\"",
            tenants.display()
        )));
    }
    Ok(tenants)
}

/// The error of a call to the file system.
pub(super) fn failed(doing: &str, error: io::Error) -> Error {
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::AccessDenied,
        // A task still writes files, or the file system does not answer.
        _ => ErrorKind::Transient,
    };
    Error::new(kind, doing).with_source(error)
}

/// The names in a directory; none when it does not exist.
pub(super) fn names_in(directory: &Path) -> io::Result<Vec<String>> {
    let Some(entries) = unless_missing(fs::read_dir(directory))? else { return Ok(Vec::new()) };
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// `None` for what does not exist.
pub(super) fn unless_missing<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes a directory with everything in it, or a link or file that has its place. `false` when there is none.
pub(super) fn remove(path: &Path) -> io::Result<bool> {
    let Some(metadata) = unless_missing(path.symlink_metadata())? else { return Ok(false) };
    let removal = if metadata.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    Ok(unless_missing(removal)?.is_some())
}
