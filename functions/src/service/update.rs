//! Changing a tenant's service: its task definition, and how many tasks run.
//!
//! How many ran before a suspension is remembered in a tag of the service, which is written before the tasks stop.
//! Running it twice starts one deployment, unless it is forced.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::error::ProvideErrorMetadata;
use aws_sdk_ecs::types::{Service, Tag};
use serde::{Deserialize, Serialize};
use shared::owner::TAG_RESUME_COUNT;
use shared::{Error, ErrorKind, Names, Result, Settings, TenantId};

use super::deployment::Started;
use super::describe;
use crate::state::State;

/// Input of update-service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// The tenant.
    pub tenant_id: TenantId,
    /// What the service is to run.
    pub state: State,
    /// Start new tasks although nothing else changes.
    #[serde(default)]
    pub force_new_deployment: bool,
}

/// Output of update-service.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Updated {
    /// The deployment to wait for.
    pub deployment: Started,
}

/// How many tasks will run once the service is resumed, if somebody suspended it.
pub(crate) fn resume_count(service: &Service) -> Option<u32> {
    service.tags().iter().find(|tag| tag.key() == Some(TAG_RESUME_COUNT))?.value()?.parse().ok()
}

/// Gives the tenant's service a task definition and a number of tasks.
///
/// # Errors
/// `TenantNotFound` when somebody deleted the service meanwhile; `ResourceConflict` when ECS starts no tasks for a
/// service whose target group no rule forwards to.
pub async fn update(ecs: &Client, settings: &Settings, request: Update) -> Result<Updated> {
    let names = settings.names(&request.tenant_id);
    let state = request.state;
    let doing = || format!("updating service ({})", names.service());
    let Some(before) = describe(ecs, &names).await?.filter(|service| service.status() == Some("ACTIVE")) else {
        return Err(deleted(&names));
    };
    if state.resume_count.is_some() && state.resume_count != resume_count(&before) {
        remember(ecs, &before, state.resume_count.unwrap_or_default()).await?;
    }
    let updated = ecs
        .update_service()
        .cluster(names.cluster())
        .service(names.service())
        .task_definition(&state.task_definition_arn)
        .desired_count(i32::try_from(state.desired_count).unwrap_or(i32::MAX))
        .force_new_deployment(request.force_new_deployment)
        .send()
        .await;
    let after = match updated {
        Ok(updated) => updated.service,
        Err(error) if matches!(error.code(), Some("ServiceNotFoundException" | "ServiceNotActiveException")) => {
            return Err(deleted(&names));
        }
        Err(error)
            if error.message().is_some_and(|text| text.contains("does not have an associated load balancer")) =>
        {
            let hint = "; resume the tenant by the same update (\"suspended\": false)";
            return Err(Error::new(ErrorKind::ResourceConflict, Error::aws(doing(), error).chain() + hint));
        }
        Err(error) => return Err(Error::aws(doing(), error)),
    };
    let id = after.as_ref().and_then(primary).ok_or_else(|| Error::internal(doing() + ": it has no deployment"))?;
    let replaces = primary(&before).filter(|before| before != &id);
    Ok(Updated { deployment: Started { id, replaces, desired_count: state.desired_count } })
}

fn primary(service: &Service) -> Option<String> {
    let mut deployments = service.deployments().iter();
    deployments.find(|deployment| deployment.status() == Some("PRIMARY"))?.id().map(str::to_owned)
}

async fn remember(ecs: &Client, service: &Service, count: u32) -> Result<()> {
    let arn = service.service_arn().unwrap_or_default();
    let tag = Tag::builder().key(TAG_RESUME_COUNT).value(count.to_string()).build();
    let tagged = ecs.tag_resource().resource_arn(arn).tags(tag).send().await;
    tagged.map_err(|error| Error::aws(format!("tagging service ({arn})"), error))?;
    Ok(())
}

fn deleted(names: &Names) -> Error {
    Error::new(ErrorKind::TenantNotFound, format!("service ({}) was deleted during the update", names.service()))
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::operation::describe_services::DescribeServicesOutput;
    use aws_sdk_ecs::operation::tag_resource::TagResourceOutput;
    use aws_sdk_ecs::operation::update_service::{UpdateServiceError, UpdateServiceOutput};
    use aws_sdk_ecs::types::Deployment;
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;
    use crate::state::Shows;
    use crate::testing::{settings, tenant};

    const DEFINITION: &str = "arn:aws:ecs:eu-west-1:536580886816:task-definition/dev-123456789012:2";

    fn service(deployment: &str, resume_count: Option<&str>) -> Service {
        let deployment = Deployment::builder().id(deployment).status("PRIMARY").build();
        let tag = resume_count.map(|count| Tag::builder().key(TAG_RESUME_COUNT).value(count).build());
        let service = Service::builder().service_arn("arn:service").status("ACTIVE").deployments(deployment);
        service.set_tags(Some(tag.into_iter().collect())).build()
    }

    fn found(service: Service) -> Rule {
        mock!(Client::describe_services)
            .then_output(move || DescribeServicesOutput::builder().services(service.clone()).build())
    }

    fn changed(to: Service) -> Rule {
        mock!(Client::update_service)
            .match_requests(|request| request.task_definition() == Some(DEFINITION))
            .then_output(move || UpdateServiceOutput::builder().service(to.clone()).build())
    }

    fn refused(code: &'static str, message: &'static str) -> Rule {
        mock!(Client::update_service).then_error(move || {
            UpdateServiceError::generic(ErrorMetadata::builder().code(code).message(message).build())
        })
    }

    async fn run(rules: &[&Rule], desired_count: u32, resume_count: Option<u32>) -> Result<Updated> {
        let ecs = mock_client!(aws_sdk_ecs, RuleMode::Sequential, rules);
        let state = State {
            task_definition_arn: DEFINITION.to_owned(),
            image: "wordpress:7".to_owned(),
            cpu: 256,
            memory: 512,
            desired_count,
            resume_count,
            shows: Shows::Site,
        };
        let request = Update { tenant_id: tenant(), state, force_new_deployment: false };
        update(&ecs, &settings(&[]), request).await
    }

    #[tokio::test]
    async fn the_deployment_to_wait_for_is_the_new_one_or_the_one_that_is_scaled() {
        for (after, replaces) in [("new", Some("old".to_owned())), ("old", None)] {
            let updated = run(&[&found(service("old", None)), &changed(service(after, None))], 2, None).await.unwrap();
            assert_eq!(updated.deployment, Started { id: after.to_owned(), replaces, desired_count: 2 });
        }
    }

    #[tokio::test]
    async fn a_suspension_remembers_the_count_before_the_tasks_stop() {
        let tagged = mock!(Client::tag_resource)
            .match_requests(|request| {
                (request.resource_arn(), request.tags()[0].value()) == (Some("arn:service"), Some("2"))
            })
            .then_output(|| TagResourceOutput::builder().build());
        let change = || changed(service("old", None));
        run(&[&found(service("old", Some("1"))), &tagged, &change()], 0, Some(2)).await.unwrap();
        run(&[&found(service("old", Some("2"))), &change()], 0, Some(2)).await.unwrap();
    }

    #[tokio::test]
    async fn a_service_that_vanished_meanwhile_is_no_tenant_any_more() {
        for rules in [
            &[&found(Service::builder().status("DRAINING").build())][..],
            &[&found(service("old", None)), &refused("ServiceNotActiveException", "Service was not ACTIVE.")],
        ] {
            assert_eq!(run(rules, 1, None).await.unwrap_err().kind(), ErrorKind::TenantNotFound);
        }
    }

    #[tokio::test]
    async fn tasks_that_nobody_could_reach_are_a_conflict_that_says_what_to_do() {
        let message = "The target group with targetGroupArn arn does not have an associated load balancer.";
        let rules = [&found(service("old", Some("1"))), &refused("InvalidParameterException", message)];
        let error = run(&rules, 0, Some(1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceConflict);
        assert!(error.chain().contains("\"suspended\": false"), "{}", error.chain());
    }
}
