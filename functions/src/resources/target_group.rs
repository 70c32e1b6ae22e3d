//! A tenant's ALB target group: where the load balancer finds the tenant's tasks.
//!
//! A service can use it only after a listener rule has attached it to the load balancer. It cannot be deleted while a
//! rule forwards to it.

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::error::ProvideErrorMetadata;
use aws_sdk_elasticloadbalancingv2::types::{Matcher, ProtocolEnum, TargetGroup, TargetGroupAttribute, TargetTypeEnum};
use serde::{Deserialize, Serialize};
use shared::{Error, ErrorKind, Kind, Names, Owner, Result, Settings, TenantId};

use crate::load_balancing::describe::target_groups;
use crate::load_balancing::tags;
use crate::resources::task_definition::container::{ALIVE_PATH, PORT};
use crate::resources::teardown::Teardown;
use crate::resources::{Found, Removal, ours, tenant_named};

pub mod health_checks;

const HEALTH_CHECK_INTERVAL_SECONDS: i32 = 10;
/// An Apache that is busy answers late, and is still alive.
const HEALTH_CHECK_TIMEOUT_SECONDS: i32 = 9;
const HEALTHY_AFTER: i32 = 2;
const UNHEALTHY_AFTER: i32 = 6;
/// Status codes of a healthy task.
const HEALTHY_CODES: &str = "200";
/// Seconds. AWS's default of 300 would delay every deployment and every teardown.
const DEREGISTRATION_DELAY_SECONDS: &str = "30";

/// Input of create-target-group.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The execution that creates it.
    pub owner: Owner,
    /// The VPC of the targets.
    pub vpc_id: String,
}

/// Output of create-target-group.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Created {
    /// Name of the target group.
    pub target_group: String,
    /// ARN of the target group.
    pub target_group_arn: String,
}

/// The tenant's target group, if there is one.
///
/// # Errors
/// When a call to Elastic Load Balancing fails.
pub async fn find(elb: &Client, names: &Names) -> Result<Vec<Found>> {
    match describe(elb, names).await? {
        Some(group) => found(elb, names, &group).await,
        None => Ok(Vec::new()),
    }
}

/// The tenant's target group as AWS describes it, if there is one.
///
/// # Errors
/// When a call to Elastic Load Balancing fails.
pub(crate) async fn describe(elb: &Client, names: &Names) -> Result<Option<TargetGroup>> {
    let name = names.target_group();
    match elb.describe_target_groups().names(&name).send().await {
        Ok(groups) => Ok(groups.target_groups.unwrap_or_default().into_iter().next()),
        Err(error) if error.code() == Some("TargetGroupNotFound") => Ok(None),
        Err(error) => Err(Error::aws(format!("reading target group ({name})"), error)),
    }
}

/// The target group with its owner; empty when it was deleted meanwhile.
///
/// # Errors
/// When a call to Elastic Load Balancing fails.
pub(crate) async fn found(elb: &Client, names: &Names, group: &TargetGroup) -> Result<Vec<Found>> {
    let arn = group.target_group_arn().unwrap_or_default();
    match tags::owner_of(elb, arn).await {
        Ok(owner) => Ok(vec![Found::present(arn, owner)]),
        Err(error) if error.code() == Some("TargetGroupNotFound") => Ok(Vec::new()),
        Err(error) => Err(Error::aws(format!("reading target group ({})", names.target_group()), error)),
    }
}

/// The tenants that have a target group.
///
/// # Errors
/// When a call to Elastic Load Balancing fails.
pub(crate) async fn list(elb: &Client, settings: &Settings) -> Result<BTreeSet<TenantId>> {
    let groups = target_groups(elb).await?;
    let names = groups.iter().filter_map(TargetGroup::target_group_name);
    Ok(names.filter_map(|name| tenant_named(settings, name, Names::target_group)).collect())
}

/// Creates the tenant's target group.
///
/// # Errors
/// `ResourceConflict` when it exists and another owner made it.
pub async fn create(elb: &Client, settings: &Settings, request: Create) -> Result<Created> {
    let names = settings.names(&request.tenant_id);
    let doing = || format!("creating target group ({})", names.target_group());
    let created = elb
        .create_target_group()
        .name(names.target_group())
        .protocol(ProtocolEnum::Http)
        .port(PORT)
        .vpc_id(&request.vpc_id)
        .target_type(TargetTypeEnum::Ip)
        .health_check_path(ALIVE_PATH)
        .health_check_interval_seconds(HEALTH_CHECK_INTERVAL_SECONDS)
        .health_check_timeout_seconds(HEALTH_CHECK_TIMEOUT_SECONDS)
        .healthy_threshold_count(HEALTHY_AFTER)
        .unhealthy_threshold_count(UNHEALTHY_AFTER)
        .matcher(Matcher::builder().http_code(HEALTHY_CODES).build())
        .set_tags(Some(tags::of(&names, &request.owner)))
        .send()
        .await;
    let found = match created {
        // When a target group with the same name and settings exists, AWS returns it. It may have another owner.
        Ok(created) => match created.target_groups().first() {
            Some(group) => found(elb, &names, group).await?,
            None => Vec::new(),
        },
        Err(error) if error.code() == Some("DuplicateTargetGroupName") => find(elb, &names).await?,
        Err(error) => return Err(Error::aws(doing(), error)),
    };
    let ours = ours("target group", found, &request.owner)?;
    let ours = ours.ok_or_else(|| Error::new(ErrorKind::Transient, format!("{}: it is not visible yet", doing())))?;
    let arn = ours.identifier;
    let delay = TargetGroupAttribute::builder()
        .key("deregistration_delay.timeout_seconds")
        .value(DEREGISTRATION_DELAY_SECONDS)
        .build();
    let modified = elb.modify_target_group_attributes().target_group_arn(&arn).attributes(delay).send().await;
    modified.map_err(|error| Error::aws(doing(), error))?;
    Ok(Created { target_group: names.target_group(), target_group_arn: arn })
}

/// Deletes the tenant's target group.
///
/// # Errors
/// `Transient` while a rule still forwards to it.
pub async fn delete(elb: &Client, settings: &Settings, request: Teardown) -> Result<Removal> {
    let names = request.names(settings)?;
    let doing = || format!("deleting target group ({})", names.target_group());
    let mut removal = Removal::of(Kind::TargetGroup);
    let found = find(elb, &names).await?;
    for group in removal.keep_foreign(found, request.owner.as_ref()) {
        match elb.delete_target_group().target_group_arn(&group.identifier).send().await {
            Ok(_) => removal.removed.push(group.identifier),
            Err(error) if error.code() == Some("TargetGroupNotFound") => {}
            // Its rule was deleted a moment ago, or another rule, which is not the tenant's, forwards to it.
            Err(error) if error.code() == Some("ResourceInUse") => {
                return Err(Error::new(ErrorKind::Transient, format!("{}: a listener rule refers to it", doing())));
            }
            Err(error) => return Err(Error::aws(doing(), error)),
        }
    }
    Ok(removal)
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticloadbalancingv2::operation::create_target_group::{
        CreateTargetGroupError, CreateTargetGroupOutput,
    };
    use aws_sdk_elasticloadbalancingv2::operation::delete_target_group::{
        DeleteTargetGroupError, DeleteTargetGroupOutput,
    };
    use aws_sdk_elasticloadbalancingv2::operation::describe_tags::DescribeTagsOutput;
    use aws_sdk_elasticloadbalancingv2::operation::describe_target_groups::{
        DescribeTargetGroupsError, DescribeTargetGroupsOutput,
    };
    use aws_sdk_elasticloadbalancingv2::operation::modify_target_group_attributes::ModifyTargetGroupAttributesOutput;
    use aws_sdk_elasticloadbalancingv2::types::{Tag, TagDescription};
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;
    use crate::testing::{other_owner, owner, settings, tenant};

    const ARN: &str =
        "arn:aws:elasticloadbalancing:eu-west-1:536580886816:targetgroup/dev-123456789012-tg/0123456789abcdef";

    fn absent() -> Rule {
        mock!(Client::describe_target_groups).then_error(|| {
            DescribeTargetGroupsError::generic(ErrorMetadata::builder().code("TargetGroupNotFound").build())
        })
    }

    fn present() -> Rule {
        mock!(Client::describe_target_groups)
            .match_requests(|request| request.names() == ["dev-123456789012-tg"])
            .then_output(|| {
                DescribeTargetGroupsOutput::builder()
                    .target_groups(TargetGroup::builder().target_group_arn(ARN).build())
                    .build()
            })
    }

    fn tagged(owner: Option<Owner>) -> Rule {
        mock!(Client::describe_tags).match_requests(|request| request.resource_arns() == [ARN]).then_output(move || {
            let tag = owner.clone().map(|owner| Tag::builder().key("tenant:execution").value(owner.as_str()).build());
            let description = TagDescription::builder().set_tags(Some(tag.into_iter().collect())).build();
            DescribeTagsOutput::builder().tag_descriptions(description).build()
        })
    }

    fn creation() -> Rule {
        mock!(Client::create_target_group)
            .match_requests(|request| {
                assert_eq!(request.health_check_path(), Some("/tenant-management/alive.txt"));
                assert_eq!(request.target_type(), Some(&TargetTypeEnum::Ip));
                request.vpc_id() == Some("vpc-1") && request.tags().len() == 4
            })
            .then_output(|| {
                let group = TargetGroup::builder().target_group_arn(ARN).build();
                CreateTargetGroupOutput::builder().target_groups(group).build()
            })
    }

    fn exists() -> Rule {
        mock!(Client::create_target_group).then_error(|| {
            CreateTargetGroupError::generic(ErrorMetadata::builder().code("DuplicateTargetGroupName").build())
        })
    }

    fn delay() -> Rule {
        mock!(Client::modify_target_group_attributes)
            .match_requests(|request| request.attributes()[0].value() == Some("30"))
            .then_output(|| ModifyTargetGroupAttributesOutput::builder().build())
    }

    async fn run_create(rules: &[&Rule]) -> Result<Created> {
        let client = mock_client!(aws_sdk_elasticloadbalancingv2, RuleMode::Sequential, rules);
        create(&client, &settings(&[]), Create { tenant_id: tenant(), owner: owner(), vpc_id: "vpc-1".to_owned() })
            .await
    }

    #[tokio::test]
    async fn it_is_created_with_a_short_deregistration_delay() {
        let rules = [&creation(), &tagged(Some(owner())), &delay()];
        assert_eq!(run_create(&rules).await.unwrap().target_group_arn, ARN);
    }

    #[tokio::test]
    async fn a_second_run_returns_the_first_runs_target_group() {
        let rules = [&exists(), &present(), &tagged(Some(owner())), &delay()];
        assert_eq!(run_create(&rules).await.unwrap().target_group_arn, ARN);
    }

    #[tokio::test]
    async fn one_that_is_not_visible_yet_is_worth_a_retry() {
        assert_eq!(run_create(&[&exists(), &absent()]).await.unwrap_err().kind(), ErrorKind::Transient);
    }

    #[tokio::test]
    async fn another_owners_target_group_is_a_conflict_even_when_aws_returns_it() {
        for rules in [vec![exists(), present(), tagged(None)], vec![creation(), tagged(Some(other_owner()))]] {
            let rules: Vec<_> = rules.iter().collect();
            assert_eq!(run_create(&rules).await.unwrap_err().kind(), ErrorKind::ResourceConflict);
        }
    }

    #[tokio::test]
    async fn a_full_load_balancer_is_a_used_up_quota() {
        let full = mock!(Client::create_target_group).then_error(|| {
            CreateTargetGroupError::generic(ErrorMetadata::builder().code("TooManyTargetGroups").build())
        });
        assert_eq!(run_create(&[&full]).await.unwrap_err().kind(), ErrorKind::QuotaExceeded);
    }

    #[tokio::test]
    async fn it_is_deleted_once_no_rule_refers_to_it() {
        let in_use = mock!(Client::delete_target_group)
            .then_error(|| DeleteTargetGroupError::generic(ErrorMetadata::builder().code("ResourceInUse").build()));
        let (found, tags) = (present(), tagged(None));
        let client = mock_client!(aws_sdk_elasticloadbalancingv2, RuleMode::Sequential, [&found, &tags, &in_use]);
        assert_eq!(
            delete(&client, &settings(&[]), Teardown::of(tenant())).await.unwrap_err().kind(),
            ErrorKind::Transient
        );

        let deleted = mock!(Client::delete_target_group).then_output(|| DeleteTargetGroupOutput::builder().build());
        let (found, tags) = (present(), tagged(None));
        let client = mock_client!(aws_sdk_elasticloadbalancingv2, RuleMode::Sequential, [&found, &tags, &deleted]);
        assert_eq!(delete(&client, &settings(&[]), Teardown::of(tenant())).await.unwrap().removed, [ARN]);
    }

    #[tokio::test]
    async fn one_that_vanishes_meanwhile_is_no_error() {
        let vanished = mock!(Client::delete_target_group).then_error(|| {
            DeleteTargetGroupError::generic(ErrorMetadata::builder().code("TargetGroupNotFound").build())
        });
        let (found, tags) = (present(), tagged(None));
        let client = mock_client!(aws_sdk_elasticloadbalancingv2, RuleMode::Sequential, [&found, &tags, &vanished]);
        assert!(delete(&client, &settings(&[]), Teardown::of(tenant())).await.unwrap().removed.is_empty());
    }
}
