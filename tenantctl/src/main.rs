//! `tenantctl`: see the library.

use std::process::ExitCode;

use tenantctl::arguments::Cli;

fn main() -> ExitCode {
    let cli = Cli::of_process();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => ExitCode::from(runtime.block_on(tenantctl::run(&cli, None))),
        Err(_) => ExitCode::FAILURE,
    }
}
