//! One compilation for all: functions, tests and tools must ask for the same features of what they share.

use std::collections::BTreeSet;
use std::process::Command;

use local::command;
use local::failure::{Doing, Result};
use local::settings::Settings;

/// Checks that what is compiled for the functions alone, and for the tools alone, is what the tests take, too.
///
/// # Errors
/// Naming the crates that would be compiled more than once.
pub fn check(settings: &Settings) -> Result<()> {
    let all = crates(settings, &["--workspace", "--edges", "normal,dev,no-proc-macro"])?;
    for package in ["functions", "local", "xtask"] {
        let own = crates(settings, &["--package", package, "--edges", "normal,no-proc-macro"])?;
        let others: Vec<_> = own.difference(&all).map(String::as_str).collect();
        if !others.is_empty() {
            return Err(format!(
                "{package} alone and the tests ask for other features of these, so that everything above them is \
                 compiled twice: name all features in shared/Cargo.toml\n{}",
                others.join("\n")
            )
            .into());
        }
    }
    Ok(())
}

/// The crates of a selection, each with its version and features.
fn crates(settings: &Settings, selection: &[&str]) -> Result<BTreeSet<String>> {
    let mut tree = Command::new("cargo");
    command::outside_cargo(&mut tree)
        .current_dir(&settings.root)
        .args(["tree", "--prefix", "none", "--format", "{p} {f}"]);
    let output = tree.args(selection).output().doing("cargo tree")?;
    if !output.status.success() {
        return Err(format!("cargo tree: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.lines().map(|line| line.trim_end_matches(" (*)").trim().to_owned()).collect())
}
