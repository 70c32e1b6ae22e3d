//! The workspace's test targets, as Cargo knows them.
//!
//! A package's Cargo.toml lists the targets that need a local stack, with the command that runs them there. All other
//! targets need none, so a new target is run without being listed anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use local::command;
use local::failure::{Doing, Result};
use serde::Deserialize;

/// The names of test targets.
#[derive(Debug)]
pub struct Targets {
    /// The targets that need no stack.
    pub alone: BTreeSet<String>,
    /// The targets that need a stack, by the command that runs them, in the order in which they run.
    pub on_a_stack: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Workspace {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    targets: Vec<Target>,
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    name: String,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    needs_a_stack: BTreeMap<String, Vec<String>>,
}

impl Targets {
    /// The test targets of the workspace at `root`.
    ///
    /// # Errors
    /// When `cargo metadata` fails, or when a Cargo.toml lists a target that does not exist.
    pub fn of(root: &Path) -> Result<Self> {
        let mut cargo = Command::new("cargo");
        command::outside_cargo(&mut cargo).current_dir(root).args(["metadata", "--no-deps", "--format-version", "1"]);
        let output = cargo.output().doing("cargo metadata")?;
        if !output.status.success() {
            return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Self::new(&String::from_utf8_lossy(&output.stdout))
    }

    fn new(metadata: &str) -> Result<Self> {
        let workspace: Workspace = serde_json::from_str(metadata).doing("reading what cargo metadata says")?;
        let mut targets = Self { alone: BTreeSet::new(), on_a_stack: BTreeMap::new() };
        for Package { targets: all, metadata } in workspace.packages {
            let tests = all.into_iter().filter(|target| target.kind.iter().any(|kind| kind == "test"));
            targets.alone.extend(tests.map(|target| target.name));
            targets.on_a_stack.extend(metadata.unwrap_or_default().needs_a_stack);
        }
        for name in targets.on_a_stack.values().flatten() {
            if !targets.alone.remove(name) {
                return Err(format!("{name} is said to need a stack, and is no test target of its own").into());
            }
        }
        Ok(targets)
    }

    /// The targets that this command runs on a stack.
    ///
    /// # Errors
    /// When there are none.
    pub fn of_command(&self, command: &str) -> Result<&[String]> {
        let none = || format!("no Cargo.toml says what {command} runs on a stack");
        self.on_a_stack.get(command).map(Vec::as_slice).ok_or_else(|| none().into())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_target_needs_no_stack_unless_its_package_says_so() {
        let metadata = r#"{"packages": [
            {"metadata": null, "targets": [{"kind": ["lib"], "name": "a"}, {"kind": ["test"], "name": "inputs"}]},
            {"metadata": {"needs_a_stack": {"test": ["faults", "whole"]}, "other": 1}, "targets": [
                {"kind": ["test"], "name": "whole"}, {"kind": ["test"], "name": "faults"}, {"kind": ["test"], "name": "texts"}
            ]}
        ]}"#;
        let targets = Targets::new(metadata).unwrap();
        assert_eq!(targets.alone.iter().collect::<Vec<_>>(), ["inputs", "texts"]);
        assert_eq!(targets.of_command("test").unwrap(), ["faults", "whole"]);
        assert!(targets.of_command("bench").is_err());
        let gone = metadata.replace(r#""name": "whole""#, r#""name": "all""#);
        assert!(Targets::new(&gone).unwrap_err().to_string().contains("whole is said to need a stack"));
    }

    #[test]
    fn make_runs_every_test_target_of_the_workspace() {
        let targets = Targets::of(Path::new("..")).unwrap();
        let makefile = fs::read_to_string("../Makefile").unwrap();
        assert!(!targets.alone.is_empty() && !targets.on_a_stack.is_empty(), "{targets:?}");
        for command in targets.on_a_stack.keys() {
            assert!(makefile.contains(&format!("$(xtask) {command}\n")), "no make target runs xtask {command}");
        }
    }
}
