//! What only linters and benchmarks need on the machine, beside what the local stack does.

use std::path::PathBuf;
use std::process::Command;

use local::failure::Result;
use local::settings::Settings;
use local::{command, setup};

const CARGO_DENY: &str = "0.20.2";
const CHECKOV: &str = "3.3.30";

/// What the runbook's commands call, beside the AWS CLI: programs, and the Debian packages that have them.
const PROGRAMS_OF_THE_RUNBOOK: [(&str, &str); 2] = [("jq", "jq"), ("mysql", "mariadb-client-core")];

/// Where cargo-deny is, which only the linters need. Installs it if it is not there in the pinned version.
///
/// # Errors
/// When it cannot be installed.
pub fn cargo_deny(settings: &Settings) -> Result<PathBuf> {
    let _alone = setup::alone(settings)?;
    let root = settings.root.join(format!(".local/cargo-deny-{CARGO_DENY}"));
    let program = root.join("bin/cargo-deny");
    if !program.is_file() {
        let mut cargo = Command::new("cargo");
        command::outside_cargo(&mut cargo).args([
            "install",
            "cargo-deny",
            "--version",
            CARGO_DENY,
            "--locked",
            "--root",
        ]);
        cargo.arg(&root).env_remove("CARGO_BUILD_TARGET");
        // It runs for seconds: what counts is how soon it is there.
        for (setting, value) in [("OPT_LEVEL", "1"), ("LTO", "off"), ("CODEGEN_UNITS", "16"), ("DEBUG", "false")] {
            cargo.env(format!("CARGO_PROFILE_RELEASE_{setting}"), value);
        }
        let log = settings.root.join(".local/log/setup-cargo-deny.log");
        command::run("installing cargo-deny (some minutes)", &mut cargo, &log)?;
    }
    Ok(program)
}

/// Where checkov is, which only the linters need. Installs it if it is not there in the pinned version: in an environment
/// of its own, as it wants other versions of the AWS SDK than SAM CLI and MiniStack do.
///
/// # Errors
/// When it cannot be installed.
pub fn checkov(settings: &Settings) -> Result<PathBuf> {
    let _alone = setup::alone(settings)?;
    let root = settings.root.join(format!(".local/checkov-{CHECKOV}"));
    let package = format!("checkov=={CHECKOV}");
    setup::install_python(settings, "checkov", &root, &[&package], &package)?;
    Ok(root.join("bin/checkov"))
}

/// Installs what the benchmark's baselines need, in an environment of its own for the same reason: `.local/bench/venv`.
///
/// # Errors
/// When it cannot be installed.
pub fn baselines(settings: &Settings) -> Result<()> {
    let _alone = setup::alone(settings)?;
    setup::install_packages(settings, &PROGRAMS_OF_THE_RUNBOOK)?;
    let root = settings.root.join(".local/bench/venv");
    setup::install_requirements(settings, "the baselines", &root, "local/bench/requirements.txt")
}
