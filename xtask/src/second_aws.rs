//! The functions and the state machines in another AWS than the local stack's: the tests in `tests/second_aws`, which are
//! written in Python and run moto.
//!
//! They need no stack, only a MySQL server.

use std::process::Command;

use local::database::{self, ADMIN};
use local::failure::{Doing, Result};
use local::settings::Settings;
use local::{command, setup, stack, tls};

use crate::tools;

/// Runs the tests, with a database server of their own.
///
/// # Errors
/// When a test fails. The server is stopped all the same.
pub fn test(settings: &Settings) -> Result<()> {
    setup::run(settings)?;
    run(settings)
}

/// The same on a machine that is set up.
///
/// # Errors
/// As [`test`].
pub(crate) fn run(settings: &Settings) -> Result<()> {
    let python = tools::second_aws(settings)?;
    // Until the end, because cargo-lambda moves the compiled programs away.
    let _alone = command::alone("build of this checkout", &settings.root.join(".local/build.lock"))?;
    let mut cargo = Command::new("cargo");
    command::outside_cargo(&mut cargo).current_dir(&settings.root).args([
        "build",
        "--release",
        "--workspace",
        "--bins",
    ]);
    command::show("compiling the functions", &mut cargo)?;
    let xtask = std::env::current_exe().doing("finding the compiled programs")?;
    // A stack of an interrupted run would lose its database.
    stack::down(settings)?;
    let environment = settings.environments.first().ok_or("ENVIRONMENTS names no environment: name one")?;
    let certificates = tls::ensure(settings)?;
    let database = database::start(settings, environment, &certificates)?;
    let mut tests = Command::new(python);
    tests
        .current_dir(&settings.root)
        .args(["-B", "-m", "pytest", "--quiet", "--durations=3", "--durations-min=1", "tests/second_aws"])
        .env("FUNCTIONS", xtask.with_file_name(""))
        .env("MYSQL_HOST", database::host(settings))
        .env("MYSQL_PORT", database.port.to_string())
        .env("MYSQL_ADMIN_USER", ADMIN)
        .env("MYSQL_ADMIN_PASSWORD", database.password)
        .env("SITES_CA", certificates.authority);
    let tested = command::show("testing with a second AWS", &mut tests);
    let stopped = database::service(settings, environment).stop();
    tested.and(stopped.map(drop))
}
