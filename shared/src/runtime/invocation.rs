//! What an invocation works on. These fields are in each of its log lines and metrics, so that everything about one
//! tenant, execution or request can be found.

use serde_json::Value;
use tracing::{Span, error_span};

/// Maximum length of a logged value; the ARN of an execution fits. Anybody may have written the input, and each line
/// repeats these values.
const LONGEST: usize = 256;

/// One invocation of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invocation {
    /// The function's name without the environment, which is the name of the step.
    pub step: String,
    /// The environment that the function is deployed to.
    pub environment: String,
    /// The tenant in the input, even if it is not a valid id; empty when there is none.
    pub tenant_id: String,
    /// The ARN of the execution in the input; empty when there is none.
    pub execution: String,
    /// Lambda's id for the invocation.
    pub request_id: String,
}

impl Invocation {
    /// The invocation of this process's function with this input.
    pub fn of(payload: &Value, request_id: &str) -> Self {
        let variable = |name: &str| std::env::var(name).unwrap_or_default();
        Self::new(&variable("AWS_LAMBDA_FUNCTION_NAME"), &variable("ENVIRONMENT"), payload, request_id)
    }

    fn new(function: &str, environment: &str, payload: &Value, request_id: &str) -> Self {
        // In some inputs, the request of a person is a nested object.
        let text = |name: &str| {
            let found = payload.get(name).or_else(|| payload.get("request")?.get(name));
            found.and_then(Value::as_str).unwrap_or_default().chars().take(LONGEST).collect::<String>()
        };
        let step = function.strip_prefix(environment).and_then(|rest| rest.strip_prefix('-')).unwrap_or(function);
        let (owner, execution) = (text("owner"), text("execution"));
        Self {
            step: step.to_owned(),
            environment: environment.to_owned(),
            tenant_id: text("tenant_id"),
            execution: if owner.is_empty() { execution } else { owner },
            request_id: request_id.to_owned(),
        }
    }

    /// A span that adds these fields to each log line.
    pub fn span(&self) -> Span {
        let Self { step, environment, tenant_id, execution, request_id } = self;
        // The span has the highest level, so that it is present at every log level.
        error_span!("step", step, environment, tenant_id, execution, request_id)
    }
}

#[cfg(test)]
mod tests {
    use lambda_runtime::tracing::subscriber::filter::LevelFilter;
    use lambda_runtime::tracing::subscriber::fmt;
    use serde_json::json;

    use super::*;

    fn of(payload: &Value) -> Invocation {
        Invocation::new("dev-create-secret", "dev", payload, "request-1")
    }

    #[test]
    fn the_step_the_environment_the_tenant_the_execution_and_the_request_are_known() {
        let expected = Invocation {
            step: "create-secret".to_owned(),
            environment: "dev".to_owned(),
            tenant_id: "123456789012".to_owned(),
            execution: "arn:aws:states:1".to_owned(),
            request_id: "request-1".to_owned(),
        };
        assert_eq!(of(&json!({"tenant_id": "123456789012", "owner": "arn:aws:states:1", "image": "x"})), expected);
        assert_eq!(of(&json!({"execution": "arn:aws:states:1", "request": {"tenant_id": "123456789012"}})), expected);
        assert_eq!(Invocation::new("other", "dev", &json!({}), "").step, "other");
    }

    #[test]
    fn nothing_else_of_the_input_is_kept() {
        let kept = format!("{:?}", of(&json!({"tenant_id": "123456789012", "password": "hunter2", "note": "hunter2"})));
        assert!(!kept.contains("hunter2"), "{kept}");
    }

    #[test]
    fn any_payload_is_accepted_and_every_value_is_bounded() {
        for payload in [json!(null), json!([]), json!({"tenant_id": 5, "request": []}), json!("text")] {
            assert_eq!(of(&payload).tenant_id, "");
        }
        assert_eq!(of(&json!({"tenant_id": "é".repeat(100_000)})).tenant_id.chars().count(), LONGEST);
    }

    #[test]
    fn an_errors_line_has_the_span_also_where_nothing_else_is_logged() {
        let log = fmt().with_max_level(LevelFilter::ERROR).finish();
        tracing::subscriber::with_default(log, || assert!(!of(&json!({})).span().is_disabled()));
    }
}
