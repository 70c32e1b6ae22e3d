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

/// The answer of a function to a payload.
type Answering<'a> = Pin<Box<dyn Future<Output = Result<Value>> + 'a>>;

/// Runs until the Lambda Runtime API can no longer be reached.
type Serving<'a> = Pin<Box<dyn Future<Output = Result<(), lambda_runtime::Error>> + 'a>>;

/// Serves invocations with `step` until Lambda ends the process.
///
/// An input that cannot be parsed is answered with `InvalidRequest` before `step` runs. A panic of `step` is answered
/// with `Internal`. Every invocation logs one line with its outcome, as JSON when the function's log format says so. An
/// error is also counted by a metric.
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

/// Writes the log as the function's logging configuration says. Lambda passes that in environment variables.
///
/// There are no levels below `DEBUG`: see `tracing` in the workspace's Cargo.toml.
fn start_logging() {
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().and_then(|level| level.parse().ok());
    let log = fmt().with_target(false).without_time().with_max_level(level.unwrap_or(LevelFilter::INFO));
    let is_json = std::env::var("AWS_LAMBDA_LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json"));
    if is_json { log.json().init() } else { log.init() }
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
    fn after_a_panic_log_and_answer_say_where_it_was_and_not_what_it_said() {
        let mut other = Command::new(std::env::current_exe().unwrap());
        other.args(["--exact", "runtime::lambda::tests::panics", "--ignored", "--nocapture"]);
        let ended = other.output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        assert!(ended.status.success(), "{said}");
        assert!(said.contains("panicked at=\"shared/src/runtime/lambda.rs:"), "{said}");
        assert!(said.contains("Internal: the function panicked at shared/src/runtime/lambda.rs:"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}
