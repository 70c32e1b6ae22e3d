//! How small each function is and how soon it asks for work, beside the least that a function can be.
//!
//! All in one run, so that the ratios mean something on any machine. The numbers go to the terminal and to
//! `.local/bench/`. `BENCH_RUNS` says how often each is measured (10).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a benchmark ends by panicking")]
#![allow(clippy::print_stdout, reason = "it is there to tell")]

mod functions;
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
    functions::measure(Stack::of("dev").await).await;
}
