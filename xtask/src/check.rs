//! The checks and tests that CI runs: linters, unit tests, and end-to-end tests on their own stack.

use std::ffi::OsString;
use std::fs;
use std::panic::resume_unwind;
use std::process::Command;
use std::thread;

use local::failure::{Doing, Result};
use local::settings::Settings;
use local::{command, emulator, sam_local, say, setup, stack};

use crate::targets::Targets;
use crate::{diagram, machines, second_aws, tools};

/// The directories of Python.
const PYTHON: [&str; 6] =
    ["local/emulator", "local/preflight", "tests/browser", "tests/judges", "tests/second_aws", "tests/second_opinion"];
/// More than there are end-to-end tests: all of them start at once, and tests/src/turns.rs says which run at a time.
const THREADS: &str = "500";

/// The checks that need no stack: formatting, linters, documentation, and the tests in Python.
///
/// # Errors
/// At the first finding. The code and the rest are checked in parallel, and a finding in one does not stop the other.
pub fn static_checks(settings: &Settings) -> Result<()> {
    check_what_is_generated(settings)?;
    together(|| check_the_code(settings), || check_the_rest(settings))
}

fn check_what_is_generated(settings: &Settings) -> Result<()> {
    machines::check(&settings.root)?;
    diagram::check(settings)?;
    cargo(settings, "checking the format", &["fmt", "--all", "--", "--check"])
}

/// Does both at the same time. If both fail, the first failure counts.
fn together(one: impl FnOnce() -> Result<()>, other: impl FnOnce() -> Result<()> + Send) -> Result<()> {
    thread::scope(|scope| {
        let other = scope.spawn(other);
        let one = one();
        one.and(other.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

/// What only Cargo checks. It runs beside everything else, because compiling the SDK's largest crate uses only one
/// processor for minutes.
fn check_the_code(settings: &Settings) -> Result<()> {
    cargo(settings, "clippy", &["clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    let mut docs = Command::new("cargo");
    command::outside_cargo(&mut docs)
        .current_dir(&settings.root)
        // Only the libraries: a binary has about ten lines, and rustdoc would load the whole SDK for each.
        .args(["doc", "--release", "--workspace", "--lib", "--no-deps", "--quiet"])
        .env("RUSTDOCFLAGS", "-D warnings");
    command::show("checking the documentation", &mut docs)
}

/// What Cargo does not check. First, it installs what the checks and a stack need.
fn check_the_rest(settings: &Settings) -> Result<()> {
    setup::run(settings)?;
    // The emulator's tests mostly wait.
    let emulator = ["-B", "-m", "pytest", "--quiet", "local/emulator"];
    together(|| check_texts_and_templates(settings), || tool(settings, "testing the emulator", "python", &emulator))
}

fn check_texts_and_templates(settings: &Settings) -> Result<()> {
    let mut deny = Command::new(tools::cargo_deny(settings)?);
    command::outside_cargo(&mut deny).current_dir(&settings.root).args(["check", "bans", "licenses", "sources"]);
    command::run("checking the dependencies (cargo-deny)", &mut deny, &settings.path("log/check-cargo-deny.log"))?;
    tool(settings, "checking the format of Python", "ruff", &[&["format", "--check"], &PYTHON[..]].concat())?;
    tool(settings, "linting Python", "ruff", &[&["check"], &PYTHON[..]].concat())?;
    tool(settings, "testing the preflight", "python", &["-B", "-m", "pytest", "--quiet", "local/preflight"])?;
    judges(settings, "testing the judges", &["-m", "pytest", "--quiet"])?;
    judges(settings, "judging the policies", &["-m", "judges.iam"])?;
    judges(settings, "judging the state machines' expressions", &["-m", "judges.jsonata"])?;
    tool(settings, "linting the templates", "cfn-lint", &["template.yaml", "local/shared-infrastructure.yaml"])?;
    tool(
        settings,
        "validating the template",
        "sam",
        &["validate", "--lint", "--template-file", "template.yaml", "--region", "eu-west-1"],
    )?;
    let mut checkov = Command::new(tools::checkov(settings)?);
    checkov.current_dir(&settings.root).args(["--config-file", ".checkov.yaml"]);
    command::run("checking the templates' security (checkov)", &mut checkov, &settings.path("log/check-checkov.log"))
}

/// The static checks, the unit tests, and the end-to-end tests on the stack that `settings` describe.
///
/// # Errors
/// At the first finding or failure. The stack is stopped all the same.
pub fn everything(settings: &Settings) -> Result<()> {
    let targets = Targets::of(&settings.root)?;
    check_what_is_generated(settings)?;
    // The stack comes up while the rest is still checked. The tests on it begin when all of that has passed.
    let ready = together(
        || {
            check_the_code(settings)?;
            unit_tests(settings, &targets)?;
            second_aws::run(settings)?;
            stack::up(settings)
        },
        || {
            check_the_rest(settings)?;
            install_for_tests(settings)
        },
    );
    let calls = settings.path("calls").display().to_string();
    let tested = ready.and_then(|()| {
        fs::write(&calls, "").doing(format!("writing {calls}"))?;
        let mut tests = targets.of_command("test")?.iter();
        tests.try_for_each(|test| end_to_end(settings, test, &["--nocapture"], &[("CALLS", &calls)]))?;
        in_a_browser(settings)?;
        in_containers(settings, &[])
    });
    let stopped = stack::down(settings);
    tested.and(stopped)?;
    judge_the_recordings(settings)
}

fn unit_tests(settings: &Settings, targets: &Targets) -> Result<()> {
    // One of them asks botocore, which the set-up installs.
    setup::run(settings)?;
    let alone = targets.alone.iter().flat_map(|name| ["--test", name]);
    let arguments: Vec<_> = ["test", "--release", "--workspace", "--lib"].into_iter().chain(alone).collect();
    cargo(settings, "unit tests", &[&arguments[..], &["--quiet"]].concat())
}

/// Installs early what tests on the stack need later, while Cargo compiles.
fn install_for_tests(settings: &Settings) -> Result<()> {
    if emulator::obstacle_to_containers(settings)?.is_none() {
        tools::browser(settings)?;
    }
    if settings.bridge.is_some() { sam_local::image::ensure(settings) } else { Ok(()) }
}

/// AWS's own models judge what the stack has asked of AWS during the tests. The stack is down by now, so the recordings
/// are complete.
fn judge_the_recordings(settings: &Settings) -> Result<()> {
    let Some(directory) = &settings.recordings else {
        say::progress("RECORDINGS names no directory: nothing is judged");
        return Ok(());
    };
    judges(settings, "judging the recorded calls", &["-m", "judges", &directory.display().to_string()])
}

fn judges(settings: &Settings, doing: &str, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(tools::judges(settings)?);
    command.current_dir(settings.root.join("tests/judges")).arg("-B").args(arguments);
    command::show(doing, &mut command)
}

/// Uses a site in a browser, as people do, with its own stack.
///
/// # Errors
/// When a person would not get what they expect. The stack is stopped all the same.
pub fn browser(settings: &Settings) -> Result<()> {
    setup::run(settings)?;
    on_a_stack(settings, || in_a_browser(settings))
}

fn in_a_browser(settings: &Settings) -> Result<()> {
    let obstacle = match emulator::obstacle_to_containers(settings)? {
        Some(obstacle) => Some(format!("no site can be served here: {obstacle}")),
        None => tools::browser(settings)?,
    };
    if let Some(obstacle) = obstacle {
        say::progress(format!("the tests with a browser are skipped: {obstacle}"));
        return Ok(());
    }
    end_to_end(settings, "browser", &["--nocapture"], &[])
}

/// Runs every function in a container of `sam local`, with its own stack.
///
/// # Errors
/// When a function does not answer as it does in the stack. The stack is stopped all the same.
pub fn invocations(settings: &Settings) -> Result<()> {
    setup::run(settings)?;
    on_a_stack(settings, || in_containers(settings, &[("INVOCATIONS", "all")]))
}

fn in_containers(settings: &Settings, variables: &[(&str, &str)]) -> Result<()> {
    if settings.bridge.is_none() {
        say::progress("no Docker daemon answers: the tests of `sam local` are skipped");
        return Ok(());
    }
    sam_local::image::ensure(settings)?;
    sam_local::prepare(settings)?;
    end_to_end(settings, "sam_local", &["--nocapture"], variables)
}

/// Runs the state machines on another engine of Step Functions as well, with its own stack.
///
/// # Errors
/// When the two engines do not agree. The stack is stopped all the same.
pub fn second_opinion(settings: &Settings) -> Result<()> {
    setup::run(settings)?;
    let python = tools::second_opinion(settings)?;
    on_a_stack(settings, || {
        let mut tests = Command::new(python);
        tests.current_dir(settings.root.join("tests/second_opinion")).envs(variables_of_the_stack(settings)?);
        tests.args(["-B", "-m", "pytest", "--durations=0", "--durations-min=1"]);
        command::show("asking another engine", &mut tests)
    })
}

/// Injects every fault at every call, with its own stack. The results are kept in `.local/faults`, so that it goes on where
/// it was interrupted, and the table of all of them goes into docs/faults.md.
///
/// # Errors
/// When a run with a fault does not end as it should. The stack is stopped all the same.
pub fn every_fault(settings: &Settings) -> Result<()> {
    setup::run(settings)?;
    let kept = settings.root.join(".local/faults").display().to_string();
    let variables = [("FAULTS", "all"), ("FAULTS_TABLE", "../docs/faults.md"), ("FAULTS_KEPT", &kept)];
    on_a_stack(settings, || end_to_end(settings, "faults", &["--nocapture"], &variables))
}

/// Runs the tests of many tenants with as many as a request or several pages may have, with its own stack. The other
/// tests have a sample of these.
///
/// # Errors
/// When a test fails. The stack is stopped all the same.
pub fn bulk(settings: &Settings) -> Result<()> {
    setup::run(settings)?;
    let tests = ["--nocapture", "--ignored", "three_of_200_tenants", "the_list_has_all_tenants_of_250"];
    on_a_stack(settings, || end_to_end(settings, "end_to_end", &tests, &[]))
}

/// Provisions a thousand tenants on eleven load balancers, with its own stack.
///
/// # Errors
/// When a tenant is refused, or is on the wrong load balancer. The stack is stopped all the same.
pub fn thousand(settings: &Settings) -> Result<()> {
    setup::run(settings)?;
    on_a_stack(settings, || end_to_end(settings, "end_to_end", &["--nocapture", "--ignored", "a_thousand"], &[]))
}

/// Measures time, size and cost, with its own stack. The results go into `.local/bench`.
///
/// # Errors
/// When something cannot be measured. The stack is stopped all the same.
pub fn bench(settings: &Settings) -> Result<()> {
    setup::run(settings)?;
    tools::baselines(settings)?;
    let least = ["build", "--release", "--example", "hello"];
    cargo(settings, "compiling the smallest possible function", &least)?;
    let targets = Targets::of(&settings.root)?;
    on_a_stack(settings, || {
        let mut tests = targets.of_command("bench")?.iter();
        tests.try_for_each(|test| end_to_end(settings, test, &[], &[]))
    })
}

fn on_a_stack(settings: &Settings, tests: impl FnOnce() -> Result<()>) -> Result<()> {
    let tested = stack::up(settings).and_then(|()| tests());
    let stopped = stack::down(settings);
    tested.and(stopped)
}

fn end_to_end(settings: &Settings, test: &str, arguments: &[&str], more: &[(&str, &str)]) -> Result<()> {
    let variables = variables_of_the_stack(settings)?;
    let proxied = settings.functions_mysql_endpoint.iter().map(|endpoint| ("FUNCTIONS_MYSQL_ENDPOINT", endpoint));
    let mut tests = Command::new("cargo");
    command::outside_cargo(&mut tests)
        .current_dir(&settings.root)
        .args(["test", "--release", "--workspace", "--test", test, "--"])
        .args(arguments)
        .env("RUST_TEST_THREADS", THREADS)
        .envs(variables)
        .envs(proxied)
        .envs(more.iter().copied());
    command::show(&format!("end-to-end tests ({test})"), &mut tests)
}

/// What the stack's `env` sets.
fn variables_of_the_stack(settings: &Settings) -> Result<Vec<(String, String)>> {
    let file = settings.path("env");
    let text = fs::read_to_string(&file).doing(format!("reading {}", file.display()))?;
    let variable = |line: &str| {
        let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
        Some((name.to_owned(), value.strip_prefix('\'')?.strip_suffix('\'')?.replace(r"'\''", "'")))
    };
    Ok(text.lines().filter_map(variable).collect())
}

fn cargo(settings: &Settings, doing: &str, arguments: &[&str]) -> Result<()> {
    command::show(doing, command::outside_cargo(&mut Command::new("cargo")).current_dir(&settings.root).args(arguments))
}

fn tool(settings: &Settings, doing: &str, name: &str, arguments: &[&str]) -> Result<()> {
    let mut path = OsString::from(settings.tools());
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut command = Command::new(settings.tools().join(name));
    command.current_dir(&settings.root).args(arguments).env("PATH", path).env("SAM_CLI_TELEMETRY", "0");
    command::run(doing, &mut command, &settings.path("log").join(format!("check-{name}.log")))
}
