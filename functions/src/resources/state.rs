//! What an update can change about a tenant: its tasks, their number, and what visitors see.

use serde::{Deserialize, Serialize};

/// A tenant's state before or after an update.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// The revision that the service runs.
    pub task_definition_arn: String,
    /// Container image.
    pub image: String,
    /// CPU units of a task.
    pub cpu: u32,
    /// Memory of a task in MiB.
    pub memory: u32,
    /// Tasks that should run.
    pub desired_count: u32,
    /// While the desired count is 0: the count after resuming, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_count: Option<u32>,
    /// What visitors see.
    pub shows: Shows,
}

/// What the tenant's listener rules answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shows {
    /// The tenant's site.
    Site,
    /// A fixed page which says that the site is suspended.
    SuspensionPage,
}

impl State {
    /// Whether both states have the same image and size, so that they can have the same task definition.
    pub(crate) fn has_the_tasks_of(&self, other: &Self) -> bool {
        (&self.image, self.cpu, self.memory) == (&other.image, other.cpu, other.memory)
    }

    /// The names of the fields that differ from an earlier state.
    pub(crate) fn changes_since(&self, earlier: &Self) -> Vec<&'static str> {
        [
            ("image", self.image != earlier.image),
            ("cpu", self.cpu != earlier.cpu),
            ("memory", self.memory != earlier.memory),
            ("desired_count", self.desired_count != earlier.desired_count),
            ("resume_count", self.resume_count != earlier.resume_count),
            ("shows", self.shows != earlier.shows),
        ]
        .into_iter()
        .filter_map(|(field, differs)| differs.then_some(field))
        .collect()
    }
}
