//! A tenant's ECS task definition: the WordPress container with its credentials, content and logs.
//!
//! Each registration makes a new revision, so an existing revision of the same owner is returned instead. Deletion
//! removes every revision of exactly this family and of the family of the tenant's jobs. AWS keeps deleted revisions for
//! some time, but does not list them.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::config::retry::RetryConfig;
use aws_sdk_ecs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ecs::operation::register_task_definition::builders::RegisterTaskDefinitionFluentBuilder;
use aws_sdk_ecs::operation::register_task_definition::{RegisterTaskDefinitionError, RegisterTaskDefinitionOutput};
use aws_sdk_ecs::types::{
    Compatibility, ContainerDefinition, CpuArchitecture, EfsAuthorizationConfig, EfsAuthorizationConfigIam,
    EfsTransitEncryption, EfsVolumeConfiguration, Failure, NetworkMode, OsFamily, RuntimePlatform, Service, SortOrder,
    Tag, TaskDefinition, TaskDefinitionFamilyStatus, TaskDefinitionField, TaskDefinitionStatus, Volume,
};
use serde::{Deserialize, Serialize};
use shared::input::invalid;
use shared::owner::{owner_in, tags};
use shared::{
    EnvironmentVariables, Error, ErrorKind, FargateSize, ImageReference, Kind, Names, Owner, Result, Settings, Site,
    TenantId, fargate,
};

use crate::resources::teardown::Teardown;
use crate::resources::{Found, Removal, ours, tenant_named};
use crate::stack::calls::few_at_a_time;

pub mod container;
pub mod job;
pub mod moved;
pub mod revision;

const VOLUME: &str = "wordpress-files";
/// ListTaskDefinitionFamilies returns at most 100. Source: its API reference.
const FAMILIES_PER_CALL: i32 = 100;
/// What DeleteTaskDefinitions says of a revision that does not exist, and of one whose deregistration it does not see yet.
/// AWS documents no code for them. Source: "The specified task definition does not exist. Specify a valid account, family,
/// revision and try again." and "The specified task definition is still in ACTIVE status. Please deregister the target and
/// try again.", as people report them.
const GONE: &str = "task definition does not exist";
const STILL_ACTIVE: &str = "still in ACTIVE status";
/// How long to wait for ECS to see a tenant's new role, each time.
const ROLE_PAUSES: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];
/// DeleteTaskDefinitions takes at most ten. Source: its API reference.
const DELETIONS_PER_CALL: usize = 10;

/// Input of register-task-definition.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The execution that creates it.
    pub owner: Owner,
    /// Container image.
    pub image: ImageReference,
    /// CPU units.
    #[serde(deserialize_with = "fargate::units")]
    pub cpu: Option<u32>,
    /// Memory in MiB.
    #[serde(deserialize_with = "fargate::units")]
    pub memory: Option<u32>,
    /// What was asked for the site.
    #[serde(default)]
    pub site: Site,
    /// Further environment variables of the container.
    #[serde(default)]
    pub environment_variables: EnvironmentVariables,
    /// How visitors reach the load balancer.
    pub scheme: Scheme,
    /// The tenant's secret.
    pub secret_arn: String,
    /// The secret of the administrator whom the installation makes; a site that has its own is not installed.
    pub admin_secret_arn: Option<String>,
    /// The file system.
    pub file_system_id: String,
    /// The tenant's access point.
    pub access_point_id: String,
    /// The tenant's own role for its tasks. If absent, they get the environment's, which all tenants share.
    pub task_role_arn: Option<String>,
}

/// The beginning of a site's URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Not encrypted.
    Http,
    /// Encrypted.
    Https,
}

impl Scheme {
    fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Output of register-task-definition.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Registered {
    /// ARN of the revision.
    pub task_definition_arn: String,
}

/// The tenant's task definition revisions: the active ones, and those that are deregistered but not deleted.
///
/// # Errors
/// When a call to ECS fails.
pub async fn find(ecs: &Client, names: &Names) -> Result<Vec<Found>> {
    // Not at the same time: a revision that is deregistered meanwhile would be in neither list.
    let mut found = find_in(ecs, names, TaskDefinitionStatus::Active).await?;
    found.extend(find_in(ecs, names, TaskDefinitionStatus::Inactive).await?);
    Ok(found)
}

async fn find_in(ecs: &Client, names: &Names, status: TaskDefinitionStatus) -> Result<Vec<Found>> {
    let mut arns = revisions_of(ecs, &names.family(), status.clone()).await?;
    arns.extend(revisions_of(ecs, &names.job_family(), status).await?);
    let described = few_at_a_time(arns.iter().map(|arn| described(ecs, names, arn))).await?;
    let is_there = |definition: &TaskDefinition| definition.status() != Some(&TaskDefinitionStatus::DeleteInProgress);
    let there = described.into_iter().flatten().filter(|(definition, _)| is_there(definition));
    Ok(there.map(|(_, found)| found).collect())
}

/// A revision, or the family's newest, with its owner; `None` when it does not exist.
///
/// # Errors
/// When a call to ECS fails.
pub(crate) async fn described(
    ecs: &Client,
    names: &Names,
    task_definition: &str,
) -> Result<Option<(TaskDefinition, Found)>> {
    match ecs
        .describe_task_definition()
        .task_definition(task_definition)
        .include(TaskDefinitionField::Tags)
        .send()
        .await
    {
        Ok(described) => {
            let owner = owner_in(described.tags().iter().filter_map(|tag| Some((tag.key()?, tag.value()?))));
            let definition = described.task_definition;
            Ok(definition.map(|definition| {
                let found = Found::present(definition.task_definition_arn().unwrap_or_default(), owner);
                (definition, found)
            }))
        }
        // ECS answers "Unable to describe task definition" when it does not exist.
        Err(error) if error.code() == Some("ClientException") => Ok(None),
        Err(error) => Err(Error::aws(format!("reading task definition ({})", names.family()), error)),
    }
}

/// The tenants that have a task definition with an active revision.
///
/// # Errors
/// When a call to ECS fails.
pub(crate) async fn list(ecs: &Client, settings: &Settings) -> Result<BTreeSet<TenantId>> {
    let prefix = format!("{}-", settings.environment());
    let listing = ecs.list_task_definition_families().family_prefix(&prefix).status(TaskDefinitionFamilyStatus::Active);
    let families = listing.into_paginator().page_size(FAMILIES_PER_CALL).items().send().collect::<Result<Vec<_>, _>>();
    let families =
        families.await.map_err(|error| Error::aws(format!("listing task definition families ({prefix}*)"), error))?;
    let tenant = |family: &String| {
        let of_site = tenant_named(settings, family, Names::family);
        of_site.or_else(|| tenant_named(settings, family, Names::job_family))
    };
    Ok(families.iter().filter_map(tenant).collect())
}

/// The revision with this ARN, if it exists; also when it is deregistered.
///
/// # Errors
/// When a call to ECS fails.
pub(crate) async fn read(ecs: &Client, arn: &str) -> Result<Option<TaskDefinition>> {
    match ecs.describe_task_definition().task_definition(arn).send().await {
        Ok(described) => Ok(described.task_definition),
        // ECS answers "Unable to describe task definition" when it does not exist.
        Err(error) if error.code() == Some("ClientException") => Ok(None),
        Err(error) => Err(Error::aws(format!("reading task definition ({arn})"), error)),
    }
}

/// The revision that a service runs.
///
/// # Errors
/// `EnvironmentNotReady` when it does not exist any more.
pub(crate) async fn of_service(ecs: &Client, names: &Names, service: &Service) -> Result<TaskDefinition> {
    let arn = service.task_definition().unwrap_or_default();
    read(ecs, arn).await?.ok_or_else(|| {
        Error::not_ready(format!(
            "task definition ({arn}) of service ({}) does not exist any more: provision it anew",
            names.service()
        ))
    })
}

/// The container that serves the site: the one with the usual name, otherwise the first.
pub(crate) fn site_container(definition: &TaskDefinition) -> Option<&ContainerDefinition> {
    definition.container_definitions().get(moved::place_of_site(definition))
}

/// The image of the container that serves the site.
pub(crate) fn image(definition: &TaskDefinition) -> Option<&str> {
    site_container(definition).and_then(ContainerDefinition::image)
}

/// CPU units of its tasks.
pub(crate) fn cpu(definition: &TaskDefinition) -> Option<u32> {
    definition.cpu()?.parse().ok()
}

/// Memory of its tasks in MiB.
pub(crate) fn memory(definition: &TaskDefinition) -> Option<u32> {
    definition.memory()?.parse().ok()
}

/// ARNs of the revisions of the site's family in this status.
///
/// # Errors
/// When a call to ECS fails.
pub(crate) async fn revisions(ecs: &Client, names: &Names, status: TaskDefinitionStatus) -> Result<Vec<String>> {
    revisions_of(ecs, &names.family(), status).await
}

/// ARNs of the revisions of a family in this status. What ECS calls a prefix here is the whole name of the family, so
/// each family has a list of its own. Another family is left out in any case: its revisions may be somebody else's.
/// Source: the API reference of ECS, ListTaskDefinitions, `familyPrefix`.
async fn revisions_of(ecs: &Client, family: &str, status: TaskDefinitionStatus) -> Result<Vec<String>> {
    let listing = ecs.list_task_definitions().family_prefix(family).status(status).sort(SortOrder::Asc);
    let listed = listing.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let mut arns = listed.map_err(|error| Error::aws(format!("listing task definitions ({family})"), error))?;
    arns.retain(|arn| family_of(arn) == Some(family));
    Ok(arns)
}

/// `dev-123456789012` in `arn:aws:ecs:…:task-definition/dev-123456789012:7`.
fn family_of(arn: &str) -> Option<&str> {
    arn.rsplit('/').next()?.split(':').next()
}

/// Registers the tenant's task definition.
///
/// # Errors
/// `ResourceConflict` when the family has a revision of another owner; `InvalidRequest` for a size that Fargate does
/// not offer.
pub async fn register(ecs: &Client, settings: &Settings, request: Register) -> Result<Registered> {
    let names = settings.names(&request.tenant_id);
    let size =
        FargateSize::new(request.cpu.unwrap_or_default(), request.memory.unwrap_or_default()).map_err(invalid)?;
    let latest = described(ecs, &names, &names.family()).await?;
    let active = latest
        .filter(|(definition, _)| definition.status() == Some(&TaskDefinitionStatus::Active))
        .map(|(_, found)| found);
    if let Some(found) = ours("task definition", active.into_iter().collect(), &request.owner)? {
        return Ok(Registered { task_definition_arn: found.identifier });
    }
    let tags = tags(names.environment(), names.tenant(), &request.owner);
    let own_role = request.task_role_arn.as_deref();
    let registration = that_tries_once(ecs)
        .register_task_definition()
        .family(names.family())
        .requires_compatibilities(Compatibility::Fargate)
        .network_mode(NetworkMode::Awsvpc)
        .cpu(size.cpu().to_string())
        .memory(size.memory().to_string())
        .runtime_platform(
            RuntimePlatform::builder()
                .operating_system_family(OsFamily::Linux)
                .cpu_architecture(CpuArchitecture::from(settings.required("TASK_CPU_ARCHITECTURE")?))
                .build(),
        )
        .execution_role_arn(settings.required("TASK_EXECUTION_ROLE_ARN")?)
        .task_role_arn(own_role.map_or_else(|| settings.required("TASK_ROLE_ARN"), Ok)?)
        .volumes(volume(&request))
        .container_definitions(container::describe(settings, &names, &request, size)?)
        .set_tags(Some(tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()));
    let registered = registered(registration, own_role, ROLE_PAUSES)
        .await
        .map_err(|error| Error::aws(format!("registering task definition ({})", names.family()), error))?;
    let arn = registered.task_definition().and_then(TaskDefinition::task_definition_arn).unwrap_or_default();
    Ok(Registered { task_definition_arn: arn.to_owned() })
}

/// Registers a task definition, and tries again as long as ECS does not see the tenant's new role. A refusal has
/// registered nothing, so it can be tried again.
async fn registered(
    registration: RegisterTaskDefinitionFluentBuilder,
    own_role: Option<&str>,
    pauses: [Duration; 4],
) -> Result<RegisterTaskDefinitionOutput, SdkError<RegisterTaskDefinitionError>> {
    for pause in pauses {
        match registration.clone().send().await {
            Err(error) if own_role.is_some_and(|role| does_not_see(role, &error)) => tokio::time::sleep(pause).await,
            ended => return ended,
        }
    }
    registration.send().await
}

/// IAM shows a new role within seconds, but not at once. Until then, RegisterTaskDefinition is denied to pass it, or calls
/// it invalid. Source: terraform-aws-modules/terraform-aws-ecs, issue 414, and others.
fn does_not_see(role: &str, error: &SdkError<RegisterTaskDefinitionError>) -> bool {
    let text = error.message().unwrap_or_default();
    match error.code() {
        Some("AccessDeniedException") => text.contains("iam:PassRole") && text.contains(role),
        Some("ClientException") => text.contains("Role is not valid"),
        _ => false,
    }
}

/// A client without retries, for RegisterTaskDefinition. That call has no idempotency token and makes a new revision
/// each time. When its answer is lost, the state machine runs the step again, which finds the revision.
fn that_tries_once(ecs: &Client) -> Client {
    Client::from_conf(ecs.config().to_builder().retry_config(RetryConfig::disabled()).build())
}

/// The tenant's directory, encrypted in transit and mounted with the task's role. The access point sets the root
/// directory, so none is given here.
fn volume(request: &Register) -> Volume {
    let authorization = EfsAuthorizationConfig::builder()
        .access_point_id(&request.access_point_id)
        .iam(EfsAuthorizationConfigIam::Enabled)
        .build();
    let configuration = EfsVolumeConfiguration::builder()
        .file_system_id(&request.file_system_id)
        .transit_encryption(EfsTransitEncryption::Enabled)
        .authorization_config(authorization)
        .build();
    Volume::builder().name(VOLUME).set_efs_volume_configuration(configuration.ok()).build()
}

/// Deregisters and deletes every revision of the tenant's family.
///
/// # Errors
/// When ECS refuses a call.
pub async fn delete(ecs: &Client, settings: &Settings, request: Teardown) -> Result<Removal> {
    let names = request.names(settings)?;
    let mut removal = Removal::of(Kind::TaskDefinition);
    let active = find_in(ecs, &names, TaskDefinitionStatus::Active).await?;
    let inactive = find_in(ecs, &names, TaskDefinitionStatus::Inactive).await?;
    let mut ours = removal.keep_foreign(active, request.owner.as_ref());
    for found in &ours {
        deregister(ecs, &found.identifier).await?;
    }
    ours.extend(removal.keep_foreign(inactive, request.owner.as_ref()));
    let ours: Vec<_> = ours.into_iter().map(|found| found.identifier).collect();
    delete_revisions(ecs, &names, &ours).await?;
    removal.removed = ours;
    Ok(removal)
}

/// Deregisters a revision.
///
/// # Errors
/// When ECS refuses a call.
pub(crate) async fn deregister(ecs: &Client, arn: &str) -> Result<()> {
    let deregistered = ecs.deregister_task_definition().task_definition(arn).send().await;
    deregistered.map_err(|error| Error::aws(format!("deregistering task definition ({arn})"), error))?;
    Ok(())
}

/// Deletes deregistered revisions.
///
/// # Errors
/// When ECS refuses a call.
pub(crate) async fn delete_revisions(ecs: &Client, names: &Names, arns: &[String]) -> Result<()> {
    for arns in arns.chunks(DELETIONS_PER_CALL) {
        let deleted = ecs.delete_task_definitions().set_task_definitions(Some(arns.to_vec())).send().await;
        let deleted =
            deleted.map_err(|error| Error::aws(format!("deleting task definitions ({})", names.family()), error))?;
        let reason = |failure: &Failure| failure.reason().unwrap_or_default().to_owned();
        if let Some(failure) = deleted.failures().iter().find(|failure| !reason(failure).contains(GONE)) {
            let (arn, reason) = (failure.arn().unwrap_or_default(), reason(failure));
            let kind = if reason.contains(STILL_ACTIVE) { ErrorKind::Transient } else { ErrorKind::Internal };
            let detail = failure.detail().unwrap_or_default();
            return Err(Error::new(kind, format!("deleting task definition ({arn}): {reason} {detail}")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::operation::delete_task_definitions::DeleteTaskDefinitionsOutput;
    use aws_sdk_ecs::operation::deregister_task_definition::DeregisterTaskDefinitionOutput;
    use aws_sdk_ecs::operation::describe_task_definition::{DescribeTaskDefinitionError, DescribeTaskDefinitionOutput};
    use aws_sdk_ecs::operation::list_task_definitions::ListTaskDefinitionsOutput;
    use aws_sdk_ecs::operation::register_task_definition::RegisterTaskDefinitionOutput;
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;
    use crate::testing::{other_owner, owner, settings, tenant};

    fn arn(family: &str, revision: u32) -> String {
        format!("arn:aws:ecs:eu-west-1:536580886816:task-definition/{family}:{revision}")
    }

    fn described_as(arn: String, status: TaskDefinitionStatus, owner: Option<Owner>) -> Rule {
        mock!(Client::describe_task_definition).then_output(move || {
            let tag = owner.clone().map(|owner| Tag::builder().key("tenant:execution").value(owner.as_str()).build());
            DescribeTaskDefinitionOutput::builder()
                .task_definition(TaskDefinition::builder().task_definition_arn(&arn).status(status.clone()).build())
                .set_tags(Some(tag.into_iter().collect()))
                .build()
        })
    }

    fn absent() -> Rule {
        mock!(Client::describe_task_definition).then_error(|| {
            DescribeTaskDefinitionError::generic(ErrorMetadata::builder().code("ClientException").build())
        })
    }

    fn listed(
        family: &'static str,
        status: TaskDefinitionStatus,
        arns: Vec<String>,
        next: Option<&'static str>,
    ) -> Rule {
        mock!(Client::list_task_definitions)
            .match_requests(move |request| request.family_prefix() == Some(family) && request.status() == Some(&status))
            .then_output(move || {
                ListTaskDefinitionsOutput::builder()
                    .set_task_definition_arns(Some(arns.clone()))
                    .set_next_token(next.map(str::to_owned))
                    .build()
            })
    }

    async fn run_register(rules: &[&Rule], cpu: u32) -> Result<Registered> {
        run_with_role(rules, cpu, None).await
    }

    async fn run_with_role(rules: &[&Rule], cpu: u32, own_role: Option<&str>) -> Result<Registered> {
        let client = mock_client!(aws_sdk_ecs, RuleMode::Sequential, rules);
        let settings = settings(&[
            ("TASK_EXECUTION_ROLE_ARN", "arn:execution"),
            ("TASK_ROLE_ARN", "arn:task"),
            ("TASK_CPU_ARCHITECTURE", "X86_64"),
            ("DOMAIN", "example.com"),
        ]);
        let request = Register {
            tenant_id: tenant(),
            owner: owner(),
            image: "wordpress:6".to_owned().try_into().unwrap(),
            cpu: Some(cpu),
            memory: Some(512),
            site: Site::default(),
            environment_variables: EnvironmentVariables::default(),
            scheme: Scheme::Https,
            secret_arn: "arn:secret".to_owned(),
            admin_secret_arn: Some("arn:admin".to_owned()),
            file_system_id: "fs-1".to_owned(),
            access_point_id: "fsap-1".to_owned(),
            task_role_arn: own_role.map(str::to_owned),
        };
        register(&client, &settings, request).await
    }

    #[tokio::test]
    async fn the_tasks_mount_the_tenants_content_with_their_role() {
        let registration = mock!(Client::register_task_definition)
            .match_requests(|request| {
                assert_eq!((request.cpu(), request.memory()), (Some("256"), Some("512")));
                let volume = request.volumes()[0].efs_volume_configuration().unwrap();
                assert_eq!((volume.file_system_id(), volume.root_directory()), ("fs-1", None));
                assert_eq!(volume.transit_encryption(), Some(&EfsTransitEncryption::Enabled));
                let authorization = volume.authorization_config().unwrap();
                assert_eq!(
                    (authorization.access_point_id(), authorization.iam()),
                    (Some("fsap-1"), Some(&EfsAuthorizationConfigIam::Enabled))
                );
                request.container_definitions()[0].mount_points()[0].source_volume() == Some(VOLUME)
            })
            .then_output(|| {
                let definition = TaskDefinition::builder().task_definition_arn(arn("dev-123456789012", 1)).build();
                RegisterTaskDefinitionOutput::builder().task_definition(definition).build()
            });
        let registered = run_register(&[&absent(), &registration], 256).await.unwrap();
        assert_eq!(registered.task_definition_arn, arn("dev-123456789012", 1));
    }

    const OWN_ROLE: &str = "arn:aws:iam::536580886816:role/dev-123456789012-task";

    fn with_role(role: &'static str) -> Rule {
        mock!(Client::register_task_definition)
            .match_requests(move |request| request.task_role_arn() == Some(role))
            .then_output(|| RegisterTaskDefinitionOutput::builder().build())
    }

    fn refused(code: &'static str, message: String) -> Rule {
        mock!(Client::register_task_definition).then_error(move || {
            RegisterTaskDefinitionError::generic(ErrorMetadata::builder().code(code).message(message.clone()).build())
        })
    }

    #[tokio::test]
    async fn the_tasks_get_the_tenants_own_role_or_else_the_environments() {
        run_with_role(&[&absent(), &with_role(OWN_ROLE)], 256, Some(OWN_ROLE)).await.unwrap();
        run_with_role(&[&absent(), &with_role("arn:task")], 256, None).await.unwrap();
    }

    #[tokio::test]
    async fn a_role_that_ecs_does_not_see_yet_is_waited_for_but_not_for_ever() {
        let denied = || {
            refused("AccessDeniedException", format!("not authorized to perform: iam:PassRole on resource: {OWN_ROLE}"))
        };
        let run = async |rules: &[&Rule], own_role: Option<&str>| {
            let client = mock_client!(aws_sdk_ecs, RuleMode::Sequential, rules);
            let registration = client.register_task_definition().task_role_arn(OWN_ROLE);
            registered(registration, own_role, [Duration::ZERO; 4]).await
        };
        let invalid = refused("ClientException", "Role is not valid".to_owned());
        run(&[&denied(), &invalid, &with_role(OWN_ROLE)], Some(OWN_ROLE)).await.unwrap();
        let always: [_; 5] = std::array::from_fn(|_| denied());
        run(&always.each_ref(), Some(OWN_ROLE)).await.unwrap_err();
        assert!(always.iter().all(|refusal| refusal.num_calls() == 1));
        run(&[&denied()], None).await.expect_err("the environment's role is not new");
        let other = refused("AccessDeniedException", "not authorized to perform: ecs:TagResource".to_owned());
        run(&[&other], Some(OWN_ROLE)).await.unwrap_err();
    }

    #[tokio::test]
    async fn a_second_run_returns_the_first_runs_revision() {
        let found = described_as(arn("dev-123456789012", 1), TaskDefinitionStatus::Active, Some(owner()));
        assert_eq!(run_register(&[&found], 256).await.unwrap().task_definition_arn, arn("dev-123456789012", 1));
    }

    #[tokio::test]
    async fn a_foreign_active_revision_is_a_conflict_and_an_inactive_one_is_not() {
        for other in [None, Some(other_owner())] {
            let found = described_as(arn("dev-123456789012", 1), TaskDefinitionStatus::Active, other);
            assert_eq!(run_register(&[&found], 256).await.unwrap_err().kind(), ErrorKind::ResourceConflict);
        }
        let inactive = described_as(arn("dev-123456789012", 1), TaskDefinitionStatus::Inactive, None);
        let registration =
            mock!(Client::register_task_definition).then_output(|| RegisterTaskDefinitionOutput::builder().build());
        run_register(&[&inactive, &registration], 256).await.unwrap();
    }

    #[tokio::test]
    async fn an_impossible_size_is_refused_before_ecs_is_asked() {
        assert_eq!(run_register(&[], 512).await.unwrap_err().kind(), ErrorKind::InvalidRequest);
    }

    #[tokio::test]
    async fn a_revision_that_is_gone_is_deleted_and_one_that_is_still_active_is_worth_a_retry() {
        let delete = async |reason: &'static str| {
            let failure = Failure::builder().arn(arn("dev-123456789012", 1)).reason(reason).build();
            let deletion = mock!(Client::delete_task_definitions)
                .then_output(move || DeleteTaskDefinitionsOutput::builder().failures(failure.clone()).build());
            let client = mock_client!(aws_sdk_ecs, RuleMode::Sequential, [&deletion]);
            let names = settings(&[]).names(&tenant());
            delete_revisions(&client, &names, &[arn("dev-123456789012", 1)]).await.map_err(|error| error.kind())
        };
        let gone =
            "The specified task definition does not exist. Specify a valid account, family, revision and try again.";
        let active =
            "The specified task definition is still in ACTIVE status. Please deregister the target and try again.";
        assert_eq!(delete(gone).await, Ok(()));
        assert_eq!(delete(active).await, Err(ErrorKind::Transient));
        assert_eq!(delete("another reason").await, Err(ErrorKind::Internal));
    }

    #[tokio::test]
    async fn every_revision_of_exactly_the_tenants_families_is_deleted() {
        let (site, job) = ("dev-123456789012", "dev-123456789012-job");
        let active = [
            listed(
                site,
                TaskDefinitionStatus::Active,
                vec![arn(site, 1), arn("dev-123456789012-old", 1)],
                Some("next"),
            ),
            listed(site, TaskDefinitionStatus::Active, vec![arn("dev-1234567890123", 9)], None),
            listed(job, TaskDefinitionStatus::Active, vec![arn(job, 1)], None),
        ];
        let inactive = [
            listed(site, TaskDefinitionStatus::Inactive, vec![arn(site, 2)], None),
            listed(job, TaskDefinitionStatus::Inactive, Vec::new(), None),
        ];
        let first = described_as(arn(site, 1), TaskDefinitionStatus::Active, None);
        let of_job = described_as(arn(job, 1), TaskDefinitionStatus::Active, None);
        let second = described_as(arn(site, 2), TaskDefinitionStatus::Inactive, None);
        let deregistration = [arn(site, 1), arn(job, 1)].map(|revision| {
            mock!(Client::deregister_task_definition)
                .match_requests(move |request| request.task_definition() == Some(&revision))
                .then_output(|| DeregisterTaskDefinitionOutput::builder().build())
        });
        let deletion = mock!(Client::delete_task_definitions)
            .match_requests(|request| request.task_definitions().len() == 3)
            .then_output(|| DeleteTaskDefinitionsOutput::builder().build());
        let [list, more, of_jobs] = &active;
        let looks = [list, more, of_jobs, &first, &of_job, &inactive[0], &inactive[1], &second];
        let rules = [&looks[..], &[&deregistration[0], &deregistration[1], &deletion]].concat();
        let client = mock_client!(aws_sdk_ecs, RuleMode::Sequential, &rules);
        let removal = delete(&client, &settings(&[]), Teardown::of(tenant())).await.unwrap();
        assert_eq!(removal.removed, [arn(site, 1), arn(job, 1), arn(site, 2)]);
    }
}
