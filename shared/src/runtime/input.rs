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
        let has_the_name = path == "." || reason.starts_with("unknown field");
        let reason = plain(&reason);
        invalid(if has_the_name { reason } else { format!("{path}: {reason}") })
    })
}

/// A reason of serde's in words that a person knows. A reason of this project's types is returned as it is.
fn plain(reason: &str) -> String {
    if let Some((found, expected)) = wrong_kind(reason) {
        return format!("{found} is not allowed: allowed is {}", allowed(expected));
    }
    match reason.strip_prefix("unknown variant `").and_then(|rest| rest.split_once("`, expected ")) {
        Some((found, expected)) => format!("{found:?} is not allowed: allowed is {expected}"),
        None => reason.replacen("`, expected ", "`: allowed is ", 1),
    }
}

/// What serde found, and what it expected.
fn wrong_kind(reason: &str) -> Option<(String, &str)> {
    let rest = reason.strip_prefix("invalid type: ").or_else(|| reason.strip_prefix("invalid value: "))?;
    let (found, expected) = rest.rsplit_once(", expected ")?;
    let found = match found {
        "map" => "an object",
        "sequence" => "a list",
        // The value in backticks or quotation marks, without serde's word for its type.
        other => ["integer ", "floating point ", "boolean ", "string "]
            .iter()
            .find_map(|kind| other.strip_prefix(kind))
            .unwrap_or(other),
    };
    Some((found.trim_matches('`').to_owned(), expected))
}

/// serde's word for what is allowed, as people call it.
fn allowed(expected: &str) -> String {
    match expected {
        "a string" | "string or map" => "a text".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a JSON object".to_owned(),
        _ if expected.starts_with("struct ") => "a JSON object".to_owned(),
        "i64" | "u64" | "u32" | "u16" | "i32" | "usize" => "a whole number".to_owned(),
        other => other.to_owned(),
    }
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
        assert_eq!(message(json!({"tenant_id": 5})), "tenant_id: 5 is not allowed: allowed is a text");
        assert_eq!(
            message(json!({"tenant": "123456789012"})),
            "unknown field `tenant`: allowed is `tenant_id` or `desired_count`"
        );
        assert_eq!(message(json!({})), "missing field `tenant_id`");
    }

    #[test]
    fn the_words_are_ours_and_not_those_of_the_parser() {
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "lowercase")]
        enum Action {
            Create,
            Drop,
        }
        #[derive(Debug, Deserialize)]
        #[allow(dead_code)]
        struct Other {
            action: Option<Action>,
            is_forced: Option<bool>,
            days: Option<u32>,
            ids: Option<Vec<String>>,
            nested: Option<Request>,
        }
        for (input, told) in [
            (json!({"action": 5}), "action: 5 is not allowed: allowed is a text"),
            (json!({"action": "make"}), "action: \"make\" is not allowed: allowed is `create` or `drop`"),
            (json!({"is_forced": "yes"}), "is_forced: \"yes\" is not allowed: allowed is true or false"),
            (json!({"days": -1}), "days: -1 is not allowed: allowed is a whole number"),
            (json!({"days": 1.5}), "days: 1.5 is not allowed: allowed is a whole number"),
            (json!({"ids": {}}), "ids: an object is not allowed: allowed is a list"),
            (json!({"ids": "x, expected y"}), "ids: \"x, expected y\" is not allowed: allowed is a list"),
            (json!({"nested": 1}), "nested: 1 is not allowed: allowed is a JSON object"),
            (json!({"nested": {}}), "nested: missing field `tenant_id`"),
        ] {
            assert_eq!(parse::<Other>(input).unwrap_err().chain(), told);
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for input in [json!(null), json!("123456789012"), json!(["123456789012"]), json!(1), json!(true)] {
            assert!(message(input).contains("allowed is a JSON object"));
        }
    }
}
