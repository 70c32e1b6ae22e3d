//! `local setup | account | up | down | demo | check | test | faults | thousand | bench | diagrams`: see the crate's documentation and the Makefile.

use std::process::ExitCode;

use local::{check, demo, diagram, say, settings::Settings, setup, stack};

const USAGE: &str =
    "usage: local setup | account | up | down | demo | check | test | faults | thousand | bench | diagrams";

fn main() -> ExitCode {
    say::start_clock();
    let command = std::env::args().nth(1).unwrap_or_default();
    let outcome = Settings::from_process().and_then(|settings| match command.as_str() {
        "setup" => setup::run(&settings),
        "account" => stack::account(&settings),
        "up" => stack::up(&settings),
        "down" => stack::down(&settings),
        "demo" => demo::run(&settings),
        "check" => check::static_checks(&settings),
        "test" => check::everything(&settings),
        "faults" => check::every_fault(&settings),
        "thousand" => check::thousand(&settings),
        "bench" => check::bench(&settings),
        "diagrams" => diagram::draw(&settings),
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
