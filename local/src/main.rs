//! `local setup | account | up | down | demo`: see the crate's documentation and the Makefile.

use std::process::ExitCode;

use local::{demo, say, settings::Settings, setup, stack};

const USAGE: &str = "usage: local setup | account | up | down | demo";

fn main() -> ExitCode {
    say::start_clock();
    let command = std::env::args().nth(1).unwrap_or_default();
    let outcome = Settings::from_process().and_then(|settings| match command.as_str() {
        "setup" => setup::run(&settings),
        "account" => stack::account(&settings),
        "up" => stack::up(&settings),
        "down" => stack::down(&settings),
        "demo" => demo::run(&settings),
        _ => Err(USAGE.into()),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say::failed(&failure);
            ExitCode::FAILURE
        }
    }
}
