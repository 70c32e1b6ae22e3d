//! Injected faults: each run of a provisioning, an update, a move or a deprovisioning has one fault at one of its calls.
//!
//! The list of calls comes from a run without faults, so a new call is included by itself. Whatever the fault, the
//! execution succeeds or fails with a known error, the tenant is complete, as before, or gone (or the error names what
//! is left), and foreign resources are unchanged.
//!
//! `FAULTS=all` takes every kind of fault. Then the results are kept in the directory `FAULTS_KEPT`, and a run whose result
//! is there is not repeated, unless the build has changed, or `FRESH=1`. `MACHINE=provision` takes only the faults of that
//! job. `FAULT` takes the faults whose description contains its value, as in `FAULT="provision: Reset"`, and keeps nothing.
//! If all is well, and neither is set, the table of the results is written into the file `FAULTS_TABLE`.

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
    let mut jobs =
        vec![&provisioning::PROVISIONING, &updating::UPDATING, &moving::MOVING, &deprovisioning::DEPROVISIONING];
    if sweep::takes_all() {
        // Only here, since a deprovisioning contains a teardown.
        jobs.push(&teardown::TEARDOWN);
    }
    let jobs = sweep::wanted(jobs);
    let mut sweep = Sweep::begin(stack).await;
    sweep.over(&jobs).await;
    if sweep::takes_all() && sweep::takes_all_jobs() {
        sweep.at_random().await;
    }
    sweep.end().await;
}
