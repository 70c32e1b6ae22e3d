//! The shell around every function: read the input, run the step, answer or fail under a known name.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use lambda_runtime::tracing::subscriber::filter::LevelFilter;
use lambda_runtime::tracing::subscriber::fmt;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::{Instrument, error, info};

use super::input;
use super::invocation::Invocation;
use super::metrics;
use super::settings::Settings;
use crate::error::{Error, Result};

/// What a function answers to a payload.
type Answering<'a> = Pin<Box<dyn Future<Output = Result<Value>> + 'a>>;

/// Until the Runtime API cannot be reached any more.
type Serving<'a> = Pin<Box<dyn Future<Output = Result<(), lambda_runtime::Error>> + 'a>>;

/// Serves invocations with `step` until Lambda ends the process, or `step` panics.
///
/// An input that cannot be read is answered with `InvalidRequest` before `step` runs. Every invocation
/// logs one line with its outcome, as JSON when the function's log format says so; an error is also a metric.
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

/// The shell itself. It knows no types of a step and is no `async fn`, whose body each function would compile: so it is
/// compiled once, which halves the time that a function takes.
fn serve<'a>(answer: &'a (dyn Fn(Value) -> Answering<'a> + 'a)) -> Serving<'a> {
    start_logging();
    end_on_panic();
    Box::pin(lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let invocation = Invocation::of(&event.payload, &event.context.request_id);
        let span = invocation.span();
        async {
            let started = Instant::now();
            let outcome = answer(event.payload).await;
            let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            match &outcome {
                Ok(_) => info!(duration_ms, "done"),
                Err(error) => {
                    error!(duration_ms, error = error.kind().name(), "{}", error.chain());
                    metrics::step_error(&invocation, error.kind()).write();
                }
            }
            outcome
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
    let input = input::parse(payload)?;
    let answer = step(settings, input).await?;
    serde_json::to_value(answer).map_err(|error| Error::internal("writing the answer").with_source(error))
}

/// Writes the log as the function's logging configuration says: Lambda puts it into these variables.
///
/// lambda_runtime's own subscriber takes filters of regular expressions as well, and these are a good part of a
/// function's size.
fn start_logging() {
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().and_then(|level| level.parse().ok());
    let log = fmt().with_target(false).without_time().with_max_level(level.unwrap_or(LevelFilter::INFO));
    let is_json = std::env::var("AWS_LAMBDA_LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json"));
    if is_json { log.json().init() } else { log.init() }
}

/// Has a panic end the process: nothing can unwind, as functions are linked without the tables for it
/// (functions/build.rs).
///
/// Lambda reports `Runtime.ExitError` and starts the process anew; the state machines try again, and roll back in the
/// end. The log says where it was and not what: a panic's message may quote any value.
fn end_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        error!(at, "panicked");
        std::process::abort();
    }));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic, clippy::unwrap_used, reason = "a test ends by panicking")]

    use std::process::Command;

    use super::*;

    #[test]
    #[ignore = "ends the process: the next test runs it in one of its own"]
    fn panics() {
        start_logging();
        end_on_panic();
        panic!("the password is hunter2");
    }

    #[test]
    fn a_panic_ends_the_process_and_the_log_says_where_and_not_what() {
        let mut other = Command::new(std::env::current_exe().unwrap());
        other.args(["--exact", "runtime::lambda::tests::panics", "--ignored", "--nocapture"]);
        let ended = other.output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        assert!(ended.status.code().is_none(), "{ended:?}");
        assert!(said.contains("panicked at=\"shared/src/runtime/lambda.rs:") && !said.contains("hunter2"), "{said}");
    }
}
