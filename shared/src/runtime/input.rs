//! Parses JSON that a person or another system wrote. An error names the wrong field.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};

/// Parses an input.
///
/// # Errors
/// `InvalidRequest` with the field's path, its value and what is allowed.
pub fn parse<T: DeserializeOwned>(input: Value) -> Result<T> {
    if !input.is_object() {
        return Err(invalid(format!("the input is {}: allowed is a JSON object", kind(&input))));
    }
    serde_path_to_error::deserialize(input).map_err(|error| {
        let path = error.path().to_string();
        let reason = error.into_inner().to_string();
        // Errors about the object itself (a missing or unknown field) already contain the field's name.
        invalid(if path == "." || reason.starts_with("unknown field") { reason } else { format!("{path}: {reason}") })
    })
}

/// An `InvalidRequest` with this message.
pub fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidRequest, message)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::{DesiredCount, TenantId};

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Request {
        #[allow(dead_code)]
        tenant_id: TenantId,
        #[allow(dead_code)]
        desired_count: Option<DesiredCount>,
    }

    fn message(input: Value) -> String {
        let error = parse::<Request>(input).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        error.chain()
    }

    #[test]
    fn errors_name_the_field_the_value_and_what_is_allowed() {
        assert_eq!(
            message(json!({"tenant_id": "12"})),
            r#"tenant_id: "12" is not a tenant id: allowed are exactly 12 digits, as in "123456789012""#
        );
        assert_eq!(
            message(json!({"tenant_id": "123456789012", "desired_count": -1})),
            "desired_count: -1 is not a desired count: allowed is a whole number from 1 to 50"
        );
        assert_eq!(message(json!({"tenant_id": 5})), "tenant_id: invalid type: integer `5`, expected a string");
        assert_eq!(
            message(json!({"tenant": "123456789012"})),
            "unknown field `tenant`, expected `tenant_id` or `desired_count`"
        );
        assert_eq!(message(json!({})), "missing field `tenant_id`");
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for input in [json!(null), json!("123456789012"), json!(["123456789012"]), json!(1), json!(true)] {
            assert!(message(input).contains("allowed is a JSON object"));
        }
    }
}
