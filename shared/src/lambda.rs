//! The shell around every function: read the input, run the step, answer or fail under a known name.

use std::future::Future;

use lambda_runtime::{LambdaEvent, service_fn, tracing::init_default_subscriber};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::{Instrument, error, info, info_span};

use crate::error::Result;
use crate::input;
use crate::settings::Settings;

/// Serves invocations with `step` until Lambda ends the process.
///
/// An input that cannot be read is answered with `InvalidRequest` before `step` runs. Every invocation
/// logs one line with its outcome, as JSON when the function's log format says so.
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
    init_default_subscriber();
    let step = &step;
    lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async move {
        let span = span(&event.payload);
        async {
            let outcome = answer(step, event.payload).await;
            match &outcome {
                Ok(_) => info!("done"),
                Err(error) => error!(error = error.kind().name(), "{}", error.chain()),
            }
            outcome
        }
        .instrument(span)
        .await
    }))
    .await
}

async fn answer<In, Out, Step, Running>(step: &Step, payload: Value) -> Result<Out>
where
    In: DeserializeOwned,
    Step: Fn(Settings, In) -> Running,
    Running: Future<Output = Result<Out>>,
{
    let settings = Settings::from_process()?;
    let input = input::parse(payload)?;
    // Boxed: the compiler gives up on the layout of futures that nest as deeply as the SDK's under this shell.
    Box::pin(step(settings, input)).await
}

/// The fields that every log line of an invocation bears.
fn span(payload: &Value) -> tracing::Span {
    let text = |name: &str| payload.get(name).and_then(Value::as_str).unwrap_or_default();
    info_span!(
        "step",
        step = std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default(),
        environment = std::env::var("ENVIRONMENT").unwrap_or_default(),
        tenant_id = text("tenant_id"),
        execution = text("owner"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_span_takes_any_payload() {
        for payload in [json!(null), json!([]), json!({"tenant_id": 5}), json!({"tenant_id": "123456789012"})] {
            let _ = span(&payload);
        }
    }
}
