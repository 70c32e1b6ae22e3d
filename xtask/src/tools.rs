//! Installs the tools that only linters, benchmarks and the tests with a browser need.

use std::path::PathBuf;
use std::process::Command;

use local::failure::{Doing, Result};
use local::settings::Settings;
use local::{command, setup};

const CARGO_DENY: &str = "0.20.2";
const CHECKOV: &str = "3.3.30";

/// Programs that the runbook's commands call besides the AWS CLI, and the Debian packages that contain them.
const PROGRAMS_OF_THE_RUNBOOK: [(&str, &str); 2] = [("jq", "jq"), ("mysql", "mariadb-client-core")];

/// Debian's Chromium. Ubuntu has it only as a snap, in another directory. A snap neither sees `/tmp` nor takes the home
/// directory that it is given, so the tests could not make it trust the stack's authority.
const CHROMIUM: &str = "/usr/bin/chromium";

/// Programs of the tests with a browser, and the Debian packages that contain them.
const PROGRAMS_OF_THE_BROWSER: [(&str, &str); 2] = [(CHROMIUM, "chromium"), ("certutil", "libnss3-tools")];

/// The path of cargo-deny, which only the linters need. Installs it if its pinned version is missing.
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
        // Compile quickly rather than optimise: cargo-deny runs only for seconds.
        for (setting, value) in [("OPT_LEVEL", "1"), ("LTO", "off"), ("CODEGEN_UNITS", "16"), ("DEBUG", "false")] {
            cargo.env(format!("CARGO_PROFILE_RELEASE_{setting}"), value);
        }
        let log = settings.root.join(".local/log/setup-cargo-deny.log");
        command::run("installing cargo-deny (some minutes)", &mut cargo, &log)?;
    }
    Ok(program)
}

/// The path of checkov, which only the linters need. Installs it if its pinned version is missing. It has its own
/// Python environment, because it needs other versions of the AWS SDK than SAM CLI and MiniStack.
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

/// Installs what the benchmark's baselines need. They have their own Python environment, `.local/bench/venv`, for the
/// same reason.
///
/// # Errors
/// When it cannot be installed.
pub fn baselines(settings: &Settings) -> Result<()> {
    let _alone = setup::alone(settings)?;
    setup::install_packages(settings, &PROGRAMS_OF_THE_RUNBOOK)?;
    let root = settings.root.join(".local/bench/venv");
    setup::install_requirements(settings, "the baselines", &root, "local/bench/requirements.txt")
}

/// Installs what the judges of recorded calls need. They have their own Python environment, `.local/judges`, for the
/// same reason. Returns its Python.
///
/// # Errors
/// When it cannot be installed.
pub fn judges(settings: &Settings) -> Result<PathBuf> {
    let _alone = setup::alone(settings)?;
    let root = settings.root.join(".local/judges");
    setup::install_requirements(settings, "the judges", &root, "tests/judges/requirements.txt")?;
    Ok(root.join("bin/python"))
}

/// Installs what the tests with a second AWS need. They have their own Python environment, `.local/second-aws`, for the
/// same reason. Returns its Python.
///
/// # Errors
/// When it cannot be installed.
pub fn second_aws(settings: &Settings) -> Result<PathBuf> {
    let _alone = setup::alone(settings)?;
    let root = settings.root.join(".local/second-aws");
    setup::install_requirements(settings, "the tests with a second AWS", &root, "tests/second_aws/requirements.txt")?;
    Ok(root.join("bin/python"))
}

/// Installs another engine of Step Functions. It has its own Python environment, `.local/second-opinion`, for the same
/// reason. Returns its Python.
///
/// # Errors
/// When it cannot be installed.
pub fn second_opinion(settings: &Settings) -> Result<PathBuf> {
    let _alone = setup::alone(settings)?;
    let root = settings.root.join(".local/second-opinion");
    setup::install_requirements(settings, "another engine", &root, "tests/second_opinion/requirements.txt")?;
    Ok(root.join("bin/python"))
}

/// Installs what the tests with a browser need. They have their own Python environment, `.local/browser`, for the same
/// reason. Returns why there is no browser; `None` if there is one.
///
/// # Errors
/// When it cannot be installed.
pub fn browser(settings: &Settings) -> Result<Option<String>> {
    let _alone = setup::alone(settings)?;
    if !command::installed(CHROMIUM) && command::installed("apt-get") {
        setup::update_list_of_packages(settings)?;
        let known = Command::new("apt-cache").args(["show", "chromium"]).output().doing("starting apt-cache")?;
        if !known.status.success() {
            return Ok(Some("this system has no package `chromium`".to_owned()));
        }
    }
    setup::install_packages(settings, &PROGRAMS_OF_THE_BROWSER)?;
    let root = settings.root.join(".local/browser");
    setup::install_requirements(settings, "the tests with a browser", &root, "tests/browser/requirements.txt")?;
    Ok(None)
}
