//! Changes a tenant's service: its task definition, its desired count, and its grace period.
//!
//! The count before a suspension is stored in a tag of the service, which is written before the tasks stop. Idempotent:
//! two runs start one deployment, unless it is forced.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::error::ProvideErrorMetadata;
use aws_sdk_ecs::types::{Service, Tag};
use serde::{Deserialize, Serialize};
use shared::owner::TAG_RESUME_COUNT;
use shared::{Error, ErrorKind, Names, Result, Settings, TenantId};

use super::deployment::{Started, has_failed};
use super::{UNREACHED, describe, primary};
use crate::resources::state::{Shows, State};

/// Input of update-service.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// The tenant.
    pub tenant_id: TenantId,
    /// What the service is to run.
    pub state: State,
    /// Start new tasks even if nothing else changes.
    #[serde(default)]
    pub force_new_deployment: bool,
}

/// Output of update-service.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Updated {
    /// The deployment to wait for.
    pub deployment: Started,
}

/// The desired count after resuming, if the service was suspended.
pub(crate) fn resume_count(service: &Service) -> Option<u32> {
    service.tags().iter().find(|tag| tag.key() == Some(TAG_RESUME_COUNT))?.value()?.parse().ok()
}

/// Sets the task definition and the desired count of the tenant's service. Values that are already right are not
/// changed.
///
/// # Errors
/// `TenantNotFound` when the service was deleted meanwhile; `ResourceConflict` when ECS refuses every change because
/// the tenant is suspended and no rule forwards to its target group.
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
    let desired_count = i32::try_from(state.desired_count).unwrap_or(i32::MAX);
    let started = |id, replaces| Started { id, replaces, desired_count: state.desired_count };
    // A service whose revision was deregistered can be scaled, but a call that names that revision fails.
    let definition = Some(&state.task_definition_arn).filter(|arn| before.task_definition() != Some(arn.as_str()));
    // Only a new deployment shows whether tasks stay alive. Scaling up from 0 does not start one, and a failed
    // deployment no longer starts tasks.
    let starts_anew = before.desired_count() == 0 || has_failed(&before);
    let force = request.force_new_deployment || (starts_anew && desired_count > 0);
    // A new grace period alone starts no deployment. Source: the API reference of ECS, UpdateService.
    let grace = state.grace_seconds.filter(|grace| Some(*grace) != before.health_check_grace_period_seconds());
    if definition.is_none() && before.desired_count() == desired_count && grace.is_none() && !force {
        let id = id_of(&before).ok_or_else(|| Error::internal(doing() + ": it has no deployment"))?;
        return Ok(Updated { deployment: started(id, None) });
    }
    let updated = ecs
        .update_service()
        .cluster(names.cluster())
        .service(names.service())
        .set_task_definition(definition.cloned())
        .desired_count(desired_count)
        .set_health_check_grace_period_seconds(grace)
        .force_new_deployment(force)
        .send()
        .await;
    let after = match updated {
        Ok(updated) => updated.service,
        Err(error) if matches!(error.code(), Some("ServiceNotFoundException" | "ServiceNotActiveException")) => {
            return Err(deleted(&names));
        }
        Err(error) if error.message().is_some_and(|text| text.contains(UNREACHED)) => {
            let message = Error::aws(doing(), error).chain();
            return Err(match state.shows {
                // The rule was switched to the site a moment ago.
                Shows::Site => Error::new(ErrorKind::Transient, message),
                Shows::SuspensionPage => {
                    let hint = "; resume the tenant by the same update (\"suspended\": false)";
                    Error::new(ErrorKind::ResourceConflict, message + hint)
                }
            });
        }
        Err(error) => return Err(Error::aws(doing(), error)),
    };
    let id = after.as_ref().and_then(id_of).ok_or_else(|| Error::internal(doing() + ": it has no deployment"))?;
    let replaces = id_of(&before).filter(|before| before != &id);
    Ok(Updated { deployment: started(id, replaces) })
}

fn id_of(service: &Service) -> Option<String> {
    primary(service)?.id().map(str::to_owned)
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
    use aws_sdk_ecs::types::builders::ServiceBuilder;
    use aws_sdk_ecs::types::{Deployment, DeploymentRolloutState};
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;
    use crate::resources::state::Mounts;
    use crate::testing::{settings, tenant};

    const DEFINITION: &str = "arn:aws:ecs:eu-west-1:536580886816:task-definition/dev-123456789012:2";

    fn service(deployment: &str, resume_count: Option<&str>) -> Service {
        running(deployment, resume_count).build()
    }

    fn running(deployment: &str, resume_count: Option<&str>) -> ServiceBuilder {
        let deployment = Deployment::builder().id(deployment).status("PRIMARY").build();
        let tag = resume_count.map(|count| Tag::builder().key(TAG_RESUME_COUNT).value(count).build());
        let service = Service::builder().service_arn("arn:service").status("ACTIVE").deployments(deployment);
        service.set_tags(Some(tag.into_iter().collect()))
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

    fn wanted(desired_count: u32, resume_count: Option<u32>) -> State {
        let shows = if resume_count.is_some() { Shows::SuspensionPage } else { Shows::Site };
        State {
            task_definition_arn: DEFINITION.to_owned(),
            image: "wordpress:7".to_owned(),
            cpu: 256,
            memory: 512,
            desired_count,
            resume_count,
            shows,
            mounts: Mounts::Content,
            grace_seconds: None,
        }
    }

    async fn run(rules: &[&Rule], desired_count: u32, resume_count: Option<u32>) -> Result<Updated> {
        run_to(rules, wanted(desired_count, resume_count)).await
    }

    async fn run_to(rules: &[&Rule], state: State) -> Result<Updated> {
        let ecs = mock_client!(aws_sdk_ecs, RuleMode::Sequential, rules);
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
    async fn a_service_that_vanished_meanwhile_is_a_missing_tenant() {
        for rules in [
            &[&found(Service::builder().status("DRAINING").build())][..],
            &[&found(service("old", None)), &refused("ServiceNotActiveException", "Service was not ACTIVE.")],
        ] {
            assert_eq!(run(rules, 1, None).await.unwrap_err().kind(), ErrorKind::TenantNotFound);
        }
    }

    #[tokio::test]
    async fn tasks_that_no_rule_forwards_to_are_a_conflict_that_says_what_to_do() {
        let message = "The target group with targetGroupArn arn does not have an associated load balancer.";
        let refusal = || refused("InvalidParameterException", message);
        let error = run(&[&found(service("old", Some("1"))), &refusal()], 0, Some(1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceConflict);
        assert!(error.chain().contains("\"suspended\": false"), "{}", error.chain());
        // When the tenant is being resumed, the rule was switched to the site a moment ago.
        let error = run(&[&found(service("old", None)), &refusal()], 1, None).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transient);
    }

    #[tokio::test]
    async fn values_that_the_service_already_has_are_not_changed() {
        let there = || running("old", None).task_definition(DEFINITION).desired_count(2).build();
        let updated = run(&[&found(there())], 2, None).await.unwrap();
        assert_eq!(updated.deployment, Started { id: "old".to_owned(), replaces: None, desired_count: 2 });
        // This also holds when that revision is deregistered.
        let scaled = mock!(Client::update_service)
            .match_requests(|request| {
                assert_eq!(request.force_new_deployment(), Some(false));
                request.task_definition().is_none() && request.desired_count() == Some(3)
            })
            .then_output(|| UpdateServiceOutput::builder().service(service("old", None)).build());
        run(&[&found(there()), &scaled], 3, None).await.unwrap();
    }

    #[tokio::test]
    async fn the_grace_period_is_set_only_if_the_update_changes_it() {
        let there =
            |grace| running("old", None).task_definition(DEFINITION).health_check_grace_period_seconds(grace).build();
        let scaled = mock!(Client::update_service)
            .match_requests(|request| {
                assert_eq!(request.force_new_deployment(), Some(false));
                request.health_check_grace_period_seconds() == Some(360) && request.task_definition().is_none()
            })
            .then_output(|| UpdateServiceOutput::builder().service(service("old", None)).build());
        let moved = || State { grace_seconds: Some(360), ..wanted(0, None) };
        run_to(&[&found(there(120)), &scaled], moved()).await.unwrap();
        run_to(&[&found(there(360))], moved()).await.unwrap();
        run_to(&[&found(there(120))], wanted(0, None)).await.unwrap();
    }

    #[tokio::test]
    async fn tasks_that_start_from_nothing_or_after_a_failure_are_a_deployment_of_their_own() {
        let failed = Deployment::builder().id("old").status("PRIMARY").rollout_state(DeploymentRolloutState::Failed);
        let failed = Service::builder().status("ACTIVE").desired_count(1).deployments(failed.build()).build();
        for before in [service("old", None), failed] {
            let forced = mock!(Client::update_service)
                .match_requests(|request| request.force_new_deployment() == Some(true))
                .then_output(|| UpdateServiceOutput::builder().service(service("new", None)).build());
            run(&[&found(before), &forced], 1, None).await.unwrap();
        }
    }
}
