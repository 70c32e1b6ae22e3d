//! What is not settled about Step Functions does not matter to any machine.

use shared::ErrorKind;

use crate::{handled, states};

/// Errors of which AWS's documentation says that `States.ALL` does not catch them.
const PERHAPS_NOT_CAUGHT: [&str; 2] = ["States.DataLimitExceeded", "States.Runtime"];

#[test]
fn an_error_of_a_fail_state_is_one_of_ours_or_passed_on_by_its_own_name() {
    let own: Vec<_> = ErrorKind::ALL.iter().map(|error| error.name()).collect();
    for (machine, name, state) in states().into_iter().filter(|(_, _, state)| state["Type"] == "Fail") {
        let error = state["Error"].as_str().unwrap();
        // What the expression makes of each name is tested in tests/judges/tests/test_reserved_names.py.
        let is_passed_on = error.starts_with("{%") && error.contains("$substringBefore($error, '.') != 'States'");
        assert!(own.contains(&error) || is_passed_on, "{machine}: {name}: {error}");
    }
}

#[test]
fn no_state_asks_for_the_name_of_its_execution() {
    // In a child execution of a Distributed Map, it may be the name of the parent.
    for (machine, name, state) in states() {
        assert!(!state.to_string().contains("context.Execution.Name"), "{machine}: {name}");
    }
}

#[test]
fn a_child_execution_of_a_map_gets_what_it_needs_by_its_input() {
    let maps = states().into_iter().filter(|(_, _, state)| {
        state["Type"] == "Map" && state["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
    });
    let mut count = 0;
    for (machine, name, state) in maps {
        count += 1;
        let text = state["ItemProcessor"].to_string();
        for field in text.split("$states.context.").skip(1) {
            // The id only links a nested execution with the one that has started it.
            assert!(field.starts_with("Execution.Id}"), "{machine}: {name}: {field}");
        }
    }
    assert!(count > 0);
}

#[test]
fn no_state_depends_on_catching_what_may_not_be_caught() {
    for (machine, name, state) in states() {
        let errors = handled(&state);
        assert!(
            !errors.iter().any(|error| PERHAPS_NOT_CAUGHT.contains(&error.as_str())),
            "{machine}: {name}: {errors:?}"
        );
    }
}
