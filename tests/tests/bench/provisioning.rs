//! Compares a provisioning with the runbook's commands and with the same calls in one script, at several delays per
//! call.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;
use tests::Stack;
use tests::proxy::{self, Span, Watch};
use tests::stack::{new_tenant_id, variable};

use crate::statistics::{median, runs, seconds};
use crate::{directory, plot};

/// The delays that are added to each call to AWS, in milliseconds.
const DELAYS: [u64; 3] = [0, 20, 100];

/// List prices in USD, eu-west-1, x86_64. Source: the price lists of Step Functions (standard) and Lambda.
const PER_TRANSITION: f64 = 0.025 / 1000.0;
const PER_GB_SECOND: f64 = 0.000_016_666_7;
const PER_REQUEST: f64 = 0.20 / 1_000_000.0;
const MEMORY_GB: f64 = 0.25;

#[derive(Default)]
struct Times {
    ours: Vec<Duration>,
    script: Vec<Duration>,
    commands: Vec<Duration>,
    /// The duration of a provisioning, divided by that of its slowest chain of calls.
    of_critical_path: Vec<f64>,
    critical_path: Vec<Duration>,
}

/// Prints a table and draws a plot.
pub(crate) async fn measure(stack: &'static Stack) {
    println!("\nA provisioning, from start to end, in seconds: medians of {} in turns\n", runs());
    let mut table =
        "| added to each call, ms | state machine | script (boto3) | runbook's commands (CLI) | faster than the \
                     commands | critical path | of the critical path |\n|--:|--:|--:|--:|--:|--:|--:|\n"
            .to_owned();
    let mut lines = [("state machine", Vec::new()), ("script (boto3)", Vec::new()), ("commands (CLI)", Vec::new())];
    cost(stack).await;
    for delay in DELAYS {
        let mut times = Times::default();
        // Run 0 warms up, and is not counted.
        for run in 0..=runs() {
            let one = Times::of_one(stack, Duration::from_millis(delay)).await;
            if run > 0 {
                times.extend(one);
            }
        }
        let [ours, script, commands] = [&times.ours, &times.script, &times.commands].map(|times| seconds(times));
        let (path, ratio) = (seconds(&times.critical_path), median(times.of_critical_path));
        writeln!(
            table,
            "| {delay} | {ours:.2} | {script:.2} | {commands:.2} | {:.1} x | {path:.2} | {ratio:.2} x |",
            commands / ours
        )
        .expect("a line");
        for ((_, points), time) in lines.iter_mut().zip([ours, script, commands]) {
            #[expect(clippy::cast_precision_loss, reason = "milliseconds")]
            points.push((delay as f64, time));
        }
    }
    println!("{table}");
    fs::write(directory().join("provisioning.md"), table).expect("a table");
    plot::lines(&directory().join("provisioning.svg"), "A provisioning, in seconds", "ms added to each call", &lines);
}

impl Times {
    fn extend(&mut self, other: Self) {
        self.ours.extend(other.ours);
        self.script.extend(other.script);
        self.commands.extend(other.commands);
        self.of_critical_path.extend(other.of_critical_path);
        self.critical_path.extend(other.critical_path);
    }

    /// Measures each variant once.
    async fn of_one(stack: &'static Stack, delay: Duration) -> Self {
        let mut times = Self::default();
        let (tenant, watch) = (new_tenant_id(), Watch::new(None));
        proxy::delay(delay);
        let execution = stack.start_watched(&watch, "provision-tenant", &json!({"tenant_id": tenant})).await;
        let outcome = stack.ended(&execution).await;
        proxy::delay(Duration::ZERO);
        let took = outcome.took;
        outcome.succeeded();
        let path = critical_path(&watch.spans());
        times.of_critical_path.push(took.as_secs_f64() / path.as_secs_f64());
        times.critical_path.push(path);
        times.ours.push(took);
        stack
            .run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true}))
            .await
            .succeeded();
        times.script.push(baseline(stack, delay, "python", &["provision.py"]));
        times.commands.push(baseline(stack, delay, "bash", &["runbook.sh"]));
        times
    }
}

/// How long one of the baselines takes. It must print the tenant's URL.
fn baseline(stack: &Stack, delay: Duration, program: &str, arguments: &[&str]) -> Duration {
    let tenant = new_tenant_id();
    let run = |arguments: &[&str]| {
        let venv = fs::canonicalize("../.local/bench/venv/bin").expect("a Python environment");
        let path = format!("{}:{}", venv.display(), variable("PATH"));
        let mut command = Command::new(program);
        command.args(arguments).args([tenant.as_str(), stack.environment]).current_dir("../local/bench");
        command.env("PATH", path).env("AWS_ENDPOINT_URL", variable("FUNCTIONS_AWS_ENDPOINT_URL"));
        let output = command.output().expect("a program");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    };
    proxy::delay(delay);
    let begin = Instant::now();
    let told = run(arguments);
    let took = begin.elapsed();
    proxy::delay(Duration::ZERO);
    assert!(told.contains(&tenant), "{told}");
    let removed = Command::new("../.local/bench/venv/bin/python")
        .args(["../local/bench/remove.py", tenant.as_str(), stack.environment])
        .status();
    assert!(removed.expect("python").success());
    took
}

/// The total duration of the slowest chain of calls in which each call began after the one before it had ended.
fn critical_path(spans: &[Span]) -> Duration {
    let mut path = Duration::ZERO;
    let mut next = spans.iter().max_by_key(|span| span.end);
    while let Some(span) = next {
        path += span.end - span.begin;
        next = spans.iter().filter(|earlier| earlier.end <= span.begin).max_by_key(|earlier| earlier.end);
    }
    path
}

/// What one provisioning costs at AWS.
async fn cost(stack: &Stack) {
    let tenant = new_tenant_id();
    let outcome = stack.run("provision-tenant", json!({"tenant_id": tenant})).await;
    let history = stack.history(&outcome.arn).await;
    outcome.succeeded();
    stack
        .run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true}))
        .await
        .succeeded();
    let of = |ending: &'static str| history.iter().filter(move |event| event.r#type().as_str().ends_with(ending));
    let [transitions, calls] = ["StateEntered", "TaskStateEntered"].map(|ending| of(ending).count());
    // Measured from the entry into the state, which is a little more than Lambda bills.
    let [entered, left] = ["TaskStateEntered", "TaskStateExited"]
        .map(|ending| of(ending).map(|event| event.timestamp().as_secs_f64()).sum::<f64>());
    let busy = left - entered;
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let [steps, requests] = [transitions, calls].map(|count| count as f64);
    let price = steps * PER_TRANSITION + busy * MEMORY_GB * PER_GB_SECOND + requests * PER_REQUEST;
    println!(
        "It takes {transitions} state transitions and {calls} calls of functions, {:.2} GB-seconds here: USD {price:.6}\n",
        busy * MEMORY_GB
    );
}
