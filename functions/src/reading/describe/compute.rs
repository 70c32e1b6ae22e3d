//! What a tenant runs: its service, the service's task definition, and the stopped tasks.

use std::cmp::Reverse;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::error::ProvideErrorMetadata;
use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types::{self, DesiredStatus, TaskDefinitionStatus};
use serde::Serialize;
use shared::{Error, Names, Result, Settings};

use crate::reading::{MOST, cut};
use crate::resources::task_definition::container::CONTAINER;
use crate::resources::{service, task_definition, task_role};

/// Maximum number of the service's events in the answer. AWS keeps 100.
const EVENTS: usize = 10;
/// Maximum number of stopped tasks in the answer.
const STOPPED_TASKS: usize = 10;
/// DescribeTasks takes at most 100. Source: its API reference.
const TASKS_PER_CALL: usize = 100;
/// Maximum number of stopped tasks that are read. ECS lists them in no order, so all are read to find the newest.
const MOST_TASKS: usize = 500;

/// An ECS service.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Service {
    /// ARN.
    pub arn: String,
    /// ACTIVE or DRAINING.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Tasks that should run.
    pub desired_count: i32,
    /// Tasks that run.
    pub running_count: i32,
    /// Tasks that start.
    pub pending_count: i32,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// Its deployments, the current one and those that it replaces.
    pub deployments: Vec<Deployment>,
    /// Its messages, newest first.
    pub events: Vec<Event>,
}

/// A deployment of a service.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Deployment {
    /// Id.
    pub id: String,
    /// PRIMARY, ACTIVE or INACTIVE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// COMPLETED, FAILED or IN_PROGRESS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout_state: Option<String>,
    /// Why it is in that state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout_state_reason: Option<String>,
    /// ARN of the task definition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_definition: Option<String>,
    /// Tasks that should run.
    pub desired: i32,
    /// Tasks that run.
    pub running: i32,
    /// Tasks that failed in a row to start.
    pub failed: i32,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
}

/// A message of a service.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Its time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Its text.
    pub message: String,
}

/// A revision of a task definition.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct TaskDefinition {
    /// ARN.
    pub arn: String,
    /// Number of the revision.
    pub revision: i32,
    /// Image of the container that serves the site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// CPU units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<u32>,
    /// Memory in MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u32>,
}

/// The IAM role that a tenant has for itself.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct TaskRole {
    /// Its name.
    pub name: String,
    /// If not, the tasks cannot start.
    pub exists: bool,
    /// ARN of the policy that says what it may do at most, whatever its own policies allow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions_boundary: Option<String>,
}

/// A task that stopped.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct StoppedTask {
    /// ARN.
    pub arn: String,
    /// When it stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<String>,
    /// Why it stopped, as one of ECS's codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_code: Option<String>,
    /// Why it stopped, in the words of ECS and of the container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Exit code of the container that serves the site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
}

/// The tenant's service, unless it is INACTIVE, and the task definition that it runs. Without a service: the family's
/// newest revision, unless it is deregistered. The runbook leaves deregistered revisions of every tenant that it
/// removed.
///
/// # Errors
/// When a call to ECS fails.
pub(super) async fn service_and_definition(
    ecs: &Client,
    names: &Names,
) -> Result<(Option<types::Service>, Option<types::TaskDefinition>)> {
    let service = service::describe(ecs, names).await?.filter(|service| service.status() != Some("INACTIVE"));
    let deployed = service.as_ref().and_then(|service| service.task_definition()).map(str::to_owned);
    let wanted = deployed.clone().unwrap_or_else(|| names.family());
    let definition = task_definition::read(ecs, &wanted).await?;
    let usable = |definition: &types::TaskDefinition| match definition.status() {
        Some(TaskDefinitionStatus::DeleteInProgress) => false,
        Some(TaskDefinitionStatus::Inactive) => deployed.is_some(),
        _ => true,
    };
    Ok((service, definition.filter(usable)))
}

/// The tenant's own role, where tenants do not share one.
///
/// # Errors
/// When a call to IAM fails.
pub(super) async fn task_role(
    iam: &aws_sdk_iam::Client,
    settings: &Settings,
    names: &Names,
) -> Result<Option<aws_sdk_iam::types::Role>> {
    if !task_role::are_per_tenant(settings) {
        return Ok(None);
    }
    task_role::described(iam, names).await
}

/// The tenant's stopped tasks, newest first.
///
/// # Errors
/// When a call to ECS fails.
pub(super) async fn stopped_tasks(ecs: &Client, names: &Names) -> Result<Vec<StoppedTask>> {
    let doing = || format!("reading stopped tasks ({})", names.family());
    // By family, because the service may have been deleted. This also shows tasks that somebody started by hand.
    let listing =
        ecs.list_tasks().cluster(names.cluster()).family(names.family()).desired_status(DesiredStatus::Stopped);
    let mut arns = match listing.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await {
        Ok(arns) => arns,
        Err(error) if error.code() == Some("ClusterNotFoundException") => return Ok(Vec::new()),
        Err(error) => return Err(Error::aws(doing(), error)),
    };
    arns.truncate(MOST_TASKS);
    let mut tasks = Vec::new();
    for arns in arns.chunks(TASKS_PER_CALL) {
        // A task that ECS no longer knows is returned as a `failure`, not in the list of tasks.
        let described = ecs.describe_tasks().cluster(names.cluster()).set_tasks(Some(arns.to_vec())).send().await;
        tasks.extend(described.map_err(|error| Error::aws(doing(), error))?.tasks.unwrap_or_default());
    }
    tasks.sort_by_key(|task| Reverse(task.stopped_at().map(instant)));
    Ok(tasks.iter().take(STOPPED_TASKS).map(StoppedTask::from).collect())
}

fn instant(time: &DateTime) -> (i64, u32) {
    (time.secs(), time.subsec_nanos())
}

impl From<&types::Service> for Service {
    fn from(service: &types::Service) -> Self {
        let mut events: Vec<_> = service.events().iter().collect();
        events.sort_by_key(|event| Reverse(event.created_at().map(instant)));
        Self {
            arn: service.service_arn().unwrap_or_default().to_owned(),
            status: service.status().map(str::to_owned),
            desired_count: service.desired_count(),
            running_count: service.running_count(),
            pending_count: service.pending_count(),
            created_at: service.created_at().map(DateTime::to_string),
            deployments: service.deployments().iter().take(MOST).map(Deployment::from).collect(),
            events: events.into_iter().take(EVENTS).map(Event::from).collect(),
        }
    }
}

impl From<&types::Deployment> for Deployment {
    fn from(deployment: &types::Deployment) -> Self {
        Self {
            id: deployment.id().unwrap_or_default().to_owned(),
            status: deployment.status().map(str::to_owned),
            rollout_state: deployment.rollout_state().map(|state| state.as_str().to_owned()),
            rollout_state_reason: deployment.rollout_state_reason().map(cut),
            task_definition: deployment.task_definition().map(str::to_owned),
            desired: deployment.desired_count(),
            running: deployment.running_count(),
            failed: deployment.failed_tasks(),
            created_at: deployment.created_at().map(DateTime::to_string),
        }
    }
}

impl From<&types::ServiceEvent> for Event {
    fn from(event: &types::ServiceEvent) -> Self {
        Self { at: event.created_at().map(DateTime::to_string), message: event.message().map(cut).unwrap_or_default() }
    }
}

impl From<&types::TaskDefinition> for TaskDefinition {
    fn from(definition: &types::TaskDefinition) -> Self {
        Self {
            arn: definition.task_definition_arn().unwrap_or_default().to_owned(),
            revision: definition.revision(),
            image: task_definition::image(definition).map(cut),
            cpu: task_definition::cpu(definition),
            memory: task_definition::memory(definition),
        }
    }
}

impl TaskRole {
    /// The role that the tenant has, or that its tasks need although it does not exist.
    pub(super) fn of(
        role: Option<aws_sdk_iam::types::Role>,
        definition: Option<&types::TaskDefinition>,
        settings: &Settings,
        names: &Names,
    ) -> Option<Self> {
        let name = names.task_role();
        let used = definition.and_then(|definition| definition.task_role_arn()?.rsplit('/').next());
        let is_missing = task_role::are_per_tenant(settings) && used == Some(&name);
        let exists = role.is_some();
        let boundary = role.and_then(|role| role.permissions_boundary).and_then(|with| with.permissions_boundary_arn);
        (exists || is_missing).then_some(Self { name, exists, permissions_boundary: boundary })
    }
}

impl From<&types::Task> for StoppedTask {
    fn from(task: &types::Task) -> Self {
        let containers = task.containers();
        let serving = containers.iter().find(|container| container.name() == Some(CONTAINER)).or(containers.first());
        // ECS writes "Essential container in task exited", and the container "OutOfMemoryError: …".
        let mut reasons: Vec<_> = task.stopped_reason().into_iter().collect();
        let container_says = serving.and_then(|container| container.reason());
        reasons.extend(container_says.filter(|reason| task.stopped_reason() != Some(reason)));
        Self {
            arn: task.task_arn().unwrap_or_default().to_owned(),
            stopped_at: task.stopped_at().map(DateTime::to_string),
            stop_code: task.stop_code().map(|code| code.as_str().to_owned()),
            reason: (!reasons.is_empty()).then(|| cut(&reasons.join(": "))),
            exit_code: serving.and_then(|container| container.exit_code()),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::operation::describe_services::DescribeServicesOutput;
    use aws_sdk_ecs::operation::describe_task_definition::DescribeTaskDefinitionOutput;
    use aws_sdk_ecs::operation::describe_tasks::DescribeTasksOutput;
    use aws_sdk_ecs::operation::list_tasks::{ListTasksError, ListTasksOutput};
    use aws_sdk_ecs::types::{Container, ContainerDefinition, ServiceEvent, Task, TaskStopCode};
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;
    use crate::testing::{settings, tenant};

    fn names() -> Names {
        settings(&[]).names(&tenant())
    }

    fn stopped(name: &str, second: i64) -> Task {
        Task::builder().task_arn(name).stopped_at(DateTime::from_secs(second)).build()
    }

    fn listed(arns: usize, next: Option<&'static str>) -> Rule {
        mock!(Client::list_tasks)
            .match_requests(|request| {
                request.family() == Some("dev-123456789012")
                    && request.desired_status() == Some(&DesiredStatus::Stopped)
            })
            .then_output(move || {
                let arns = (0..arns).map(|number| format!("arn:{number}")).collect();
                ListTasksOutput::builder().set_task_arns(Some(arns)).set_next_token(next.map(str::to_owned)).build()
            })
    }

    fn described(asked: usize, tasks: Vec<Task>) -> Rule {
        mock!(Client::describe_tasks)
            .match_requests(move |request| request.tasks().len() == asked)
            .then_output(move || DescribeTasksOutput::builder().set_tasks(Some(tasks.clone())).build())
    }

    #[tokio::test]
    async fn the_newest_stopped_tasks_of_all_pages_are_returned_newest_first() {
        let (first, second) = (listed(100, Some("next")), listed(20, None));
        let tasks = (0..20).map(|second| stopped(&format!("arn:{second}"), second)).collect();
        let (older, newer) = (described(100, tasks), described(20, vec![stopped("arn:new", 1000)]));
        let ecs = mock_client!(aws_sdk_ecs, RuleMode::Sequential, [&first, &second, &older, &newer]);
        let tasks = stopped_tasks(&ecs, &names()).await.unwrap();
        assert_eq!(tasks.len(), 10);
        let arns: Vec<_> = tasks.iter().take(3).map(|task| task.arn.as_str()).collect();
        assert_eq!(arns, ["arn:new", "arn:19", "arn:18"]);
    }

    #[tokio::test]
    async fn no_stopped_tasks_and_no_cluster_are_no_errors() {
        let none = listed(0, None);
        let ecs = mock_client!(aws_sdk_ecs, [&none]);
        assert!(stopped_tasks(&ecs, &names()).await.unwrap().is_empty());
        let missing = mock!(Client::list_tasks)
            .then_error(|| ListTasksError::generic(ErrorMetadata::builder().code("ClusterNotFoundException").build()));
        let ecs = mock_client!(aws_sdk_ecs, [&missing]);
        assert!(stopped_tasks(&ecs, &names()).await.unwrap().is_empty());
    }

    #[test]
    fn a_stopped_task_says_what_ecs_and_the_container_say() {
        let container = |name: &str| Container::builder().name(name);
        let task = Task::builder()
            .task_arn("arn:task")
            .stop_code(TaskStopCode::EssentialContainerExited)
            .stopped_reason("Essential container in task exited")
            .containers(container("sidecar").exit_code(0).build())
            .containers(container(CONTAINER).exit_code(137).reason("OutOfMemoryError: killed").build())
            .build();
        let task = StoppedTask::from(&task);
        assert_eq!(task.reason.as_deref(), Some("Essential container in task exited: OutOfMemoryError: killed"));
        assert_eq!((task.exit_code, task.stop_code.as_deref()), (Some(137), Some("EssentialContainerExited")));

        let same = Task::builder().stopped_reason("killed").containers(container("any").reason("killed").build());
        assert_eq!(StoppedTask::from(&same.build()).reason.as_deref(), Some("killed"));
        let unknown = serde_json::to_value(StoppedTask::from(&Task::builder().task_arn("arn:task").build())).unwrap();
        assert_eq!(unknown, serde_json::json!({"arn": "arn:task"}), "what is not known is left out");
    }

    #[test]
    fn the_last_ten_events_are_returned_newest_first_and_shortened() {
        let event = |second: i64| {
            ServiceEvent::builder().created_at(DateTime::from_secs(second)).message("x".repeat(10_000)).build()
        };
        let service = types::Service::builder().set_events(Some((0..100).map(event).collect())).build();
        let events = Service::from(&service).events;
        assert_eq!(events.len(), 10);
        assert_eq!(events[0].at.as_deref(), Some("1970-01-01T00:01:39Z"));
        assert_eq!(events[9].at.as_deref(), Some("1970-01-01T00:01:30Z"));
        assert!(events[0].message.chars().count() <= 501);
    }

    #[test]
    fn the_image_is_that_of_the_container_that_serves_the_site() {
        let container = |name: &str, image: &str| ContainerDefinition::builder().name(name).image(image).build();
        let definition = types::TaskDefinition::builder()
            .cpu("256")
            .memory("512")
            .container_definitions(container("sidecar", "envoy:1"))
            .container_definitions(container(CONTAINER, "wordpress:6"))
            .build();
        let definition = TaskDefinition::from(&definition);
        assert_eq!(definition.image.as_deref(), Some("wordpress:6"));
        assert_eq!((definition.cpu, definition.memory), (Some(256), Some(512)));
        let other = types::TaskDefinition::builder().container_definitions(container("web", "nginx:1")).build();
        assert_eq!(TaskDefinition::from(&other).image.as_deref(), Some("nginx:1"));
    }

    async fn running(service: Option<(&'static str, &'static str)>, status: TaskDefinitionStatus) -> (bool, bool) {
        let services = mock!(Client::describe_services).then_output(move || {
            let service = service.map(|(status, definition)| {
                types::Service::builder().status(status).task_definition(definition).build()
            });
            DescribeServicesOutput::builder().set_services(Some(service.into_iter().collect())).build()
        });
        let active = service.filter(|(status, _)| *status != "INACTIVE");
        let wanted = active.map_or("dev-123456789012", |(_, definition)| definition);
        let definitions = mock!(Client::describe_task_definition)
            .match_requests(move |request| request.task_definition() == Some(wanted))
            .then_output(move || {
                let definition = types::TaskDefinition::builder().status(status.clone()).build();
                DescribeTaskDefinitionOutput::builder().task_definition(definition).build()
            });
        let ecs = mock_client!(aws_sdk_ecs, RuleMode::Sequential, [&services, &definitions]);
        let (service, definition) = service_and_definition(&ecs, &names()).await.unwrap();
        (service.is_some(), definition.is_some())
    }

    #[tokio::test]
    async fn the_task_definition_is_the_one_that_the_service_runs() {
        let service = Some(("ACTIVE", "arn:dev-123456789012:3"));
        for (status, is_given) in [
            (TaskDefinitionStatus::Active, true),
            (TaskDefinitionStatus::Inactive, true),
            (TaskDefinitionStatus::DeleteInProgress, false),
        ] {
            assert_eq!(running(service, status).await, (true, is_given));
        }
    }

    #[tokio::test]
    async fn an_inactive_service_and_a_deregistered_revision_are_left_out() {
        for gone in [None, Some(("INACTIVE", "arn:dev-123456789012:3"))] {
            assert_eq!(running(gone, TaskDefinitionStatus::Inactive).await, (false, false));
            assert_eq!(running(gone, TaskDefinitionStatus::Active).await, (false, true));
        }
    }
}
