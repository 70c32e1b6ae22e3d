//! Every call of a provisioning, an update and a deprovisioning, spoilt in every way, one at a time.
//!
//! The calls are those of a clean run, so that a new one is spoilt without anyone remembering it. Whatever befalls
//! them: the execution ends under a known name, the tenant is complete, as before, or gone, and nobody else's things
//! have changed.
//!
//! `FAULTS=all` takes every kind of fault, `FAULT` those whose description contains it, as in `FAULT="provision: Reset"`.
//! The table of the runs, if they are not chosen so and all is well, goes into the file `FAULTS_TABLE`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]
#![allow(clippy::print_stdout, reason = "it takes long, and says how far it is")]

mod checks;
mod deprovisioning;
mod job;
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
async fn whatever_befalls_any_one_call_nothing_is_left_by_halves_and_nothing_foreign_is_touched() {
    let stack = Stack::of("dev").await;
    let mut sweep = Sweep::begin(stack).await;
    sweep.over(&provisioning::PROVISIONING).await;
    sweep.over(&updating::UPDATING).await;
    sweep.over(&deprovisioning::DEPROVISIONING).await;
    if sweep::takes_all() {
        // A deprovisioning has it inside.
        sweep.over(&teardown::TEARDOWN).await;
    }
    sweep.done().await;
    if sweep::takes_all() {
        sweep.at_random().await;
    }
    sweep.end().await;
}
