//! Checks of the state machines' definitions. They read the files, and need no stack.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends by panicking")]

mod errors;
mod kinds;
mod reserved;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use shared::ErrorKind;
use tests::events::fits_its_schema;
use tests::stack::functions;

const RESOURCE_OF_A_FUNCTION: &str = "arn:aws:states:::lambda:invoke";

/// Every state of every machine, those in branches included, as (machine, name, state).
fn states() -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    for file in fs::read_dir("../statemachines").unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_none_or(|kind| kind != "json") {
            continue;
        }
        let machine: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(machine["QueryLanguage"], "JSONata");
        assert!(machine["TimeoutSeconds"].is_number(), "{path:?} has a time limit");
        collect(path.file_name().unwrap().to_str().unwrap(), &machine, &mut all);
    }
    assert!(all.len() > 30);
    all
}

fn collect(file: &str, machine: &Value, all: &mut Vec<(String, String, Value)>) {
    for (name, state) in machine["States"].as_object().unwrap() {
        all.push((file.to_owned(), name.clone(), state.clone()));
        for branch in state["Branches"].as_array().into_iter().flatten().chain(state.get("ItemProcessor")) {
            collect(file, branch, all);
        }
    }
}

fn function_of(state: &Value) -> Option<String> {
    let name =
        (state["Resource"] == RESOURCE_OF_A_FUNCTION).then(|| state["Arguments"]["FunctionName"].as_str().unwrap());
    name.map(|name| name.strip_prefix("${Environment}-").unwrap().to_owned())
}

/// The errors that a state retries or catches.
fn handled(state: &Value) -> Vec<String> {
    let handlers = ["Retry", "Catch"].into_iter().flat_map(|field| state[field].as_array().into_iter().flatten());
    let errors = handlers.flat_map(|handler| handler["ErrorEquals"].as_array().unwrap());
    errors.map(|error| error.as_str().unwrap().to_owned()).collect()
}

/// A function's part of the template.
fn of_function<'a>(template: &'a str, function: &str) -> &'a str {
    let binary = format!("Binary: {function} ");
    let found = template.split("Metadata:\n").find(|resource| resource.contains(&binary));
    found.unwrap_or_else(|| panic!("{function} is not in template.yaml"))
}

/// Every document and its text.
fn documentation() -> Vec<(PathBuf, String)> {
    let mut all = Vec::new();
    let mut directories = vec![PathBuf::from("..")];
    directories.extend(Path::new("../docs").is_dir().then(|| PathBuf::from("../docs")));
    for entry in directories.iter().flat_map(|directory| fs::read_dir(directory).unwrap()) {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            all.push((path.clone(), fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(!all.is_empty());
    all
}

#[test]
fn every_state_says_why_it_is_there() {
    for (machine, name, state) in states() {
        assert!(state["Comment"].as_str().is_some_and(|comment| comment.len() > 10), "{machine}: {name}");
    }
}

#[test]
fn every_fail_state_reports_the_error_the_step_and_the_message() {
    for (machine, name, state) in states().into_iter().filter(|(_, _, state)| state["Type"] == "Fail") {
        let cause = state["Cause"].as_str().unwrap();
        for field in ["'error':", "'step':", "'message':"] {
            assert!(cause.contains(field), "{machine}: {name}: {field}");
        }
    }
}

#[test]
fn every_task_retries_temporary_errors_with_backoff_a_cap_and_full_jitter_and_catches_the_rest() {
    for (machine, name, state) in states().into_iter().filter(|(_, _, state)| state["Type"] == "Task") {
        let retriers = state["Retry"].as_array().unwrap();
        for retry in retriers {
            assert!(retry["BackoffRate"].as_f64().unwrap() > 1.0, "{machine}: {name}");
            assert!(retry["MaxDelaySeconds"].is_number() && retry["JitterStrategy"] == "FULL", "{machine}: {name}");
        }
        let attempts = |error: &str| {
            let of_error = |retry: &&Value| retry["ErrorEquals"].as_array().unwrap().iter().any(|name| name == error);
            retriers.iter().find(of_error).map(|retry| retry["MaxAttempts"].as_u64().unwrap())
        };
        if function_of(&state).is_some() {
            let attempts = ["Transient", "Throttled", "Lambda.TooManyRequestsException"].map(attempts);
            assert_eq!(attempts, [Some(6), Some(20), Some(20)], "{machine}: {name}");
        } else {
            assert!(retriers[0]["MaxAttempts"].as_u64().unwrap() <= 6, "{machine}: {name}");
        }
        let catches = state["Catch"]
            .as_array()
            .and_then(|catches| catches.last())
            .is_some_and(|last| last["ErrorEquals"][0] == "States.ALL");
        assert!(catches, "{machine}: {name}");
    }
}

#[test]
fn retry_and_catch_name_only_errors_that_functions_or_aws_emit() {
    let emitted: BTreeSet<_> = ErrorKind::ALL.iter().map(|error| error.name()).collect();
    let aws = ["States.", "Lambda.", "Runtime.", "Sandbox.", "ECS.", "StepFunctions.", "EventBridge.", "S3."];
    for (machine, name, state) in states() {
        for error in handled(&state) {
            let known = emitted.contains(error.as_str()) || aws.iter().any(|prefix| error.starts_with(prefix));
            assert!(known, "{machine}: {name}: {error}");
        }
    }
}

/// Whether they hold for every rule or only for the default is not settled: LocalStack's recordings of AWS say the latter, and
/// AWS's guide ("Choice workflow state") the former.
#[test]
fn only_the_rules_of_a_choice_assign_variables_and_have_an_output() {
    for (file, name, state) in states() {
        let of_all_rules = state.get("Assign").or(state.get("Output"));
        assert!(state["Type"] != "Choice" || of_all_rules.is_none(), "{file}: {name} has {of_all_rules:?}");
    }
}

#[test]
fn no_state_times_out_before_its_function() {
    let template = fs::read_to_string("../template.yaml").unwrap();
    for (machine, name, state) in states() {
        let Some(function) = function_of(&state) else { continue };
        let own = of_function(&template, &function).lines().find_map(|line| line.strip_prefix("      Timeout: "));
        let timeout: u64 = own.unwrap_or("60").parse().unwrap();
        assert!(state["TimeoutSeconds"].as_u64().unwrap() > timeout, "{machine}: {name}");
    }
    assert!(template.contains("\n    Timeout: 60\n"), "the functions' common timeout");
}

#[test]
fn every_function_is_in_the_template_has_a_sample_and_is_used_by_a_state_machine_an_event_or_a_person() {
    let template = fs::read_to_string("../template.yaml").unwrap();
    let used: BTreeSet<_> = states().iter().filter_map(|(_, _, state)| function_of(state)).collect();
    let read: BTreeSet<_> =
        ["list-tenants", "describe-tenant", "tail-tenant-logs", "locate-tenant"].map(str::to_owned).into();
    let told: BTreeSet<_> =
        ["start-provisioning", "start-deprovisioning", "start-conclusion"].map(str::to_owned).into();
    let used: BTreeSet<_> = used.into_iter().chain(read).chain(told).collect();
    assert_eq!(used, functions(), "a state machine, a person or an event uses each function");
    for function in functions() {
        assert!(template.contains(&format!("Binary: {function} }}")), "{function} is not in template.yaml");
        assert!(template.contains(&format!("FunctionName: !Sub \"${{Environment}}-{function}\"")), "{function}");
        assert!(fs::exists(format!("../events/{function}.json")).unwrap(), "{function} has no sample event");
    }
}

#[test]
fn every_function_that_looks_for_listeners_has_the_listeners_of_the_parameter() {
    let template = fs::read_to_string("../template.yaml").unwrap();
    let functions: Vec<_> =
        template.split("Metadata:\n").filter(|resource| resource.contains("DescribeListeners")).collect();
    assert!(functions.len() > 5);
    for function in functions {
        assert!(function.contains("LISTENER_ARNS: !Ref ListenerArns"), "{function}");
    }
}

#[test]
fn a_leftover_without_an_error_gets_another_round_of_deletions() {
    let states = states();
    let of_teardown = |name: &str| {
        let found = states.iter().find(|(file, state, _)| file == "teardown-tenant.asl.json" && state == name);
        found.unwrap().2.clone()
    };
    let without_an_error = &of_teardown("Is nothing left?")["Choices"][1];
    assert!(without_an_error["Condition"].as_str().unwrap().contains("$count($failures) = 0"));
    let wait = of_teardown(without_an_error["Next"].as_str().unwrap());
    assert_eq!(wait["Next"], "Delete the service", "the chain from its start");
}

#[test]
fn the_sample_events_fit_their_schemas() {
    let read = |sample: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(format!("../events/{sample}.json")).unwrap()).unwrap()
    };
    for sample in ["start-provisioning", "start-deprovisioning"] {
        let event = read(sample);
        assert!(fits_its_schema(event["detail-type"].as_str().unwrap(), &event["detail"]), "{sample}");
    }
    // These are what `aws events put-events --entries file://…` takes.
    for sample in ["tenant-signed-up", "tenant-cancelled"] {
        for entry in read(sample).as_array().unwrap() {
            let [source, kind, detail] = ["Source", "DetailType", "Detail"].map(|name| entry[name].as_str().unwrap());
            assert!(source == "signup" && fits_its_schema(kind, &serde_json::from_str(detail).unwrap()), "{sample}");
        }
    }
}

#[test]
fn no_sample_deletes_what_nothing_brings_back() {
    for file in fs::read_dir("../events").unwrap() {
        let path = file.unwrap().path();
        if path.is_file() {
            let text = fs::read_to_string(&path).unwrap();
            let is_forced = ["force_delete_secret", "purge_files"].iter().any(|field| text.contains(field));
            assert!(!is_forced, "{}", path.display());
        }
    }
}
