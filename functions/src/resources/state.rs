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
    /// What its tasks mount of the tenant's files.
    pub mounts: Mounts,
    /// For how long after a task's start ECS ignores its health, if the update changes that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_seconds: Option<i32>,
}

/// What tasks mount of the tenant's files on the file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mounts {
    /// `wp-content`, as the tasks of new tenants do: WordPress itself comes from the image.
    Content,
    /// The whole document root, as the tasks of earlier versions do: WordPress itself is on the file system, too.
    DocumentRoot,
    /// No files: what the site writes is lost with its task.
    Nothing,
    /// Something that this project has never made.
    Other,
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
    /// Whether both states have the same image, size and mount, so that they can have the same task definition.
    pub(crate) fn has_the_tasks_of(&self, other: &Self) -> bool {
        (&self.image, self.cpu, self.memory, self.mounts) == (&other.image, other.cpu, other.memory, other.mounts)
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
            ("mounts", self.mounts != earlier.mounts),
        ]
        .into_iter()
        .filter_map(|(field, differs)| differs.then_some(field))
        .collect()
    }
}
