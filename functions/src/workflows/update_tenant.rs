//! Changes a tenant that exists: compares the request with the current state, and decides what to do.
//!
//! Only one update of a tenant runs at a time. It begins by taking the tenant's lock, and reads the current state after
//! that, because this is the state to go back to after a failure. The first and the last step change nothing else. An
//! interruption therefore leaves at most a lock whose execution has ended, and the next update takes that over.

use aws_config::SdkConfig;
use aws_sdk_ecs::types::Service;
use aws_sdk_elasticloadbalancingv2::types::{Rule, TargetGroup};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::input::{self, invalid};
use shared::owner::owner_in;
use shared::{
    DesiredCount, EnvironmentName, Error, ErrorKind, FargateSize, ImageReference, Kind, Names, Owner, Result, Settings,
    TablePrefix, TenantId, fargate, is_downgrade,
};

use crate::resources::listener_rule::of_tenant::of_tenant;
use crate::resources::listener_rule::suspension;
use crate::resources::service::deployment::has_failed;
use crate::resources::state::{Shows, State};
use crate::resources::task_definition::moved::mounts;
use crate::resources::task_definition::{container, job};
use crate::resources::{repair, service, target_group, task_definition};
use crate::workflows::lock;

use move_content::{Move, Tenant};

pub mod move_content;
pub mod prune;

/// The clients of begin-update.
#[derive(Debug)]
pub struct Clients {
    /// ECS.
    pub ecs: aws_sdk_ecs::Client,
    /// EFS.
    pub efs: aws_sdk_efs::Client,
    /// Elastic Load Balancing.
    pub elb: aws_sdk_elasticloadbalancingv2::Client,
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
            efs: aws_sdk_efs::Client::new(aws),
            elb: aws_sdk_elasticloadbalancingv2::Client::new(aws),
            s3: aws_sdk_s3::Client::new(aws),
            sfn: aws_sdk_sfn::Client::new(aws),
        }
    }
}

/// Input of begin-update.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Begin {
    /// The execution that updates.
    pub owner: Owner,
    /// Input of update-tenant, as a person writes it.
    pub request: Value,
}

/// Input of update-tenant. Absent fields stay unchanged.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpdateRequest {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Guard: must be the stack's environment.
    pub environment: Option<EnvironmentName>,
    /// Container image.
    pub image: Option<ImageReference>,
    /// CPU units.
    #[serde(default, deserialize_with = "fargate::units")]
    pub cpu: Option<u32>,
    /// Memory in MiB.
    #[serde(default, deserialize_with = "fargate::units")]
    pub memory: Option<u32>,
    /// Desired count; for a suspended tenant, the desired count after resuming.
    pub desired_count: Option<DesiredCount>,
    /// Take an image whose WordPress is older than the one that changed the tables last.
    #[serde(default)]
    pub allow_downgrade: bool,
    /// Start new tasks even if nothing else changes.
    #[serde(default)]
    pub force_new_deployment: bool,
    /// `true` stops the tenant's tasks and shows a page that says so; `false` shows the site again.
    pub suspended: Option<bool>,
    /// Mount only `wp-content`, as new tenants do, instead of the whole document root.
    #[serde(default)]
    pub move_content: bool,
    /// With `move_content`: the beginning of the tables' names, if `wp-config.php` has another one than the container.
    pub table_prefix: Option<TablePrefix>,
}

/// Output of begin-update: the current state and the wanted one.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The environment.
    pub environment: EnvironmentName,
    /// The state before the update, which is restored if the update fails.
    pub previous: State,
    /// The state after the update, still with the old task definition.
    pub wanted: State,
    /// The fields that change; empty when the tenant already has the wanted state.
    pub changes: Vec<&'static str>,
    /// Start new tasks even if nothing else changes.
    pub force_new_deployment: bool,
    /// The new tasks may run an older WordPress than the one that changed the tables last.
    pub allow_downgrade: bool,
    /// The new tasks may bring another WordPress, so its tables are upgraded when these serve the site.
    pub upgrades_database: bool,
    /// What the steps of a move have to know, if the tenant is moved.
    #[serde(rename = "move", skip_serializing_if = "Option::is_none")]
    pub moves: Option<Move>,
}

/// Checks the request, takes the tenant's lock, reads its state, and decides what to do.
///
/// # Errors
/// `InvalidRequest`, with the sizes that Fargate offers; `WrongEnvironment`; `TenantNotFound` when there is no service
/// to update; `ResourceConflict` while another update of the tenant, or its provisioning, runs, or when it cannot be
/// moved.
pub async fn begin(clients: &Clients, settings: &Settings, begin: Begin) -> Result<Plan> {
    let request: UpdateRequest = input::parse(begin.request)?;
    request.check(settings)?;
    let names = settings.names(&request.tenant_id);
    let lock = lock::of(settings, &request.tenant_id)?;
    lock::take(&clients.s3, &clients.sfn, &lock, &begin.owner, lock::grace(settings)?).await?;
    job::none_runs(&clients.ecs, &names).await?;
    let service = service::active(&clients.ecs, &names).await?;
    let (provisioning, definition, (group, rules)) = tokio::try_join!(
        is_being_provisioned(clients, &names, &service),
        task_definition::of_service(&clients.ecs, &names, &service),
        group_and_rules(clients, settings, &names),
    )?;
    if let Some(execution) = provisioning {
        return Err(Error::new(
            ErrorKind::ResourceConflict,
            format!(
                "tenant {} is still being provisioned by {execution}: update it when that has ended",
                names.tenant()
            ),
        ));
    }
    let mut previous = state(&service, &definition, suspension::shows(&rules, &names), &names)?;
    let mut wanted = request.wanted(&previous)?;
    if !request.allow_downgrade && is_downgrade(&previous.image, &wanted.image) {
        return Err(invalid(format!(
            "image: {} has an older WordPress than {}, which the tenant has, and the database does not go back with it: \
             restore a backup, or set allow_downgrade to true",
            wanted.image, previous.image
        )));
    }
    if wanted.shows != previous.shows {
        suspension::can_switch(&rules, &names)?;
    }
    let moves = if request.move_content {
        let tenant =
            Tenant { names: &names, service: &service, definition: &definition, group: group.as_ref(), rules: &rules };
        move_content::plan(clients, settings, &tenant, request.table_prefix, &mut previous, &mut wanted).await?
    } else {
        None
    };
    reaches_visitors(&wanted, &rules, &names)?;
    let mut changes = wanted.changes_since(&previous);
    // A failed deployment starts no tasks, so a new one is needed even if nothing changes.
    let force_new_deployment = request.force_new_deployment || has_failed(&service);
    changes.extend(force_new_deployment.then_some("force_new_deployment"));
    let starts_tasks =
        force_new_deployment || !wanted.has_the_tasks_of(&previous) || moves.is_some() || previous.desired_count == 0;
    let upgrades_database = starts_tasks
        && wanted.desired_count > 0
        && !changes.is_empty()
        && (moves.is_some() || container::serves_a_record(&definition));
    Ok(Plan {
        tenant_id: request.tenant_id,
        environment: settings.environment(),
        previous,
        wanted,
        changes,
        force_new_deployment,
        allow_downgrade: request.allow_downgrade,
        upgrades_database,
        moves,
    })
}

/// Refuses to start or keep tasks that no visitor would reach: the deployment of such tasks succeeds, and the site is
/// down all the same.
fn reaches_visitors(wanted: &State, rules: &[Rule], names: &Names) -> Result<()> {
    if wanted.desired_count > 0 && rules.is_empty() {
        return Err(Error::not_ready(format!(
            "tenant {} has no listener rule, so no visitor reaches its tasks; nothing was changed. {}; then start the \
             update again",
            names.tenant(),
            repair::advice(Kind::ListenerRule, names)
        )));
    }
    Ok(())
}

/// Without a rule, both are read once more: AWS's answers may be older than a rule that was made a moment ago, and the
/// update of a tenant without one is refused.
async fn group_and_rules(
    clients: &Clients,
    settings: &Settings,
    names: &Names,
) -> Result<(Option<TargetGroup>, Vec<Rule>)> {
    let read = async || -> Result<(Option<TargetGroup>, Vec<Rule>)> {
        let group = target_group::describe(&clients.elb, names).await?;
        let rules = of_tenant(&clients.elb, settings, names, group.as_ref()).await?;
        Ok((group, rules))
    };
    match read().await? {
        (_, rules) if rules.is_empty() => read().await,
        found => Ok(found),
    }
}

/// Input of end-update.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// The execution that updated.
    pub owner: Owner,
    /// The tenant, as a person wrote it; it may be missing or wrong.
    pub tenant_id: Value,
}

/// Output of end-update.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// The execution had the tenant's lock, and has released it.
    pub released: bool,
}

/// Releases the tenant's lock, if this execution has it.
///
/// # Errors
/// When S3 refuses a call.
pub async fn end(s3: &aws_sdk_s3::Client, settings: &Settings, end: End) -> Result<Ended> {
    // Without a valid tenant id, no lock was taken.
    let Ok(tenant) = serde_json::from_value(end.tenant_id) else { return Ok(Ended { released: false }) };
    Ok(Ended { released: lock::release(s3, &lock::of(settings, &tenant)?, &end.owner).await? })
}

impl UpdateRequest {
    fn check(&self, settings: &Settings) -> Result<()> {
        settings.guard(self.environment)?;
        if let (Some(cpu), Some(memory)) = (self.cpu, self.memory) {
            FargateSize::new(cpu, memory).map_err(invalid)?;
        }
        let nothing = matches!(
            self,
            Self {
                image: None,
                cpu: None,
                memory: None,
                desired_count: None,
                force_new_deployment: false,
                suspended: None,
                move_content: false,
                ..
            }
        );
        if nothing {
            return Err(invalid(
                "nothing to update was asked for: give at least one of image, cpu, memory, desired_count, \
                 force_new_deployment, suspended, move_content",
            ));
        }
        if self.table_prefix.is_some() && !self.move_content {
            return Err(invalid(
                "table_prefix: only a move reads it: give \"move_content\": true as well, or leave it out",
            ));
        }
        Ok(())
    }

    fn wanted(&self, previous: &State) -> Result<State> {
        let (cpu, memory) = (self.cpu.unwrap_or(previous.cpu), self.memory.unwrap_or(previous.memory));
        if (self.cpu, self.memory) != (None, None) {
            FargateSize::new(cpu, memory).map_err(|reason| {
                invalid(format!("{reason} (now it has cpu {} and memory {})", previous.cpu, previous.memory))
            })?;
        }
        // A service that was scaled to 0 by hand can be scaled up again without resuming the tenant.
        let is_suspended =
            previous.shows == Shows::SuspensionPage || (previous.desired_count == 0 && self.desired_count.is_none());
        let count = self.desired_count.map(DesiredCount::get).or(match previous.desired_count {
            0 => previous.resume_count,
            count => Some(count),
        });
        let (desired_count, resume_count) = match self.suspended.unwrap_or(is_suspended) {
            true => (0, count),
            false => (count.unwrap_or(DesiredCount::ONE.get()), None),
        };
        Ok(State {
            task_definition_arn: previous.task_definition_arn.clone(),
            image: self.image.as_ref().map_or(previous.image.as_str(), ImageReference::as_str).to_owned(),
            cpu,
            memory,
            desired_count,
            resume_count,
            shows: match self.suspended {
                Some(true) => Shows::SuspensionPage,
                Some(false) => Shows::Site,
                None => previous.shows,
            },
            mounts: previous.mounts,
            grace_seconds: None,
        })
    }
}

async fn is_being_provisioned(clients: &Clients, names: &Names, service: &Service) -> Result<Option<Owner>> {
    let owner = owner_in(service.tags().iter().filter_map(|tag| Some((tag.key()?, tag.value()?))));
    let machine = format!(":execution:{}-provision-tenant:", names.environment());
    match owner.filter(|owner| owner.as_str().contains(&machine)) {
        Some(owner) if lock::ended(&clients.sfn, &owner).await?.is_none() => Ok(Some(owner)),
        _ => Ok(None),
    }
}

fn state(
    service: &Service,
    definition: &aws_sdk_ecs::types::TaskDefinition,
    shows: Shows,
    names: &Names,
) -> Result<State> {
    let desired_count = u32::try_from(service.desired_count()).unwrap_or_default();
    let arn = definition.task_definition_arn().unwrap_or_default();
    let missing = |what: &str| {
        Error::new(
            ErrorKind::EnvironmentNotReady,
            format!("task definition ({arn}) of service ({}) has no {what}: it is none for Fargate", names.service()),
        )
    };
    Ok(State {
        task_definition_arn: arn.to_owned(),
        image: task_definition::image(definition).ok_or_else(|| missing("container"))?.to_owned(),
        cpu: task_definition::cpu(definition).ok_or_else(|| missing("cpu"))?,
        memory: task_definition::memory(definition).ok_or_else(|| missing("memory"))?,
        desired_count,
        resume_count: service::update::resume_count(service).filter(|_| desired_count == 0),
        shows,
        mounts: mounts(definition),
        grace_seconds: None,
    })
}

#[cfg(test)]
mod tests;
