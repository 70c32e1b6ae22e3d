//! Each kind of resource is created, deleted, allowed, sampled and documented.

use std::fs;

use shared::PerKind;
use tests::stack::functions;

use crate::{documentation, function_of, of_function, states};

/// The functions that create and delete a resource of each kind.
struct Functions {
    create: &'static str,
    delete: &'static str,
}

const FUNCTIONS: PerKind<Functions> = PerKind {
    service: Functions { create: "create-service", delete: "delete-service" },
    dns_record: Functions { create: "create-dns-record", delete: "delete-dns-record" },
    listener_rule: Functions { create: "create-listener-rule", delete: "delete-listener-rule" },
    target_group: Functions { create: "create-target-group", delete: "delete-target-group" },
    task_definition: Functions { create: "register-task-definition", delete: "deregister-task-definitions" },
    access_point: Functions { create: "create-access-point", delete: "delete-access-point" },
    database: Functions { create: "create-database", delete: "drop-database" },
    log_group: Functions { create: "create-log-group", delete: "delete-log-group" },
    secret: Functions { create: "create-secret", delete: "delete-secret" },
};

#[test]
fn each_kind_is_created_by_a_provisioning_and_deleted_by_a_teardown() {
    let states = states();
    let is_called_in = |file: &str, function: &str| {
        states.iter().any(|(of, _, state)| of == file && function_of(state).as_deref() == Some(function))
    };
    for (kind, Functions { create, delete }) in FUNCTIONS.iter() {
        assert!(is_called_in("provision-tenant.asl.json", create), "no state creates the {}", kind.name());
        assert!(is_called_in("teardown-tenant.asl.json", delete), "no state deletes the {}", kind.name());
    }
}

#[test]
fn a_deletion_that_fails_is_reported_under_its_kind() {
    let states = states();
    for (kind, Functions { delete, .. }) in FUNCTIONS.iter() {
        let of_kind = format!("'kind': '{}'", kind.name());
        let deletions = states.iter().filter(|(_, _, state)| function_of(state).as_deref() == Some(delete));
        for (machine, name, state) in deletions {
            assert!(state["Catch"].to_string().contains(&of_kind), "{machine}: {name}: {of_kind}");
        }
    }
}

#[test]
fn each_kind_has_functions_with_a_policy_and_a_sample_event() {
    let template = fs::read_to_string("../template.yaml").unwrap();
    for (_, Functions { create, delete }) in FUNCTIONS.iter() {
        for function in [create, delete] {
            assert!(functions().contains(*function), "{function} is no function");
            assert!(of_function(&template, function).contains("Policies:"), "{function} has no policy");
            assert!(fs::exists(format!("../events/{function}.json")).unwrap(), "{function} has no sample event");
        }
    }
}

#[test]
fn each_kind_is_in_the_documentation() {
    let documentation = documentation();
    for (kind, _) in FUNCTIONS.iter() {
        let name = format!("`{}`", kind.name());
        assert!(documentation.iter().any(|(_, text)| text.contains(&name)), "no document has {name}");
    }
}
