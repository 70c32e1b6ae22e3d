//! A JSON value as lines of name and value, for people.

use serde_json::{Map, Value};
use unicode_width::UnicodeWidthStr;

use crate::time;

/// Formats a value as lines of name and value, under a title.
pub fn lines(title: &str, value: &Value) -> String {
    let mut rows = Vec::new();
    flatten("", value, &mut rows);
    let width = rows.iter().map(|(name, _)| name.width()).max().unwrap_or_default();
    let lines: String = rows
        .iter()
        .map(|(name, value)| format!("  {name}{}  {value}\n", " ".repeat(width.saturating_sub(name.width()))))
        .collect();
    format!("{title}\n{}", lines.trim_end())
}

/// A value as one text. Times are local.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => time::localized(text),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        _ => value.to_string(),
    }
}

fn flatten(name: &str, value: &Value, rows: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => of_an_object(name, fields, rows),
        Value::Array(items) if !items.is_empty() => {
            for (number, item) in items.iter().enumerate() {
                flatten(if number == 0 { name } else { "" }, item, rows);
            }
        }
        Value::String(text) => rows.push((name.to_owned(), time::localized(text))),
        _ => rows.push((name.to_owned(), value.to_string())),
    }
}

fn of_an_object(name: &str, fields: &Map<String, Value>, rows: &mut Vec<(String, String)>) {
    for (field, value) in fields {
        let name = if name.is_empty() { field.clone() } else { format!("{name}.{field}") };
        flatten(&name, value, rows);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_are_aligned_and_name_nested_fields() {
        let shown = lines("Tenant", &json!({"removed": ["a", "b"], "secret": {"arn": "arn:x"}, "url": "https://x"}));
        assert_eq!(shown, "Tenant\n  removed     a\n              b\n  secret.arn  arn:x\n  url         https://x");
    }

    #[test]
    fn a_list_is_one_text() {
        assert_eq!(text(&json!(["service", "secret"])), "service, secret");
        assert_eq!(text(&json!(null)), "");
    }
}
