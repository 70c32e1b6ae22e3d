//! Starts and stops the whole stack, and writes the variables by which it is reached.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::thread;

use crate::database::{self, Database, write_private};
use crate::failure::{Doing, Result};
use crate::service::Service;
use crate::settings::{Environment, Settings};
use crate::{aws, command, deploy, emulator, say, setup, tls};

/// Sets up the machine, starts the services that do not run yet, and builds and deploys the project.
///
/// # Errors
/// As [`account`], and when the project does not build or deploy.
pub fn up(settings: &Settings) -> Result<()> {
    start(settings, true)
}

/// Sets up the machine, starts the services that do not run yet, and creates what an environment must have: an account
/// into which the project can be deployed.
///
/// A second run redeploys, and keeps what is in the stack. If MiniStack's settings or mends have changed, a new
/// MiniStack is needed, and everything starts anew.
///
/// # Errors
/// When any of this fails. Services that have been started keep running, so that they can be examined; [`down`] stops
/// them.
pub fn account(settings: &Settings) -> Result<()> {
    start(settings, false)
}

fn start(settings: &Settings, deploys: bool) -> Result<()> {
    setup::run(settings)?;
    let _alone = command::alone("start or stop of this stack", &settings.path("lock"))?;
    let certificates = tls::ensure(settings)?;
    start_services(settings, &certificates)?;
    if deploys {
        deploy::build(settings)?;
        deploy::command_line(settings)?;
    }
    let databases: Vec<_> = settings
        .environments
        .iter()
        .map(|environment| database::running(settings, environment))
        .collect::<Result<_>>()?;
    // In parallel, because a deployment mostly waits.
    thread::scope(|scope| {
        let deployments: Vec<_> = settings
            .environments
            .iter()
            .zip(&settings.parameters)
            .zip(&databases)
            .map(|((environment, parameters), database)| {
                let certificates = &certificates;
                scope.spawn(move || {
                    let shared = deploy::shared_infrastructure(settings, environment, database, certificates)?;
                    deploy::file_system(settings, environment, &shared)?;
                    if !deploys {
                        return Ok(());
                    }
                    let parameters = deploy::resolved(parameters, &shared)?;
                    deploy::tenant_management(settings, environment, &parameters, certificates)
                })
            })
            .collect();
        deployments
            .into_iter()
            .try_for_each(|deployment| deployment.join().unwrap_or_else(|_| Err("a deployment broke off".into())))
    })?;
    write_env_file(settings, &databases, &certificates)?;
    let names: Vec<_> = settings.environments.iter().map(|environment| environment.name.as_str()).collect();
    let what = if deploys { "the local stack is up" } else { "an account without tenant management is up" };
    say::progress(format!("{what}: {} at {}", names.join(", "), settings.gateway()));
    Ok(())
}

fn start_services(settings: &Settings, certificates: &tls::Certificates) -> Result<()> {
    let emulator = emulator::service(settings);
    let wanted = launch_settings(settings);
    let note = settings.path("run/ministack.settings");
    if emulator.is_running() && fs::read_to_string(&note).is_ok_and(|running| running == wanted) {
        for environment in &settings.environments {
            if !database::service(settings, environment).is_running() {
                say::progress(format!("starting MariaDB for {}", environment.name));
                database::start(settings, environment, certificates)?;
            }
        }
        return Ok(());
    }
    if emulator.is_running() {
        say::progress("MiniStack's settings or files have changed: starting everything anew");
    }
    stop_services(settings)?;
    thread::scope(|scope| {
        let servers: Vec<_> = settings
            .environments
            .iter()
            .map(|environment| {
                say::progress(format!("starting MariaDB for {}", environment.name));
                scope.spawn(|| database::start(settings, environment, certificates).map(drop))
            })
            .collect();
        say::progress(format!("starting MiniStack at {}", settings.gateway()));
        let emulator = emulator::start(settings, certificates);
        let servers = servers
            .into_iter()
            .try_for_each(|server| server.join().unwrap_or_else(|_| Err("a start broke off".into())));
        emulator.and(servers)
    })?;
    fs::write(&note, wanted).doing(format!("writing {}", note.display()))
}

/// Everything that a running MiniStack cannot change: its settings, and a hash of its program.
fn launch_settings(settings: &Settings) -> String {
    let mut program = DefaultHasher::new();
    let mut files = files_of_the_package(&settings.root.join("local/emulator/emulator"));
    files.extend(["emulator/pyproject.toml", "requirements.txt"].map(|file| settings.root.join("local").join(file)));
    files.sort();
    for file in files {
        // Ignore a file that cannot be read. MiniStack's start reports it.
        fs::read(file).unwrap_or_default().hash(&mut program);
    }
    let Settings { gateway_port, bridge, iam_enforced, wait_scale, functions_endpoint, environments, domain, .. } =
        settings;
    let recordings = &settings.recordings;
    let environments: Vec<_> = environments.iter().map(|environment| environment.name.as_str()).collect();
    format!(
        "{bridge:?} {gateway_port} {iam_enforced} {wait_scale} {functions_endpoint:?} {environments:?} {domain} \
         {recordings:?} {:x}\n",
        program.finish()
    )
}

/// The files in a directory of Python files and below it, except what Python makes of them.
fn files_of_the_package(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let (directories, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let below = directories.iter().flat_map(|directory| files_of_the_package(directory));
    files.into_iter().filter(|file| file.extension().is_none_or(|name| name != "pyc")).chain(below).collect()
}

/// Stops what [`up`] has started.
///
/// # Errors
/// When a process cannot be ended.
pub fn down(settings: &Settings) -> Result<()> {
    let _alone = command::alone("start or stop of this stack", &settings.path("lock"))?;
    let ran = stop_services(settings)?;
    let _ = fs::remove_file(settings.path("env"));
    let _ = fs::remove_file(settings.path("run/ministack.settings"));
    say::progress(if ran { "the local stack is down" } else { "the local stack was not running" });
    Ok(())
}

fn stop_services(settings: &Settings) -> Result<bool> {
    let services = Service::all(settings);
    let outcomes = thread::scope(|scope| {
        let stops: Vec<_> = services
            .iter()
            .map(|service| {
                scope.spawn(move || {
                    if service.is_running() {
                        say::progress(format!("stopping {}", service.name()));
                    }
                    service.stop()
                })
            })
            .collect();
        stops.into_iter().map(|stop| stop.join().unwrap_or_else(|_| Err("a stop broke off".into()))).collect::<Vec<_>>()
    });
    let mut ran = false;
    for outcome in outcomes {
        ran |= outcome?;
    }
    Ok(ran)
}

/// Writes `env`: the variables with which a shell works with the first environment.
fn write_env_file(settings: &Settings, databases: &[Database], certificates: &tls::Certificates) -> Result<()> {
    let (Some(environment), Some(database)) = (settings.environments.first(), databases.first()) else {
        return Err("ENVIRONMENTS names no environment".into());
    };
    write_private(&settings.path("env"), &env_file(settings, environment, database, certificates))
}

fn env_file(
    settings: &Settings,
    environment: &Environment,
    database: &Database,
    certificates: &tls::Certificates,
) -> String {
    let mut variables = aws::variables(settings, environment);
    variables.extend([
        ("MYSQL_HOST", "127.0.0.1".to_owned()),
        ("MYSQL_PORT", database.port.to_string()),
        ("MYSQL_ADMIN_USER", database::ADMIN.to_owned()),
        ("MYSQL_ADMIN_PASSWORD", database.password.clone()),
        ("DOMAIN", settings.domain.clone()),
        ("TENANTCTL_ENV", environment.name.to_string()),
        ("SITES_ADDRESS", settings.sites_address(environment)),
        ("SITES_CA", certificates.authority.display().to_string()),
        ("FILES_DIRECTORY", deploy::file_system_directory(settings, environment).display().to_string()),
    ]);
    let lines: String = variables.iter().map(|(name, value)| format!("export {name}={}\n", quoted(value))).collect();
    let commands = quoted(&deploy::commands(settings).display().to_string());
    format!("{lines}export PATH={commands}:\"$PATH\"\n")
}

/// Quotes a word for a shell.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_any_mend_needs_a_new_ministack() {
        let root = std::env::temp_dir().join(format!("launch-settings-{}", std::process::id()));
        let package = root.join("local/emulator/emulator");
        fs::create_dir_all(package.join("fidelity/ecs")).unwrap();
        let settings = Settings::new(&root, |_| None).unwrap();
        let mend = package.join("fidelity/ecs/lists.py");
        fs::write(&mend, "first").unwrap();
        let before = launch_settings(&settings);
        fs::write(mend.with_extension("pyc"), "compiled").unwrap();
        assert_eq!(launch_settings(&settings), before);
        fs::write(&mend, "second").unwrap();
        assert_ne!(launch_settings(&settings), before);
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn the_env_file_has_the_documented_variables() {
        let domain = |name: &str| (name == "DOMAIN").then(|| "it's.example".to_owned());
        let settings = Settings::new(Path::new("/checkout"), domain).unwrap();
        let database = Database { port: 3307, password: "secret".to_owned() };
        let certificates = tls::Certificates {
            authority: "/checkout/.local/tls/ca.pem".into(),
            server: "server.pem".into(),
            server_key: "server-key.pem".into(),
        };
        assert_eq!(
            env_file(&settings, &settings.environments[0], &database, &certificates),
            "export AWS_ENDPOINT_URL='http://127.0.0.1:4566'\n\
             export AWS_ACCESS_KEY_ID='536580886816'\n\
             export AWS_SECRET_ACCESS_KEY='local'\n\
             export AWS_REGION='eu-west-1'\n\
             export AWS_DEFAULT_REGION='eu-west-1'\n\
             export MYSQL_HOST='127.0.0.1'\n\
             export MYSQL_PORT='3307'\n\
             export MYSQL_ADMIN_USER='admin'\n\
             export MYSQL_ADMIN_PASSWORD='secret'\n\
             export DOMAIN='it'\\''s.example'\n\
             export TENANTCTL_ENV='dev'\n\
             export SITES_ADDRESS='127.0.0.1:4576'\n\
             export SITES_CA='/checkout/.local/tls/ca.pem'\n\
             export FILES_DIRECTORY='/checkout/.local/efs/dev'\n\
             export PATH='/checkout/.local/bin':\"$PATH\"\n"
        );
    }
}
