//! The preflight, asked about the local stack. Its own tests are in local/preflight/tests.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;
use tests::Stack;

/// What is wrong in the local stack: it leads the functions away from AWS, makes their network up, and has no way out.
const TRUE_HERE: [&str; 6] = [
    "parameters",
    "subnets of the functions",
    "access point of tenants' files",
    "service-linked roles",
    "ways of the tasks to AWS",
    "way of the tasks to the image",
];

/// Checks whose answer depends on how busy the stack is with other tests.
const BUSY: [&str; 2] = ["resolve-environment", "functions that read"];

fn asked() -> Vec<Value> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../local/preflight");
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/../.local/venv/bin/python");
    let mut preflight = Command::new(python);
    preflight.current_dir(directory).args(["-B", "-m", "preflight", "--environment", "dev", "--output", "json"]);
    let answer = preflight.output().expect("the tools of `make setup`");
    let said = String::from_utf8_lossy(&answer.stderr);
    let found: Value = serde_json::from_slice(&answer.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    found["results"].as_array().unwrap().clone()
}

#[tokio::test]
async fn the_preflight_finds_the_stack_complete_and_only_problems_that_are_true_here() {
    let (_stack, _together) = Stack::together().await;
    let results = tokio::task::spawn_blocking(asked).await.unwrap();
    let with = |verdict: &str| -> BTreeSet<_> {
        results.iter().filter(|one| one["verdict"] == verdict).map(|one| one["check"].as_str().unwrap()).collect()
    };
    let known: BTreeSet<_> = TRUE_HERE.into_iter().chain(BUSY).collect();
    let unexpected: Vec<_> = with("problem").difference(&known).copied().collect();
    assert_eq!(unexpected, Vec::<&str>::new(), "{results:#?}");
    for check in [
        "VPC",
        "file systems",
        "load balancers",
        "execution role of the tasks",
        "state machines",
        "event rules",
        "permissions of the functions",
        "permissions of the state machines",
        "functions that write start and refuse",
    ] {
        assert!(with("ok").contains(check), "{check}: {results:#?}");
    }
    assert!(
        !results.iter().any(|one| one["found"].as_str().unwrap().contains("a fault of the preflight")),
        "{results:#?}"
    );
}
