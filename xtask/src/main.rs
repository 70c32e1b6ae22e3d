//! `xtask <command>`: the commands are those of the Makefile, see there and the crate's documentation.

use std::process::ExitCode;

use local::{say, settings::Settings};
use xtask::{check, diagram, machines, second_aws};

const USAGE: &str = "usage: xtask machines | diagrams | check | test | faults | bulk | thousand | browser | second-aws | \
     second-opinion | invocations | bench";

fn main() -> ExitCode {
    say::start_clock();
    let command = std::env::args().nth(1).unwrap_or_default();
    let outcome = Settings::from_process().map(Settings::with_database_proxy_on_the_bridge).and_then(|settings| {
        match command.as_str() {
            "machines" => machines::write(&settings.root),
            "diagrams" => diagram::draw(&settings),
            "check" => check::static_checks(&settings),
            "test" => check::everything(&settings),
            "faults" => check::every_fault(&settings),
            "bulk" => check::bulk(&settings),
            "thousand" => check::thousand(&settings),
            "browser" => check::browser(&settings),
            "second-aws" => second_aws::test(&settings),
            "invocations" => check::invocations(&settings),
            "second-opinion" => check::second_opinion(&settings),
            "bench" => check::bench(&settings),
            _ => Err(USAGE.into()),
        }
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say::failed(&failure);
            ExitCode::FAILURE
        }
    }
}
