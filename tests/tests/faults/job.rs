//! A job whose calls are spoilt.

use std::sync::Arc;

use tests::Stack;
use tests::proxy::{Fault, Watch};

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
pub(crate) trait Job: Sync {
    /// Its name.
    fn name(&self) -> &'static str;

    /// Runs it once on a tenant of its own, spoilt by `watch`, and checks what has become of the tenant.
    fn run(
        &self,
        stack: &'static Stack,
        watch: Arc<Watch>,
        fault: Option<Fault>,
    ) -> impl Future<Output = Run> + Send + 'static;
}

/// Whether a job must come through as if nothing had happened: a fault that passes and can be told from an answer.
pub(crate) fn must_survive(fault: &Fault) -> bool {
    use tests::proxy::Kind;
    !fault.lasting && !matches!(fault.kind, Kind::Rejected | Kind::Stale | Kind::Interrupted(_))
}
