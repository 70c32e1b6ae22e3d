//! A tenant's files: the directory `/wordpress/<id>` on the file system. They remain when the tenant is removed, unless
//! the request asks for their deletion.
//!
//! The file system is mounted at `/wordpress`, so nothing outside that directory can be reached. Symbolic links are
//! removed and never followed.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shared::{Error, ErrorKind, Names, Result, Settings, TenantId};

/// Name of the directory of all tenants. Only what is directly in a directory of this name is ever deleted.
const TENANTS: &str = "wordpress";

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
    /// The directory existed and has been deleted.
    pub removed: bool,
}

/// Deletes the tenant's files. If this is interrupted, the next run deletes the rest.
///
/// # Errors
/// `EnvironmentNotReady` when the file system is not mounted; `AccessDenied`; `Transient` when it does not answer.
pub async fn purge(settings: &Settings, request: Purge) -> Result<Purged> {
    let names = settings.names(&request.tenant_id);
    let mounted = settings.optional("FILES_DIRECTORY").ok_or_else(|| {
        Error::not_ready("the tenants' files are not mounted: set the stack parameter FilesAccessPointArn".to_owned())
    })?;
    let directory = directory_of(Path::new(mounted), &names)?;
    let removal = tokio::task::spawn_blocking(move || std::fs::remove_dir_all(directory)).await;
    let doing = || format!("deleting files ({})", names.directory());
    match removal.map_err(|error| Error::internal(doing()).with_source(error))? {
        Ok(()) => Ok(Purged { directory: names.directory(), removed: true }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(Purged { directory: names.directory(), removed: false })
        }
        Err(error) => Err(Error::new(kind_of(&error), doing()).with_source(error)),
    }
}

/// The tenant's directory below the mounted one.
fn directory_of(mounted: &Path, names: &Names) -> Result<PathBuf> {
    let tenants = mounted
        .canonicalize()
        .map_err(|error| Error::not_ready(format!("{} is not mounted", mounted.display())).with_source(error))?;
    if !tenants.is_dir() || tenants.file_name().is_none_or(|name| name != TENANTS) {
        return Err(Error::not_ready(format!(
            "{} is not the directory of the tenants' files: its name has to be \"{TENANTS}\"",
            tenants.display()
        )));
    }
    Ok(tenants.join(names.tenant().as_str()))
}

fn kind_of(error: &io::Error) -> ErrorKind {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::AccessDenied,
        // A task still writes files, or the file system does not answer.
        _ => ErrorKind::Transient,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::testing::{settings, tenant};

    /// A file system with two tenants, in a temporary directory that is deleted at the end.
    struct FileSystem(PathBuf);

    impl FileSystem {
        fn new(name: &str) -> Self {
            let root = std::env::temp_dir().join(format!("tenant-files-{}-{name}", std::process::id()));
            for directory in ["wordpress/123456789012/wp-content", "wordpress/123456789013", "elsewhere"] {
                fs::create_dir_all(root.join(directory)).unwrap();
                fs::write(root.join(directory).join("file"), "text").unwrap();
            }
            Self(root)
        }

        async fn purge(&self, mounted: &str) -> Result<Purged> {
            let mounted = self.0.join(mounted);
            purge(&settings(&[("FILES_DIRECTORY", mounted.to_str().unwrap())]), Purge { tenant_id: tenant() }).await
        }

        fn has(&self, path: &str) -> bool {
            self.0.join(path).symlink_metadata().is_ok()
        }
    }

    impl Drop for FileSystem {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[tokio::test]
    async fn a_tenants_files_go_and_its_neighbours_stay() {
        let files = FileSystem::new("neighbours");
        let purged = files.purge("wordpress").await.unwrap();
        assert_eq!(purged, Purged { directory: "/wordpress/123456789012".to_owned(), removed: true });
        assert!(!files.has("wordpress/123456789012") && files.has("wordpress/123456789013/file"));
        assert!(!files.purge("wordpress").await.unwrap().removed, "a second run finds nothing");
    }

    #[tokio::test]
    async fn symbolic_links_are_removed_and_not_followed() {
        let files = FileSystem::new("links");
        symlink(files.0.join("elsewhere"), files.0.join("wordpress/123456789012/wp-content/link")).unwrap();
        files.purge("wordpress").await.unwrap();
        assert!(!files.has("wordpress/123456789012") && files.has("elsewhere/file"));

        symlink(files.0.join("elsewhere"), files.0.join("wordpress/123456789012")).unwrap();
        files.purge("wordpress").await.unwrap();
        assert!(!files.has("wordpress/123456789012") && files.has("elsewhere/file"));
    }

    #[tokio::test]
    async fn what_is_not_the_directory_of_the_tenants_is_refused() {
        let files = FileSystem::new("guard");
        for mounted in ["elsewhere", "missing", "wordpress/123456789012/file", "/"] {
            assert_eq!(files.purge(mounted).await.unwrap_err().kind(), ErrorKind::EnvironmentNotReady, "{mounted}");
        }
        symlink("/", files.0.join("elsewhere/wordpress")).unwrap();
        let error = files.purge("elsewhere/wordpress").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::EnvironmentNotReady, "a link to / is / and is not called wordpress");
        let unset = purge(&settings(&[]), Purge { tenant_id: tenant() }).await.unwrap_err();
        assert!(unset.chain().contains("FilesAccessPointArn"), "{}", unset.chain());
        assert!(files.has("wordpress/123456789012/file") || files.has("wordpress/123456789012/wp-content/file"));
    }
}
