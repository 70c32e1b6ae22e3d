//! What the tests expect for each kind of resource.

use shared::{Kind, PerKind};

/// What is expected for one kind.
pub struct Expected {
    /// The function that creates a resource.
    pub create: &'static str,
    /// The function that deletes it.
    pub delete: &'static str,
    /// Number of entries of this kind in [`crate::Stack::snapshot`] of a provisioned tenant. Files are not in it.
    pub pieces: usize,
    /// The functions that work on the resource, or on one that depends on it. The fault sweep deletes the resource
    /// before their calls.
    pub vanishes_during: &'static [&'static str],
}

/// What is expected for each kind.
pub const KINDS: PerKind<Expected> = PerKind {
    service: Expected {
        create: "create-service",
        delete: "delete-service",
        pieces: 1,
        vanishes_during: &["create-service", "check-service-deployment", "delete-service", "update-service"],
    },
    dns_record: Expected {
        create: "create-dns-record",
        delete: "delete-dns-record",
        pieces: 1,
        vanishes_during: &["delete-dns-record"],
    },
    listener_rule: Expected {
        create: "create-listener-rule",
        delete: "delete-listener-rule",
        pieces: 1,
        vanishes_during: &["create-dns-record", "delete-listener-rule"],
    },
    target_group: Expected {
        create: "create-target-group",
        delete: "delete-target-group",
        pieces: 1,
        vanishes_during: &["create-listener-rule", "create-service", "check-service-deployment", "delete-target-group"],
    },
    task_definition: Expected {
        create: "register-task-definition",
        delete: "deregister-task-definitions",
        pieces: 1,
        vanishes_during: &[
            "create-service",
            "check-service-deployment",
            "deregister-task-definitions",
            "revise-task-definition",
        ],
    },
    task_role: Expected {
        create: "create-task-role",
        delete: "delete-task-role",
        pieces: 1,
        vanishes_during: &["register-task-definition", "create-service", "delete-task-role"],
    },
    access_point: Expected {
        create: "create-access-point",
        delete: "delete-access-point",
        pieces: 1,
        vanishes_during: &["register-task-definition", "delete-access-point"],
    },
    database: Expected {
        create: "create-database",
        delete: "drop-database",
        // Database, user, grant, our records of the owner and of the site, and the view of the latter with its grant.
        pieces: 7,
        vanishes_during: &["drop-database"],
    },
    log_group: Expected {
        create: "create-log-group",
        delete: "delete-log-group",
        pieces: 1,
        vanishes_during: &["register-task-definition", "delete-log-group"],
    },
    site_credentials: Expected {
        create: "create-site-credentials",
        delete: "delete-site-credentials",
        pieces: 1,
        vanishes_during: &["register-task-definition", "delete-site-credentials"],
    },
    files: Expected {
        create: "create-files",
        delete: "delete-files",
        pieces: 0,
        // The files' own functions call nothing of AWS.
        vanishes_during: &["create-access-point", "delete-access-point"],
    },
    secret: Expected {
        create: "create-secret",
        delete: "delete-secret",
        pieces: 1,
        vanishes_during: &["create-database", "register-task-definition", "drop-database", "delete-secret"],
    },
};

/// The functions that create the resources of a tenant.
pub fn creating() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|(_, expected)| expected.create)
}

/// The functions that delete the resources of a tenant, in an order in which nothing is deleted that is still needed.
pub fn deleting() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|(_, expected)| expected.delete)
}

/// Number of entries in the snapshot of a provisioned tenant.
pub fn complete() -> usize {
    KINDS.iter().map(|(_, expected)| expected.pieces).sum()
}

/// The kinds of resource that the fault sweep deletes just before a call of the function.
pub fn victims(function: &str) -> impl Iterator<Item = Kind> {
    KINDS.iter().filter(move |(_, expected)| expected.vanishes_during.contains(&function)).map(|(kind, _)| kind)
}
