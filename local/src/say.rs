//! Output of the tool. Progress goes to standard error, with the elapsed time; results go to standard output.

use std::fmt::Display;
use std::io::{IsTerminal, Write, stderr, stdout};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Interval at which a long step reports that it is still running.
pub const HEARTBEAT: Duration = Duration::from_secs(10);

/// A line of progress.
pub fn progress(text: impl Display) {
    // Ignore an error: the tool goes on even if the terminal is gone.
    let _ = writeln!(stderr(), "[{:6.1} s] {text}", START.elapsed().as_secs_f64());
}

/// The failure that ends the tool.
pub fn failed(text: impl Display) {
    let text = text.to_string();
    let (open, close) = if stderr().is_terminal() { ("\x1b[31m", "\x1b[0m") } else { ("", "") };
    let _ = writeln!(stderr(), "[{:6.1} s] {open}FAILED{close}: {text}", START.elapsed().as_secs_f64());
}

/// A line of a result.
pub fn result(text: impl Display) {
    let _ = writeln!(stdout(), "{text}");
}

/// A command line, as a person would type it.
pub fn typed(line: &str) {
    let _ = writeln!(stderr(), "$ {line}");
}

/// The headline of a chapter of the demo.
pub fn chapter(text: impl Display) {
    let (open, close) = if stderr().is_terminal() { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
    let _ = writeln!(stderr(), "\n[{:6.1} s] {open}== {text} =={close}", START.elapsed().as_secs_f64());
}

/// Starts the clock that progress lines show.
pub fn start_clock() {
    LazyLock::force(&START);
}
