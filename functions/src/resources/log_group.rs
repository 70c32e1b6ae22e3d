//! A tenant's CloudWatch log group. The awslogs driver does not create it, and a task does not start without it.

use std::collections::BTreeSet;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata;
use serde::{Deserialize, Serialize};
use shared::owner::{owner_in, tags};
use shared::{Error, Kind, Names, Owner, Result, Settings, TenantId};

use crate::resources::teardown::Teardown;
use crate::resources::{Found, Left, Removal, ours, tenant_named};

/// DescribeLogGroups returns at most 50. Source: its API reference.
const LISTED_PER_CALL: i32 = 50;

/// Input of create-log-group.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The execution that creates it.
    pub owner: Owner,
}

/// Output of create-log-group.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Created {
    /// Name of the log group.
    pub log_group: String,
}

/// The tenant's log group, if there is one.
///
/// # Errors
/// When a call to CloudWatch Logs fails.
pub async fn find(logs: &Client, names: &Names) -> Result<Vec<Found>> {
    let name = names.log_group();
    let doing = || format!("reading log group ({name})");
    // CloudWatch can only search by prefix. The list is sorted by name, so the exact name comes first.
    let groups = logs.describe_log_groups().log_group_name_prefix(&name).limit(1).send().await;
    let groups = groups.map_err(|error| Error::aws(doing(), error))?;
    let Some(group) = groups.log_groups().iter().find(|group| group.log_group_name() == Some(&name)) else {
        return Ok(Vec::new());
    };
    // `arn` ends in ":*", which ListTagsForResource refuses.
    let arn = group.arn().unwrap_or_default().trim_end_matches(":*");
    match logs.list_tags_for_resource().resource_arn(arn).send().await {
        Ok(tagged) => {
            let tags = tagged.tags().into_iter().flatten();
            Ok(vec![Found::present(arn, owner_in(tags.map(|(key, value)| (key.as_str(), value.as_str()))))])
        }
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(Vec::new()),
        Err(error) => Err(Error::aws(doing(), error)),
    }
}

/// The tenants that have a log group.
///
/// # Errors
/// When a call to CloudWatch Logs fails.
pub(crate) async fn list(logs: &Client, settings: &Settings) -> Result<BTreeSet<TenantId>> {
    let prefix = format!("/ecs/{}-", settings.environment());
    let listing = logs.describe_log_groups().log_group_name_prefix(&prefix).into_paginator();
    let groups = listing.page_size(LISTED_PER_CALL).items().send().collect::<Result<Vec<_>, _>>().await;
    let groups = groups.map_err(|error| Error::aws(format!("listing log groups ({prefix}*)"), error))?;
    let names = groups.iter().filter_map(|group| group.log_group_name());
    Ok(names.filter_map(|name| tenant_named(settings, name, Names::log_group)).collect())
}

/// Creates the tenant's log group and sets its retention.
///
/// # Errors
/// `ResourceConflict` when it exists and another owner made it.
pub async fn create(logs: &Client, settings: &Settings, request: Create) -> Result<Created> {
    let names = settings.names(&request.tenant_id);
    let retention: i32 = settings.parsed("TENANT_LOG_RETENTION_DAYS")?;
    let doing = || format!("creating log group ({})", names.log_group());
    if ours("log group", find(logs, &names).await?, &request.owner)?.is_none() {
        let tags = tags(names.environment(), names.tenant(), &request.owner);
        let tags = tags.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        match logs.create_log_group().log_group_name(names.log_group()).set_tags(Some(tags)).send().await {
            Ok(_) => {}
            Err(error) if error.code() == Some("ResourceAlreadyExistsException") => {
                ours("log group", find(logs, &names).await?, &request.owner)?;
            }
            Err(error) => return Err(Error::aws(doing(), error)),
        }
    }
    // The retention is also set for a group that was found, because an earlier run may have ended before this call.
    let policy =
        logs.put_retention_policy().log_group_name(names.log_group()).retention_in_days(retention).send().await;
    policy.map_err(|error| Error::aws(doing(), error))?;
    Ok(Created { log_group: names.log_group() })
}

/// Deletes the tenant's log group and its events, unless the request asks to keep it.
///
/// # Errors
/// When CloudWatch Logs refuses a call.
pub async fn delete(logs: &Client, settings: &Settings, request: Teardown) -> Result<Removal> {
    let names = request.names(settings)?;
    let mut removal = Removal::of(Kind::LogGroup);
    let found = find(logs, &names).await?;
    for group in removal.keep_foreign(found, request.owner.as_ref()) {
        if request.keep_log_group {
            removal.kept.push(Left { identifier: group.identifier, reason: "keep_log_group was asked for".to_owned() });
            continue;
        }
        match logs.delete_log_group().log_group_name(names.log_group()).send().await {
            Ok(_) => removal.removed.push(group.identifier),
            Err(error) if error.code() == Some("ResourceNotFoundException") => {}
            Err(error) => return Err(Error::aws(format!("deleting log group ({})", names.log_group()), error)),
        }
    }
    Ok(removal)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use aws_sdk_cloudwatchlogs::config::http::HttpResponse;
    use aws_sdk_cloudwatchlogs::operation::create_log_group::{CreateLogGroupError, CreateLogGroupOutput};
    use aws_sdk_cloudwatchlogs::operation::delete_log_group::DeleteLogGroupOutput;
    use aws_sdk_cloudwatchlogs::operation::describe_log_groups::DescribeLogGroupsOutput;
    use aws_sdk_cloudwatchlogs::operation::list_tags_for_resource::ListTagsForResourceOutput;
    use aws_sdk_cloudwatchlogs::operation::put_retention_policy::PutRetentionPolicyOutput;
    use aws_sdk_cloudwatchlogs::types::LogGroup;
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;
    use shared::ErrorKind;

    use super::*;
    use crate::testing::{other_owner, owner, settings, tenant};

    const ARN: &str = "arn:aws:logs:eu-west-1:536580886816:log-group:/ecs/dev-123456789012";

    fn listed(name: Option<&'static str>) -> Rule {
        mock!(Client::describe_log_groups).then_output(move || {
            let group = name.map(|name| LogGroup::builder().log_group_name(name).arn(format!("{ARN}:*")).build());
            DescribeLogGroupsOutput::builder().set_log_groups(Some(group.into_iter().collect())).build()
        })
    }

    fn tagged(owner: Option<Owner>) -> Rule {
        mock!(Client::list_tags_for_resource).match_requests(|request| request.resource_arn() == Some(ARN)).then_output(
            move || {
                let tags: HashMap<_, _> =
                    owner.clone().map(|owner| ("tenant:execution".to_owned(), owner.to_string())).into_iter().collect();
                ListTagsForResourceOutput::builder().set_tags(Some(tags)).build()
            },
        )
    }

    fn retention() -> Rule {
        mock!(Client::put_retention_policy)
            .match_requests(|request| request.retention_in_days() == Some(90))
            .then_output(|| PutRetentionPolicyOutput::builder().build())
    }

    async fn run_create(rules: &[&Rule]) -> Result<Created> {
        let client = mock_client!(aws_sdk_cloudwatchlogs, RuleMode::Sequential, rules);
        let request = Create { tenant_id: tenant(), owner: owner() };
        create(&client, &settings(&[("TENANT_LOG_RETENTION_DAYS", "90")]), request).await
    }

    #[tokio::test]
    async fn it_is_created_with_a_retention() {
        let creation = mock!(Client::create_log_group).then_output(|| CreateLogGroupOutput::builder().build());
        let created = run_create(&[&listed(None), &creation, &retention()]).await.unwrap();
        assert_eq!(created.log_group, "/ecs/dev-123456789012");
    }

    #[tokio::test]
    async fn a_group_with_a_longer_name_is_ignored() {
        let creation = mock!(Client::create_log_group).then_output(|| CreateLogGroupOutput::builder().build());
        run_create(&[&listed(Some("/ecs/dev-123456789012-old")), &creation, &retention()]).await.unwrap();
    }

    #[tokio::test]
    async fn a_second_run_sets_the_retention_that_the_first_may_have_missed() {
        run_create(&[&listed(Some("/ecs/dev-123456789012")), &tagged(Some(owner())), &retention()]).await.unwrap();
    }

    #[tokio::test]
    async fn throttling_after_the_sdks_retries_is_retried_by_the_state_machine() {
        let throttled = mock!(Client::describe_log_groups).then_http_response(|| {
            HttpResponse::new(400.try_into().unwrap(), r#"{"__type": "ThrottlingException"}"#.into())
        });
        let client = mock_client!(aws_sdk_cloudwatchlogs, RuleMode::MatchAny, [&throttled]);
        let error = find(&client, &settings(&[]).names(&tenant())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Throttled);
        assert!(error.chain().contains("ThrottlingException"), "{}", error.chain());
        assert!(throttled.num_calls() > 1, "the SDK retries first");
    }

    #[tokio::test]
    async fn losing_the_race_to_another_owner_is_a_conflict() {
        let exists = mock!(Client::create_log_group).then_error(|| {
            CreateLogGroupError::generic(ErrorMetadata::builder().code("ResourceAlreadyExistsException").build())
        });
        let rules = [&listed(None), &exists, &listed(Some("/ecs/dev-123456789012")), &tagged(Some(other_owner()))];
        assert_eq!(run_create(&rules).await.unwrap_err().kind(), ErrorKind::ResourceConflict);
    }

    #[tokio::test]
    async fn a_teardown_deletes_what_the_runbook_made_and_a_rollback_does_not() {
        let deleted = mock!(Client::delete_log_group).then_output(|| DeleteLogGroupOutput::builder().build());
        let (found, untagged) = (listed(Some("/ecs/dev-123456789012")), tagged(None));
        let client = mock_client!(aws_sdk_cloudwatchlogs, RuleMode::Sequential, [&found, &untagged, &deleted]);
        assert_eq!(delete(&client, &settings(&[]), Teardown::of(tenant())).await.unwrap().removed, [ARN]);

        let (found, untagged) = (listed(Some("/ecs/dev-123456789012")), tagged(None));
        let client = mock_client!(aws_sdk_cloudwatchlogs, RuleMode::Sequential, [&found, &untagged]);
        let rollback = Teardown { owner: Some(owner()), ..Teardown::of(tenant()) };
        assert_eq!(delete(&client, &settings(&[]), rollback).await.unwrap().kept.len(), 1);
    }

    #[tokio::test]
    async fn it_is_kept_on_request() {
        let (found, untagged) = (listed(Some("/ecs/dev-123456789012")), tagged(None));
        let client = mock_client!(aws_sdk_cloudwatchlogs, RuleMode::Sequential, [&found, &untagged]);
        let request = Teardown { keep_log_group: true, ..Teardown::of(tenant()) };
        let removal = delete(&client, &settings(&[]), request).await.unwrap();
        assert_eq!((removal.kept[0].identifier.as_str(), removal.removed.len()), (ARN, 0));
    }
}
