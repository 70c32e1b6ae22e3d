//! The size of a function's package.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// All functions are built into the same directory.
const FUNCTION: &str = env!("CARGO_BIN_EXE_generate-tenant-id");

#[test]
#[cfg_attr(debug_assertions, ignore = "of an optimized build")]
fn no_package_has_more_than_6_mb() {
    let binaries = Path::new(FUNCTION).parent().unwrap();
    for source in fs::read_dir("src/bin").unwrap() {
        let name = source.unwrap().path().with_extension("");
        let function = binaries.join(name.file_name().unwrap());
        // A package is a zip file with the function, which is compressed like gzip.
        let gzip = Command::new("gzip").arg("--stdout").arg(&function).output().unwrap();
        assert!(gzip.status.success(), "{}: {}", function.display(), String::from_utf8_lossy(&gzip.stderr));
        let size = gzip.stdout.len();
        assert!(size <= 6_000_000, "{}: {size} bytes", function.display());
    }
}
