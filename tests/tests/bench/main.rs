//! Time, size and cost, compared with the runbook's commands, a script, and the smallest possible function.
//!
//! All measurements are made in one run on one stack, after a warm-up, in turns, so that their ratios are meaningful on
//! any machine. The numbers go to the terminal, and with the plots to `.local/bench/`. `BENCH` selects some of the
//! measurements, `BENCH_RUNS` is the number of repetitions (10), and `BENCH_BULK` the numbers of tenants that are
//! provisioned together (`1 10 100 500`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark ends by panicking")]
#![allow(clippy::print_stdout, reason = "it prints its results")]

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
    let parts = std::env::var("BENCH").unwrap_or_else(|_| "functions provisioning bulk".to_owned());
    for part in parts.split_whitespace() {
        match part {
            "functions" => functions::measure(stack).await,
            "provisioning" => provisioning::measure(stack).await,
            "bulk" => bulk::measure(stack).await,
            _ => panic!("BENCH={parts:?}: functions, provisioning, bulk, or several of them"),
        }
    }
}
