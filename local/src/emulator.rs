//! MiniStack, which stands in for AWS.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::failure::{Doing, Result};
use crate::service::Service;
use crate::settings::Settings;
use crate::tls::Certificates;

const READY: &str = "/_ministack/ready";

/// MiniStack as a service.
pub fn service(settings: &Settings) -> Service {
    Service::new(settings, "ministack")
}

/// Starts an empty MiniStack.
///
/// # Errors
/// When it does not start, or when its port is taken.
pub fn start(settings: &Settings, certificates: &Certificates) -> Result<()> {
    if TcpStream::connect(("127.0.0.1", settings.gateway_port)).is_ok() {
        return Err(format!(
            "port {} is taken by another program, perhaps a local stack of another checkout or directory: \
             stop that, or set GATEWAY_PORT to a free port",
            settings.gateway_port
        )
        .into());
    }
    // The file systems are as empty as MiniStack.
    for directory in [settings.path("tmp"), settings.file_systems()] {
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).doing(format!("making {}", directory.display()))?;
    }
    service(settings).start(
        &settings.tools().join("python"),
        |command| configure(settings, certificates, command),
        || answers(settings),
    )
}

/// The accounts and regions whose load balancers answer, with their addresses.
fn sites(settings: &Settings) -> String {
    let sites = settings.environments.iter().map(|environment| {
        let (account, region) = (environment.account, environment.region);
        json!({"account": account, "region": region, "address": settings.sites_address(environment)})
    });
    Value::from_iter(sites).to_string()
}

fn configure(settings: &Settings, certificates: &Certificates, command: &mut Command) {
    // Python looks for the package in this directory first, so that it runs the emulator of this checkout.
    command.args(["-m", "emulator"]).current_dir(settings.root.join("local/emulator"));
    // Functions inherit MiniStack's whole environment, so it gets only variables that the functions may have.
    command.env_clear();
    for name in ["PATH", "HOME"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    let endpoint = settings.functions_endpoint.clone().unwrap_or_else(|| settings.gateway());
    command
        .env("TMPDIR", settings.path("tmp"))
        .env("GATEWAY_PORT", settings.gateway_port.to_string())
        .env("BIND_HOST", "127.0.0.1")
        .env("AUTH", settings.iam_enforced.to_string())
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("SFN_WAIT_SCALE", settings.wait_scale.to_string())
        .env("PERSIST_STATE", "0")
        .env("IOT_MTLS_ENABLED", "0")
        .env("SFTP_ENABLED", "0")
        .env("LAMBDA_ACCOUNT_CONCURRENCY", "0")
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .env("IMAGES_DIRECTORY", settings.images())
        .env("FILES_ROOT", settings.file_systems())
        .env("SITES", sites(settings))
        .env("SITES_CERTIFICATE", &certificates.server)
        .env("SITES_KEY", &certificates.server_key)
        .env("PYTHONUNBUFFERED", "1")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    if let Some(directory) = &settings.recordings {
        command.env("RECORDINGS", directory);
    }
    if let Some(bridge) = settings.bridge {
        command.env("CONTAINERS_BIND_HOST", bridge.to_string());
    }
}

/// Why WordPress containers cannot run on this machine; `None` if they can.
///
/// # Errors
/// When the emulator cannot be asked.
pub fn obstacle_to_containers(settings: &Settings) -> Result<Option<String>> {
    let ask = "from emulator.containers import sandbox; print(sandbox.obstacle() or '')";
    let mut python = Command::new(settings.tools().join("python"));
    let answer = python.args(["-c", ask]).current_dir(settings.root.join("local/emulator")).output();
    let answer = answer.doing("asking whether containers can run")?;
    let obstacle = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
    Ok(Some(obstacle).filter(|obstacle| !obstacle.is_empty()))
}

/// Whether MiniStack says that it is ready.
fn answers(settings: &Settings) -> bool {
    get(settings, READY).is_ok()
}

/// Requests a path of MiniStack that is not part of an AWS API; returns the body of the answer.
///
/// # Errors
/// When it does not answer, or with another status than 200.
pub fn get(settings: &Settings, path: &str) -> Result<String> {
    let ask = || -> std::io::Result<String> {
        let mut connection = TcpStream::connect(("127.0.0.1", settings.gateway_port))?;
        connection.set_read_timeout(Some(Duration::from_secs(2)))?;
        // HTTP/1.0, so that the answer is not chunked, and ends with the connection.
        write!(connection, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")?;
        let mut answer = String::new();
        connection.read_to_string(&mut answer)?;
        Ok(answer)
    };
    let answer = ask().doing(format!("asking MiniStack for {path}"))?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.split(' ').nth(1) == Some("200") => Ok(body.to_owned()),
        _ => Err(format!("MiniStack answers to {path}: {answer}").into()),
    }
}
