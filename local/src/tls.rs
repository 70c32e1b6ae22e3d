//! Certificates: the stack's own authority, and the certificate of its servers, which it signs: the database servers, and
//! the load balancers in front of the tenants' sites.
//!
//! RDS does the same: Amazon's own authority signs its servers' certificates, and clients get the authority's bundle.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{Doing, Result};
use crate::settings::Settings;

const DAYS: &str = "365";
const RENEW_BEFORE_SECONDS: &str = "604800";

/// The paths of the files.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// The authority's certificate, which clients get.
    pub authority: PathBuf,
    /// The servers' certificate.
    pub server: PathBuf,
    /// The servers' key.
    pub server_key: PathBuf,
}

/// Creates the certificates, unless they exist and are valid for another week.
///
/// # Errors
/// When `openssl` fails.
pub fn ensure(settings: &Settings) -> Result<Certificates> {
    let directory = settings.path("tls");
    fs::create_dir_all(&directory).doing(format!("making {}", directory.display()))?;
    let certificates = Certificates {
        authority: directory.join("ca.pem"),
        server: directory.join("server.pem"),
        server_key: directory.join("server-key.pem"),
    };
    let (extensions, wanted) = (directory.join("server.ext"), extensions(settings));
    if certificates.server_key.exists()
        && fs::read_to_string(&extensions).is_ok_and(|made| made == wanted)
        && lasts(&certificates.authority)
        && lasts(&certificates.server)
    {
        return Ok(certificates);
    }
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-sha256", "-days", DAYS];
    openssl(&directory, |command| {
        command
            .args(["req", "-x509", "-subj", "/CN=local stack authority", "-keyout", "ca-key.pem", "-out", "ca.pem"])
            .args(key);
        command.args(["-addext", "keyUsage=critical,keyCertSign"]);
    })?;
    // Without the last option, `-days`, which belongs to the signature below.
    openssl(&directory, |command| {
        command
            .args(["req", "-new", "-subj", "/CN=localhost", "-keyout", "server-key.pem", "-out", "server.csr"])
            .args(&key[..6]);
    })?;
    fs::write(&extensions, wanted).doing("writing server.ext")?;
    openssl(&directory, |command| {
        command.args(["x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial"]);
        command.args(["-sha256", "-days", DAYS, "-extfile", "server.ext", "-out", "server.pem"]);
    })?;
    Ok(certificates)
}

/// The extensions of the servers' certificate, with the servers' names on this machine and in containers.
fn extensions(settings: &Settings) -> String {
    let bridge = settings.bridge.map(|bridge| format!(",IP:{bridge},DNS:host.docker.internal")).unwrap_or_default();
    let domain = &settings.domain;
    format!(
        "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n\
         subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:*.{domain}{bridge}\n"
    )
}

fn lasts(certificate: &Path) -> bool {
    Command::new("openssl")
        .args(["x509", "-noout", "-checkend", RENEW_BEFORE_SECONDS, "-in"])
        .arg(certificate)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn openssl(directory: &Path, configure: impl FnOnce(&mut Command)) -> Result<()> {
    let mut command = Command::new("openssl");
    configure(&mut command);
    let output =
        command.current_dir(directory).stdin(Stdio::null()).output().doing("making certificates: starting openssl")?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "making certificates: openssl ended with {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    )
    .into())
}
