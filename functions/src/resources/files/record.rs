//! The record of a directory's owner: the file `owner.json` in it.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::Owner;

use super::mount::unless_missing;

const FILE: &str = "owner.json";
/// Maximum size in bytes. An owner has at most 256.
const LONGEST: u64 = 4096;

/// Who made a directory, and when.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Record {
    /// The execution that made it.
    pub(super) owner: Owner,
    /// When it was made.
    pub(super) created_at: Timestamp,
}

impl Record {
    /// The record in a directory. `None` when there is none, or none that can be understood: then nobody owns the
    /// directory.
    pub(super) fn read(directory: &Path) -> io::Result<Option<Self>> {
        let path = directory.join(FILE);
        let Some(metadata) = unless_missing(path.symlink_metadata())? else { return Ok(None) };
        // The whole directory of a tenant of the runbook is the tenant's to write. A link must not lead elsewhere, and
        // a pipe would make the function wait for ever.
        if !metadata.is_file() {
            return Ok(None);
        }
        let Some(file) = unless_missing(File::open(&path))? else { return Ok(None) };
        let mut text = Vec::new();
        file.take(LONGEST).read_to_end(&mut text)?;
        Ok(serde_json::from_slice(&text).ok())
    }

    /// Writes the record into a new directory. When this returns, it is on disk.
    pub(super) fn write(&self, directory: &Path) -> io::Result<()> {
        let mut file = File::create_new(directory.join(FILE))?;
        file.write_all(&serde_json::to_vec(self)?)?;
        fs::set_permissions(directory.join(FILE), Permissions::from_mode(0o644))?;
        file.sync_all()
    }
}
