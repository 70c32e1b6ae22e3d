//! A job whose calls are spoilt.

use std::pin::Pin;
use std::sync::Arc;

use tests::Stack;
use tests::proxy::{Fault, Kind, Watch};

/// How a spoilt job ended; all of these are well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    /// As if nothing had happened.
    Survived,
    /// With an error, and without a trace.
    Undone,
    /// With an error that names what is left; the next run without a fault removed it.
    Named,
    /// Before the call that was to be spoilt: a run need not make each of a clean run's calls.
    NotMet,
}

/// What one run of a job came to.
pub(crate) struct Run {
    /// The executions' ARNs.
    pub(crate) executions: Vec<String>,
    /// Passwords that nobody may have written down.
    pub(crate) secrets: Vec<String>,
    /// How it ended.
    pub(crate) ending: Ending,
}

/// A job.
pub(crate) struct Job {
    /// Its name.
    pub(crate) name: &'static str,
    /// Runs it once on a tenant of its own, spoilt by the watch, and checks what has become of the tenant.
    pub(crate) run: fn(&'static Stack, Arc<Watch>, Option<Fault>) -> Running,
}

/// A run of a job.
pub(crate) type Running = Pin<Box<dyn Future<Output = Run> + Send>>;

/// Whether a job must come through as if nothing had happened: a fault that passes and can be told from an answer.
pub(crate) fn must_survive(fault: &Fault) -> bool {
    !fault.lasting && !matches!(fault.kind, Kind::Rejected | Kind::Stale | Kind::Interrupted(_))
}
