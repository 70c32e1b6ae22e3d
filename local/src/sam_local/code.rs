//! The read-only directory that a container has as `/var/task`. The database's CA and the tenants' files are in it,
//! beside the function, because SAM CLI mounts neither EFS nor layers that it does not build.

use std::fs;
use std::os::unix::fs::symlink;

use super::directory;
use super::functions::Deployed;
use crate::deploy;
use crate::failure::{Doing, Result};
use crate::settings::{Environment, Settings};

const CA_BUNDLE: &str = "rds-ca-bundle.pem";
const FILES: &str = "wordpress";

/// The variables that name these files, with their paths in the container.
pub(super) fn mounts(function: &Deployed) -> Vec<(&'static str, String)> {
    [("DATABASE_CA_BUNDLE", CA_BUNDLE), ("FILES_DIRECTORY", FILES)]
        .into_iter()
        .filter(|(variable, _)| function.variable(variable).is_some())
        .map(|(variable, name)| (variable, format!("/var/task/{name}")))
        .collect()
}

/// Makes a directory for each function.
///
/// # Errors
/// When the file system refuses.
pub(super) fn lay_out(settings: &Settings, environment: &Environment, functions: &[Deployed]) -> Result<()> {
    let root = directory(settings).join("code");
    let doing = || format!("making {}", root.display());
    if root.exists() {
        fs::remove_dir_all(&root).doing(doing())?;
    }
    for function in functions {
        let task = root.join(&function.logical_id);
        fs::create_dir_all(&task).doing(doing())?;
        let built = deploy::build_directory(settings).join(&function.logical_id).join("bootstrap");
        fs::hard_link(&built, task.join("bootstrap")).doing(doing())?;
        if let Some(bundle) = function.variable("DATABASE_CA_BUNDLE") {
            fs::copy(bundle, task.join(CA_BUNDLE)).doing(doing())?;
        }
        if function.variable("FILES_DIRECTORY").is_some() {
            symlink(deploy::files_directory(settings, environment), task.join(FILES)).doing(doing())?;
        }
    }
    Ok(())
}
