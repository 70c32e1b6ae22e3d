//! `describe`: describe-tenant.

use serde_json::{Map, Value, json};

use super::Operator;
use crate::arguments::Tenant;
use crate::failure::Result;
use crate::fields;

/// What a person wants to know first, where it is there.
const FIRST: [&str; 9] =
    ["status", "probable_cause", "lacks", "repair", "url", "admin_url", "title", "signup_id", "environment"];

impl Operator<'_> {
    pub(super) async fn describe(&mut self, tenant: &Tenant) -> Result<()> {
        let id = &tenant.tenant_id;
        let input = json!({"tenant_id": id, "environment": self.environment.name});
        let described = self.environment.call("describe-tenant", &input).await?;
        self.screen.answer(&described, || shown(id, &described));
        Ok(())
    }
}

/// The short facts, and then a paragraph for each resource.
fn shown(id: &str, described: &Value) -> String {
    let Some(all) = described.as_object() else { return described.to_string() };
    let is_first = |name: &str| FIRST.contains(&name);
    let mut facts: Map<String, Value> = Map::new();
    for name in FIRST {
        facts.extend(all.get(name).filter(|value| **value != json!([])).map(|value| (name.to_owned(), value.clone())));
    }
    let rest = all.iter().filter(|(name, _)| !is_first(name) && *name != "tenant_id");
    let (paragraphs, more): (Vec<_>, Vec<_>) = rest.partition(|(_, value)| value.is_object() || value.is_array());
    facts.extend(more.into_iter().map(|(name, value)| (name.clone(), value.clone())));
    let paragraphs = paragraphs.into_iter().filter(|(_, value)| **value != json!([]) && **value != json!({}));
    let paragraphs = paragraphs.map(|(name, value)| fields::lines(&name.replace('_', " "), value));
    [fields::lines(&format!("Tenant {id}"), &Value::Object(facts))]
        .into_iter()
        .chain(paragraphs)
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_comes_first_and_fields_that_are_not_known_are_shown_too() {
        let described = json!({"environment": "dev", "lacks": [], "service": {"running_count": 1}, "status": "active",
                               "stopped_tasks": [], "tenant_id": "1", "something_new": "x"});
        let shown = shown("1", &described);
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines[0], "Tenant 1");
        assert!(
            shown.contains("active")
                && shown.contains("something_new")
                && shown.contains("\nservice\n  running_count  1")
        );
        assert!(!shown.contains("lacks") && !shown.contains("stopped"), "{shown}");
    }
}
