//! Completes the secret of a tenant that an earlier version or the runbook made, so that a new tenant's tasks can start
//! with it: the keys and salts of logins, and the form in which WordPress takes the server's address.
//!
//! What the secret has stays as it is. Idempotent: a second call finds nothing to add. Nothing needs to be undone,
//! because the tasks of such a tenant do not read what is added.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use shared::mysql::Credentials;
use shared::{Error, ErrorKind, Names, Result, Settings, TenantId};

use super::{KEY_LENGTH, KEYS, random_text};

/// Input of complete-secret.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Complete {
    /// The tenant.
    pub tenant_id: TenantId,
}

/// Output of complete-secret.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Completed {
    /// ARN of the secret.
    pub secret_arn: String,
    /// The names of the fields that were added.
    pub added: Vec<&'static str>,
}

/// Adds what the tenant's secret lacks.
///
/// # Errors
/// `EnvironmentNotReady` when there is no secret, or when it lacks what nobody can guess: user name, password or
/// server. The error never quotes its text.
pub async fn complete(secrets: &Client, settings: &Settings, request: Complete) -> Result<Completed> {
    let names = settings.names(&request.tenant_id);
    let name = names.secret();
    let value = match secrets.get_secret_value().secret_id(&name).send().await {
        Ok(value) => value,
        Err(error) if error.code() == Some("ResourceNotFoundException") => {
            let message = format!("secret {name} does not exist: make it, with the credentials that the site uses");
            return Err(Error::new(ErrorKind::EnvironmentNotReady, message));
        }
        Err(error) => return Err(Error::aws(format!("reading secret ({name})"), error)),
    };
    let secret_arn = value.arn().unwrap_or_default().to_owned();
    let (text, added) = with_all_fields(&names, value.secret_string().unwrap_or_default())?;
    if !added.is_empty() {
        let put = secrets.put_secret_value().secret_id(&name).secret_string(text).send().await;
        put.map_err(|error| Error::aws(format!("writing secret ({name})"), error))?;
    }
    Ok(Completed { secret_arn, added })
}

/// The secret's text with every field, and the names of those that were added.
fn with_all_fields(names: &Names, text: &str) -> Result<(String, Vec<&'static str>)> {
    let credentials = Credentials::parse(&names.secret(), text)?;
    let Ok(mut fields) = serde_json::from_str::<Map<String, Value>>(text) else {
        return Err(Error::internal(format!("secret {} is not a JSON object", names.secret())));
    };
    let lacks = |field: &&str| !matches!(fields.get(*field), Some(Value::String(value)) if !value.is_empty());
    let added: Vec<_> = ["endpoint", "database"].into_iter().chain(KEYS).filter(lacks).collect();
    for field in &added {
        let value = match *field {
            "endpoint" => credentials.endpoint.to_string(),
            "database" => names.database(),
            _ => random_text(KEY_LENGTH)?,
        };
        fields.insert((*field).to_owned(), value.into());
    }
    Ok((Value::Object(fields).to_string(), added))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use aws_sdk_secretsmanager::operation::get_secret_value::{GetSecretValueError, GetSecretValueOutput};
    use aws_sdk_secretsmanager::operation::put_secret_value::PutSecretValueOutput;
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;
    use serde_json::json;

    use super::*;
    use crate::testing::{settings, tenant};

    fn is(text: String) -> Rule {
        mock!(Client::get_secret_value)
            .then_output(move || GetSecretValueOutput::builder().arn("arn:secret").secret_string(&text).build())
    }

    async fn run(rules: &[&Rule]) -> Result<Completed> {
        let client = mock_client!(aws_sdk_secretsmanager, RuleMode::Sequential, rules);
        complete(&client, &settings(&[]), Complete { tenant_id: tenant() }).await
    }

    #[tokio::test]
    async fn keys_and_address_are_added_and_everything_else_stays() {
        let old =
            json!({"username": "u", "password": "p", "host": "db", "port": "3307", "note": 7, "auth_key": "mine"});
        let put = mock!(Client::put_secret_value)
            .match_requests(|request| {
                let new: Value = serde_json::from_str(request.secret_string().unwrap()).unwrap();
                assert_eq!(
                    (&new["password"], &new["note"], &new["auth_key"]),
                    (&json!("p"), &json!(7), &json!("mine"))
                );
                assert_eq!((&new["endpoint"], &new["database"]), (&json!("db:3307"), &json!("123456789012_db")));
                let keys: BTreeSet<_> = KEYS.iter().filter_map(|key| new[key].as_str()).collect();
                keys.len() == KEYS.len() && request.secret_id() == Some("dev-123456789012-db-credentials")
            })
            .then_output(|| PutSecretValueOutput::builder().build());
        let completed = run(&[&is(old.to_string()), &put]).await.unwrap();
        assert_eq!((completed.secret_arn.as_str(), completed.added.len()), ("arn:secret", 2 + 7));
    }

    #[tokio::test]
    async fn a_complete_secret_is_not_written() {
        let mut whole = json!({"username": "u", "password": "p", "host": "db", "endpoint": "db:1", "database": "d"});
        for key in KEYS {
            whole[key] = "k".into();
        }
        assert_eq!(run(&[&is(whole.to_string())]).await.unwrap().added, Vec::<&str>::new());
    }

    #[tokio::test]
    async fn what_nobody_can_guess_is_asked_for_and_the_secret_is_not_quoted() {
        for (text, named) in [
            (json!({"username": "u", "host": "db", "pass": "hush"}).to_string(), "password"),
            (json!({"password": "hush", "host": "db"}).to_string(), "username"),
            (json!({"username": "u", "password": "hush"}).to_string(), "host"),
            ("hush".to_owned(), "JSON object"),
        ] {
            let error = run(&[&is(text)]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::EnvironmentNotReady);
            assert!(error.chain().contains(named) && !error.chain().contains("hush"), "{}", error.chain());
        }
        let missing = mock!(Client::get_secret_value).then_error(|| {
            GetSecretValueError::generic(ErrorMetadata::builder().code("ResourceNotFoundException").build())
        });
        assert_eq!(run(&[&missing]).await.unwrap_err().kind(), ErrorKind::EnvironmentNotReady);
    }
}
