//! Registers a new revision of a tenant's task definition: the revision that the service runs, with another image or
//! size and no other change. The original may have been made by any owner. When the tenant is moved, the container that
//! serves the site becomes that of a new tenant.
//!
//! The revision is tagged with the execution that registered it. Idempotent: a second call by the same execution
//! returns the same revision. An update that failed deletes its own revision, because ECS starts the newest one when
//! only the family is named.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::operation::describe_task_definition::DescribeTaskDefinitionOutput;
use aws_sdk_ecs::operation::register_task_definition::builders::RegisterTaskDefinitionInputBuilder;
use aws_sdk_ecs::types::{ContainerDefinition, Tag, TaskDefinition, TaskDefinitionField, TaskDefinitionStatus};
use serde::{Deserialize, Serialize};
use shared::owner::tags;
use shared::{Error, Names, Owner, Result, Settings, TenantId};

use super::container::{resize, set_allow_downgrade};
use super::moved::{Content, mount_content, place_of_site};
use super::{described, that_tries_once};
use crate::resources::state::State;

/// Input of revise-task-definition.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revise {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The execution that updates it.
    pub owner: Owner,
    /// The state that the service has.
    pub previous: State,
    /// The state that it should have.
    pub wanted: State,
    /// The new tasks may run an older WordPress than the one that changed the tables last.
    #[serde(default)]
    pub allow_downgrade: bool,
    /// When the tenant is moved: what its tasks are to mount.
    #[serde(default)]
    pub content: Option<Content>,
}

/// Output of revise-task-definition.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Revised {
    /// The state that the service should have, with its task definition.
    pub state: State,
    /// A new revision was registered.
    pub registered: bool,
}

/// Registers a revision with the wanted image, size and mount, if they differ from the current ones.
///
/// # Errors
/// `InvalidRequest` when a tenant is to be moved to an image or a size that a new tenant cannot have.
pub async fn revise(ecs: &Client, settings: &Settings, request: Revise) -> Result<Revised> {
    let Revise { tenant_id, owner, previous, wanted, allow_downgrade, content } = request;
    // A variable of the container allows a downgrade, so that needs a revision, too.
    if wanted.has_the_tasks_of(&previous) && !allow_downgrade {
        let state = State { task_definition_arn: previous.task_definition_arn, ..wanted };
        return Ok(Revised { state, registered: false });
    }
    let names = settings.names(&tenant_id);
    let with =
        |task_definition_arn| Revised { state: State { task_definition_arn, ..wanted.clone() }, registered: true };
    if let Some((definition, found)) = described(ecs, &names, &names.family()).await?
        && definition.status() == Some(&TaskDefinitionStatus::Active)
        && found.owner.as_ref() == Some(&owner)
    {
        return Ok(with(found.identifier));
    }
    let arn = &previous.task_definition_arn;
    let current = ecs.describe_task_definition().task_definition(arn).include(TaskDefinitionField::Tags).send().await;
    let mut current = current.map_err(|error| Error::aws(format!("reading task definition ({arn})"), error))?;
    if let (Some(definition), Some(content)) = (&mut current.task_definition, content) {
        mount_content(settings, &names, definition, content.register(&names, &owner, &wanted)?)?;
    }
    let revision =
        copy(&current, &previous, &wanted, allow_downgrade).set_tags(Some(tags_of(&current, &names, &owner)));
    let registered = revision.send_with(&that_tries_once(ecs)).await;
    let registered =
        registered.map_err(|error| Error::aws(format!("registering task definition ({})", names.family()), error))?;
    let arn = registered.task_definition().and_then(TaskDefinition::task_definition_arn).unwrap_or_default();
    Ok(with(arn.to_owned()))
}

/// Copies everything of a description that can be registered.
fn copy(
    current: &DescribeTaskDefinitionOutput,
    previous: &State,
    wanted: &State,
    allow_downgrade: bool,
) -> RegisterTaskDefinitionInputBuilder {
    let definition = current.task_definition.clone().unwrap_or_else(|| TaskDefinition::builder().build());
    let containers = with_changes(&definition, previous, wanted, allow_downgrade);
    RegisterTaskDefinitionInputBuilder::default()
        .cpu(wanted.cpu.to_string())
        .memory(wanted.memory.to_string())
        .set_container_definitions(Some(containers))
        .set_family(definition.family)
        .set_task_role_arn(definition.task_role_arn)
        .set_execution_role_arn(definition.execution_role_arn)
        .set_network_mode(definition.network_mode)
        .set_volumes(definition.volumes)
        .set_placement_constraints(definition.placement_constraints)
        .set_requires_compatibilities(definition.requires_compatibilities)
        .set_pid_mode(definition.pid_mode.filter(|mode| !mode.as_str().is_empty()))
        .set_ipc_mode(definition.ipc_mode.filter(|mode| !mode.as_str().is_empty()))
        .set_proxy_configuration(definition.proxy_configuration)
        .set_ephemeral_storage(definition.ephemeral_storage)
        .set_runtime_platform(definition.runtime_platform)
        .set_enable_fault_injection(definition.enable_fault_injection)
}

/// The containers, with the wanted image in the one that serves the site. A container that had all CPU or memory of the
/// task gets all of the new size.
fn with_changes(
    definition: &TaskDefinition,
    previous: &State,
    wanted: &State,
    allow_downgrade: bool,
) -> Vec<ContainerDefinition> {
    let mut containers = definition.container_definitions().to_vec();
    if let Some(site) = containers.get_mut(place_of_site(definition)) {
        site.image = Some(wanted.image.clone());
        resize(site, wanted.memory);
        set_allow_downgrade(site, allow_downgrade);
    }
    let all_of = |old: u32, new: u32, given: i32| if i64::from(given) == i64::from(old) { as_i32(new) } else { given };
    for container in &mut containers {
        container.cpu = all_of(previous.cpu, wanted.cpu, container.cpu);
        container.memory = container.memory.map(|memory| all_of(previous.memory, wanted.memory, memory));
        let reservation = container.memory_reservation;
        container.memory_reservation = reservation.map(|memory| all_of(previous.memory, wanted.memory, memory));
    }
    containers
}

fn as_i32(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// The existing tags and those of this execution. Tags that AWS set itself cannot be set and are left out.
fn tags_of(current: &DescribeTaskDefinitionOutput, names: &Names, owner: &Owner) -> Vec<Tag> {
    let ours = tags(names.environment(), names.tenant(), owner);
    let theirs = current.tags().iter().filter(|tag| {
        let key = tag.key().unwrap_or_default();
        !key.starts_with("aws:") && !ours.iter().any(|(our, _)| *our == key)
    });
    let theirs: Vec<_> = theirs.cloned().collect();
    ours.iter().map(|(key, value)| Tag::builder().key(*key).value(value).build()).chain(theirs).collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::operation::register_task_definition::RegisterTaskDefinitionOutput;
    use aws_sdk_ecs::types::{Compatibility, EphemeralStorage, NetworkMode, PidMode, Volume};
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
    use shared::ErrorKind;

    use super::*;
    use crate::resources::state::{Mounts, Shows};
    use crate::resources::task_definition::container::CONTAINER;
    use crate::testing::{other_owner, owner, settings, tenant};

    fn arn(revision: usize) -> String {
        format!("arn:aws:ecs:eu-west-1:536580886816:task-definition/dev-123456789012:{revision}")
    }

    fn state(image: &str, cpu: u32, memory: u32) -> State {
        let (task_definition_arn, image) = (arn(1), image.to_owned());
        State {
            task_definition_arn,
            image,
            cpu,
            memory,
            desired_count: 1,
            resume_count: None,
            shows: Shows::Site,
            mounts: Mounts::Content,
            grace_seconds: None,
        }
    }

    fn made_by(owner: Owner) -> Tag {
        Tag::builder().key("tenant:execution").value(owner.as_str()).build()
    }

    fn definition(revision: usize, by: Owner) -> Rule {
        mock!(Client::describe_task_definition).then_output(move || {
            let site = ContainerDefinition::builder().name(CONTAINER).image("wordpress:6").cpu(256).memory(512);
            let other = ContainerDefinition::builder().name("logs").image("fluentbit:1").cpu(0).memory_reservation(64);
            let definition = TaskDefinition::builder()
                .task_definition_arn(arn(revision))
                .family("dev-123456789012")
                .status(TaskDefinitionStatus::Active)
                .cpu("256")
                .memory("512")
                .task_role_arn("arn:task-role")
                .execution_role_arn("arn:execution-role")
                .network_mode(NetworkMode::Awsvpc)
                .requires_compatibilities(Compatibility::Fargate)
                .pid_mode(PidMode::Task)
                .ephemeral_storage(EphemeralStorage::builder().size_in_gib(21).build())
                .volumes(Volume::builder().name("files").build())
                .container_definitions(other.build())
                .container_definitions(site.build());
            DescribeTaskDefinitionOutput::builder()
                .task_definition(definition.build())
                .tags(Tag::builder().key("cost-centre").value("7").build())
                .tags(Tag::builder().key("aws:cloudformation:stack-name").value("x").build())
                .tags(made_by(by.clone()))
                .build()
        })
    }

    async fn run(rules: &[&Rule], wanted: State) -> Result<Revised> {
        run_with(rules, wanted, false).await
    }

    async fn run_with(rules: &[&Rule], wanted: State, allow_downgrade: bool) -> Result<Revised> {
        let ecs = mock_client!(aws_sdk_ecs, RuleMode::Sequential, rules);
        let previous = state("wordpress:6", 256, 512);
        let request = Revise { tenant_id: tenant(), owner: owner(), previous, wanted, allow_downgrade, content: None };
        revise(&ecs, &settings(&[]), request).await
    }

    #[tokio::test]
    async fn nothing_is_registered_when_image_and_size_stay() {
        let wanted = State { desired_count: 3, ..state("wordpress:6", 256, 512) };
        assert_eq!(run(&[], wanted.clone()).await.unwrap(), Revised { state: wanted, registered: false });
    }

    #[tokio::test]
    async fn only_the_image_and_the_size_change() {
        let registration = mock!(Client::register_task_definition)
            .match_requests(|request| {
                assert_eq!((request.cpu(), request.memory()), (Some("512"), Some("1024")));
                assert_eq!(request.task_role_arn(), Some("arn:task-role"));
                assert_eq!(request.execution_role_arn(), Some("arn:execution-role"));
                assert_eq!(request.network_mode(), Some(&NetworkMode::Awsvpc));
                assert_eq!(request.pid_mode(), Some(&PidMode::Task));
                assert_eq!(request.requires_compatibilities(), [Compatibility::Fargate]);
                assert_eq!(request.ephemeral_storage().unwrap().size_in_gib(), 21);
                assert_eq!(request.volumes()[0].name(), Some("files"));
                let [logs, site] = request.container_definitions() else { panic!("two containers") };
                assert_eq!((logs.image(), logs.memory_reservation()), (Some("fluentbit:1"), Some(64)));
                assert_eq!((site.image(), site.cpu(), site.memory()), (Some("wordpress:7"), 512, Some(1024)));
                assert!(site.environment().is_empty());
                let tags = |key| request.tags().iter().filter(move |tag| tag.key() == Some(key));
                assert_eq!(tags("cost-centre").count(), 1);
                assert_eq!(tags("tenant:execution").next().unwrap().value(), Some(owner().as_str()));
                request.tags().len() == 5
            })
            .then_output(|| {
                let definition = TaskDefinition::builder().task_definition_arn(arn(2)).build();
                RegisterTaskDefinitionOutput::builder().task_definition(definition).build()
            });
        let rules = [&definition(1, other_owner()), &definition(1, other_owner()), &registration];
        let revised = run(&rules, state("wordpress:7", 512, 1024)).await.unwrap();
        assert_eq!((revised.state.task_definition_arn, revised.registered), (arn(2), true));
    }

    #[tokio::test]
    async fn a_downgrade_is_allowed_by_a_revision_even_if_nothing_else_changes() {
        let registration = mock!(Client::register_task_definition)
            .match_requests(|request| {
                let site = &request.container_definitions()[1];
                site.environment()[0].name() == Some("TENANT_ALLOW_DOWNGRADE")
            })
            .then_output(|| {
                let definition = TaskDefinition::builder().task_definition_arn(arn(2)).build();
                RegisterTaskDefinitionOutput::builder().task_definition(definition).build()
            });
        let rules = [&definition(1, other_owner()), &definition(1, other_owner()), &registration];
        let revised = run_with(&rules, state("wordpress:6", 256, 512), true).await.unwrap();
        assert_eq!((revised.state.task_definition_arn, revised.registered), (arn(2), true));
    }

    #[tokio::test]
    async fn a_registration_is_not_tried_again_before_its_revision_was_searched() {
        let registration = mock!(Client::register_task_definition)
            .sequence()
            .http_status(503, None)
            .output(|| RegisterTaskDefinitionOutput::builder().build())
            .build();
        let rules = [&definition(1, other_owner()), &definition(1, other_owner()), &registration];
        let error = run(&rules, state("wordpress:7", 256, 512)).await.unwrap_err();
        assert_eq!((error.kind(), registration.num_calls()), (ErrorKind::Transient, 1), "{error}");
    }

    #[tokio::test]
    async fn a_registration_whose_answer_was_lost_is_found_again() {
        let revised = run(&[&definition(2, owner())], state("wordpress:7", 256, 512)).await.unwrap();
        assert_eq!(revised.state.task_definition_arn, arn(2));
    }
}
