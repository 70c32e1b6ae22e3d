//! The MariaDB server that stands in for an environment's RDS instance.
//!
//! It listens on a free port of 127.0.0.1 and, if there is Docker, of Docker's bridge. It offers TLS and also accepts
//! plain text, so that tests can show that the functions refuse plain text. Its data is created anew at each start,
//! like MiniStack's.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::command;
use crate::failure::{Doing, Result};
use crate::service::Service;
use crate::settings::{Environment, Settings};
use crate::tls::Certificates;

/// The administrator's user name, which is RDS's default.
pub const ADMIN: &str = "admin";

/// A running server.
#[derive(Clone)]
pub struct Database {
    /// The port on which it listens.
    pub port: u16,
    /// The administrator's password.
    pub password: String,
}

/// The server of an environment, as a service.
pub fn service(settings: &Settings, environment: &Environment) -> Service {
    Service::new(settings, &environment.named("mariadb"))
}

/// The server, which must be running.
///
/// # Errors
/// When the files that its start has written cannot be read.
pub fn running(settings: &Settings, environment: &Environment) -> Result<Database> {
    let directory = directory(settings, environment);
    let read = |name: &str| {
        let file = directory.join(name);
        fs::read_to_string(&file).doing(format!("reading {}", file.display()))
    };
    Ok(Database {
        port: read("port")?.trim().parse().doing("reading the database's port")?,
        password: read("password")?.trim().to_owned(),
    })
}

/// The host at which functions reach the server. If there is Docker, containers reach it as well.
pub fn host(settings: &Settings) -> String {
    settings.bridge.filter(|_| listens_on_several_addresses()).unwrap_or(Ipv4Addr::LOCALHOST).to_string()
}

/// Whether the server accepts a list of addresses. Source: MariaDB's documentation, "bind_address" (from 10.11).
fn listens_on_several_addresses() -> bool {
    let output = Command::new(program()).arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    is_recent(&text)
}

fn is_recent(version: &str) -> bool {
    let number = version.split("Ver ").nth(1).unwrap_or_default();
    let mut parts = number.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    (parts.next(), parts.next()) >= (Some(10), Some(11))
}

/// Starts the server with new, empty data.
///
/// # Errors
/// When it does not start.
pub fn start(settings: &Settings, environment: &Environment, certificates: &Certificates) -> Result<Database> {
    let directory = directory(settings, environment);
    let (data, temporary) = (directory.join("data"), directory.join("tmp"));
    for old in [&data, &temporary] {
        let _ = fs::remove_dir_all(old);
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&temporary)
        .doing(format!("making {}", temporary.display()))?;

    let user = user()?;
    let mut install = Command::new("mariadb-install-db");
    // This must be the first argument. Without it, the machine's own configuration, which is for another server, is
    // read.
    install.arg("--no-defaults").arg(format!("--datadir={}", data.display())).arg(format!("--user={user}"));
    install.args(["--skip-test-db", "--skip-name-resolve", "--auth-root-authentication-method=socket"]);
    // At its start a server deletes all temporary tables in its temporary directory, so each server needs its own.
    install.env("TMPDIR", &temporary);
    quietly(&mut install)?;

    let password = random_password()?;
    let port = free_port()?;
    let statements = directory.join("start.sql");
    // The password is passed in a file, because every user of the machine can see command lines.
    write_private(&statements, &first_statements(&password))?;

    let addresses = BTreeSet::from(["127.0.0.1".to_owned(), host(settings)]);
    let addresses = addresses.into_iter().collect::<Vec<_>>().join(",");
    let service = service(settings, environment);
    let started = service.start(
        &program(),
        |command| {
            // Here, too, this must be the first argument.
            command.arg("--no-defaults");
            let mut set = |name: &str, value: &Path| {
                command.arg(format!("--{name}={}", value.display()));
            };
            set_constants(&mut set);
            set("bind-address", Path::new(&addresses));
            set("user", Path::new(&user));
            set("datadir", &data);
            set("tmpdir", &temporary);
            // Relative to the data directory, because a socket's path is limited to 107 characters, and the checkout's
            // path may be long.
            set("socket", Path::new("socket"));
            set("pid-file", Path::new("pid"));
            set("port", Path::new(&port.to_string()));
            set("init-file", &statements);
            set("ssl-ca", &certificates.authority);
            set("ssl-cert", &certificates.server);
            set("ssl-key", &certificates.server_key);
        },
        // The server logs this once it has run the statements.
        || service.log_contains("ready for connections"),
    );
    let _ = fs::remove_file(&statements);
    started?;
    write_private(&directory.join("password"), &password)?;
    write_private(&directory.join("port"), &port.to_string())?;
    Ok(Database { port, password })
}

fn set_constants(set: &mut impl FnMut(&str, &Path)) {
    for (name, value) in [
        ("character-set-server", "utf8mb4"),
        ("skip-name-resolve", "ON"),
        // As on RDS, names of databases are case-sensitive.
        ("lower-case-table-names", "0"),
        ("max-connections", "200"),
        // Small, because the test machine has other work to do.
        ("innodb-buffer-pool-size", "32M"),
        ("innodb-log-file-size", "16M"),
        ("innodb-log-buffer-size", "2M"),
        ("key-buffer-size", "1M"),
        ("aria-pagecache-buffer-size", "1M"),
        // Faster and less durable: the data need not survive a loss of power.
        ("innodb-flush-log-at-trx-commit", "0"),
        ("innodb-doublewrite", "0"),
        ("performance-schema", "OFF"),
    ] {
        set(name, Path::new(value));
    }
}

/// The statements that make the server look like a new RDS instance: its administrator lacks the rights that Amazon
/// keeps for itself.
///
/// One statement per line, as the server's init file requires.
fn first_statements(password: &str) -> String {
    format!(
        "CREATE USER '{ADMIN}'@'%' IDENTIFIED BY '{password}';\n\
         GRANT ALL PRIVILEGES ON *.* TO '{ADMIN}'@'%' WITH GRANT OPTION;\n\
         REVOKE SUPER, SHUTDOWN, FILE ON *.* FROM '{ADMIN}'@'%';\n\
         CREATE DATABASE tenant_management;\n"
    )
}

fn directory(settings: &Settings, environment: &Environment) -> PathBuf {
    settings.path("mariadb").join(environment.name.as_str())
}

fn program() -> PathBuf {
    // On Debian, a user's PATH lacks the server's directory.
    if command::installed("mariadbd") && !Path::new("/usr/sbin/mariadbd").exists() {
        PathBuf::from("mariadbd")
    } else {
        PathBuf::from("/usr/sbin/mariadbd")
    }
}

/// The name of the current user. The server runs as root only if root is named explicitly.
fn user() -> Result<String> {
    let uid = fs::metadata("/proc/self").doing("finding the current user")?.uid();
    let users = fs::read_to_string("/etc/passwd").doing("reading /etc/passwd")?;
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    name.ok_or_else(|| format!("the current user ({uid}) has no name in /etc/passwd, and MariaDB wants one").into())
}

/// A port on which nothing listens at the moment.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).doing("finding a free port")?;
    Ok(listener.local_addr().doing("finding a free port")?.port())
}

fn random_password() -> Result<String> {
    let mut bytes = [0_u8; 24];
    getrandom::fill(&mut bytes).doing("making a password")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes a file that only its owner can read.
///
/// # Errors
/// When it cannot be written.
pub fn write_private(file: &Path, text: &str) -> Result<()> {
    let doing = || format!("writing {}", file.display());
    // An existing file would keep its mode.
    let _ = fs::remove_file(file);
    let mut open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).doing(doing())?;
    open.write_all(text.as_bytes()).doing(doing())
}

fn quietly(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output().doing("making the database's data directory")?;
    if output.status.success() {
        return Ok(());
    }
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(format!("making the database's data directory ended with {}\n{out}{err}", output.status).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_differ_and_need_no_quoting() {
        let (one, two) = (random_password().unwrap(), random_password().unwrap());
        assert_ne!(one, two);
        assert!(one.len() == 48 && one.chars().all(|character| character.is_ascii_alphanumeric()));
    }

    #[test]
    fn a_server_before_10_11_takes_one_address() {
        assert!(is_recent("mariadbd  Ver 10.11.14-MariaDB-0+deb12u2 for debian-linux-gnu on x86_64 (Debian 12)"));
        assert!(is_recent("mariadbd  Ver 11.8.3-MariaDB-1 for debian-linux-gnu"));
        assert!(!is_recent("mariadbd  Ver 10.6.22-MariaDB-0ubuntu0.22.04.1 for debian-linux-gnu"));
        assert!(!is_recent(""));
    }

    #[test]
    fn each_statement_is_on_a_line_of_its_own() {
        assert!(first_statements("x").lines().all(|line| line.ends_with(';')));
    }
}
