//! The credentials of a tenant's site: the secret with the user name, e-mail address and password of its administrator.
//!
//! The password is generated here, once, and the site is installed with it. Later the site's owner may change it in
//! WordPress, which does not change the secret. An interruption leaves either nothing or the whole secret.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_sdk_secretsmanager::types::Tag;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::owner::tags;
use shared::{Error, ErrorKind, Kind, Names, Owner, Result, Settings, Site, TenantId};

use crate::resources::secret::{delete_named, find_named, password};
use crate::resources::teardown::Teardown;
use crate::resources::{Found, Removal, ours, title};

/// Input of create-site-credentials.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The execution that creates it.
    pub owner: Owner,
    /// What was asked for the site.
    #[serde(default)]
    pub site: Site,
}

/// Output of create-site-credentials.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Created {
    /// Name of the secret.
    pub admin_secret: String,
    /// ARN of the secret.
    pub admin_secret_arn: String,
}

/// The tenant's site credentials, if there are any. A secret that is scheduled for deletion is reported as going.
///
/// # Errors
/// When a call to Secrets Manager fails.
pub async fn find(secrets: &Client, names: &Names) -> Result<Vec<Found>> {
    find_named(secrets, &names.site_credentials()).await
}

/// Creates the credentials of the site's administrator. Idempotent: a second call by the same owner returns the same
/// secret, with the same password.
///
/// # Errors
/// `ResourceConflict` when it exists and another owner made it, or when it is scheduled for deletion.
pub async fn create(secrets: &Client, settings: &Settings, request: Create) -> Result<Created> {
    let names = settings.names(&request.tenant_id);
    let name = names.site_credentials();
    let doing = || format!("creating secret ({name})");
    let created = |arn: &str| Created { admin_secret: name.clone(), admin_secret_arn: arn.to_owned() };
    let tags = tags(names.environment(), names.tenant(), &request.owner);
    let outcome = secrets
        .create_secret()
        .name(&name)
        .description(title::description(names.tenant(), &request.site))
        .secret_string(secret_string(settings, &request.site)?)
        .client_request_token(request.owner.idempotency_token("site-credentials"))
        .set_tags(Some(tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()))
        .send()
        .await;
    match outcome {
        Ok(secret) => Ok(created(secret.arn().unwrap_or_default())),
        // It was made by another owner, or by an earlier run with another password. When a secret of that name is
        // scheduled for deletion, the error is an InvalidRequestException.
        Err(error) if matches!(error.code(), Some("ResourceExistsException" | "InvalidRequestException")) => {
            let found = ours("secret", find(secrets, &names).await?, &request.owner)?;
            let found = found.ok_or_else(|| {
                Error::new(ErrorKind::Transient, format!("{}: an earlier one is still being deleted", doing()))
            })?;
            Ok(created(&found.identifier))
        }
        Err(error) => Err(Error::aws(doing(), error)),
    }
}

fn secret_string(settings: &Settings, site: &Site) -> Result<String> {
    let user = site.admin_user.as_ref().map_or("admin", |user| user.as_str());
    let email = site.admin_email.as_ref().map(ToString::to_string);
    let email = email.map_or_else(|| Ok(format!("admin@{}", settings.required("DOMAIN")?)), Ok::<_, Error>)?;
    Ok(json!({ "username": user, "password": password()?, "email": email }).to_string())
}

/// Deletes the tenant's site credentials: immediately if the request says so, otherwise with a recovery window.
///
/// # Errors
/// When Secrets Manager refuses a call.
pub async fn delete(secrets: &Client, settings: &Settings, request: Teardown) -> Result<Removal> {
    let name = request.names(settings)?.site_credentials();
    delete_named(secrets, &name, Removal::of(Kind::SiteCredentials), &request).await
}

#[cfg(test)]
mod tests {
    use aws_sdk_secretsmanager::operation::create_secret::{CreateSecretError, CreateSecretOutput};
    use aws_sdk_secretsmanager::operation::delete_secret::DeleteSecretOutput;
    use aws_sdk_secretsmanager::operation::describe_secret::{DescribeSecretError, DescribeSecretOutput};
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;
    use serde_json::Value;

    use super::*;
    use crate::testing::{other_owner, owner, settings, tenant};

    const ARN: &str = "arn:aws:secretsmanager:eu-west-1:536580886816:secret:dev-123456789012-site-credentials-AbCdEf";

    fn absent() -> Rule {
        mock!(Client::describe_secret).then_error(|| {
            DescribeSecretError::generic(ErrorMetadata::builder().code("ResourceNotFoundException").build())
        })
    }

    fn present(owner: Option<Owner>) -> Rule {
        mock!(Client::describe_secret)
            .match_requests(|request| request.secret_id() == Some("dev-123456789012-site-credentials"))
            .then_output(move || {
                let tag =
                    owner.clone().map(|owner| Tag::builder().key("tenant:execution").value(owner.as_str()).build());
                DescribeSecretOutput::builder().arn(ARN).set_tags(Some(tag.into_iter().collect())).build()
            })
    }

    fn it_exists() -> Rule {
        mock!(Client::create_secret)
            .then_error(|| CreateSecretError::generic(ErrorMetadata::builder().code("ResourceExistsException").build()))
    }

    async fn run_create(rules: &[&Rule], site: Value) -> Result<Created> {
        let client = mock_client!(aws_sdk_secretsmanager, RuleMode::Sequential, rules);
        let request = Create { tenant_id: tenant(), owner: owner(), site: serde_json::from_value(site).unwrap() };
        create(&client, &settings(&[("DOMAIN", "example.com")]), request).await
    }

    #[tokio::test]
    async fn they_are_what_was_asked_for_and_else_have_defaults() {
        for (site, user, email) in [
            (json!({}), "admin", "admin@example.com"),
            (json!({"admin_user": "jo", "admin_email": "jo@example.org"}), "jo", "jo@example.org"),
        ] {
            let creation = mock!(Client::create_secret)
                .match_requests(move |request| {
                    let fields: Value = serde_json::from_str(request.secret_string().unwrap()).unwrap();
                    assert_eq!((&fields["username"], &fields["email"]), (&json!(user), &json!(email)));
                    assert_eq!(fields["password"].as_str().unwrap().len(), 32);
                    assert!(request.tags().iter().any(|tag| tag.value() == Some(owner().as_str())));
                    request.name() == Some("dev-123456789012-site-credentials")
                })
                .then_output(|| CreateSecretOutput::builder().arn(ARN).build());
            assert_eq!(run_create(&[&creation], site).await.unwrap().admin_secret_arn, ARN);
        }
    }

    #[tokio::test]
    async fn a_second_run_keeps_the_first_password_and_a_foreign_secret_is_a_conflict() {
        let again = run_create(&[&it_exists(), &present(Some(owner()))], json!({})).await.unwrap();
        assert_eq!(again.admin_secret_arn, ARN);
        for other in [None, Some(other_owner())] {
            let refused = run_create(&[&it_exists(), &present(other)], json!({})).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ResourceConflict);
        }
    }

    #[tokio::test]
    async fn one_that_is_only_just_being_deleted_is_tried_again() {
        let error = run_create(&[&it_exists(), &absent()], json!({})).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transient);
    }

    #[tokio::test]
    async fn a_rollback_deletes_ours_and_keeps_what_others_made() {
        let rollback = || Teardown { owner: Some(owner()), force_delete_secret: true, ..Teardown::of(tenant()) };
        let deletion = mock!(Client::delete_secret)
            .match_requests(|request| request.force_delete_without_recovery() == Some(true))
            .then_output(|| DeleteSecretOutput::builder().build());
        let client = mock_client!(aws_sdk_secretsmanager, RuleMode::Sequential, [&present(Some(owner())), &deletion]);
        let removal = delete(&client, &settings(&[]), rollback()).await.unwrap();
        assert_eq!((removal.kind, removal.removed.as_slice()), (Kind::SiteCredentials, [ARN.to_owned()].as_slice()));

        let client = mock_client!(aws_sdk_secretsmanager, RuleMode::Sequential, [&present(Some(other_owner()))]);
        assert_eq!(delete(&client, &settings(&[]), rollback()).await.unwrap().kept.len(), 1);

        let client = mock_client!(aws_sdk_secretsmanager, RuleMode::Sequential, [&absent()]);
        assert!(delete(&client, &settings(&[]), rollback()).await.unwrap().removed.is_empty());
    }
}
