//! `local setup | account | up | down | demo | invoke | image`: see the crate's documentation and the Makefile.

use std::path::Path;
use std::process::ExitCode;

use local::sam_local::{self, image, invoke};
use local::{demo, say, settings::Settings, setup, stack};

const USAGE: &str = "usage: local setup | account | up | down | demo | invoke | image";

fn main() -> ExitCode {
    say::start_clock();
    let command = std::env::args().nth(1).unwrap_or_default();
    let outcome = Settings::from_process().and_then(|settings| match command.as_str() {
        "setup" => setup::run(&settings),
        "account" => stack::account(&settings),
        "up" => stack::up(&settings)
            .and_then(|()| sam_local::prepare(&settings))
            .map(|()| sam_local::offer_events(&settings)),
        "down" => stack::down(&settings),
        "demo" => demo::run(&settings),
        "invoke" => {
            let [function, event, log_level] = ["FUNCTION", "EVENT", "LOG_LEVEL"].map(|name| std::env::var(name).ok());
            let event = event.as_deref().filter(|file| !file.is_empty()).map(Path::new);
            invoke::run(&settings, &function.unwrap_or_default(), event, log_level.as_deref())
        }
        "image" => image::get(&settings),
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
