//! Installs what the local stack needs on the machine, if it is missing.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::command;
use crate::failure::{Doing, Result};
use crate::settings::Settings;

/// The programs, and the Debian packages that contain them. These packages contain only the programs; `mariadb-server`
/// would also install and start a system service.
const PROGRAMS: [(&str, &str); 6] = [
    ("mariadbd", "mariadb-server-core"),
    ("mariadb-install-db", "mariadb-server-core"),
    ("my_print_defaults", "mariadb-client-core"),
    ("openssl", "openssl"),
    // They make WordPress's image, and show containers their files with the owner of the access point.
    ("mmdebstrap", "mmdebstrap"),
    ("bindfs", "bindfs"),
];

/// Installs what is missing: programs from Debian, the Python tools in `.local/venv`, and WordPress's image.
///
/// # Errors
/// When something cannot be installed.
pub fn run(settings: &Settings) -> Result<()> {
    let _alone = alone(settings)?;
    install_packages(settings, &PROGRAMS)?;
    install_tools(settings)?;
    make_images(settings)
}

/// Makes the images of containers. On a machine that cannot run containers, it says why.
fn make_images(settings: &Settings) -> Result<()> {
    let mut make = Command::new(settings.tools().join("python"));
    make.args(["-m", "emulator.images"]).current_dir(settings.root.join("local/emulator"));
    make.env("IMAGES_DIRECTORY", settings.images());
    command::show("making WordPress's image", &mut make)
}

/// Installs missing programs. Each is given with the Debian package that contains it.
///
/// # Errors
/// When one cannot be installed.
pub fn install_packages(settings: &Settings, programs: &[(&str, &'static str)]) -> Result<()> {
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
    update_list_of_packages(settings)?;
    command::run(
        &format!("installing from Debian: {wanted}"),
        apt().args(["install", "--yes", "--no-install-recommends"]).args(&packages),
        &settings.root.join(".local/log/setup-install.log"),
    )
}

/// Brings apt's list of packages up to date.
///
/// # Errors
/// When `apt-get` fails.
pub fn update_list_of_packages(settings: &Settings) -> Result<()> {
    let log = settings.root.join(".local/log/setup-update.log");
    command::run("updating Debian's list of packages", apt().arg("update"), &log)
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

/// Takes a lock that keeps other processes from installing, until the returned file is dropped.
///
/// # Errors
/// When the lock cannot be taken.
pub fn alone(settings: &Settings) -> Result<File> {
    command::alone("set-up", &settings.root.join(".local/setup.lock"))
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
    // Both are installed together, so that pip finds versions that fit both. The emulator is editable: the checkout's
    // files run, and not a copy of them.
    let packages =
        ["--requirement", &tools.display().to_string(), "--editable", &format!("{}[test]", emulator.display())];
    install_python(settings, "MiniStack, SAM CLI and cargo-lambda", &root, &packages, &wanted)
}

/// Creates a Python environment at `root` with the packages of a requirements file.
///
/// # Errors
/// When it cannot be created.
pub fn install_requirements(settings: &Settings, what: &str, root: &Path, file: &str) -> Result<()> {
    let file = settings.root.join(file);
    install_python(settings, what, root, &["--requirement", &file.display().to_string()], &read(&file)?)
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).doing(format!("reading {}", file.display()))
}

/// Creates a Python environment at `root` with these packages. Creates it anew whenever the text `wanted` has changed.
///
/// # Errors
/// When it cannot be created.
pub fn install_python(settings: &Settings, what: &str, root: &Path, packages: &[&str], wanted: &str) -> Result<()> {
    // The stamp is inside the environment, so that both are deleted together. It is written last, so that an incomplete
    // environment has none.
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
