//! Injected faults: each run of a provisioning, an update, a move or a deprovisioning has one fault at one of its calls.
//!
//! The list of calls comes from a run without faults, so a new call is included by itself. Whatever the fault, the
//! execution succeeds or fails with a known error, the tenant is complete, as before, or gone (or the error names what
//! is left), and foreign resources are unchanged.
//!
//! `FAULTS=all` takes every kind of fault. `FAULT` takes the faults whose description contains its value, as in
//! `FAULT="provision: Reset"`. If all is well, and `FAULT` is not set, the table of the runs is written into the file
//! `FAULTS_TABLE`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]
#![allow(clippy::print_stdout, reason = "it takes long, and reports its progress")]

mod checks;
mod deprovisioning;
mod job;
mod moving;
mod provisioning;
mod schedules;
mod sweep;
mod table;
mod teardown;
mod updating;
mod vanishing;

use tests::Stack;

use crate::sweep::Sweep;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_at_any_one_call_leaves_nothing_incomplete_and_touches_nothing_foreign() {
    let stack = Stack::of("dev").await;
    let mut sweep = Sweep::begin(stack).await;
    sweep.over(&provisioning::PROVISIONING).await;
    sweep.over(&updating::UPDATING).await;
    sweep.over(&moving::MOVING).await;
    sweep.over(&deprovisioning::DEPROVISIONING).await;
    if sweep::takes_all() {
        // Only here, since a deprovisioning contains a teardown.
        sweep.over(&teardown::TEARDOWN).await;
    }
    sweep.done().await;
    if sweep::takes_all() {
        sweep.at_random().await;
    }
    sweep.end().await;
}
