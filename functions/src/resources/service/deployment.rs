//! A deployment of a tenant's service: whether it is complete, and if it has failed, why.
//!
//! Changes nothing, so it can be called any number of times.

use aws_config::SdkConfig;
use aws_sdk_ecs::types::{Deployment, DeploymentRolloutState, Service};
use serde::{Deserialize, Serialize};
use shared::{Error, ErrorKind, Result, Settings, TenantId};

use super::reasons::reasons;
use super::{describe, primary};

/// The clients that check-service-deployment needs.
#[derive(Debug)]
pub struct Clients {
    /// ECS.
    pub ecs: aws_sdk_ecs::Client,
    /// CloudWatch Logs.
    pub logs: aws_sdk_cloudwatchlogs::Client,
}

impl Clients {
    /// The clients of a function.
    pub fn new(aws: &SdkConfig) -> Self {
        Self { ecs: aws_sdk_ecs::Client::new(aws), logs: aws_sdk_cloudwatchlogs::Client::new(aws) }
    }
}

/// Input of check-service-deployment.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The task definition that is being deployed.
    pub task_definition_arn: String,
    /// The deployment, if it is known. The task definition alone does not identify it: a forced deployment has the same
    /// one as the deployment before.
    pub deployment: Option<Started>,
    /// Accept a later deployment of the same task definition, such as the one with which ECS rolls back by itself.
    #[serde(default)]
    pub or_a_later_one: bool,
    /// This is the last check: a deployment that is still in progress has failed.
    #[serde(default)]
    pub last_check: bool,
}

/// A deployment that was started, or a change of the number of tasks in an existing deployment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Started {
    /// ECS's id of the deployment.
    pub id: String,
    /// The deployment before it; `None` when this one existed already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
    /// Tasks that should run.
    pub desired_count: u32,
}

/// Output of check-service-deployment.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The deployment is complete and every task runs.
    pub steady: bool,
    /// Tasks that run.
    pub running_count: i32,
    /// Tasks that should run.
    pub desired_count: i32,
    /// The service's messages about it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// Checks whether the tenant's deployment is complete.
///
/// # Errors
/// `DeploymentFailed`, with the reasons of the service and the last lines of the site's log, when it has failed or is not
/// complete at the last check.
pub async fn check(clients: &Clients, settings: &Settings, request: Check) -> Result<Checked> {
    let Clients { ecs, logs } = clients;
    let names = settings.names(&request.tenant_id);
    let failed = |why: &str, reasons: &[String]| {
        let reasons = if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) };
        Error::new(ErrorKind::DeploymentFailed, format!("deployment of service ({}) {why}{reasons}", names.service()))
    };
    let service = describe(ecs, &names).await?;
    if service.as_ref().is_some_and(|service| service.status() == Some("DRAINING")) {
        return Err(failed("cannot end: somebody deleted the service", &[]));
    }
    let Some(service) = service.filter(|service| service.status() == Some("ACTIVE")) else {
        // A new service may not be visible yet, or ECS may still show only an INACTIVE one of the same name.
        return if request.last_check {
            Err(failed("cannot end: there is no such service", &[]))
        } else {
            Ok(unsteady(&Service::builder().build()))
        };
    };
    let deployment = match deployment(&service, &request) {
        Seen::Requested(deployment) => deployment,
        Seen::NotYet if !request.last_check => return Ok(unsteady(&service)),
        Seen::NotYet => return Err(failed("cannot end: it never started", &[])),
        Seen::Another => {
            let why = "was replaced: ECS rolled it back, or somebody started another one";
            return Err(failed(why, &reasons(ecs, logs, &names, &service).await?));
        }
    };
    if deployment.rollout_state() == Some(&DeploymentRolloutState::Failed) {
        return Err(failed("failed", &reasons(ecs, logs, &names, &service).await?));
    }
    let steady = is_steady(&service, deployment);
    if !steady && request.last_check {
        let counts = format!(
            "did not end in time with {} of {} tasks running",
            service.running_count(),
            service.desired_count()
        );
        return Err(failed(&counts, &reasons(ecs, logs, &names, &service).await?));
    }
    Ok(Checked {
        steady,
        running_count: service.running_count(),
        desired_count: service.desired_count(),
        reasons: deployment.rollout_state_reason().map(str::to_owned).into_iter().collect(),
    })
}

/// How the service's current deployment relates to the one in the request.
enum Seen<'service> {
    Requested(&'service Deployment),
    /// ECS still shows the deployment before it.
    NotYet,
    /// The current deployment is a different one.
    Another,
}

fn deployment<'service>(service: &'service Service, request: &Check) -> Seen<'service> {
    let Some(primary) = primary(service) else { return Seen::Another };
    let runs_it = primary.task_definition() == Some(&request.task_definition_arn);
    let Some(started) = &request.deployment else {
        return if runs_it { Seen::Requested(primary) } else { Seen::Another };
    };
    let is_known = service.deployments().iter().any(|deployment| deployment.id() == Some(&started.id));
    if primary.id() == Some(&started.id) && runs_it {
        let is_scaled = u32::try_from(service.desired_count()) == Ok(started.desired_count);
        if started.replaces.is_some() || is_scaled { Seen::Requested(primary) } else { Seen::NotYet }
    } else if !is_known && started.replaces.as_deref() == primary.id() {
        Seen::NotYet
    } else if request.or_a_later_one && runs_it {
        Seen::Requested(primary)
    } else {
        Seen::Another
    }
}

/// Whether the service's deployment has failed. ECS then no longer starts tasks for it. Source: the API reference of
/// ECS, Deployment, `rolloutState`.
pub(crate) fn has_failed(service: &Service) -> bool {
    primary(service).and_then(Deployment::rollout_state) == Some(&DeploymentRolloutState::Failed)
}

fn unsteady(service: &Service) -> Checked {
    let (running_count, desired_count) = (service.running_count(), service.desired_count());
    Checked { steady: false, running_count, desired_count, reasons: Vec::new() }
}

fn is_steady(service: &Service, deployment: &Deployment) -> bool {
    deployment.rollout_state() == Some(&DeploymentRolloutState::Completed)
        && deployment.running_count() == service.desired_count()
        && service.running_count() == service.desired_count()
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatchlogs::operation::filter_log_events::FilterLogEventsOutput;
    use aws_sdk_ecs::Client;
    use aws_sdk_ecs::operation::describe_services::DescribeServicesOutput;
    use aws_sdk_ecs::operation::describe_tasks::DescribeTasksOutput;
    use aws_sdk_ecs::operation::list_tasks::ListTasksOutput;
    use aws_sdk_ecs::types::builders::ServiceBuilder;
    use aws_sdk_ecs::types::{Failure, ServiceEvent, Task};
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};

    use super::*;
    use crate::testing::{settings, tenant};

    const DEFINITION: &str = "arn:aws:ecs:eu-west-1:536580886816:task-definition/dev-123456789012:1";

    fn service(status: &str) -> ServiceBuilder {
        Service::builder().status(status)
    }

    fn found(service: ServiceBuilder) -> Rule {
        mock!(Client::describe_services)
            .then_output(move || DescribeServicesOutput::builder().services(service.clone().build()).build())
    }

    fn missing() -> Rule {
        mock!(Client::describe_services).then_output(|| {
            DescribeServicesOutput::builder().failures(Failure::builder().reason("MISSING").build()).build()
        })
    }

    fn deployment(state: DeploymentRolloutState, running: i32, definition: &str) -> Deployment {
        Deployment::builder()
            .status("PRIMARY")
            .rollout_state(state)
            .running_count(running)
            .task_definition(definition)
            .build()
    }

    /// A site whose log says nothing.
    fn clients(rules: &[&Rule]) -> Clients {
        let silence = mock!(aws_sdk_cloudwatchlogs::Client::filter_log_events)
            .then_output(|| FilterLogEventsOutput::builder().build());
        Clients {
            ecs: mock_client!(aws_sdk_ecs, RuleMode::MatchAny, rules),
            logs: mock_client!(aws_sdk_cloudwatchlogs, RuleMode::MatchAny, [&silence]),
        }
    }

    async fn run_check(rules: &[&Rule], last_check: bool) -> Result<Checked> {
        check(&clients(rules), &settings(&[]), Check { last_check, ..of(None) }).await
    }

    fn of(deployment: Option<Started>) -> Check {
        Check {
            tenant_id: tenant(),
            task_definition_arn: DEFINITION.to_owned(),
            deployment,
            or_a_later_one: false,
            last_check: false,
        }
    }

    #[tokio::test]
    async fn a_deployment_is_steady_when_it_is_completed_and_every_task_runs() {
        let at = |state: DeploymentRolloutState, running: i32| {
            found(
                service("ACTIVE")
                    .desired_count(2)
                    .running_count(running)
                    .deployments(deployment(state, running, DEFINITION)),
            )
        };
        assert!(run_check(&[&at(DeploymentRolloutState::Completed, 2)], false).await.unwrap().steady);
        for unsteady in [at(DeploymentRolloutState::InProgress, 2), at(DeploymentRolloutState::Completed, 1)] {
            assert!(!run_check(&[&unsteady], false).await.unwrap().steady);
        }
    }

    #[tokio::test]
    async fn a_failed_deployment_is_explained_by_the_services_own_reasons() {
        let tasks = mock!(Client::list_tasks).then_output(|| ListTasksOutput::builder().task_arns("arn:task").build());
        let stopped = mock!(Client::describe_tasks).then_output(|| {
            DescribeTasksOutput::builder()
                .tasks(Task::builder().stopped_reason("CannotPullContainerError").build())
                .build()
        });
        let event = ServiceEvent::builder().message("unable to place a task").build();
        let failed = found(
            service("ACTIVE")
                .desired_count(1)
                .deployments(deployment(DeploymentRolloutState::Failed, 0, DEFINITION))
                .events(event),
        );
        let error = run_check(&[&failed, &tasks, &stopped], false).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DeploymentFailed);
        assert!(error.chain().contains("CannotPullContainerError; unable to place a task"), "{}", error.chain());
    }

    #[tokio::test]
    async fn a_deployment_that_ended_otherwise_has_failed() {
        let no_tasks = mock!(Client::list_tasks).then_output(|| ListTasksOutput::builder().build());
        let replaced = found(service("ACTIVE").desired_count(1).deployments(deployment(
            DeploymentRolloutState::Completed,
            1,
            "arn:other:7",
        )));
        assert_eq!(run_check(&[&replaced, &no_tasks], false).await.unwrap_err().kind(), ErrorKind::DeploymentFailed);
        let draining = found(service("DRAINING"));
        assert_eq!(run_check(&[&draining], false).await.unwrap_err().kind(), ErrorKind::DeploymentFailed);
        assert_eq!(run_check(&[&missing()], true).await.unwrap_err().kind(), ErrorKind::DeploymentFailed);
        let no_tasks = mock!(Client::list_tasks).then_output(|| ListTasksOutput::builder().build());
        let slow = found(service("ACTIVE").desired_count(1).deployments(deployment(
            DeploymentRolloutState::InProgress,
            0,
            DEFINITION,
        )));
        let error = run_check(&[&slow, &no_tasks], true).await.unwrap_err();
        assert!(error.chain().contains("0 of 1 tasks"), "{}", error.chain());
    }

    #[tokio::test]
    async fn a_service_that_is_not_visible_yet_is_read_again() {
        for early in [missing(), found(service("INACTIVE"))] {
            assert!(!run_check(&[&early], false).await.unwrap().steady);
        }
    }

    #[tokio::test]
    async fn a_deployment_is_distinguished_from_the_one_before_and_the_one_after() {
        let shown = |ids: &[&str], desired: i32, definition: &str| {
            let deployments = ids.iter().enumerate().map(|(place, id)| {
                Deployment::builder()
                    .id(*id)
                    .status(if place == 0 { "PRIMARY" } else { "ACTIVE" })
                    .rollout_state(DeploymentRolloutState::Completed)
                    .running_count(desired)
                    .task_definition(definition)
                    .build()
            });
            let service = service("ACTIVE").desired_count(desired).running_count(desired);
            (
                found(service.set_deployments(Some(deployments.collect()))),
                mock!(Client::list_tasks).then_output(|| ListTasksOutput::builder().build()),
            )
        };
        let forced = || Started { id: "new".to_owned(), replaces: Some("old".to_owned()), desired_count: 2 };
        let scaled = || Started { id: "old".to_owned(), replaces: None, desired_count: 2 };
        for (started, ids, desired, steady) in [
            (forced(), &["new"][..], 2, Some(true)),
            (forced(), &["old"], 2, Some(false)),
            (forced(), &["old", "new"], 2, None),
            (forced(), &["newest", "new"], 2, None),
            (scaled(), &["old"], 2, Some(true)),
            (scaled(), &["old"], 1, Some(false)),
            (scaled(), &["newest"], 2, None),
        ] {
            let (service, tasks) = shown(ids, desired, DEFINITION);
            let checked = check(&clients(&[&service, &tasks]), &settings(&[]), of(Some(started))).await;
            assert_eq!(checked.ok().map(|checked| checked.steady), steady, "{ids:?} {desired}");
        }
        // When an update goes back, any deployment of the previous task definition is accepted.
        let (service, tasks) = shown(&["newest", "new"], 2, DEFINITION);
        let request = Check { or_a_later_one: true, ..of(Some(forced())) };
        assert!(check(&clients(&[&service, &tasks]), &settings(&[]), request).await.unwrap().steady);
        // ECS rolled the deployment back before the call that started it was answered.
        let (service, tasks) = shown(&["old"], 2, "arn:other:1");
        let error = check(&clients(&[&service, &tasks]), &settings(&[]), of(Some(scaled()))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DeploymentFailed);
    }
}
