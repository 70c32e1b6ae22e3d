//! `sam local invoke`: functions in containers, run by the command that a developer types, in a shell that has another
//! account's credentials.
//!
//! A few functions, or every one with `INVOCATIONS=all`. `make up` has written the files that they need.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test ends by panicking"
)]

use std::path::PathBuf;
use std::process::Command;
use std::sync::Once;
use std::time::{Duration, Instant};

use local::sam_local::write_events;
use local::settings::Settings;
use serde_json::{Value, json};
use tests::Stack;
use tests::stack::text;
use tests::turns::Turn;

/// One function that calls nothing, and one for each thing that a container has to reach: AWS, a bucket, the database,
/// the file system, another state machine.
const A_FEW: [&str; 6] =
    ["generate-tenant-id", "create-log-group", "check-deletions", "create-database", "purge-files", "start-conclusion"];

/// Functions whose answers may differ between equal calls. They report on everything that exists, on the time, on what
/// they did themselves, or on how far what they started has come.
const ANSWERS_DIFFER: [&str; 8] = [
    "resolve-environment",
    "tail-tenant-logs",
    "list-tenants",
    "audit-tenants",
    "announce-execution",
    "end-update",
    "start-provisioning",
    "start-deprovisioning",
];

/// Limit for the median duration of an invocation whose image has been built before.
const WARM: Duration = Duration::from_secs(4);

/// Variables that a developer's shell may have for another account.
const ANOTHER_ACCOUNT: [(&str, &str); 7] = [
    ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    ("AWS_SESSION_TOKEN", "of-another-account"),
    ("AWS_PROFILE", "production"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_ENDPOINT_URL", "https://amazonaws.invalid"),
    ("AWS_ENDPOINT_URL_STS", "https://sts.amazonaws.invalid"),
];

/// A function as SAM CLI knows it.
struct Function {
    logical_id: String,
    name: String,
}

/// The directory in which `make up` has written the files for `sam local`.
fn directory() -> PathBuf {
    let local = std::env::var("LOCAL_DIR").unwrap_or_else(|_| ".local".to_owned());
    PathBuf::from("..").join(local).join("sam")
}

fn read(file: &str) -> Value {
    let file = directory().join(file);
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn functions() -> Vec<Function> {
    let template = read("template.json");
    let resources = template["Resources"].as_object().expect("resources");
    let functions = resources.iter().map(|(logical_id, function)| {
        let name = text(&function["Properties"]["FunctionName"]);
        Function { logical_id: logical_id.clone(), name: name.trim_start_matches("dev-").to_owned() }
    });
    functions.collect()
}

/// Runs a command line; returns the function's answer, and its log.
fn sam(line: &str) -> (Value, String) {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!(". ./env && {line}")]).current_dir(directory()).envs(ANOTHER_ACCOUNT);
    let ended = shell.output().expect("a shell");
    let [answer, log] = [ended.stdout, ended.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    // SAM CLI writes the answer last.
    let answer = answer.trim().lines().last().and_then(|last| serde_json::from_str(last).ok());
    (answer.unwrap_or_else(|| panic!("{line}: no answer\n{log}")), log)
}

/// The stack, with an event for each function. `make up` cannot write these events here, because it needs running
/// functions, and they call a proxy that is part of the tests.
async fn stack() -> (&'static Stack, Turn) {
    static WRITTEN: Once = Once::new();
    let (stack, alone) = Stack::alone().await;
    let write =
        || WRITTEN.call_once(|| Settings::from_process().and_then(|stack| write_events(&stack)).expect("events"));
    tokio::task::spawn_blocking(write).await.expect("events");
    (stack, alone)
}

fn invoke(function: &Function) -> (Value, String) {
    sam(&format!("sam local invoke {} --event events/{}.json", function.logical_id, function.name))
}

#[tokio::test]
async fn a_function_answers_in_a_container_as_it_does_in_the_stack() {
    let (stack, _alone) = stack().await;
    let all = std::env::var("INVOCATIONS").is_ok_and(|which| which == "all");
    let functions: Vec<_> =
        functions().into_iter().filter(|function| all || A_FEW.contains(&function.name.as_str())).collect();
    assert_eq!(functions.len(), if all { tests::stack::functions().len() } else { A_FEW.len() });
    // The first invocation builds the image.
    sam("sam local invoke GenerateTenantId --event events/generate-tenant-id.json");
    let mut took = Vec::new();
    for function in &functions {
        let start = Instant::now();
        let (answer, log) = invoke(function);
        took.push(start.elapsed());
        println!("{} in {:.1} s: {answer}", function.name, start.elapsed().as_secs_f64());
        let event = read(&format!("events/{}.json", function.name));
        match stack.invoke(&function.name, &event).await {
            Ok(_) if ANSWERS_DIFFER.contains(&function.name.as_str()) => {
                assert!(answer.get("errorType").is_none(), "{}: {answer}\n{log}", function.name);
            }
            Ok(there) => assert_eq!(answer, there, "{}\n{log}", function.name),
            // The only step that may fail: it needs something that a stack need not have.
            Err((error, message)) => {
                assert_eq!(answer, json!({"errorType": error, "errorMessage": message}), "{}", function.name);
                assert!(function.name == "create-dns-record" && message.contains("HOSTED_ZONE_ID"), "{message}");
            }
        }
    }
    took.sort();
    let median = took[took.len() / 2];
    println!(
        "an invocation takes {:.1} s (median), {:.1} s at most",
        median.as_secs_f64(),
        took[took.len() - 1].as_secs_f64()
    );
    assert!(median <= WARM, "{took:?}");
}

#[tokio::test]
async fn a_function_in_a_container_has_the_permissions_of_its_own_role_and_no_more() {
    let (stack, _alone) = stack().await;
    let function = Function { logical_id: "CreateLogGroup".to_owned(), name: "create-log-group".to_owned() };
    stack.take_away(&function.name, "logs:DescribeLogGroups").await;
    let refused = invoke(&function).0;
    stack.give_back(&function.name).await;
    assert_eq!(refused["errorType"], json!("AccessDenied"), "{refused}");
    assert!(text(&refused["errorMessage"]).contains("logs:DescribeLogGroups"), "{refused}");
    assert!(invoke(&function).0.get("errorType").is_none());
}

#[tokio::test]
async fn a_container_that_does_not_know_the_local_stack_calls_nobody() {
    let (_stack, _alone) = stack().await;
    std::fs::write(directory().join("nothing.json"), "{}").expect("a file");
    // SAM CLI itself still asks the local stack for the caller's identity.
    let (answer, _) = sam(
        "AWS_ENDPOINT_URL_STS=$AWS_ENDPOINT_URL && export AWS_ENDPOINT_URL_STS && unset AWS_ENDPOINT_URL && \
         sam local invoke CreateLogGroup --template ../build/template.yaml --config-file \"$PWD/samconfig.toml\" --env-vars nothing.json \
         --parameter-overrides \"Environment=dev Domain=example.com Architecture=$(uname -m | sed s/aarch64/arm64/)\" --event events/create-log-group.json",
    );
    assert_eq!(answer["errorType"], json!("EnvironmentNotReady"), "{answer}");
    let message = text(&answer["errorMessage"]);
    assert!(message.contains("AWS_ENDPOINT_URL is not set") && message.contains("make up"), "{message}");
}
