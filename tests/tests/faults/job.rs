//! The jobs that faults are injected into.

use std::pin::Pin;
use std::sync::Arc;

use tests::Stack;
use tests::proxy::{Fault, Kind, Watch};

/// How a job with a fault has ended. All of these are correct.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    /// It has succeeded, as without the fault.
    Survived,
    /// It has failed, and everything is as before.
    Undone,
    /// It has failed with an error that names what is left, and the next run, without a fault, has removed it.
    Named,
    /// It has ended before the call that was to have the fault. A run need not make all the calls of the run without
    /// faults.
    NotMet,
}

impl Ending {
    /// All endings.
    const ALL: [Self; 4] = [Self::Survived, Self::Undone, Self::Named, Self::NotMet];

    /// The ending of this name.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ending| ending.name() == name)
    }

    /// Its name in a file of results.
    pub(crate) fn name(self) -> String {
        format!("{self:?}")
    }
}

/// The result of one run of a job.
pub(crate) struct Run {
    /// The executions' ARNs.
    pub(crate) executions: Vec<String>,
    /// Passwords that must be in no log, event or history.
    pub(crate) secrets: Vec<String>,
    /// How it ended.
    pub(crate) ending: Ending,
}

/// A job.
pub(crate) struct Job {
    /// Its name.
    pub(crate) name: &'static str,
    /// Runs the job once on a new tenant, with the watch's fault, and checks the tenant's state afterwards.
    pub(crate) run: fn(&'static Stack, Arc<Watch>, Option<Fault>) -> Running,
}

/// A run of a job.
pub(crate) type Running = Pin<Box<dyn Future<Output = Run> + Send>>;

/// Whether a job must succeed in spite of the fault: it is temporary, and cannot be mistaken for a valid answer.
pub(crate) fn must_survive(fault: &Fault) -> bool {
    !fault.lasting && !matches!(fault.kind, Kind::Rejected | Kind::Stale | Kind::Interrupted(_))
}
