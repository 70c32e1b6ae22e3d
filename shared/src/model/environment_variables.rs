//! Further environment variables of a site's container.
//!
//! ECS shows them to everybody who may read a task definition, and so do the histories of executions. So secrets are
//! refused, as far as they can be recognized. An error about one does not quote its value.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Maximum number of variables.
const MOST: usize = 30;
const LONGEST_NAME: usize = 64;
/// Maximum number of characters of a value.
const LONGEST_VALUE: usize = 1024;
/// Maximum number of characters of a wrong name or value that an error quotes.
const QUOTED: usize = 80;
/// Maximum number of bytes of all names and values together. A task definition has 64 KiB, of which the start command
/// takes a third. Source: the API reference of ECS, RegisterTaskDefinition.
const MOST_BYTES: usize = 16 * 1024;

/// What the container's start, the image's entry point, Apache, PHP, the shell, the loader and AWS's SDK read. A `*` stands
/// for any characters.
const RESERVED: [&str; 26] = [
    "APACHE_*",
    "AWS_*",
    "BASH*",
    "CDPATH",
    "ECS_*",
    "ENV",
    "GLOBIGNORE",
    "HOME",
    "HOSTNAME",
    "IFS",
    "LD_*",
    "OLDPWD",
    "PATH",
    "PHP*",
    "POSIXLY_CORRECT",
    "PWD",
    "SHELL",
    "SHELLOPTS",
    "TENANT_*",
    "TMPDIR",
    "WORDPRESS_*_FILE",
    "WORDPRESS_*_KEY",
    "WORDPRESS_*_SALT",
    "WORDPRESS_CONFIG_EXTRA",
    "WORDPRESS_DB_*",
    "WORDPRESS_TABLE_PREFIX",
];

/// What the name of a secret contains, in capitals.
const SECRET_NAMES: [&str; 8] =
    ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "CREDENTIAL", "PRIVATE_KEY", "API_KEY", "ACCESS_KEY"];

/// Variables by name, none of them one that the container has already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>")]
pub struct EnvironmentVariables(BTreeMap<String, String>);

impl EnvironmentVariables {
    /// These variables, and those of `other` that are not among them.
    ///
    /// # Errors
    /// When there are too many together.
    pub fn or(self, other: Self) -> Result<Self, String> {
        let mut all = other.0;
        all.extend(self.0);
        bounded(&all).map(|()| Self(all))
    }

    /// Names and values, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl TryFrom<BTreeMap<String, String>> for EnvironmentVariables {
    type Error = String;

    fn try_from(variables: BTreeMap<String, String>) -> Result<Self, String> {
        for (name, value) in &variables {
            check_name(name)?;
            check_value(name, value)?;
        }
        bounded(&variables).map(|()| Self(variables))
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let is_inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let begins_right = name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit());
    if !begins_right || name.len() > LONGEST_NAME || !name.bytes().all(is_inside) {
        let beginning: String = name.chars().take(QUOTED).collect();
        return Err(format!(
            "{beginning:?} is not the name of a variable: allowed are 1 to {LONGEST_NAME} letters, digits and underscores, not beginning with a digit"
        ));
    }
    if RESERVED.iter().any(|pattern| is_reserved(name, pattern)) {
        return Err(format!(
            "{name:?} is a variable that the container itself uses: allowed are names other than {}",
            RESERVED.join(", ")
        ));
    }
    Ok(())
}

fn is_reserved(name: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        Some((beginning, end)) => name.starts_with(beginning) && name.ends_with(end),
        None => name == pattern,
    }
}

fn check_value(name: &str, value: &str) -> Result<(), String> {
    let upper = name.to_ascii_uppercase();
    if SECRET_NAMES.iter().any(|part| upper.contains(part)) || looks_like_a_secret(value) {
        return Err(format!(
            "{name:?} looks like a secret: put it in Secrets Manager, since environment variables are shown by ECS and in execution histories. If it is one, replace it, because the history of this execution has it. Allowed are values without secrets, and names without {}",
            SECRET_NAMES.join(", ")
        ));
    }
    if value.chars().count() > LONGEST_VALUE || value.chars().any(char::is_control) {
        let beginning: String = value.chars().take(QUOTED).collect();
        return Err(format!(
            "{name:?} has a value that begins with {beginning:?}: allowed are at most {LONGEST_VALUE} characters on one line"
        ));
    }
    Ok(())
}

/// A private key in PEM, the id of an access key of AWS, or a URL with a password.
fn looks_like_a_secret(value: &str) -> bool {
    let is_access_key = |word: &str| {
        word.len() == 20
            && ["AKIA", "ASIA"].iter().any(|beginning| word.starts_with(beginning))
            && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    let authority = value.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
    let has_password = authority
        .and_then(|authority| authority.rsplit_once('@'))
        .is_some_and(|(user, _)| user.split_once(':').is_some_and(|(_, password)| !password.is_empty()));
    value.contains("PRIVATE KEY-----")
        || value.split(|letter: char| !letter.is_ascii_alphanumeric()).any(is_access_key)
        || has_password
}

fn bounded(variables: &BTreeMap<String, String>) -> Result<(), String> {
    let bytes: usize = variables.iter().map(|(name, value)| name.len() + value.len()).sum();
    if variables.len() > MOST || bytes > MOST_BYTES {
        return Err(format!(
            "there are {} variables of {bytes} bytes: allowed are at most {MOST}, and {MOST_BYTES} bytes of names and values, the stack's included",
            variables.len()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parse(variables: Value) -> Result<EnvironmentVariables, String> {
        serde_json::from_value(variables).map_err(|error| error.to_string())
    }

    #[test]
    fn what_an_image_or_a_plugin_may_want_is_accepted() {
        for good in [
            json!({}),
            json!({"WORDPRESS_DEBUG": "1", "_a": "", "https_proxy": "http://proxy.example.com:3128", "TZ": "Europe/Berlin"}),
            json!({"FEATURES": "käse, {\"a\": 1} $(id) `id`", "HOME_PAGE": "https://example.com/@me:x", "MONKEY": "x"}),
            json!({"LONG": "ä".repeat(1024)}),
        ] {
            assert_eq!(serde_json::to_value(parse(good.clone()).unwrap()).unwrap(), good);
        }
    }

    #[test]
    fn a_name_that_the_container_uses_is_refused() {
        for name in [
            "WORDPRESS_DB_HOST",
            "WORDPRESS_AUTH_KEY",
            "WORDPRESS_NONCE_SALT",
            "WORDPRESS_DEBUG_FILE",
            "WORDPRESS_CONFIG_EXTRA",
            "WORDPRESS_TABLE_PREFIX",
            "TENANT_URL",
            "AWS_REGION",
            "ECS_CONTAINER_METADATA_URI_V4",
            "PATH",
            "LD_PRELOAD",
            "BASH_ENV",
            "APACHE_RUN_USER",
            "PHP_INI_SCAN_DIR",
        ] {
            let error = parse(json!({name: "x"})).unwrap_err();
            assert!(error.contains(&format!("{name:?} is a variable that the container itself uses")), "{error}");
            assert!(error.contains("WORDPRESS_*_KEY, ") && error.contains(" PATH,"), "{error}");
        }
    }

    #[test]
    fn a_secret_is_refused_and_not_quoted() {
        for (name, value) in [
            ("SMTP_PASSWORD", "hunter2"),
            ("my_api_key", "hunter2"),
            ("GITHUB_TOKEN", "hunter2"),
            ("MAIL", "smtp://jo:hunter2@mail.example.com:587/"),
            ("KEY", "-----BEGIN RSA PRIVATE KEY-----hunter2"),
            ("ID", "id=AKIAIOSFODNN7EXAMPLE"),
        ] {
            let error = parse(json!({name: value})).unwrap_err();
            assert!(error.contains(name) && error.contains("put it in Secrets Manager"), "{error}");
            assert!(!error.contains("hunter2") && !error.contains("AKIA"), "{error}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_name_and_what_is_allowed() {
        for (bad, parts) in [
            (json!({"": "x"}), ["\"\"", "letters"]),
            (json!({"1A": "x"}), ["\"1A\"", "letters"]),
            (json!({"A-B": "x"}), ["\"A-B\"", "letters"]),
            (json!({"Ä": "x"}), ["\"Ä\"", "letters"]),
            (json!({"A".repeat(65): "x"}), ["AAA", "1 to 64"]),
            (json!({"A": "x\ny"}), ["\"A\"", "on one line"]),
            (json!({"A": "x".repeat(1025)}), ["\"A\"", "1024"]),
            (json!({"A": 1}), ["integer `1`", "string"]),
            (json!(["A"]), ["sequence", "map"]),
        ] {
            let error = parse(bad.clone()).unwrap_err();
            assert!(parts.iter().all(|part| error.contains(part)), "{bad}: {error}");
            assert!(error.len() < 400, "{error}");
        }
    }

    #[test]
    fn a_request_takes_precedence_and_the_number_of_all_is_bounded() {
        let some = |names: std::ops::Range<usize>, value: &str| {
            parse(names.map(|number| (format!("V{number}"), json!(value))).collect::<serde_json::Map<_, _>>().into())
        };
        let merged = some(0..2, "request").unwrap().or(some(1..3, "stack").unwrap()).unwrap();
        let merged: Vec<_> = merged.iter().collect();
        assert_eq!(merged, [("V0", "request"), ("V1", "request"), ("V2", "stack")]);

        some(0..20, "x").unwrap().or(some(10..30, "x").unwrap()).unwrap();
        let error = some(0..20, "x").unwrap().or(some(10..31, "x").unwrap()).unwrap_err();
        assert!(error.contains("31 variables") && error.contains("at most 30"), "{error}");
        assert!(some(0..31, "x").is_err());
        let error = some(0..17, &"x".repeat(1000)).unwrap_err();
        assert!(error.contains("16384 bytes"), "{error}");
    }
}
