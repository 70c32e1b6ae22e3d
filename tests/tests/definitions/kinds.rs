//! Each kind of resource has states that create and delete it, functions with policies and sample events, a place in
//! the documentation, and a run of the fault sweep in which the resource vanishes.

use std::fs;

use tests::kinds::{Expected, KINDS};
use tests::stack::functions;

use crate::{documentation, function_of, of_function, states};

#[test]
fn each_kind_is_created_by_a_provisioning_and_deleted_by_a_teardown() {
    let states = states();
    let is_called_in = |file: &str, function: &str| {
        states.iter().any(|(of, _, state)| of == file && function_of(state).as_deref() == Some(function))
    };
    for (kind, Expected { create, delete, .. }) in KINDS.iter() {
        assert!(is_called_in("provision-tenant.asl.json", create), "no state creates the {}", kind.name());
        assert!(is_called_in("teardown-tenant.asl.json", delete), "no state deletes the {}", kind.name());
    }
}

#[test]
fn a_deletion_that_fails_in_a_teardown_is_reported_under_its_kind() {
    let mut states = states();
    states.retain(|(machine, _, _)| machine == "teardown-tenant.asl.json");
    for (kind, Expected { delete, .. }) in KINDS.iter() {
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
    for (_, Expected { create, delete, .. }) in KINDS.iter() {
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
    for (kind, _) in KINDS.iter() {
        let name = format!("`{}`", kind.name());
        assert!(documentation.iter().any(|(_, text)| text.contains(&name)), "no document has {name}");
    }
}

#[test]
fn each_kind_vanishes_while_some_function_works_on_it() {
    for (kind, Expected { vanishes_during, .. }) in KINDS.iter() {
        assert!(!vanishes_during.is_empty(), "the fault sweep never removes the {}", kind.name());
        for function in *vanishes_during {
            assert!(functions().contains(*function), "{function} is no function");
        }
    }
}
