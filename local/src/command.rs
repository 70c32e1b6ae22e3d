//! Runs other programs, and waits until they end.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::failure::{Doing, Result};
use crate::say;

const POLL: Duration = Duration::from_millis(20);
const LINES_OF_A_FAILURE: usize = 25;

/// Runs `command` with its output in the file `log`. Shows `doing` as progress for as long as it runs.
///
/// # Errors
/// When it cannot be started or fails. The error has the last lines of its output.
pub fn run(doing: &str, command: &mut Command, log: &Path) -> Result<()> {
    say::progress(format!("{doing} …"));
    if let Some(directory) = log.parent() {
        fs::create_dir_all(directory).doing(format!("making {}", directory.display()))?;
    }
    let output = File::create(log).doing(format!("writing {}", log.display()))?;
    let errors = output.try_clone().doing(format!("writing {}", log.display()))?;
    let program = command.get_program().to_string_lossy().into_owned();
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .doing(format!("{doing}: starting {program}"))?;
    let mut said = start;
    loop {
        if let Some(status) = child.try_wait().doing(doing)? {
            if status.success() {
                return Ok(());
            }
            return Err(format!(
                "{doing}: {program} ended with {status}\n{}\n(whole output: {})",
                tail(log),
                log.display()
            )
            .into());
        }
        if said.elapsed() >= say::HEARTBEAT {
            said = Instant::now();
            say::progress(format!("{doing} … {} s so far", start.elapsed().as_secs()));
        }
        sleep(POLL);
    }
}

/// Runs `command` with its output on the terminal.
///
/// # Errors
/// When it cannot be started or fails.
pub fn show(doing: &str, command: &mut Command) -> Result<()> {
    say::progress(format!("{doing} …"));
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.stdin(Stdio::null()).status().doing(format!("{doing}: starting {program}"))?;
    if status.success() { Ok(()) } else { Err(format!("{doing}: {program} ended with {status}").into()) }
}

/// Takes a lock that other processes of this tool wait for, until the returned file is dropped.
///
/// # Errors
/// When the file cannot be made.
pub fn alone(doing: &str, file: &Path) -> Result<File> {
    let failed = || format!("locking {}", file.display());
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory).doing(failed())?;
    }
    let lock = File::create(file).doing(failed())?;
    if lock.try_lock().is_err() {
        say::progress(format!("waiting for another {doing} …"));
        lock.lock().doing(failed())?;
    }
    Ok(lock)
}

/// Hides from a program that it was started below `cargo run`.
///
/// `cargo run` sets variables for the package that it runs. Some build scripts (ring's, for instance) tell cargo to
/// watch these variables. They would then run again each time, and everything that depends on them would be compiled
/// again.
pub fn outside_cargo(command: &mut Command) -> &mut Command {
    const OF_A_PACKAGE: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
    for (name, _) in std::env::vars_os() {
        let is = |text: &str| {
            name.to_str().is_some_and(|name| name == text || text.ends_with('_') && name.starts_with(text))
        };
        if is("CARGO") || is("OUT_DIR") || OF_A_PACKAGE.into_iter().any(is) {
            command.env_remove(&name);
        }
    }
    command
}

/// Whether a program of this name is on the PATH.
pub fn installed(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| {
        std::env::split_paths(&path)
            .chain([Path::new("/usr/sbin").to_owned()])
            .any(|directory| directory.join(program).is_file())
    })
}

/// The last lines of a log.
pub fn tail(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.get(lines.len().saturating_sub(LINES_OF_A_FAILURE)..).unwrap_or_default().join("\n")
}
