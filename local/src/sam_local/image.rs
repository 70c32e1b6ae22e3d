//! The image in which SAM CLI runs functions of the runtime `provided.al2023`.
//!
//! AWS's image is used if it can be pulled. If not, an image is made from Debian's packages. That is enough, because a
//! function needs only the C library and the public CAs, and SAM CLI needs a shell to add its Runtime Interface
//! Emulator.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::{fs, io};

use super::{directory, write_config};
use crate::failure::{Doing, Result};
use crate::settings::Settings;
use crate::{command, deploy, docker, say, setup};

const PACKAGES: [&str; 4] = ["libc6", "libgcc-s1", "busybox-static", "ca-certificates"];
const PROGRAMS: [&str; 4] = ["sh", "mv", "chmod", "mkdir"];

/// AWS's image, as SAM CLI names it.
pub fn official() -> String {
    format!("public.ecr.aws/lambda/provided:al2023-{}", deploy::architecture())
}

fn of_debian() -> String {
    format!("tenant-management-provided:al2023-{}", deploy::architecture())
}

/// The image that is on this machine. AWS's is preferred to Debian's.
pub(super) fn here() -> Option<String> {
    [official(), of_debian()].into_iter().find(|name| docker::has_image(name))
}

/// As [`get`], unless this machine already has an image.
///
/// # Errors
/// As [`get`].
pub fn ensure(settings: &Settings) -> Result<()> {
    if here().is_some() { Ok(()) } else { get(settings) }
}

/// Pulls AWS's image. If that fails, makes one from Debian's packages.
///
/// # Errors
/// When there is no Docker, or when both fail.
pub fn get(settings: &Settings) -> Result<()> {
    if !docker::runs() {
        return Err("no Docker daemon answers: start it, and see that `docker version` shows a server".into());
    }
    let log = settings.path("log/docker-pull.log");
    let mut pull = Command::new("docker");
    let pulled = command::run("pulling AWS's image for functions", pull.args(["pull", &official()]), &log);
    if pulled.is_err() {
        say::progress(format!("it cannot be pulled (see {})", log.display()));
        make(settings)?;
    }
    if directory(settings).exists() { write_config(settings) } else { Ok(()) }
}

/// Puts all certificates into one file, as the package's installation does.
fn trust_public_authorities(root: &Path) -> io::Result<()> {
    let mut bundle = Vec::new();
    for certificate in fs::read_dir(root.join("usr/share/ca-certificates/mozilla"))? {
        bundle.extend(fs::read(certificate?.path())?);
    }
    fs::create_dir_all(root.join("etc/ssl/certs"))?;
    fs::write(root.join("etc/ssl/certs/ca-certificates.crt"), bundle)
}

fn make(settings: &Settings) -> Result<()> {
    let scratch = settings.path("image");
    let root = scratch.join("root");
    let doing = "making an image of Debian's packages";
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir_all(root.join("bin")).doing(doing)?;
    let log = settings.path("log/docker-image.log");
    let download = || {
        let mut download = Command::new("apt-get");
        download.current_dir(&scratch).arg("download").args(PACKAGES);
        command::run("downloading Debian's packages for an image", &mut download, &log)
    };
    if download().is_err() {
        // A new machine has no list of packages, and an old list names versions that are gone.
        setup::update_list_of_packages(settings)?;
        download()?;
    }
    let mut extract = Command::new("sh");
    extract.args(["-ec", "for package in *.deb; do dpkg-deb --extract \"$package\" root; done"]);
    command::run("unpacking them", extract.current_dir(&scratch), &log)?;
    // If the packages have all their files below /usr, these links are needed. On Debian, the package base-files has
    // them.
    for name in ["bin", "lib", "lib64"] {
        if !root.join(name).exists() {
            symlink(Path::new("usr").join(name), root.join(name)).doing(doing)?;
        }
    }
    let busybox = if root.join("bin/busybox").exists() { "busybox" } else { "../usr/bin/busybox" };
    for program in PROGRAMS {
        symlink(busybox, root.join("bin").join(program)).doing(doing)?;
    }
    fs::create_dir_all(root.join("tmp")).doing(doing)?;
    trust_public_authorities(&root).doing(doing)?;
    let mut import = Command::new("sh");
    import.args(["-c", "tar -C \"$1\" -c . | docker import --change 'ENV PATH=/bin' - \"$2\"", "sh"]);
    command::run("importing the image into Docker", import.arg(&root).arg(of_debian()), &log)?;
    fs::remove_dir_all(&scratch).doing(doing)
}
