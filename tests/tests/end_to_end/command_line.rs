//! The operators' command line, as a person and as a script use it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use serde_json::{Value, json};
use tests::Stack;
use tests::command_line::{ended, program};
use tests::stack::{new_tenant_id, text};
use tokio::time::interval;

const CHECKLIST: [&str; 6] =
    ["--owner-notified", "--data-backup", "not-required", "--billing-finalized", "--approved-by", "Ada Lovelace"];

/// A word of a list of JSON objects, by the tenant's id.
fn status_in(list: &Value, tenant: &str) -> Option<String> {
    let tenants = list["tenants"].as_array().unwrap();
    tenants.iter().find(|entry| entry["tenant_id"] == tenant).map(|entry| text(&entry["status"]))
}

#[tokio::test]
async fn an_operator_provisions_looks_at_updates_suspends_and_removes_a_tenant() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();

    let made = stack.tenantctl(&["provision", "--tenant-id", &tenant, "--image", "pretend/wordpress:6.4"]).await;
    assert_eq!(made.status, 0, "{made:#?}");
    assert!(made.answer.contains(&format!("Tenant {tenant} is provisioned")), "{made:#?}");
    assert!(made.errors.contains("✓ Create the service") && !made.answer.contains('✓'), "{made:#?}");
    assert!(made.errors.contains(&format!("account {}", stack.account)), "the account is shown first: {made:#?}");

    let listed = stack.tenantctl(&["list"]).await;
    let row = listed.answer.lines().find(|line| line.contains(&tenant)).unwrap();
    assert!(row.contains("active") && row.contains("wordpress:6.4") && row.contains("1/1"), "{row}");
    let listed = stack.tenantctl(&["list", "--status", "active", "--output", "json"]).await.json();
    assert_eq!(status_in(&listed, &tenant).as_deref(), Some("active"));
    let others = stack.tenantctl(&["list", "--not", "active", "--output", "json"]).await.json();
    assert_eq!(status_in(&others, &tenant), None);
    let described = stack.tenantctl(&["describe", &tenant, "--output", "json"]).await.json();
    assert_eq!((&described["status"], &described["tenant_id"]), (&json!("active"), &json!(tenant)));
    let shown = stack.tenantctl(&["describe", &tenant]).await;
    assert!(
        shown.answer.starts_with(&format!("Tenant {tenant}\n")) && shown.answer.contains("\nservice\n"),
        "{shown:#?}"
    );
    let located = stack.tenantctl(&["locate", &tenant, "--in", "dev", "--output", "json"]).await.json();
    assert_eq!(located["environments"][0]["status"], "active");

    let image = |described: &Value| text(&described["task_definition"]["image"]);
    let updated = stack
        .tenantctl(&["update", &tenant, "--image", "pretend/wordpress:6.5", "--cpu", "512", "--memory", "1024"])
        .await;
    assert!(updated.answer.contains("is updated"), "{updated:#?}");
    // The revision before has an older WordPress. The state machine refuses it, and so does the command line.
    let refused = stack.tenantctl(&["update", &tenant, "--rollback", "--output", "json"]).await.failure(2);
    assert_eq!(refused["error"], "InvalidRequest");
    assert!(text(&refused["message"]).contains("allow_downgrade"), "{refused}");
    let back = ["update", &tenant, "--rollback", "--allow-downgrade", "--output", "json"];
    let current = stack.tenantctl(&back).await.json()["current"].clone();
    assert_eq!(
        (&current["image"], &current["cpu"], &current["memory"]),
        (&json!("pretend/wordpress:6.4"), &json!(256), &json!(512))
    );
    let again = stack.tenantctl(&["update", &tenant, "--rollback", "--output", "json"]).await.json();
    assert_eq!(again["current"]["image"], "pretend/wordpress:6.5", "a second rollback undoes the first");
    let described = stack.tenantctl(&["describe", &tenant, "--output", "json"]).await.json();
    assert_eq!(image(&described), "pretend/wordpress:6.5");

    let suspended = stack.tenantctl(&["suspend", &tenant, "--output", "json"]).await.json();
    assert_eq!(suspended["current"]["shows"], "suspension-page");
    let resumed = stack.tenantctl(&["resume", &tenant, "--output", "json"]).await.json();
    assert_eq!((&resumed["current"]["shows"], &resumed["current"]["desired_count"]), (&json!("site"), &json!(1)));

    let unasked = stack.tenantctl(&["deprovision", &tenant, "--output", "json"]).await.failure(5);
    assert_eq!(unasked["error"], "NotConfirmed");
    let open =
        stack.tenantctl(&["deprovision", &tenant, "--owner-notified", "--yes", "--output", "json"]).await.failure(5);
    assert_eq!(open["error"], "ChecklistIncomplete");
    for item in ["data_backup", "billing_finalized", "approved_by"] {
        assert!(text(&open["message"]).contains(item), "{open}");
    }
    let arguments =
        [&["deprovision", &tenant, "--yes", "--force-delete-secret", "--purge-files"], &CHECKLIST[..]].concat();
    let removed = stack.tenantctl(&[&arguments[..], &["--output", "json"]].concat()).await.json();
    assert_eq!((&removed["status"], &removed["approved_by"]), (&json!("deprovisioned"), &json!("Ada Lovelace")));
    let gone = stack.tenantctl(&["describe", &tenant, "--output", "json"]).await.failure(3);
    assert_eq!(gone["error"], "TenantNotFound");

    let executions = stack.tenantctl(&["executions", "--tenant", &tenant, "--output", "json"]).await.json();
    let of = |machine: &str, status: &str| {
        let all = executions["executions"].as_array().unwrap().iter();
        all.filter(|execution| execution["machine"] == machine && execution["status"] == status).count()
    };
    assert_eq!((of("provision-tenant", "SUCCEEDED"), of("update-tenant", "SUCCEEDED")), (1, 5), "{executions}");
    assert_eq!((of("update-tenant", "FAILED"), of("deprovision-tenant", "FAILED")), (1, 1), "{executions}");
    assert_eq!(of("deprovision-tenant", "SUCCEEDED"), 1, "{executions}");
}

#[tokio::test]
async fn a_script_starts_without_waiting_follows_later_and_starts_nothing_twice() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    let name = format!("script-{tenant}");
    let start = ["provision", "--tenant-id", &tenant, "--execution-name", &name, "--no-wait", "--output", "json"];
    let started = stack.tenantctl(&start).await.json();
    assert_eq!((&started["name"], &started["status"]), (&json!(name), &json!("RUNNING")));
    let arn = text(&started["execution_arn"]);
    let provisioned = stack.tenantctl(&["watch", &name, "--output", "json"]).await.json();
    assert_eq!(provisioned["tenant_id"], json!(tenant));
    assert_eq!(stack.ended(&arn).await.succeeded()["tenant_id"], json!(tenant));

    let other = ["provision", "--tenant-id", &tenant, "--cpu", "512", "--execution-name", &name, "--output", "json"];
    let taken = stack.tenantctl(&other).await.failure(4);
    assert_eq!(taken["error"], "ResourceConflict", "{taken}");
    let shown = stack.tenantctl(&["executions", &name, "--output", "json"]).await.json();
    assert_eq!((&shown["status"], &shown["input"]["tenant_id"]), (&json!("SUCCEEDED"), &json!(tenant)));
    let unknown = stack.tenantctl(&["watch", &format!("no-{name}"), "--output", "json"]).await.failure(3);
    assert_eq!(unknown["error"], "ExecutionNotFound");

    // An execution that fails ends with its error's status, and the whole cause.
    let again = stack.tenantctl(&["provision", "--tenant-id", &tenant, "--output", "json"]).await.failure(4);
    assert_eq!((&again["error"], &again["cause"]["tenant_id"]), (&json!("TenantAlreadyExists"), &json!(tenant)));
    let person = stack.tenantctl(&["provision", "--tenant-id", &tenant]).await;
    assert_eq!(person.status, 4);
    assert!(person.errors.contains("tenantctl explain TenantAlreadyExists"), "{person:#?}");
}

#[tokio::test]
async fn nothing_is_started_in_another_environment_or_without_credentials() {
    let (stack, _together) = Stack::together().await;
    let wrong = stack.tenantctl(&["--env", "prod", "provision", "--output", "json"]).await.failure(6);
    assert_eq!(wrong["error"], "WrongEnvironment");
    assert!(text(&wrong["message"]).contains(&stack.account) && text(&wrong["message"]).contains("prod"), "{wrong}");
    // The input's own guard is passed on.
    let file = std::env::temp_dir().join(format!("command-line-{}.json", new_tenant_id()));
    std::fs::write(&file, r#"{"environment": "prod"}"#).unwrap();
    let guarded =
        stack.tenantctl(&["provision", "--input", file.to_str().unwrap(), "--output", "json"]).await.failure(6);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(guarded["error"], "WrongEnvironment");

    let mut nobody = stack.command(&["list", "--output", "json"]);
    nobody.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").env("HOME", "/nonexistent");
    nobody.env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_CONFIG_FILE", "/dev/null");
    nobody.env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    let nobody = ended(nobody).await.failure(7);
    assert_eq!(nobody["error"], "NoCredentials");
    assert!(text(&nobody["message"]).contains("--profile"), "{nobody}");
    assert_eq!(stack.tenantctl(&["--env", "production", "list"]).await.status, 2);
}

#[tokio::test]
async fn a_profile_comes_before_the_credentials_in_environment_variables() {
    let (stack, _together) = Stack::together().await;
    let file = std::env::temp_dir().join(format!("command-line-{}.config", new_tenant_id()));
    let process = format!(
        "credential_process = /bin/echo '{{\"Version\": 1, \"AccessKeyId\": \"{}\", \"SecretAccessKey\": \"local\"}}'",
        stack.account
    );
    std::fs::write(&file, format!("[profile operator]\nregion = {}\n{process}\n", stack.region)).unwrap();
    let mut command = stack.command(&["--profile", "operator", "list", "--output", "json"]);
    // Of prod: a stack of dev would not be found there.
    command.env("AWS_ACCESS_KEY_ID", "093646564004").env_remove("AWS_REGION").env_remove("AWS_DEFAULT_REGION");
    command.env("AWS_CONFIG_FILE", &file).env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    let listed = ended(command).await;
    std::fs::remove_file(&file).unwrap();
    assert_eq!(listed.json()["environment"], "dev");
}

#[tokio::test]
async fn in_prod_only_the_id_typed_at_a_terminal_removes_a_tenant() {
    let stack = Stack::of("prod").await;
    let tenant = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    for more in [&["--yes"][..], &[]] {
        let arguments = [&["deprovision", &tenant, "--output", "json"], &CHECKLIST[..], more].concat();
        let refused = stack.tenantctl(&arguments).await.failure(5);
        assert_eq!(refused["error"], "ConfirmationMismatch", "{refused}");
    }
    let executions = ["executions", "--machine", "deprovision-tenant", "--tenant", &tenant, "--output", "json"];
    assert_eq!(stack.tenantctl(&executions).await.json()["executions"], json!([]), "nothing was started");

    for (typed, status) in [("yes", 5), (tenant.as_str(), 0)] {
        let ended = at_a_terminal(stack, &tenant, typed);
        assert_eq!(ended.0, status, "{typed}: {}", ended.1);
        assert!(ended.1.contains("This is prod") && ended.1.contains(&tenant), "{}", ended.1);
    }
    assert_eq!(stack.tenantctl(&["describe", &tenant]).await.status, 3);
}

/// Deprovisions a tenant at a terminal, which `script` makes, and types this. Returns the exit status and what the
/// terminal shows.
fn at_a_terminal(stack: &Stack, tenant: &str, typed: &str) -> (i32, String) {
    let line = format!(
        "{} deprovision {tenant} --force-delete-secret --owner-notified --data-backup not-required --billing-finalized \
         --approved-by Ada",
        program().canonicalize().unwrap().display()
    );
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    script.env("TENANTCTL_ENV", stack.environment).env("AWS_ACCESS_KEY_ID", &stack.account);
    script.env("AWS_REGION", &stack.region).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut script = script.spawn().unwrap();
    let mut keyboard = script.stdin.take().unwrap();
    keyboard.write_all(format!("{typed}\n").as_bytes()).unwrap();
    keyboard.flush().unwrap();
    // The keyboard stays there until the end.
    let output = script.wait_with_output().unwrap();
    drop(keyboard);
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test]
async fn logs_are_shown_and_followed() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    let group = format!("/ecs/dev-{tenant}");
    let missing = stack.tenantctl(&["logs", &tenant, "--output", "json"]).await.failure(3);
    assert_eq!(missing["error"], "TenantNotFound");
    stack.logs.create_log_group().log_group_name(&group).send().await.unwrap();
    stack.logs.create_log_stream().log_group_name(&group).log_stream_name("a/b/c").send().await.unwrap();
    put(stack, &group, "the first line").await;
    let logs = stack.tenantctl(&["logs", &tenant]).await;
    assert!(logs.answer.trim_end().ends_with("the first line"), "{logs:#?}");
    let logs = stack.tenantctl(&["logs", &tenant, "--filter", "nothing", "--output", "json"]).await.json();
    assert_eq!(logs["events"], json!([]));

    let mut following = Killed(stack.command(&["logs", &tenant, "--follow"]).stdout(Stdio::piped()).spawn().unwrap());
    let lines = BufReader::new(following.0.stdout.take().unwrap()).lines();
    let (line, lines) = next(lines).await;
    assert!(line.ends_with("the first line"), "{line}");
    put(stack, &group, "the second line").await;
    let (line, _) = next(lines).await;
    assert!(line.ends_with("the second line"), "{line}");
    drop(following);
    stack.logs.delete_log_group().log_group_name(&group).send().await.unwrap();
}

#[tokio::test]
async fn whoever_watches_sees_what_others_start_and_how_it_ends() {
    let (stack, _together) = Stack::together().await;
    let mut watching = Killed(stack.command(&["watch", "--output", "json"]).stdout(Stdio::piped()).spawn().unwrap());
    let lines = BufReader::new(watching.0.stdout.take().unwrap()).lines();
    let seen = Arc::new(Mutex::new(String::new()));
    let writes = seen.clone();
    thread::spawn(move || lines.map_while(Result::ok).for_each(|line| *writes.lock().unwrap() += &(line + "\n")));
    let (start, mut tick) = (Instant::now(), interval(Duration::from_secs(1)));
    let mut ended = Vec::new();
    loop {
        // The first ones may end before the program looks for the first time.
        let audit = stack.run("audit-tenants", json!({})).await;
        ended.push(json!({"execution_arn": audit.arn, "status": "SUCCEEDED"}));
        let lines: Vec<Value> = seen.lock().unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let is = |line: &Value, end: &Value| ["execution_arn", "status"].iter().all(|name| line[name] == end[name]);
        if ended.iter().any(|end| lines.iter().any(|line| is(line, end))) {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(90), "{ended:?} {lines:?}");
        tick.tick().await;
    }
}

/// A program that is ended with its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// The next line of a program, which must come within a minute.
async fn next<L: Iterator<Item = std::io::Result<String>> + Send + 'static>(mut lines: L) -> (String, L) {
    let next = tokio::task::spawn_blocking(move || (lines.next().unwrap().unwrap(), lines));
    tokio::time::timeout(Duration::from_secs(60), next).await.unwrap().unwrap()
}

async fn put(stack: &Stack, group: &str, message: &str) {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let event = InputLogEvent::builder().timestamp(now).message(message).build().unwrap();
    let put = stack.logs.put_log_events().log_group_name(group).log_stream_name("a/b/c").log_events(event);
    put.send().await.unwrap();
}

#[tokio::test]
async fn what_is_left_and_what_a_tenant_would_be_made_of_is_told() {
    let (stack, _together) = Stack::together().await;
    let capacity = stack.tenantctl(&["capacity", "--output", "json"]).await.json();
    let rooms = capacity["rooms"].as_array().unwrap();
    for of in ["listener_rules", "target_groups", "access_points"] {
        let room = rooms.iter().find(|room| room["of"] == of && room["where"] == "all").unwrap();
        assert_eq!(
            room["left"].as_u64().unwrap() + room["used"].as_u64().unwrap(),
            room["limit"].as_u64().unwrap(),
            "{room}"
        );
        assert!(capacity["tenants_left"].as_u64() <= room["left"].as_u64());
    }
    let resolved = stack.tenantctl(&["resolve", "--output", "json"]).await.json();
    assert_eq!(resolved["environment"]["account"], json!(stack.account));
    let audit = stack.tenantctl(&["audit", "--output", "json"]).await.json();
    assert!(audit["total"].is_u64() && audit["statuses"].is_object(), "{audit}");
}
