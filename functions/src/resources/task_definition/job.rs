//! The task definition of a tenant's jobs, and the tasks that run them.
//!
//! A job is a one-off task in a container like the one that serves the site: it has the same image, volume, role and
//! credentials. It serves nobody, so it has no port and no health check. Its command is given when it is run. A revision
//! is used for every job until the site's own revision changes, because ECS registers only one revision per second for
//! all tenants together.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::error::ProvideErrorMetadata;
use aws_sdk_ecs::operation::register_task_definition::builders::RegisterTaskDefinitionInputBuilder;
use aws_sdk_ecs::types::{ContainerDefinition, DesiredStatus, Tag, Task, TaskDefinition, TaskDefinitionStatus};
use shared::owner::tags;
use shared::{Error, ErrorKind, Names, Owner, Result};

use super::container::CONTAINER;
use super::{deregister, described, revisions_of, site_container, that_tries_once};

/// The label of the container that names the site's revision.
const SOURCE: &str = "tenant-management.revision";
/// The job's log streams begin with it.
pub const LOG_PREFIX: &str = "job";
/// What a job is not given: the administrator's password is for the site's first start alone.
const WITHHELD: &str = "TENANT_ADMIN_";
/// What ECS says of a task that was stopped here.
pub(crate) const STOPPED: &str = "its execution has ended";
/// Seconds that a job has to end when it is stopped. Its program does not listen to signals.
const STOP_SECONDS: i32 = 2;
/// DescribeTasks takes at most 100. Source: its API reference.
const DESCRIBED_PER_CALL: usize = 100;

/// The revision for jobs of the site that this revision serves. Registers one if there is none.
///
/// # Errors
/// `EnvironmentNotReady` when the site's revision has no container; when ECS refuses a call.
pub(crate) async fn revision_for(ecs: &Client, names: &Names, owner: &Owner, site: &TaskDefinition) -> Result<String> {
    let family = names.job_family();
    let latest = described(ecs, names, &family).await?;
    if let Some((latest, found)) = latest
        && latest.status() == Some(&TaskDefinitionStatus::Active)
        && source(&latest) == site.task_definition_arn()
    {
        return Ok(found.identifier);
    }
    let before = revisions_of(ecs, &family, TaskDefinitionStatus::Active).await?;
    let tags = tags(names.environment(), names.tenant(), owner);
    let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let registered = describe(names, site)?.set_tags(Some(tags)).send_with(&that_tries_once(ecs)).await;
    let registered =
        registered.map_err(|error| Error::aws(format!("registering task definition ({family})"), error))?;
    let arn = registered.task_definition().and_then(TaskDefinition::task_definition_arn).unwrap_or_default();
    for old in before {
        deregister(ecs, &old).await?;
    }
    Ok(arn.to_owned())
}

fn source(job: &TaskDefinition) -> Option<&str> {
    job.container_definitions().first()?.docker_labels()?.get(SOURCE).map(String::as_str)
}

fn describe(names: &Names, site: &TaskDefinition) -> Result<RegisterTaskDefinitionInputBuilder> {
    let arn = site.task_definition_arn().unwrap_or_default();
    let container = site_container(site)
        .ok_or_else(|| Error::not_ready(format!("task definition ({arn}) has no container that serves a site")))?;
    Ok(RegisterTaskDefinitionInputBuilder::default()
        .family(names.job_family())
        .container_definitions(of_site(container, arn))
        .set_cpu(site.cpu.clone())
        .set_memory(site.memory.clone())
        .set_task_role_arn(site.task_role_arn.clone())
        .set_execution_role_arn(site.execution_role_arn.clone())
        .set_network_mode(site.network_mode.clone())
        .set_volumes(site.volumes.clone())
        .set_requires_compatibilities(site.requires_compatibilities.clone())
        .set_ephemeral_storage(site.ephemeral_storage.clone())
        .set_runtime_platform(site.runtime_platform.clone()))
}

/// The job's container.
fn of_site(site: &ContainerDefinition, arn: &str) -> ContainerDefinition {
    let mut logs = site.log_configuration.clone();
    for options in logs.iter_mut().filter_map(|logs| logs.options.as_mut()) {
        options.insert("awslogs-stream-prefix".to_owned(), LOG_PREFIX.to_owned());
    }
    let is_given = |secret: &&aws_sdk_ecs::types::Secret| !secret.name().starts_with(WITHHELD);
    ContainerDefinition::builder()
        .name(CONTAINER)
        .essential(true)
        .stop_timeout(STOP_SECONDS)
        .set_image(site.image.clone())
        .set_repository_credentials(site.repository_credentials.clone())
        .set_command(Some(["sh", "-c", "echo 'a job is run with a command' >&2; exit 64"].map(str::to_owned).to_vec()))
        .set_environment(site.environment.clone())
        .set_secrets(Some(site.secrets().iter().filter(is_given).cloned().collect()))
        .set_mount_points(site.mount_points.clone())
        .set_log_configuration(logs)
        .docker_labels(SOURCE, arn)
        .build()
}

/// Makes sure that none of the tenant's jobs runs. Only for whoever has the tenant's lock: then no other execution waits
/// for such a task.
///
/// # Errors
/// `Transient` as long as a task has not stopped.
pub(crate) async fn none_runs(ecs: &Client, names: &Names) -> Result<()> {
    match stop(ecs, names).await?.first() {
        None => Ok(()),
        Some(task) => {
            let family = names.job_family();
            Err(Error::new(ErrorKind::Transient, format!("task ({task}) of family {family} is being stopped")))
        }
    }
}

/// Stops what still runs of the tenant's jobs. Returns the tasks that have not stopped yet.
///
/// # Errors
/// When ECS refuses a call.
pub(crate) async fn stop(ecs: &Client, names: &Names) -> Result<Vec<String>> {
    let family = names.job_family();
    let mut tasks = tasks(ecs, names, DesiredStatus::Running).await?;
    for task in tasks.iter().filter_map(Task::task_arn) {
        let stopped = ecs.stop_task().cluster(names.cluster()).task(task).reason(STOPPED).send();
        stopped.await.map_err(|error| Error::aws(format!("stopping task ({task}) of family {family}"), error))?;
    }
    if tasks.is_empty() {
        tasks = self::tasks(ecs, names, DesiredStatus::Stopped).await?;
        tasks.retain(|task| task.last_status() != Some("STOPPED"));
    }
    Ok(tasks.into_iter().filter_map(|task| task.task_arn).collect())
}

async fn tasks(ecs: &Client, names: &Names, desired: DesiredStatus) -> Result<Vec<Task>> {
    let doing = || format!("looking for tasks of family {}", names.job_family());
    let tasks = ecs.list_tasks().cluster(names.cluster()).family(names.job_family()).desired_status(desired);
    let arns = match tasks.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await {
        Ok(arns) => arns,
        Err(error) if error.code() == Some("ClusterNotFoundException") => Vec::new(),
        Err(error) => return Err(Error::aws(doing(), error)),
    };
    let mut tasks = Vec::new();
    for arns in arns.chunks(DESCRIBED_PER_CALL) {
        let described = ecs.describe_tasks().cluster(names.cluster()).set_tasks(Some(arns.to_vec())).send().await;
        tasks.extend(described.map_err(|error| Error::aws(doing(), error))?.tasks.unwrap_or_default());
    }
    Ok(tasks)
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::operation::deregister_task_definition::DeregisterTaskDefinitionOutput;
    use aws_sdk_ecs::operation::describe_task_definition::{DescribeTaskDefinitionError, DescribeTaskDefinitionOutput};
    use aws_sdk_ecs::operation::describe_tasks::DescribeTasksOutput;
    use aws_sdk_ecs::operation::list_task_definitions::ListTaskDefinitionsOutput;
    use aws_sdk_ecs::operation::list_tasks::ListTasksOutput;
    use aws_sdk_ecs::operation::register_task_definition::RegisterTaskDefinitionOutput;
    use aws_sdk_ecs::operation::stop_task::StopTaskOutput;
    use aws_sdk_ecs::types::{HealthCheck, LogConfiguration, LogDriver, PortMapping, Secret};
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;
    use crate::testing::{owner, settings, tenant};

    fn arn(family: &str, revision: u32) -> String {
        format!("arn:aws:ecs:eu-west-1:536580886816:task-definition/{family}:{revision}")
    }

    fn site() -> TaskDefinition {
        let secret = |name| Secret::builder().name(name).value_from("arn:secret").build().unwrap();
        let logs = LogConfiguration::builder().log_driver(LogDriver::Awslogs).options("awslogs-group", "/ecs/a");
        let container = ContainerDefinition::builder()
            .name(CONTAINER)
            .image("wordpress:7")
            .health_check(HealthCheck::builder().command("CMD").build().unwrap())
            .port_mappings(PortMapping::builder().container_port(80).build())
            .secrets(secret("WORDPRESS_DB_PASSWORD"))
            .secrets(secret("TENANT_ADMIN_PASSWORD"))
            .log_configuration(logs.options("awslogs-stream-prefix", "wordpress").build().unwrap());
        TaskDefinition::builder()
            .task_definition_arn(arn("dev-123456789012", 3))
            .task_role_arn("arn:role")
            .cpu("256")
            .container_definitions(container.build())
            .build()
    }

    fn latest(of_revision: Option<u32>) -> Rule {
        let Some(revision) = of_revision else {
            return mock!(Client::describe_task_definition).then_error(|| {
                DescribeTaskDefinitionError::generic(ErrorMetadata::builder().code("ClientException").build())
            });
        };
        mock!(Client::describe_task_definition).then_output(move || {
            let container = of_site(&site().container_definitions()[0], &arn("dev-123456789012", revision));
            let definition = TaskDefinition::builder()
                .task_definition_arn(arn("dev-123456789012-job", 8))
                .status(TaskDefinitionStatus::Active)
                .container_definitions(container);
            DescribeTaskDefinitionOutput::builder().task_definition(definition.build()).build()
        })
    }

    async fn run(rules: &[&Rule]) -> Result<String> {
        let ecs = mock_client!(aws_sdk_ecs, RuleMode::Sequential, rules);
        revision_for(&ecs, &settings(&[]).names(&tenant()), &owner(), &site()).await
    }

    #[tokio::test]
    async fn a_revision_serves_every_job_of_the_same_site() {
        assert_eq!(run(&[&latest(Some(3))]).await.unwrap(), arn("dev-123456789012-job", 8));
    }

    #[tokio::test]
    async fn a_new_revision_of_the_site_has_one_of_its_own_that_serves_nobody_and_knows_no_administrator() {
        for before in [latest(None), latest(Some(2))] {
            let listed = mock!(Client::list_task_definitions)
                .match_requests(|request| request.family_prefix() == Some("dev-123456789012-job"))
                .then_output(|| {
                    let arns = [arn("dev-123456789012-job", 8), arn("dev-123456789012-job-old", 1)];
                    ListTaskDefinitionsOutput::builder().set_task_definition_arns(Some(arns.to_vec())).build()
                });
            let registered = mock!(Client::register_task_definition)
                .match_requests(|request| {
                    let [container] = request.container_definitions() else { panic!("one container") };
                    assert!(container.port_mappings().is_empty() && container.health_check().is_none());
                    let secrets: Vec<_> = container.secrets().iter().map(Secret::name).collect();
                    assert_eq!(secrets, ["WORDPRESS_DB_PASSWORD"]);
                    let logs = container.log_configuration().unwrap().options().unwrap();
                    assert_eq!(
                        (logs["awslogs-group"].as_str(), logs["awslogs-stream-prefix"].as_str()),
                        ("/ecs/a", "job")
                    );
                    assert_eq!((container.image(), request.task_role_arn()), (Some("wordpress:7"), Some("arn:role")));
                    assert!(request.tags().iter().any(|tag| tag.value() == Some(owner().as_str())));
                    request.family() == Some("dev-123456789012-job")
                })
                .then_output(|| {
                    let definition =
                        TaskDefinition::builder().task_definition_arn(arn("dev-123456789012-job", 9)).build();
                    RegisterTaskDefinitionOutput::builder().task_definition(definition).build()
                });
            let deregistered = mock!(Client::deregister_task_definition)
                .match_requests(|request| request.task_definition() == Some(&arn("dev-123456789012-job", 8)))
                .then_output(|| DeregisterTaskDefinitionOutput::builder().build());
            let made = run(&[&before, &listed, &registered, &deregistered]).await.unwrap();
            assert_eq!(made, arn("dev-123456789012-job", 9));
        }
    }

    fn listed(desired: DesiredStatus, arns: &'static [&'static str]) -> Rule {
        mock!(Client::list_tasks)
            .match_requests(move |request| {
                request.family() == Some("dev-123456789012-job") && request.desired_status() == Some(&desired)
            })
            .then_output(|| {
                ListTasksOutput::builder().set_task_arns(Some(arns.iter().map(ToString::to_string).collect())).build()
            })
    }

    fn with_status(status: &'static str) -> Rule {
        mock!(Client::describe_tasks).then_output(move || {
            DescribeTasksOutput::builder().tasks(Task::builder().task_arn("a").last_status(status).build()).build()
        })
    }

    #[tokio::test]
    async fn what_runs_is_stopped_and_waited_for() {
        let stop = async |rules: &[&Rule]| {
            let ecs = mock_client!(aws_sdk_ecs, RuleMode::Sequential, rules);
            super::none_runs(&ecs, &settings(&[]).names(&tenant())).await
        };
        let stopped = mock!(Client::stop_task)
            .match_requests(|request| request.task() == Some("a"))
            .then_output(|| StopTaskOutput::builder().build());
        let runs = [&listed(DesiredStatus::Running, &["a"]), &with_status("RUNNING"), &stopped];
        assert_eq!(stop(&runs).await.unwrap_err().kind(), ErrorKind::Transient);
        let none = || listed(DesiredStatus::Running, &[]);
        let old = || listed(DesiredStatus::Stopped, &["a"]);
        let stops = [&none(), &old(), &with_status("DEPROVISIONING")];
        assert_eq!(stop(&stops).await.unwrap_err().kind(), ErrorKind::Transient);
        stop(&[&none(), &old(), &with_status("STOPPED")]).await.unwrap();
        stop(&[&none(), &listed(DesiredStatus::Stopped, &[])]).await.unwrap();
    }
}
