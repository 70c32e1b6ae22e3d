//! A tenant's secret: its database credentials, the keys of its logins, and the claim on its id.
//!
//! CreateSecret is atomic on the name, so the execution that creates the secret has claimed the id. The password is
//! generated here, once; all other steps read it from the secret. An interruption leaves either nothing or the whole
//! secret.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_sdk_secretsmanager::primitives::DateTime;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType, SecretListEntry, Tag};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::mysql::{Credentials, Endpoint};
use shared::names::master_credentials;
use shared::owner::{TAG_SIGNUP, owner_in, tags};
use shared::{Error, ErrorKind, Kind, Names, Owner, Result, Settings, TenantId};

use crate::resources::teardown::Teardown;
use crate::resources::{Found, Left, Removal, taken, tenant_named, title};

pub mod complete;

/// ListSecrets returns at most 100. Source: its API reference.
const LISTED_PER_CALL: i32 = 100;
/// 32 characters out of 62 have 190 bits of randomness.
const PASSWORD_LENGTH: usize = 32;
/// WordPress's own keys have 64 characters.
const KEY_LENGTH: usize = 64;

/// The keys and salts with which WordPress signs its cookies, by their names in the secret. Every task of a tenant gets
/// the same, so that a login at one is a login at all. In capitals and after `WORDPRESS_`, they are the variables of the
/// official image.
pub(crate) const KEYS: [&str; 8] = [
    "auth_key",
    "secure_auth_key",
    "logged_in_key",
    "nonce_key",
    "auth_salt",
    "secure_auth_salt",
    "logged_in_salt",
    "nonce_salt",
];

/// Input of create-secret.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The execution that creates it.
    pub owner: Owner,
    /// Host name of the database server.
    pub database_host: String,
    /// TCP port of the database server.
    pub database_port: u16,
    /// The signup that asked for the tenant, by which people find it.
    pub signup_id: Option<String>,
}

/// Output of create-secret.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Created {
    /// Name of the secret.
    pub secret_name: String,
    /// ARN of the secret.
    pub secret_arn: String,
}

/// The tenant's secret, if there is one. A secret that is scheduled for deletion is reported as going.
///
/// # Errors
/// When a call to Secrets Manager fails.
pub async fn find(secrets: &Client, names: &Names) -> Result<Vec<Found>> {
    find_named(secrets, &names.secret()).await
}

/// The secret of this name, if there is one.
///
/// # Errors
/// When a call to Secrets Manager fails.
pub(crate) async fn find_named(secrets: &Client, name: &str) -> Result<Vec<Found>> {
    let secret = match secrets.describe_secret().secret_id(name).send().await {
        Ok(secret) => secret,
        Err(error) if error.code() == Some("ResourceNotFoundException") => return Ok(Vec::new()),
        Err(error) => return Err(Error::aws(format!("reading secret ({name})"), error)),
    };
    let owner = owner_in(secret.tags().iter().filter_map(|tag| Some((tag.key()?, tag.value()?))));
    let arn = secret.arn().unwrap_or_default();
    Ok(vec![match secret.deleted_date() {
        Some(date) => Found::going(arn, owner, format!("scheduled for deletion, recoverable until {date}")),
        None => Found::present(arn, owner),
    }])
}

/// A secret in the list of all tenants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listed {
    /// When it was created.
    pub(crate) created: Option<DateTime>,
    /// It is scheduled for deletion.
    pub(crate) going: bool,
    /// The signup that asked for the tenant, if it is known.
    pub(crate) signup_id: Option<String>,
}

/// The secrets of all tenants: database credentials, and site credentials.
pub(crate) struct Listing {
    /// The tenants that have database credentials, including those that are scheduled for deletion.
    pub(crate) secrets: BTreeMap<TenantId, Listed>,
    /// The tenants that have site credentials which are not scheduled for deletion.
    pub(crate) site_credentials: BTreeSet<TenantId>,
    /// The titles with which the sites were made, where they are known.
    pub(crate) titles: BTreeMap<TenantId, String>,
}

/// The secrets of all tenants.
///
/// # Errors
/// When a call to Secrets Manager fails.
pub(crate) async fn list(secrets: &Client, settings: &Settings) -> Result<Listing> {
    let prefix = format!("{}-", settings.environment());
    let by_name = Filter::builder().key(FilterNameStringType::Name).values(&prefix).build();
    let listing = secrets.list_secrets().filters(by_name).include_planned_deletion(true).into_paginator();
    let pages = listing.page_size(LISTED_PER_CALL).send().collect::<Result<Vec<_>, _>>().await;
    let pages = pages.map_err(|error| Error::aws(format!("listing secrets ({prefix}*)"), error))?;
    let all = || pages.iter().flat_map(|page| page.secret_list());
    let listed = |secret: &SecretListEntry| {
        let tenant = tenant_named(settings, secret.name()?, Names::secret)?;
        let signup_id = secret.tags().iter().find(|tag| tag.key() == Some(TAG_SIGNUP)).and_then(Tag::value);
        let listed = Listed {
            created: secret.created_date().copied(),
            going: secret.deleted_date().is_some(),
            signup_id: signup_id.map(str::to_owned),
        };
        Some((tenant, listed))
    };
    let titled = |secret: &SecretListEntry| {
        let tenant = tenant_named(settings, secret.name()?, Names::site_credentials)?;
        let title = title::title_in(secret.description()?, &tenant)?.to_owned();
        Some((tenant, title))
    };
    let staying = all().filter(|secret| secret.deleted_date().is_none());
    Ok(Listing {
        secrets: all().filter_map(listed).collect(),
        site_credentials: staying
            .filter_map(|secret| tenant_named(settings, secret.name()?, Names::site_credentials))
            .collect(),
        titles: all().filter_map(titled).collect(),
    })
}

/// Claims the tenant's id by creating its secret. Idempotent: a second call by the same owner returns the same secret,
/// with the same password.
///
/// # Errors
/// `TenantAlreadyExists` when another owner has claimed the id.
pub async fn create(secrets: &Client, settings: &Settings, request: Create) -> Result<Created> {
    let names = settings.names(&request.tenant_id);
    let tags = tags(names.environment(), names.tenant(), &request.owner).into_iter();
    let tags = tags.chain(request.signup_id.clone().map(|signup| (TAG_SIGNUP, signup)));
    let outcome = secrets
        .create_secret()
        .name(names.secret())
        .description(format!("Database credentials of tenant {}", names.tenant()))
        .secret_string(secret_string(&names, &request)?)
        .client_request_token(request.owner.idempotency_token("secret"))
        .set_tags(Some(tags.map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()))
        .send()
        .await;
    match outcome {
        Ok(secret) => Ok(created(&names, secret.arn().unwrap_or_default())),
        // The secret was made by another owner, or by an earlier run with another password. When a secret of that name
        // is scheduled for deletion, the error is an InvalidRequestException.
        Err(error) if matches!(error.code(), Some("ResourceExistsException" | "InvalidRequestException")) => {
            claimed(&names, find(secrets, &names).await?, &request.owner)?.ok_or_else(|| {
                Error::new(
                    ErrorKind::Transient,
                    format!("creating secret ({}): an earlier one is still being deleted", names.secret()),
                )
            })
        }
        Err(error) => Err(Error::aws(format!("creating secret ({})", names.secret()), error)),
    }
}

fn claimed(names: &Names, found: Vec<Found>, owner: &Owner) -> Result<Option<Created>> {
    let Some(found) = found.into_iter().next() else { return Ok(None) };
    let exists = |why: String| {
        let message = format!("tenant {} exists in {}: its secret {why}", names.tenant(), names.environment());
        Err(Error::new(ErrorKind::TenantAlreadyExists, message))
    };
    match (found.detail, &found.owner) {
        (Some(detail), _) => {
            let scheduled = taken::scheduled_secret(&names.secret(), &detail, names);
            let (tenant, environment) = (names.tenant(), names.environment());
            let message = format!("no tenant {tenant} runs in {environment}, but {scheduled}. Or take another id");
            Err(Error::new(ErrorKind::TenantAlreadyExists, message))
        }
        (None, Some(other)) if other == owner => Ok(Some(created(names, &found.identifier))),
        (None, Some(other)) => exists(format!("was made by {other}")),
        (None, None) => exists("was not made by tenant management".to_owned()),
    }
}

fn created(names: &Names, arn: &str) -> Created {
    Created { secret_name: names.secret(), secret_arn: arn.to_owned() }
}

/// The fields of the runbook, `endpoint`, which WordPress uses as its database host, and [`KEYS`].
fn secret_string(names: &Names, request: &Create) -> Result<String> {
    let endpoint = Endpoint { host: request.database_host.clone(), port: request.database_port };
    let mut fields = json!({
        "username": names.user(),
        "password": password()?,
        "host": endpoint.host,
        "port": endpoint.port,
        "database": names.database(),
        "endpoint": endpoint.to_string(),
    });
    for key in KEYS {
        fields[key] = random_text(KEY_LENGTH)?.into();
    }
    Ok(fields.to_string())
}

/// A new password.
///
/// # Errors
/// `Internal` when the system has no randomness.
pub(crate) fn password() -> Result<String> {
    random_text(PASSWORD_LENGTH)
}

/// Letters and digits only, so that no client, shell or SQL statement has to quote them.
fn random_text(length: usize) -> Result<String> {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut text = String::with_capacity(length);
    let mut random = vec![0; 2 * length];
    while text.len() < length {
        getrandom::fill(&mut random).map_err(|error| Error::internal("drawing a password").with_source(error))?;
        // 248 is the largest multiple of 62 that fits into a byte. Using higher values would make the first letters
        // more likely.
        let letters =
            random.iter().filter(|byte| **byte < 248).map(|byte| ALPHABET[usize::from(*byte) % ALPHABET.len()]);
        text.extend(letters.take(length - text.len()).map(char::from));
    }
    Ok(text)
}

/// Deletes the tenant's secret: immediately if the request says so, otherwise with a recovery window.
///
/// # Errors
/// When Secrets Manager refuses a call.
pub async fn delete(secrets: &Client, settings: &Settings, request: Teardown) -> Result<Removal> {
    let name = request.names(settings)?.secret();
    delete_named(secrets, &name, Removal::of(Kind::Secret), &request).await
}

/// Deletes the secret of this name, as the request says.
///
/// # Errors
/// When Secrets Manager refuses a call.
pub(crate) async fn delete_named(
    secrets: &Client,
    name: &str,
    mut removal: Removal,
    request: &Teardown,
) -> Result<Removal> {
    let found = find_named(secrets, name).await?;
    for secret in removal.keep_foreign(found, request.owner.as_ref()) {
        if let (Some(detail), false) = (&secret.detail, request.force_delete_secret) {
            removal.going.push(Left { identifier: secret.identifier, reason: detail.clone() });
            continue;
        }
        let delete = secrets.delete_secret().secret_id(name);
        let delete = if request.force_delete_secret {
            delete.force_delete_without_recovery(true)
        } else {
            delete.recovery_window_in_days(request.secret_recovery_days.get())
        };
        match delete.send().await {
            Ok(_) if request.force_delete_secret => removal.removed.push(secret.identifier),
            Ok(deleted) => {
                let until = deleted.deletion_date().map(ToString::to_string).unwrap_or_default();
                let reason = format!("scheduled for deletion, recoverable until {until}");
                removal.going.push(Left { identifier: secret.identifier, reason });
            }
            Err(error) if error.code() == Some("ResourceNotFoundException") => {}
            Err(error) => return Err(Error::aws(format!("deleting secret ({name})"), error)),
        }
    }
    Ok(removal)
}

/// The password of the tenant's database user.
///
/// # Errors
/// `Internal` when the secret was not written by this project. The error never quotes its text.
pub async fn read_password(secrets: &Client, names: &Names) -> Result<String> {
    let text = read(secrets, &names.secret(), ErrorKind::Transient).await?;
    match serde_json::from_str::<Value>(&text)
        .ok()
        .and_then(|fields| Some(fields.get("password")?.as_str()?.to_owned()))
    {
        // The password becomes part of an SQL statement, so only characters that `password` uses are allowed, whoever
        // wrote the secret.
        Some(password) if password.bytes().all(|byte| byte.is_ascii_alphanumeric()) && !password.is_empty() => {
            Ok(password)
        }
        _ => Err(Error::internal(format!(
            "secret {} has no password of letters and digits: it was changed by hand",
            names.secret()
        ))),
    }
}

/// The credentials of the database administrator.
///
/// # Errors
/// `EnvironmentNotReady` when the secret is missing or has another form.
pub async fn read_master_credentials(secrets: &Client, settings: &Settings) -> Result<Credentials> {
    let name = master_credentials(settings.environment());
    Credentials::parse(&name, &read(secrets, &name, ErrorKind::EnvironmentNotReady).await?)
}

/// The text of a secret; `missing` is the error when it does not exist. A tenant's secret may be too new to be visible
/// yet; the environment's is really missing.
async fn read(secrets: &Client, name: &str, missing: ErrorKind) -> Result<String> {
    match secrets.get_secret_value().secret_id(name).send().await {
        Ok(value) => Ok(value.secret_string().unwrap_or_default().to_owned()),
        Err(error) if error.code() == Some("ResourceNotFoundException") => {
            Err(Error::new(missing, format!("secret {name} does not exist")))
        }
        Err(error) => Err(Error::aws(format!("reading secret ({name})"), error)),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_secretsmanager::operation::create_secret::{CreateSecretError, CreateSecretOutput};
    use aws_sdk_secretsmanager::operation::delete_secret::DeleteSecretOutput;
    use aws_sdk_secretsmanager::operation::describe_secret::{DescribeSecretError, DescribeSecretOutput};
    use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
    use aws_smithy_types::DateTime;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;
    use crate::testing::{other_owner, owner, settings, tenant};

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:536580886816:secret:dev-123456789012-db-credentials-AbCdEf";

    fn absent() -> Rule {
        mock!(Client::describe_secret).then_error(|| {
            DescribeSecretError::generic(ErrorMetadata::builder().code("ResourceNotFoundException").build())
        })
    }

    fn present(owner: Option<Owner>, deleted: Option<DateTime>) -> Rule {
        mock!(Client::describe_secret).then_output(move || {
            let tag = owner.clone().map(|owner| Tag::builder().key("tenant:execution").value(owner.as_str()).build());
            DescribeSecretOutput::builder()
                .arn(ARN)
                .set_tags(Some(tag.into_iter().collect()))
                .set_deleted_date(deleted)
                .build()
        })
    }

    fn creation_fails(code: &'static str) -> Rule {
        mock!(Client::create_secret)
            .then_error(move || CreateSecretError::generic(ErrorMetadata::builder().code(code).build()))
    }

    async fn run_create(rules: &[&Rule]) -> Result<Created> {
        let client = mock_client!(aws_sdk_secretsmanager, RuleMode::Sequential, rules);
        let (tenant_id, owner) = (tenant(), owner());
        let signup_id = Some("signup-1".to_owned());
        let request = Create { tenant_id, owner, database_host: "db".to_owned(), database_port: 3307, signup_id };
        create(&client, &settings(&[]), request).await
    }

    #[tokio::test]
    async fn a_new_secret_holds_everything_that_the_tenant_needs() {
        let creation = mock!(Client::create_secret)
            .match_requests(|request| {
                let fields: Value = serde_json::from_str(request.secret_string().unwrap()).unwrap();
                assert_eq!(fields["username"], "123456789012_user");
                assert_eq!(fields["database"], "123456789012_db");
                assert_eq!((&fields["host"], &fields["port"]), (&json!("db"), &json!(3307)));
                assert_eq!(fields["endpoint"], "db:3307");
                assert_eq!(fields["password"].as_str().unwrap().len(), PASSWORD_LENGTH);
                let keys: BTreeSet<_> = KEYS.iter().map(|key| fields[*key].as_str().unwrap()).collect();
                assert!(
                    keys.len() == KEYS.len() && keys.iter().all(|key| key.len() == KEY_LENGTH),
                    "all are different"
                );
                let signup = request.tags().iter().find(|tag| tag.key() == Some(TAG_SIGNUP));
                assert_eq!(signup.and_then(Tag::value), Some("signup-1"), "people find the tenant by it");
                request.name() == Some("dev-123456789012-db-credentials")
                    && request
                        .tags()
                        .iter()
                        .any(|tag| tag.key() == Some("tenant:execution") && tag.value() == Some(owner().as_str()))
            })
            .then_output(|| CreateSecretOutput::builder().arn(ARN).build());
        let created = run_create(&[&creation]).await.unwrap();
        assert_eq!(created.secret_arn, ARN);
    }

    #[tokio::test]
    async fn a_second_run_returns_the_first_runs_secret() {
        let rules = [&creation_fails("ResourceExistsException"), &present(Some(owner()), None)];
        assert_eq!(run_create(&rules).await.unwrap().secret_arn, ARN);
    }

    #[tokio::test]
    async fn the_id_of_another_tenant_is_taken() {
        for other in [None, Some(other_owner())] {
            let rules = [&creation_fails("ResourceExistsException"), &present(other, None)];
            assert_eq!(run_create(&rules).await.unwrap_err().kind(), ErrorKind::TenantAlreadyExists);
        }
    }

    #[tokio::test]
    async fn a_name_that_is_scheduled_for_deletion_is_taken_and_the_error_says_until_when() {
        let deleted = Some(DateTime::from_secs(1_800_000_000));
        let rules = [&creation_fails("InvalidRequestException"), &present(Some(owner()), deleted)];
        let error = run_create(&rules).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TenantAlreadyExists);
        assert!(error.chain().contains("2027-01-15"), "{}", error.chain());
    }

    #[tokio::test]
    async fn a_name_whose_deletion_is_about_to_end_is_worth_a_retry() {
        let rules = [&creation_fails("InvalidRequestException"), &absent()];
        assert_eq!(run_create(&rules).await.unwrap_err().kind(), ErrorKind::Transient);
    }

    #[tokio::test]
    async fn deleting_what_is_absent_succeeds() {
        let absent = absent();
        let client = mock_client!(aws_sdk_secretsmanager, [&absent]);
        assert_eq!(delete(&client, &settings(&[]), teardown(None, false)).await.unwrap(), Removal::of(Kind::Secret));
    }

    #[tokio::test]
    async fn a_rollback_leaves_a_foreign_secret_alone() {
        let foreign = present(Some(other_owner()), None);
        let client = mock_client!(aws_sdk_secretsmanager, [&foreign]);
        let removal = delete(&client, &settings(&[]), teardown(Some(owner()), true)).await.unwrap();
        assert_eq!(removal.kept.len(), 1);
    }

    #[tokio::test]
    async fn a_deletion_has_a_recovery_window_unless_it_is_forced() {
        let recoverable = mock!(Client::delete_secret)
            .match_requests(|request| {
                request.recovery_window_in_days() == Some(30) && request.force_delete_without_recovery().is_none()
            })
            .then_output(|| DeleteSecretOutput::builder().deletion_date(DateTime::from_secs(1_800_000_000)).build());
        let found = present(Some(owner()), None);
        let client = mock_client!(aws_sdk_secretsmanager, RuleMode::Sequential, [&found, &recoverable]);
        let removal = delete(&client, &settings(&[]), teardown(None, false)).await.unwrap();
        assert!(removal.going[0].reason.contains("2027-01-15") && removal.removed.is_empty());

        let forced = mock!(Client::delete_secret)
            .match_requests(|request| {
                request.recovery_window_in_days().is_none() && request.force_delete_without_recovery() == Some(true)
            })
            .then_output(|| DeleteSecretOutput::builder().build());
        let scheduled = present(Some(owner()), Some(DateTime::from_secs(1_800_000_000)));
        let client = mock_client!(aws_sdk_secretsmanager, RuleMode::Sequential, [&scheduled, &forced]);
        let removal = delete(&client, &settings(&[]), teardown(None, true)).await.unwrap();
        assert_eq!(removal.removed, [ARN]);
    }

    #[tokio::test]
    async fn a_secret_that_was_changed_by_hand_is_refused_and_never_quoted() {
        let value = mock!(Client::get_secret_value)
            .then_output(|| GetSecretValueOutput::builder().secret_string(r#"{"password": "it's mine"}"#).build());
        let client = mock_client!(aws_sdk_secretsmanager, [&value]);
        let error = read_password(&client, &settings(&[]).names(&tenant())).await.unwrap_err();
        assert!(!error.chain().contains("it's mine"), "{}", error.chain());
    }

    #[test]
    fn passwords_are_long_need_no_quoting_and_differ() {
        let (first, second) = (password().unwrap(), password().unwrap());
        assert_ne!(first, second);
        assert!(first.len() == PASSWORD_LENGTH && first.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }

    fn teardown(owner: Option<Owner>, force_delete_secret: bool) -> Teardown {
        Teardown { owner, force_delete_secret, ..Teardown::of(tenant()) }
    }
}
