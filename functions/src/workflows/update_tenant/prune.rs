//! Deregisters task definition revisions that are no longer needed after an update.

use std::collections::BTreeSet;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{Deployment, TaskDefinitionStatus};
use serde::{Deserialize, Serialize};
use shared::{Owner, Result, Settings, TenantId};

use crate::resources::service;
use crate::resources::task_definition::{delete_revisions, deregister, described, revisions};

/// Number of revisions that a family keeps.
const KEPT: usize = 10;
/// Maximum number of old revisions that one update deregisters. The next update continues.
const DEREGISTERED_AT_A_TIME: usize = 50;

/// Input of prune-task-definitions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prune {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The execution that updated it.
    pub owner: Owner,
    /// The update failed, so revisions that this execution registered are deleted.
    pub discard: bool,
}

/// Output of prune-task-definitions.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// ARNs of the revisions that were deregistered.
    pub deregistered: Vec<String>,
}

/// Deregisters the tenant's revisions beyond the last ten, and deletes those of an update that failed. The revision
/// that the service runs is always kept.
///
/// # Errors
/// When ECS refuses a call.
pub async fn prune(ecs: &Client, settings: &Settings, request: Prune) -> Result<Pruned> {
    let names = settings.names(&request.tenant_id);
    let service = service::describe(ecs, &names).await?.filter(|service| service.status() == Some("ACTIVE"));
    let runs = service.as_ref().and_then(|service| service.task_definition());
    let deployments = service.as_ref().map(|service| service.deployments()).unwrap_or_default();
    let has_tasks = |it: &&Deployment| it.running_count() + it.pending_count() + it.desired_count() > 0;
    let deployed: BTreeSet<_> = deployments.iter().filter(has_tasks).filter_map(Deployment::task_definition).collect();
    let is_used = |arn: &str| runs == Some(arn) || deployed.contains(arn);

    let active = revisions(ecs, &names, TaskDefinitionStatus::Active).await?;
    let mut useless = Vec::new();
    if request.discard {
        // A revision that is already deregistered may come from a run that was interrupted. Tasks of a failed
        // deployment that are still stopping do not need their revision.
        let inactive = revisions(ecs, &names, TaskDefinitionStatus::Inactive).await?;
        let newest = active.iter().rev().take(KEPT).chain(inactive.iter().rev().take(KEPT));
        for arn in newest.filter(|arn| runs != Some(arn.as_str())) {
            let found = described(ecs, &names, arn).await?;
            let ours = found.filter(|(_, found)| found.owner.as_ref() == Some(&request.owner));
            useless.extend(ours.map(|_| arn.clone()));
        }
    }
    let (mut deregistered, active): (Vec<_>, Vec<_>) = active.into_iter().partition(|arn| useless.contains(arn));
    let old = active.iter().take(active.len().saturating_sub(KEPT));
    let old: Vec<_> = old.filter(|arn| !is_used(arn)).cloned().collect();

    deregistered.extend(old.into_iter().take(DEREGISTERED_AT_A_TIME));
    for arn in &deregistered {
        deregister(ecs, arn).await?;
    }
    delete_revisions(ecs, &names, &useless).await?;
    Ok(Pruned { deregistered })
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::operation::delete_task_definitions::DeleteTaskDefinitionsOutput;
    use aws_sdk_ecs::operation::deregister_task_definition::DeregisterTaskDefinitionOutput;
    use aws_sdk_ecs::operation::describe_services::DescribeServicesOutput;
    use aws_sdk_ecs::operation::describe_task_definition::DescribeTaskDefinitionOutput;
    use aws_sdk_ecs::operation::list_task_definitions::ListTaskDefinitionsOutput;
    use aws_sdk_ecs::types::{Service, Tag, TaskDefinition};
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};

    use super::*;
    use crate::testing::{other_owner, owner, settings, tenant};

    fn arn(revision: usize) -> String {
        format!("arn:aws:ecs:eu-west-1:536580886816:task-definition/dev-123456789012:{revision}")
    }

    fn definition(revision: usize, by: Owner) -> Rule {
        mock!(Client::describe_task_definition).then_output(move || {
            let definition = TaskDefinition::builder().task_definition_arn(arn(revision));
            let tag = Tag::builder().key("tenant:execution").value(by.as_str()).build();
            DescribeTaskDefinitionOutput::builder().task_definition(definition.build()).tags(tag).build()
        })
    }

    fn service(deployed: usize) -> Rule {
        mock!(Client::describe_services).then_output(move || {
            let deployment = Deployment::builder().task_definition(arn(deployed)).build();
            let service = Service::builder().status("ACTIVE").task_definition(arn(deployed)).deployments(deployment);
            DescribeServicesOutput::builder().services(service.build()).build()
        })
    }

    fn listed(revisions: std::ops::RangeInclusive<usize>) -> Rule {
        mock!(Client::list_task_definitions).then_output(move || {
            let arns = revisions.clone().map(arn).collect();
            ListTaskDefinitionsOutput::builder().set_task_definition_arns(Some(arns)).build()
        })
    }

    fn deregistered() -> Rule {
        mock!(Client::deregister_task_definition).then_output(|| DeregisterTaskDefinitionOutput::builder().build())
    }

    async fn pruned(rules: &[&Rule], discard: bool) -> Vec<String> {
        let ecs = mock_client!(aws_sdk_ecs, RuleMode::Sequential, rules);
        let request = Prune { tenant_id: tenant(), owner: owner(), discard };
        prune(&ecs, &settings(&[]), request).await.unwrap().deregistered
    }

    #[tokio::test]
    async fn the_last_ten_revisions_and_the_one_that_runs_stay() {
        let rules = [&service(13), &listed(1..=13), &deregistered(), &deregistered(), &deregistered()];
        assert_eq!(pruned(&rules, false).await, [arn(1), arn(2), arn(3)]);
        assert_eq!(pruned(&[&service(1), &listed(1..=12), &deregistered()], false).await, [arn(2)]);
        assert!(pruned(&[&service(10), &listed(1..=10)], false).await.is_empty());
    }

    #[tokio::test]
    async fn a_failed_update_deletes_its_own_revision_and_no_other() {
        let gone = || {
            mock!(Client::delete_task_definitions)
                .match_requests(|request| request.task_definitions() == [arn(3)])
                .then_output(|| DeleteTaskDefinitionsOutput::builder().build())
        };
        let looks = (definition(3, owner()), definition(1, other_owner()));
        let nothing =
            || mock!(Client::list_task_definitions).then_output(|| ListTaskDefinitionsOutput::builder().build());
        let rules = [&service(2), &listed(1..=3), &nothing(), &looks.0, &looks.1, &deregistered(), &gone()];
        assert_eq!(pruned(&rules, true).await, [arn(3)]);
        // An earlier run was interrupted after the deregistration.
        let rules = [&service(2), &nothing(), &listed(3..=3), &definition(3, owner()), &gone()];
        assert!(pruned(&rules, true).await.is_empty());
    }
}
