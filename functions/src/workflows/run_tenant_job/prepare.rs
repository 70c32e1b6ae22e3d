//! Prepares a job: takes the tenant's lock, and makes the arguments of the task.

use aws_config::SdkConfig;
use aws_sdk_ecs::types::{DeploymentRolloutState, Service};
use serde::Deserialize;
use serde_json::Value;
use shared::{Error, ErrorKind, Names, Owner, Result, Settings, input};

use super::Request;
use crate::resources::service;
use crate::resources::task_definition::container::CONTAINER;
use crate::resources::task_definition::{self, job};
use crate::workflows::ecs_task::{Network, Program, RunTask};
use crate::workflows::lock;

/// The clients of prepare-tenant-job.
#[derive(Debug)]
pub struct Clients {
    /// ECS.
    pub ecs: aws_sdk_ecs::Client,
    /// S3.
    pub s3: aws_sdk_s3::Client,
    /// Step Functions.
    pub sfn: aws_sdk_sfn::Client,
}

impl Clients {
    /// The clients of a function.
    pub fn new(aws: &SdkConfig) -> Self {
        Self {
            ecs: aws_sdk_ecs::Client::new(aws),
            s3: aws_sdk_s3::Client::new(aws),
            sfn: aws_sdk_sfn::Client::new(aws),
        }
    }
}

/// Input of prepare-tenant-job.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prepare {
    /// The execution that runs the job.
    pub owner: Owner,
    /// Input of run-tenant-job, as a person writes it.
    pub request: Value,
}

/// Takes the tenant's lock, or makes sure that `lock_owner` has it, and prepares the task.
///
/// # Errors
/// `InvalidRequest`, `WrongEnvironment`; `TenantNotFound` when the tenant has no service, whose container the job's is
/// like; `ResourceConflict` when another execution has the lock, or while a deployment runs that no update waits for.
pub async fn prepare(clients: &Clients, settings: &Settings, prepare: Prepare) -> Result<RunTask> {
    let request: Request = input::parse(prepare.request)?;
    let names = request.names(settings)?;
    let location = lock::of(settings, &request.tenant_id)?;
    match &request.lock_owner {
        Some(owner) => lock::check(&clients.s3, &location, owner).await?,
        None => {
            lock::take(&clients.s3, &clients.sfn, &location, &prepare.owner, lock::grace(settings)?).await?;
            job::none_runs(&clients.ecs, &names).await?;
        }
    }
    let service = service::active(&clients.ecs, &names).await?;
    if request.lock_owner.is_none() {
        is_steady(&names, &service)?;
    }
    let definition = task_definition::of_service(&clients.ecs, &names, &service).await?;
    let revision = job::revision_for(&clients.ecs, &names, &prepare.owner, &definition).await?;
    let program = Program { name: CONTAINER, command: ["sh", "-c", request.job.script()], environment: Vec::new() };
    RunTask::new(names.cluster(), revision, network(&names, &service)?, program)
}

/// A revision that never served the site may go again, and what its WordPress has done to the database stays.
fn is_steady(names: &Names, service: &Service) -> Result<()> {
    let state = service::primary(service).and_then(|deployment| deployment.rollout_state());
    match state {
        None | Some(DeploymentRolloutState::Completed) => Ok(()),
        Some(state) => Err(Error::new(
            ErrorKind::ResourceConflict,
            format!(
                "the deployment of service ({}) is {state}: run the job when it has ended, or after an update",
                names.service()
            ),
        )),
    }
}

/// A job runs where the site's tasks run.
fn network(names: &Names, service: &Service) -> Result<Network> {
    let network = service.network_configuration().and_then(|network| network.awsvpc_configuration());
    let network = network.ok_or_else(|| {
        Error::not_ready(format!("service ({}) has no network configuration: it is none for Fargate", names.service()))
    })?;
    Ok(Network {
        subnets: network.subnets().to_vec(),
        security_groups: network.security_groups().to_vec(),
        assign_public_ip: network.assign_public_ip().map_or("DISABLED", |it| it.as_str()).to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{other_owner, owner, settings};
    use aws_sdk_ecs::operation::describe_services::DescribeServicesOutput;
    use aws_sdk_ecs::operation::describe_task_definition::DescribeTaskDefinitionOutput;
    use aws_sdk_ecs::operation::list_task_definitions::ListTaskDefinitionsOutput;
    use aws_sdk_ecs::operation::list_tasks::ListTasksOutput;
    use aws_sdk_ecs::operation::register_task_definition::RegisterTaskDefinitionOutput;
    use aws_sdk_ecs::types::{AwsVpcConfiguration, ContainerDefinition, NetworkConfiguration, TaskDefinition};
    use aws_sdk_s3::operation::get_object::GetObjectOutput;
    use aws_sdk_s3::operation::put_object::PutObjectOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use serde_json::json;

    async fn run(request: Value) -> Result<Value> {
        let nothing = mock!(aws_sdk_ecs::Client::list_tasks).then_output(|| ListTasksOutput::builder().build());
        let service = mock!(aws_sdk_ecs::Client::describe_services).then_output(|| {
            let network = AwsVpcConfiguration::builder().subnets("subnet-1").security_groups("sg-1").build().unwrap();
            let network = NetworkConfiguration::builder().awsvpc_configuration(network).build();
            let service =
                Service::builder().status("ACTIVE").task_definition("arn:site:1").network_configuration(network);
            DescribeServicesOutput::builder().services(service.build()).build()
        });
        let site = mock!(aws_sdk_ecs::Client::describe_task_definition).then_output(|| {
            let container = ContainerDefinition::builder().name(CONTAINER).image("wordpress:7").build();
            let site = TaskDefinition::builder().task_definition_arn("arn:site:1").container_definitions(container);
            DescribeTaskDefinitionOutput::builder().task_definition(site.build()).build()
        });
        let none = mock!(aws_sdk_ecs::Client::list_task_definitions)
            .then_output(|| ListTaskDefinitionsOutput::builder().build());
        let registered = mock!(aws_sdk_ecs::Client::register_task_definition).then_output(|| {
            let job = TaskDefinition::builder().task_definition_arn("arn:job:1").build();
            RegisterTaskDefinitionOutput::builder().task_definition(job).build()
        });
        let taken = mock!(aws_sdk_s3::Client::put_object).then_output(|| PutObjectOutput::builder().build());
        let held = mock!(aws_sdk_s3::Client::get_object).then_output(|| {
            let content = json!({"execution": other_owner().as_str()}).to_string();
            GetObjectOutput::builder().e_tag("1").body(content.into_bytes().into()).build()
        });
        let clients = Clients {
            ecs: mock_client!(aws_sdk_ecs, RuleMode::MatchAny, [&nothing, &service, &site, &none, &registered]),
            s3: mock_client!(aws_sdk_s3, RuleMode::MatchAny, [&taken, &held]),
            sfn: mock_client!(aws_sdk_sfn, RuleMode::MatchAny, []),
        };
        let settings = settings(&[("BUCKET", "bucket")]);
        let prepared = prepare(&clients, &settings, Prepare { owner: owner(), request });
        Ok(serde_json::to_value(prepared.await?).unwrap())
    }

    #[tokio::test]
    async fn a_job_runs_where_the_site_runs_and_its_script_fits() {
        for lock in [json!({}), json!({"lock_owner": other_owner().as_str()})] {
            let mut request = json!({"tenant_id": "123456789012", "job": "upgrade-database"});
            request.as_object_mut().unwrap().extend(lock.as_object().unwrap().clone());
            let task = run(request).await.unwrap();
            assert_eq!((&task["TaskDefinition"], &task["LaunchType"]), (&json!("arn:job:1"), &json!("FARGATE")));
            assert_eq!(
                task["NetworkConfiguration"]["AwsvpcConfiguration"],
                json!({"Subnets": ["subnet-1"], "SecurityGroups": ["sg-1"], "AssignPublicIp": "DISABLED"})
            );
            let command = &task["Overrides"]["ContainerOverrides"][0]["Command"];
            assert!(command[2].as_str().unwrap().ends_with("/tmp/job.php\n"), "{command}");
        }
    }

    #[tokio::test]
    async fn a_wrong_request_is_refused_before_anything_is_done() {
        for (request, kind) in [
            (json!({"tenant_id": "123456789012", "job": "rm"}), ErrorKind::InvalidRequest),
            (json!({"tenant_id": "1", "job": "upgrade-database"}), ErrorKind::InvalidRequest),
            (
                json!({"tenant_id": "123456789012", "job": "upgrade-database", "environment": "prod"}),
                ErrorKind::WrongEnvironment,
            ),
            (
                json!({"tenant_id": "123456789012", "job": "upgrade-database", "lock_owner": owner().as_str()}),
                ErrorKind::ResourceConflict,
            ),
        ] {
            assert_eq!(run(request).await.unwrap_err().kind(), kind);
        }
    }
}
