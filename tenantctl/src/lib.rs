//! The operators' command line.
//!
//! It starts the same state machines and calls the same functions as everybody else, with the caller's own credentials,
//! and has no way of its own around them: what a request may be, they decide. Before anything is started, it checks that
//! the account and region have the stack of the environment that the command is for.
//!
//! An interruption leaves nothing behind but an execution that goes on, and says so.

pub mod arguments;
mod ask;
mod commands;
mod environment;
pub mod explain;
mod failure;
pub mod fields;
pub mod page;
mod screen;
pub mod status;
mod table;
pub mod time;
pub mod watch;

use arguments::Cli;
use aws_config::SdkConfig;
pub use failure::{Failure, Result};
use screen::Screen;

/// Runs a command; returns the exit status. `aws` replaces the credentials, region and endpoint of this process.
pub async fn run(cli: &Cli, aws: Option<&SdkConfig>) -> u8 {
    let mut screen = Screen::new(cli.global.is_json());
    match commands::run(cli, aws, &mut screen).await {
        Ok(()) => 0,
        Err(failure) => {
            screen.failed(&failure);
            if explain::of(&failure.error).is_some() {
                screen.remark(&format!("What it means and what to do: tenantctl explain {}", failure.error));
            }
            failure.exit_status()
        }
    }
}
