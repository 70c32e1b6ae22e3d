//! What the local stack needs on the machine. Only what is missing is installed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::command;
use crate::failure::{Doing, Result};
use crate::settings::Settings;

/// Programs, and the Debian packages that have them. Packages with the programs alone: `mariadb-server` would also
/// set up a system service, and start it.
const PROGRAMS: [(&str, &str); 4] = [
    ("mariadbd", "mariadb-server-core"),
    ("mariadb-install-db", "mariadb-server-core"),
    ("my_print_defaults", "mariadb-client-core"),
    ("openssl", "openssl"),
];

/// What the runbook's commands call, beside the AWS CLI.
const PROGRAMS_OF_THE_RUNBOOK: [(&str, &str); 2] = [("jq", "jq"), ("mysql", "mariadb-client-core")];

const CARGO_DENY: &str = "0.20.2";
const CHECKOV: &str = "3.3.30";

/// Installs what is missing: the programs of MariaDB and openssl from Debian, and the Python tools in `.local/venv`.
///
/// # Errors
/// When something cannot be installed.
pub fn run(settings: &Settings) -> Result<()> {
    let _alone = command::alone("set-up", &settings.root.join(".local/setup.lock"))?;
    install_packages(settings, &PROGRAMS)?;
    install_tools(settings)
}

fn install_packages(settings: &Settings, programs: &[(&str, &'static str)]) -> Result<()> {
    let mut packages: Vec<_> =
        programs.iter().filter(|(program, _)| !command::installed(program)).map(|(_, package)| *package).collect();
    packages.dedup();
    if !settings.tools().join("python").exists() && !python_can("import ensurepip, venv") {
        packages.push("python3-venv");
    }
    if packages.is_empty() {
        return Ok(());
    }
    let wanted = packages.join(" ");
    if !command::installed("apt-get") {
        return Err(format!("there is no apt-get here: install what Debian calls {wanted}, and try again").into());
    }
    let log = |name: &str| settings.root.join(".local/log").join(name);
    command::run("updating Debian's list of packages", apt().arg("update"), &log("setup-update.log"))?;
    command::run(
        &format!("installing from Debian: {wanted}"),
        apt().args(["install", "--yes", "--no-install-recommends"]).args(&packages),
        &log("setup-install.log"),
    )
}

/// `apt-get`, as root.
fn apt() -> Command {
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    let mut command = Command::new(if is_root { "env" } else { "sudo" });
    if !is_root {
        command.arg("env");
    }
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-o", "DPkg::Lock::Timeout=120"]);
    command
}

fn python_can(statement: &str) -> bool {
    Command::new("python3")
        .args(["-c", statement])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn install_tools(settings: &Settings) -> Result<()> {
    let root = settings.root.join(".local/venv");
    let tools = settings.root.join("local/requirements.txt");
    let emulator = settings.root.join("local/emulator");
    let wanted = read(&tools)? + &read(&emulator.join("pyproject.toml"))?;
    // Both at once, so that pip finds versions that fit both. Editable: what runs is the checkout's, and no copy of it.
    let packages =
        ["--requirement", &tools.display().to_string(), "--editable", &format!("{}[test]", emulator.display())];
    install_python(settings, "MiniStack, SAM CLI and cargo-lambda", &root, &packages, &wanted)
}

/// Where cargo-deny is, which only the linters need. Installs it if it is not there in the pinned version.
///
/// # Errors
/// When it cannot be installed.
pub fn cargo_deny(settings: &Settings) -> Result<PathBuf> {
    let _alone = command::alone("set-up", &settings.root.join(".local/setup.lock"))?;
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
    let _alone = command::alone("set-up", &settings.root.join(".local/setup.lock"))?;
    let root = settings.root.join(format!(".local/checkov-{CHECKOV}"));
    let package = format!("checkov=={CHECKOV}");
    install_python(settings, "checkov", &root, &[&package], &package)?;
    Ok(root.join("bin/checkov"))
}

/// Installs what the benchmark's baselines need, in an environment of its own for the same reason: `.local/bench/venv`.
///
/// # Errors
/// When it cannot be installed.
pub fn baselines(settings: &Settings) -> Result<()> {
    let _alone = command::alone("set-up", &settings.root.join(".local/setup.lock"))?;
    install_packages(settings, &PROGRAMS_OF_THE_RUNBOOK)?;
    let root = settings.root.join(".local/bench/venv");
    install_requirements(settings, "the baselines", &root, "local/bench/requirements.txt")
}

fn install_requirements(settings: &Settings, what: &str, root: &Path, file: &str) -> Result<()> {
    let file = settings.root.join(file);
    install_python(settings, what, root, &["--requirement", &file.display().to_string()], &read(&file)?)
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).doing(format!("reading {}", file.display()))
}

/// Makes a Python environment at `root` with what pip is told to install, anew whenever `wanted` is another text.
fn install_python(settings: &Settings, what: &str, root: &Path, packages: &[&str], wanted: &str) -> Result<()> {
    // Inside the environment, so that both are deleted together; written last, so that half an environment has none.
    let stamp = root.join("installed-requirements.txt");
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let log = settings.root.join(".local/log/setup-python.log");
    let mut python = Command::new("python3");
    let making = format!("making a Python environment for {what}");
    command::run(&making, python.args(["-m", "venv", "--clear"]).arg(root), &log)?;
    let mut pip = Command::new(root.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
    command::run(&format!("installing {what} (about a minute)"), &mut pip, &log)?;
    fs::write(&stamp, wanted).doing(format!("writing {}", stamp.display()))
}
