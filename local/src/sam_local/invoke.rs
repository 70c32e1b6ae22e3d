//! `make invoke`: runs one function in a container, with a plain `sam local invoke` that anyone can type.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{directory, image};
use crate::failure::{Doing, Result};
use crate::settings::Settings;
use crate::{command, docker, emulator, say};

/// Invokes `function` (`create-log-group` or `CreateLogGroup`) with the event in a file, by default with the event that
/// `make up` has written for it.
///
/// # Errors
/// When anything is missing that SAM CLI needs, or when SAM CLI fails. An error that the function returns is not a
/// failure.
pub fn run(settings: &Settings, function: &str, event: Option<&Path>, log_level: Option<&str>) -> Result<()> {
    let directory = directory(settings);
    if !emulator::service(settings).is_running() {
        return Err("the local stack is not up: run `make up` first".into());
    }
    let logical_id = find(&functions(settings)?, function)?;
    let event = match event {
        Some(file) => std::path::absolute(file).doing("EVENT")?,
        None => Path::new("events").join(format!("{}.json", kebab(&logical_id))),
    };
    let level = level(log_level)?;
    if !docker::runs() {
        return Err(
            "no Docker daemon answers, and `sam local` needs one: start it, see that `docker version` shows a \
                    server, and run `make up` again"
                .into(),
        );
    }
    if !directory.join("events").join(format!("{}.json", kebab(&logical_id))).exists() {
        return Err("`make up` has written no event for this function: run it again, and it says why".into());
    }
    image::ensure(settings)?;
    if !directory.join(&event).is_file() {
        return Err(format!("EVENT names {}, and there is no such file", event.display()).into());
    }
    let line = format!(
        "cd {} && . ./env && {level}sam local invoke {logical_id} --event {}",
        shown(&settings.root, &directory),
        event.display()
    );
    say::typed(&line);
    let mut shell = Command::new("sh");
    command::show(&format!("invoking {logical_id}"), shell.args(["-c", &line]).current_dir(&settings.root))
}

/// A path relative to the root of the checkout, if it is below it.
fn shown(root: &Path, path: &Path) -> String {
    let path: PathBuf = path.strip_prefix(root).unwrap_or(path).to_owned();
    path.display().to_string()
}

fn level(level: Option<&str>) -> Result<String> {
    match level.map(str::to_uppercase) {
        None => Ok(String::new()),
        Some(level) if ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"].contains(&level.as_str()) => {
            Ok(format!("AWS_LAMBDA_LOG_LEVEL={level} "))
        }
        Some(level) => Err(format!("LOG_LEVEL is {level}: set it to TRACE, DEBUG, INFO, WARN or ERROR").into()),
    }
}

/// The logical ids of the stack's functions.
fn functions(settings: &Settings) -> Result<Vec<String>> {
    let file = directory(settings).join("template.json");
    let doing = || format!("reading {}, which `make up` writes", file.display());
    let template: Value = serde_json::from_str(&std::fs::read_to_string(&file).doing(doing())?).doing(doing())?;
    let resources = template["Resources"].as_object().cloned().unwrap_or_default();
    Ok(resources.keys().cloned().collect())
}

/// The function of this name, in either spelling.
fn find(functions: &[String], wanted: &str) -> Result<String> {
    let same = |one: &str| plain(one) == plain(wanted);
    if let Some(found) = functions.iter().find(|function| same(function)) {
        return Ok(found.clone());
    }
    if wanted.trim().is_empty() {
        return Err("FUNCTION is not set: make invoke FUNCTION=describe-tenant".into());
    }
    let mut nearest: Vec<_> =
        functions.iter().map(|name| (strsim::levenshtein(&plain(name), &plain(wanted)), name)).collect();
    nearest.sort();
    let nearest: Vec<_> = nearest.iter().take(3).map(|(_, name)| kebab(name)).collect();
    Err(format!("there is no function {wanted:?}; the nearest names are {}", nearest.join(", ")).into())
}

/// A name in lower case and without punctuation, in which both spellings are equal.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// Converts `CreateLogGroup` to `create-log-group`.
fn kebab(logical_id: &str) -> String {
    let mut name = String::new();
    for letter in logical_id.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_found_by_either_spelling_and_a_wrong_name_gets_a_suggestion() {
        let functions = ["CreateLogGroup", "CreateDnsRecord", "DeleteLogGroup", "ListTenants"].map(str::to_owned);
        for name in ["CreateLogGroup", "create-log-group", "createloggroup"] {
            assert_eq!(find(&functions, name).unwrap(), "CreateLogGroup");
        }
        let failure = find(&functions, "crate-log-groups").unwrap_err().to_string();
        assert!(failure.contains("nearest names are create-log-group, delete-log-group"), "{failure}");
        assert!(find(&functions, " ").unwrap_err().to_string().contains("FUNCTION"));
    }

    #[test]
    fn a_functions_name_is_derived_from_its_logical_id() {
        assert_eq!(kebab("CreateDnsRecord"), "create-dns-record");
    }

    #[test]
    fn a_wrong_log_level_is_named() {
        assert_eq!(level(Some("debug")).unwrap(), "AWS_LAMBDA_LOG_LEVEL=DEBUG ");
        assert!(level(Some("loud")).unwrap_err().to_string().contains("LOUD"));
    }
}
