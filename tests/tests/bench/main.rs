//! How fast, how small and how cheap it is, beside the runbook's commands, a script, and the least that is possible.
//!
//! All in one run on one stack, warm, in turns, so that the ratios mean something on any machine. The numbers go to the
//! terminal, and with the plots to `.local/bench/`. `BENCH_RUNS` says how often each is measured (10), `BENCH_BULK` how
//! many tenants come at once (`1 10 100 500`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark ends by panicking")]
#![allow(clippy::print_stdout, reason = "it is there to tell")]

mod bulk;
mod functions;
mod plot;
mod provisioning;
mod runtime_api;
mod statistics;

use std::path::PathBuf;

use tests::Stack;

/// Where the results go.
fn directory() -> PathBuf {
    let directory = PathBuf::from("../.local/bench");
    std::fs::create_dir_all(&directory).expect("a directory");
    directory
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let stack = Stack::of("dev").await;
    functions::measure(stack).await;
    provisioning::measure(stack).await;
    bulk::measure(stack).await;
}
