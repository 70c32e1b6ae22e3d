//! Describes one tenant: what runs, whether the load balancer reaches it, which resources it has and lacks, and the
//! messages of its service and its stopped tasks.
//!
//! Changes nothing, and does not read the secret's value. All calls are made at the same time. A resource that is
//! deleted meanwhile is left out, and so is every value that is unknown. Lists and messages are shortened, so that the
//! answer stays short. A tenant that was made with the runbook's commands is described like any other.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use shared::{EnvironmentName, Error, ErrorKind, Kind, Names, PerKind, Result, Settings, TenantId};

use crate::reading::{Parts, Signs, Status};
use crate::resources::files::{self, Directory};
use crate::resources::inventory::Clients;
use crate::resources::{repair, taken};

mod cause;
pub mod compute;
pub mod executions;
pub mod routing;
pub mod storage;

use compute::{Service, StoppedTask, TaskDefinition, TaskRole};
use executions::Execution;
use routing::{DnsRecord, ListenerRule, TargetGroup};
use storage::{AccessPoint, Database, LogGroup, Secret};

/// Input of describe-tenant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Guard: must be the stack's environment.
    pub environment: Option<EnvironmentName>,
}

/// Output of describe-tenant.
#[derive(Debug, Serialize)]
pub struct Description {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The environment.
    pub environment: EnvironmentName,
    /// Its status.
    pub status: Status,
    /// Why its site may be down, and what to do; absent when nothing is wrong with what was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probable_cause: Option<String>,
    /// The URL of its site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The kinds of resource that are missing.
    pub lacks: BTreeSet<Kind>,
    /// How each of these is made again.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub repair: BTreeMap<Kind, String>,
    /// Its resources.
    #[serde(flatten)]
    pub details: Details,
}

/// The resources of a tenant.
#[derive(Debug, Default, Serialize)]
pub struct Details {
    /// ECS service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// The task definition that the service runs; without a service, the newest revision of the family.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_definition: Option<TaskDefinition>,
    /// IAM role of its tasks; absent when they have the environment's, which all tenants share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_role: Option<TaskRole>,
    /// ALB target group, with the health of its targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_group: Option<TargetGroup>,
    /// Route 53 records of its host, where the stack has a hosted zone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dns_records: Vec<DnsRecord>,
    /// ALB listener rules: one, unless somebody added another.
    pub listener_rules: Vec<ListenerRule>,
    /// EFS access points: one; several when the answer to a creation was lost.
    pub access_points: Vec<AccessPoint>,
    /// Secrets Manager secret of the site's administrator, without its value; absent when the site was not installed by
    /// this project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site_credentials: Option<Secret>,
    /// Secrets Manager secret of the database user, without its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    /// The directory of its files; absent where functions do not mount the file system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Directory>,
    /// MySQL database and user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<Database>,
    /// CloudWatch log group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_group: Option<LogGroup>,
    /// Tasks that stopped, newest first. ECS forgets them after about an hour.
    pub stopped_tasks: Vec<StoppedTask>,
    /// The last executions that worked on it, newest first.
    pub executions: Vec<Execution>,
}

impl Details {
    /// The kinds of which there is a usable resource.
    fn parts(&self) -> Parts {
        Parts(PerKind {
            service: Some(self.service.is_some()),
            // Not needed when a wildcard record leads to the load balancer.
            dns_record: None,
            listener_rule: Some(!self.listener_rules.is_empty()),
            target_group: Some(self.target_group.is_some()),
            task_definition: Some(self.task_definition.is_some()),
            // Not needed by tasks with the environment's role.
            task_role: self.task_role.as_ref().map(|role| role.exists),
            access_point: Some(self.access_points.iter().any(AccessPoint::is_usable)),
            database: self.database.as_ref().map_or(Some(false), Database::is_complete),
            log_group: Some(self.log_group.is_some()),
            // Not needed by a site that was not installed by this project.
            site_credentials: self.site_credentials.as_ref().map(Secret::is_usable).filter(|usable| *usable),
            // They stay when a tenant is removed, and EFS makes them again when they are missing.
            files: None,
            secret: Some(self.secret.as_ref().is_some_and(Secret::is_usable)),
        })
    }

    /// A tenant exists when one of its resources is not being deleted. A database that was not read does not count; a
    /// database without its user does, and so does a user without its database.
    fn is_a_tenant(&self) -> bool {
        matches!(self.database, Some(Database::Checked { .. })) || self.parts().has_any()
    }
}

/// Describes a tenant.
///
/// # Errors
/// `TenantNotFound` when nothing exists, or only a secret that is scheduled for deletion or a service that is INACTIVE;
/// `WrongEnvironment`; or when a call to one of the services fails.
pub async fn describe(
    clients: &Clients,
    machines: &aws_sdk_sfn::Client,
    settings: &Settings,
    request: Request,
) -> Result<Description> {
    settings.guard(request.environment)?;
    let names = settings.names(&request.tenant_id);
    let (
        running,
        role,
        stopped_tasks,
        (target_group, routes),
        dns_records,
        access_points,
        site_credentials,
        secret,
        files,
        database,
        log_group,
        executions,
    ) = tokio::try_join!(
        compute::service_and_definition(&clients.ecs, &names),
        compute::task_role(&clients.iam, settings, &names),
        compute::stopped_tasks(&clients.ecs, &names),
        routing::routing(&clients.elb, settings, &names),
        routing::dns_records(&clients.route53, settings, &names),
        storage::access_points(&clients.efs, &names),
        storage::secret(&clients.secrets, names.site_credentials()),
        storage::secret(&clients.secrets, names.secret()),
        files::read(settings, &names),
        storage::database(&clients.secrets, settings, &names),
        storage::log_group(&clients.logs, &names),
        executions::last(machines, settings, &request.tenant_id),
    )?;
    let (service, task_definition) = running;
    let details = Details {
        service: service.as_ref().map(Service::from),
        task_definition: task_definition.as_ref().map(TaskDefinition::from),
        task_role: TaskRole::of(role, task_definition.as_ref(), settings, &names),
        target_group,
        dns_records,
        listener_rules: routes.rules,
        access_points,
        site_credentials,
        secret,
        files,
        database,
        log_group,
        stopped_tasks,
        executions,
    };
    if !details.is_a_tenant() {
        return Err(not_found(&names, &details));
    }
    let signs = Signs {
        service: service.as_ref(),
        parts: details.parts(),
        is_suspended: routes.is_suspended,
        healthy: details.target_group.as_ref().map(TargetGroup::healthy),
    };
    let status = Status::of(&signs);
    // A tenant that was removed lacks nothing.
    let lacks = if status == Status::Retired { BTreeSet::new() } else { signs.parts.lacks() };
    Ok(Description {
        tenant_id: request.tenant_id,
        environment: settings.environment(),
        status,
        probable_cause: cause::probable(&details, routes.is_suspended, &names),
        url: routes.url,
        repair: lacks.iter().map(|kind| (*kind, repair::advice(*kind, &names))).collect(),
        lacks,
        details,
    })
}

fn not_found(names: &Names, details: &Details) -> Error {
    let (tenant, environment) = (names.tenant(), names.environment());
    let mut message = format!(
        "there is no tenant {tenant} in {environment}: check the id ({environment}-list-tenants gives every one), and \
         whether the tenant is in another environment"
    );
    if let Some(until) = details.secret.as_ref().and_then(|secret| secret.deletion_date.as_deref()) {
        let detail = format!("scheduled for deletion, recoverable until {until}");
        message += &format!("; {}", taken::scheduled_secret(&names.secret(), &detail, names));
    }
    if let Some(files) = &details.files {
        message += &format!("; {}", taken::files_are_left(&files.directory, names));
    }
    if matches!(details.database, Some(Database::Unchecked { .. })) {
        message += "; its database was not looked at, since only an ECS task reaches it";
    }
    Error::new(ErrorKind::TenantNotFound, message)
}

#[cfg(test)]
mod tests;
