//! `provision`: starts provision-tenant.

use std::fs;
use std::io::read_to_string;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Operator, object, text};
use crate::arguments::Provision;
use crate::failure::{Failure, Result};

impl Operator<'_> {
    pub(super) async fn provision(&mut self, options: &Provision) -> Result<()> {
        let input = input(self.environment.name.as_str(), options)?;
        let label = ["tenant_id", "signup_id"].into_iter().map(|field| text(&input, field)).find(|id| !id.is_empty());
        let label = label.unwrap_or("provision").to_owned();
        self.execute("provision-tenant", &label, &input, &options.waiting, |outcome| {
            format!(
                "Tenant {} is provisioned, in {:.0} s",
                text(&outcome.output, "tenant_id"),
                outcome.took.as_secs_f64()
            )
        })
        .await
    }
}

/// The input of provision-tenant: the file's fields, and those of the options.
fn input(environment: &str, options: &Provision) -> Result<Value> {
    let Provision { tenant_id, signup_id, image, cpu, memory, desired_count, .. } = options;
    let Provision { title, admin_user, admin_email, locale, variables, .. } = options;
    let mut input = options.input.as_deref().map_or_else(|| Ok(json!({})), read)?;
    let fields = object([
        ("tenant_id", json!(tenant_id)),
        ("signup_id", json!(signup_id)),
        ("image", json!(image)),
        ("cpu", json!(cpu)),
        ("memory", json!(memory)),
        ("desired_count", json!(desired_count)),
    ]);
    add(&mut input, fields);
    // The guard, unless the file has one: then it must be right, too.
    if input.get("environment").is_none() {
        input["environment"] = json!(environment);
    }
    let site = object([
        ("title", json!(title)),
        ("admin_user", json!(admin_user)),
        ("admin_email", json!(admin_email)),
        ("locale", json!(locale)),
    ]);
    add_below(&mut input, "site", site);
    let variables: Value =
        variables.iter().map(|(name, value)| (name.clone(), json!(value))).collect::<Map<_, _>>().into();
    add_below(&mut input, "environment_variables", variables);
    Ok(input)
}

fn add(to: &mut Value, fields: Value) {
    if let (Value::Object(to), Value::Object(fields)) = (to, fields) {
        to.extend(fields);
    }
}

fn add_below(input: &mut Value, field: &str, fields: Value) {
    if fields.as_object().is_none_or(Map::is_empty) {
        return;
    }
    match input.get_mut(field) {
        Some(there) if there.is_object() => add(there, fields),
        _ => input[field] = fields,
    }
}

fn read(file: &Path) -> Result<Value> {
    let wrong = |reason: String| Failure::new("InvalidCommand", format!("--input {}: {reason}", file.display()));
    let read = if file == Path::new("-") { read_to_string(std::io::stdin()) } else { fs::read_to_string(file) };
    let read = read.map_err(|error| wrong(error.to_string()))?;
    let input: Value = serde_json::from_str(&read).map_err(|error| wrong(format!("no JSON: {error}")))?;
    if !input.is_object() {
        return Err(wrong("a JSON object is needed, as in events/provision-tenant.json".to_owned()));
    }
    Ok(input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::{Cli, Command};

    fn typed(words: &[&str]) -> Result<Value> {
        let cli = Cli::of_words(&[&["--env", "dev", "provision"], words].concat()).unwrap();
        let Command::Provision(options) = cli.command else { panic!("{:?}", cli.command) };
        input("dev", &options)
    }

    #[test]
    fn nothing_but_the_environment_is_the_guard_and_the_stacks_defaults() {
        assert_eq!(typed(&[]).unwrap(), json!({"environment": "dev"}));
    }

    #[test]
    fn options_become_the_fields_of_the_input() {
        let input = typed(&["--cpu", "512", "--title", "Flower shop", "--variable", "TZ=UTC", "--variable", "A=b=c"]);
        assert_eq!(
            input.unwrap(),
            json!({"environment": "dev", "cpu": 512, "site": {"title": "Flower shop"},
                   "environment_variables": {"TZ": "UTC", "A": "b=c"}})
        );
    }

    #[test]
    fn options_come_before_the_fields_of_a_file_whose_guard_stays() {
        let file = std::env::temp_dir().join(format!("tenantctl-input-{}.json", std::process::id()));
        fs::write(&file, r#"{"environment": "sit", "cpu": 256, "site": {"title": "a", "locale": "ja"}, "x": 1}"#)
            .unwrap();
        let input = typed(&["--input", file.to_str().unwrap(), "--cpu", "512", "--title", "b"]);
        fs::remove_file(&file).unwrap();
        assert_eq!(
            input.unwrap(),
            json!({"environment": "sit", "cpu": 512, "site": {"title": "b", "locale": "ja"}, "x": 1})
        );
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let failure = typed(&["--input", "no/such/file.json"]).unwrap_err();
        assert_eq!(failure.error, "InvalidCommand");
        assert!(failure.message.contains("no/such/file.json"), "{failure}");
    }
}
