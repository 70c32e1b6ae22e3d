//! The code around every function: reads the input, runs the step, and returns its answer or a known error.

use std::cell::Cell;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::Instant;

use futures_util::FutureExt;
use lambda_runtime::tracing::subscriber::filter::LevelFilter;
use lambda_runtime::tracing::subscriber::fmt;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::{Instrument, error, info};

use super::aws;
use super::input;
use super::invocation::Invocation;
use super::metrics;
use super::settings::Settings;
use crate::error::{Error, Result};

/// Maximum size of an answer in bytes. Step Functions takes 262,144 bytes, and writes an answer beside some values of its
/// own. Source: "Step Functions service quotas" in its developer guide.
const LONGEST_ANSWER: usize = 250_000;

/// The answer of a function to a payload.
type Answering<'a> = Pin<Box<dyn Future<Output = Result<Value>> + 'a>>;

/// Runs until the Lambda Runtime API can no longer be reached.
type Serving<'a> = Pin<Box<dyn Future<Output = Result<(), lambda_runtime::Error>> + 'a>>;

/// Serves invocations with `step` until Lambda ends the process.
///
/// An input that cannot be parsed is answered with `InvalidRequest` before `step` runs. A panic of `step` is answered
/// with `Internal`. Every invocation logs one line with its outcome, as JSON when the function's log format says so. An
/// error is also counted by a metric. An answer that is too long for Step Functions is an `Internal` error.
///
/// # Errors
/// When the Lambda Runtime API cannot be reached.
pub async fn run<In, Out, Step, Running>(step: Step) -> Result<(), lambda_runtime::Error>
where
    In: DeserializeOwned,
    Out: Serialize,
    Step: Fn(Settings, In) -> Running,
    Running: Future<Output = Result<Out>>,
{
    let step = &step;
    serve(&|payload| Box::pin(async move { bounded(answer(step, payload).await?) })).await
}

/// As [`run`], for a function that no state machine calls: its answer may be as long as Lambda allows, 6 MB.
///
/// # Errors
/// When the Lambda Runtime API cannot be reached.
pub async fn run_at_length<In, Out, Step, Running>(step: Step) -> Result<(), lambda_runtime::Error>
where
    In: DeserializeOwned,
    Out: Serialize,
    Step: Fn(Settings, In) -> Running,
    Running: Future<Output = Result<Out>>,
{
    let step = &step;
    serve(&|payload| Box::pin(answer(step, payload))).await
}

/// Serves invocations. This is neither generic over a step's types nor an `async fn`, because each function would then
/// compile it again. Compiled once, it halves the time to build a function.
fn serve<'a>(answer: &'a (dyn Fn(Value) -> Answering<'a> + 'a)) -> Serving<'a> {
    start_logging();
    log_panics_without_their_message();
    Box::pin(lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let invocation = Invocation::of(&event.payload, &event.context.request_id);
        let span = invocation.span();
        async {
            let started = Instant::now();
            let outcome = without_panic(answer(event.payload)).await;
            let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            match &outcome {
                Ok(_) => info!(duration_ms, "done"),
                Err(error) => {
                    error!(duration_ms, error = error.kind().name(), "{}", error.chain());
                    metrics::step_error(&invocation, error.kind()).write();
                }
            }
            // lambda_runtime logs the error's `Debug` text, and that of an error with a source may quote an answer of
            // AWS.
            outcome.map_err(Diagnostic::from)
        }
        .instrument(span)
        .await
    })))
}

async fn answer<In, Out, Step, Running>(step: &Step, payload: Value) -> Result<Value>
where
    In: DeserializeOwned,
    Out: Serialize,
    Step: Fn(Settings, In) -> Running,
    Running: Future<Output = Result<Out>>,
{
    let settings = Settings::from_process()?;
    aws::refuse_a_real_account_in_sam_local(&settings)?;
    let input = input::parse(payload)?;
    let answer = step(settings, input).await?;
    serde_json::to_value(answer).map_err(|error| Error::internal("writing the answer").with_source(error))
}

/// Refuses an answer that Step Functions would refuse. Its own error for that, `States.DataLimitExceeded`, may end the
/// execution without a rollback, while a function's error is caught.
fn bounded(answer: Value) -> Result<Value> {
    let bytes = answer.to_string().len();
    if bytes <= LONGEST_ANSWER {
        return Ok(answer);
    }
    Err(Error::internal(format!(
        "the answer has {bytes} bytes, and Step Functions takes {LONGEST_ANSWER}: ask for less at once, or report a bug"
    )))
}

/// Writes the log as the function's logging configuration says. Lambda passes that in environment variables.
///
/// Lambda takes a line in JSON for `INFO` unless it has both a `level` and a `timestamp`. Lambda adds the time to a line
/// of text by itself. Source: "Log-level filtering" in the developer guide of Lambda.
///
/// There are no levels below `DEBUG`: see `tracing` in the workspace's Cargo.toml.
fn start_logging() {
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().and_then(|level| level.parse().ok());
    let log = fmt().with_target(false).with_max_level(level.unwrap_or(LevelFilter::INFO));
    let is_json = std::env::var("AWS_LAMBDA_LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json"));
    if is_json { log.json().init() } else { log.without_time().init() }
}

thread_local! {
    /// Where in the code the last panic was.
    static PANICKED_AT: Cell<String> = const { Cell::new(String::new()) };
}

/// Logs where a panic was, without its message, which may quote any value.
fn log_panics_without_their_message() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        error!(at, "panicked");
        PANICKED_AT.set(at);
    }));
}

/// Turns a panic into an `Internal` error. lambda_runtime would write the panic's message into its answer and its log.
async fn without_panic(answer: Answering<'_>) -> Result<Value> {
    AssertUnwindSafe(answer)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(Error::internal(format!("the function panicked at {}", PANICKED_AT.take()))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, clippy::unwrap_used, reason = "a test ends by panicking")]

    use std::process::Command;

    use aws_smithy_types::date_time::{DateTime, Format};

    use super::*;

    #[tokio::test]
    #[ignore = "changes the process's panic hook: the next test runs it in a process of its own"]
    async fn panics() {
        start_logging();
        log_panics_without_their_message();
        let answer = without_panic(Box::pin(async { panic!("the password is hunter2") })).await;
        let Diagnostic { error_type, error_message } = answer.unwrap_err().into();
        println!("{error_type}: {error_message}");
    }

    #[test]
    fn an_answer_that_step_functions_would_refuse_is_an_error_that_is_caught() {
        let answer = |length| bounded(Value::from("x".repeat(length)));
        assert!(answer(LONGEST_ANSWER - 2).is_ok());
        let error = answer(LONGEST_ANSWER - 1).unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Internal);
        assert!(error.chain().contains("250001 bytes"), "{}", error.chain());
    }

    /// What a process writes that panics, with its log in this format.
    fn written_in_a_panic(format: &str) -> String {
        let mut other = Command::new(std::env::current_exe().unwrap());
        other.args(["--exact", "runtime::lambda::tests::panics", "--ignored", "--nocapture"]);
        let ended = other.env("AWS_LAMBDA_LOG_FORMAT", format).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        assert!(ended.status.success(), "{said}");
        said
    }

    #[test]
    fn a_line_in_json_has_a_level_and_a_timestamp_so_that_lambda_knows_the_level() {
        let said = written_in_a_panic("JSON");
        let in_json = |line: &str| serde_json::from_str::<Value>(&line[line.find('{')?..]).ok();
        let line = said.lines().find_map(in_json).unwrap();
        assert_eq!((&line["level"], &line["fields"]["message"]), (&Value::from("ERROR"), &Value::from("panicked")));
        let timestamp = line["timestamp"].as_str().unwrap();
        let parsed = DateTime::from_str(timestamp, Format::DateTime);
        assert!(timestamp.ends_with('Z') && parsed.is_ok_and(|time| time.secs() > 1_700_000_000), "{timestamp}");
    }

    #[test]
    fn after_a_panic_log_and_answer_say_where_it_was_and_not_what_it_said() {
        let said = written_in_a_panic("Text");
        assert!(said.contains("panicked at=\"shared/src/runtime/lambda.rs:"), "{said}");
        assert!(said.contains("Internal: the function panicked at shared/src/runtime/lambda.rs:"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}
