//! What errors mean and what to do about them, from the table in docs/interfaces.md: a fact is written once.

use serde_json::{Value, json};

use crate::status;

const PAGE: &str = include_str!("../../docs/interfaces.md");

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The names that the row is for. A name that ends in `.…` stands for all that begin so.
    pub errors: Vec<String>,
    /// What the error means.
    pub meaning: String,
    /// What to do.
    pub remedy: String,
    /// Whether to start again.
    pub again: String,
}

impl Explanation {
    /// The explanation for a person.
    pub fn text(&self, error: &str) -> String {
        let Self { meaning, remedy, again, .. } = self;
        let status = status::of(error);
        format!(
            "{error}\n  meaning      {meaning}\n  what to do   {remedy}\n  start again  {again}\n  exit status  {status}"
        )
    }

    /// The explanation for a program.
    pub fn to_json(&self, error: &str) -> Value {
        let Self { meaning, remedy, again, .. } = self;
        json!({"error": error, "meaning": meaning, "what_to_do": remedy, "start_again": again, "exit_status": status::of(error)})
    }

    fn is_of(&self, error: &str) -> bool {
        self.errors.iter().any(|name| match name.strip_suffix('…') {
            Some(beginning) => error.starts_with(beginning),
            None => error == name,
        })
    }
}

/// What an error means; nothing for one that is not in the table.
pub fn of(error: &str) -> Option<Explanation> {
    all().into_iter().find(|explanation| explanation.is_of(error))
}

/// All rows of the table, and the errors of the command line itself.
pub fn all() -> Vec<Explanation> {
    let rows = PAGE.split("\n## Errors\n").nth(1).unwrap_or_default().lines().filter_map(row);
    let of_the_command = status::OF_THE_COMMAND.iter().map(|(name, _, meaning)| Explanation {
        errors: vec![(*name).to_owned()],
        meaning: sentence(meaning),
        remedy: remedy_of_the_command(name).to_owned(),
        again: "With the correction".to_owned(),
    });
    rows.chain(of_the_command).collect()
}

fn remedy_of_the_command(error: &str) -> &'static str {
    match error {
        "NoCredentials" => "Log in (aws sso login --profile NAME), and give --profile NAME or set AWS_PROFILE",
        "ExecutionNotFound" => "Look at the names: tenantctl executions",
        "NotConfirmed" => {
            "Answer the question, or give --yes where nobody can be asked. In prod, type the tenant's id at a terminal"
        }
        "StillRunning" | "Interrupted" => "Follow the execution (tenantctl watch NAME), or stop it as the message says",
        _ => "Correct the option that the message names",
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn row(line: &str) -> Option<Explanation> {
    let cells: Vec<_> = line.strip_prefix("| `")?.strip_suffix(" |")?.split(" | ").collect();
    let [names, meaning, remedy, again] = cells[..] else { return None };
    let errors = names.split(',').map(|name| name.trim().trim_matches('`').to_owned()).collect();
    Some(Explanation { errors, meaning: plain(meaning), remedy: plain(remedy), again: plain(again) })
}

/// The text without Markdown. Links lead from the root of the repository.
fn plain(markdown: &str) -> String {
    let mut text = String::new();
    let mut rest = markdown;
    while let Some((before, (label, target, after))) = link(rest) {
        let target = if target.starts_with('#') { format!("interfaces.md{target}") } else { target.to_owned() };
        text += &format!("{before}{label} (docs/{target})");
        rest = after;
    }
    (text + rest).replace('`', "")
}

/// The text before the first link; and the link's label and target, and the text after it.
fn link(text: &str) -> Option<(&str, (&str, &str, &str))> {
    let (before, rest) = text.split_once('[')?;
    let (label, rest) = rest.split_once("](")?;
    let (target, after) = rest.split_once(')')?;
    Some((before, (label, target, after)))
}

#[cfg(test)]
mod tests {
    use shared::ErrorKind;

    use super::*;

    #[test]
    fn every_error_is_explained() {
        for kind in ErrorKind::ALL {
            let explanation = of(kind.name()).unwrap_or_else(|| panic!("{kind} is not explained"));
            assert!(!explanation.meaning.is_empty() && !explanation.remedy.is_empty(), "{explanation:?}");
        }
        for (name, ..) in status::OF_THE_COMMAND {
            assert!(of(name).is_some(), "{name} is not explained");
        }
    }

    #[test]
    fn errors_of_aws_are_explained_by_their_prefix() {
        assert!(of("States.Timeout").is_some());
        assert!(of("Lambda.ServiceException").is_some());
        assert_eq!(of("Lambda.ServiceException"), of("ECS.AmazonECSException"));
        assert_eq!(of("NoSuchError"), None);
    }

    #[test]
    fn links_say_where_they_lead() {
        assert_eq!(
            plain("See [limits](limits.md#x), or [Errors](#errors): `a`"),
            "See limits (docs/limits.md#x), or Errors (docs/interfaces.md#errors): a"
        );
    }
}
