//! Changes how the load balancer checks a tenant's tasks: as it checks those of new tenants, or, when a move has failed,
//! as before.
//!
//! Idempotent: a group that is already checked so is not changed.

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::error::ProvideErrorMetadata;
use aws_sdk_elasticloadbalancingv2::types::{Matcher, ProtocolEnum, TargetGroup};
use serde::{Deserialize, Serialize};
use shared::{Error, ErrorKind, Result, Settings, TenantId};

use super::{
    HEALTH_CHECK_INTERVAL_SECONDS, HEALTH_CHECK_TIMEOUT_SECONDS, HEALTHY_AFTER, HEALTHY_CODES, UNHEALTHY_AFTER,
    describe,
};
use crate::resources::task_definition::container::ALIVE_PATH;

/// How the load balancer checks a task.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HealthChecks {
    /// What it asks for.
    pub path: String,
    /// The port, or `traffic-port`.
    pub port: String,
    /// `HTTP` or `HTTPS`.
    pub protocol: String,
    /// Seconds between two checks of a task.
    pub interval_seconds: i32,
    /// Seconds without an answer after which a check has failed.
    pub timeout_seconds: i32,
    /// Number of checks after which a task is healthy.
    pub healthy_after: i32,
    /// Number of failed checks after which a task is unhealthy.
    pub unhealthy_after: i32,
    /// The status codes of a healthy task, as in `200-399`.
    pub codes: String,
}

impl HealthChecks {
    /// The checks of new tenants.
    fn of_new_tenants() -> Self {
        Self {
            path: ALIVE_PATH.to_owned(),
            port: "traffic-port".to_owned(),
            protocol: "HTTP".to_owned(),
            interval_seconds: HEALTH_CHECK_INTERVAL_SECONDS,
            timeout_seconds: HEALTH_CHECK_TIMEOUT_SECONDS,
            healthy_after: HEALTHY_AFTER,
            unhealthy_after: UNHEALTHY_AFTER,
            codes: HEALTHY_CODES.to_owned(),
        }
    }

    /// The checks of a target group. Source of the defaults: the API reference of Elastic Load Balancing,
    /// CreateTargetGroup.
    pub(crate) fn of(group: &TargetGroup) -> Self {
        let codes = group.matcher().and_then(Matcher::http_code);
        Self {
            path: group.health_check_path().unwrap_or("/").to_owned(),
            port: group.health_check_port().unwrap_or("traffic-port").to_owned(),
            protocol: group.health_check_protocol().map_or("HTTP", ProtocolEnum::as_str).to_owned(),
            interval_seconds: group.health_check_interval_seconds().unwrap_or(30),
            timeout_seconds: group.health_check_timeout_seconds().unwrap_or(5),
            healthy_after: group.healthy_threshold_count().unwrap_or(5),
            unhealthy_after: group.unhealthy_threshold_count().unwrap_or(2),
            codes: codes.unwrap_or("200").to_owned(),
        }
    }
}

/// Input of update-target-group.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// The tenant.
    pub tenant_id: TenantId,
    /// How its tasks are to be checked; as those of new tenants when absent.
    #[serde(default)]
    pub health_checks: Option<HealthChecks>,
}

/// Output of update-target-group.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Updated {
    /// How the tasks are checked.
    pub health_checks: HealthChecks,
}

/// Changes how the load balancer checks the tenant's tasks.
///
/// # Errors
/// `ResourceConflict` when the target group was deleted meanwhile.
pub async fn update(elb: &Client, settings: &Settings, request: Update) -> Result<Updated> {
    let names = settings.names(&request.tenant_id);
    let doing = || format!("updating target group ({})", names.target_group());
    let gone = || Error::new(ErrorKind::ResourceConflict, format!("{}: somebody deleted it", doing()));
    let group = describe(elb, &names).await?.ok_or_else(gone)?;
    let checks = request.health_checks.unwrap_or_else(HealthChecks::of_new_tenants);
    if checks == HealthChecks::of(&group) {
        return Ok(Updated { health_checks: checks });
    }
    let modified = elb
        .modify_target_group()
        .set_target_group_arn(group.target_group_arn)
        .health_check_path(&checks.path)
        .health_check_port(&checks.port)
        .health_check_protocol(ProtocolEnum::from(checks.protocol.as_str()))
        .health_check_interval_seconds(checks.interval_seconds)
        .health_check_timeout_seconds(checks.timeout_seconds)
        .healthy_threshold_count(checks.healthy_after)
        .unhealthy_threshold_count(checks.unhealthy_after)
        .matcher(Matcher::builder().http_code(&checks.codes).build())
        .send()
        .await;
    match modified {
        Ok(_) => Ok(Updated { health_checks: checks }),
        Err(error) if error.code() == Some("TargetGroupNotFound") => Err(gone()),
        Err(error) => Err(Error::aws(doing(), error)),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticloadbalancingv2::operation::describe_target_groups::DescribeTargetGroupsOutput;
    use aws_sdk_elasticloadbalancingv2::operation::modify_target_group::ModifyTargetGroupOutput;
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};

    use super::*;
    use crate::testing::{settings, tenant};

    fn found(group: Option<TargetGroup>) -> Rule {
        mock!(Client::describe_target_groups).then_output(move || {
            DescribeTargetGroupsOutput::builder().set_target_groups(Some(group.clone().into_iter().collect())).build()
        })
    }

    /// A group that the runbook made.
    fn old() -> TargetGroup {
        let group = TargetGroup::builder().target_group_arn("arn:group").health_check_path("/wp-admin/install.php");
        group.health_check_interval_seconds(30).build()
    }

    async fn run(rules: &[&Rule], health_checks: Option<HealthChecks>) -> Result<Updated> {
        let client = mock_client!(aws_sdk_elasticloadbalancingv2, RuleMode::Sequential, rules);
        update(&client, &settings(&[]), Update { tenant_id: tenant(), health_checks }).await
    }

    #[tokio::test]
    async fn a_moved_tenants_tasks_are_checked_as_new_ones_and_again_as_before_when_the_move_has_failed() {
        let modified = |path: &'static str, interval: i32| {
            mock!(Client::modify_target_group)
                .match_requests(move |request| {
                    assert_eq!(request.target_group_arn(), Some("arn:group"));
                    (request.health_check_path(), request.health_check_interval_seconds())
                        == (Some(path), Some(interval))
                })
                .then_output(|| ModifyTargetGroupOutput::builder().build())
        };
        let new = run(&[&found(Some(old())), &modified(ALIVE_PATH, 10)], None).await.unwrap();
        assert_eq!(new.health_checks, HealthChecks::of_new_tenants());
        let before = HealthChecks::of(&old());
        let group = TargetGroup::builder().target_group_arn("arn:group").health_check_path(ALIVE_PATH).build();
        let back = [&found(Some(group)), &modified("/wp-admin/install.php", 30)];
        assert_eq!(run(&back, Some(before.clone())).await.unwrap().health_checks, before);
        run(&[&found(Some(old()))], Some(before)).await.unwrap();
    }

    #[tokio::test]
    async fn a_group_that_vanished_meanwhile_is_a_conflict() {
        assert_eq!(run(&[&found(None)], None).await.unwrap_err().kind(), ErrorKind::ResourceConflict);
    }
}
