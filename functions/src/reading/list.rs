//! Lists every tenant of the environment: every id for which a resource with a tenant's name exists, with or without a
//! service.
//!
//! First, the resources of every kind are listed at the same time; the tenants are the union of these lists. Then the
//! details are read, only for the tenants of the page: ten services in a call, and their task definitions. Only a
//! filter by status needs the service of every tenant. A resource that is deleted between the two counts as missing,
//! and a tenant that has none left is left out. Changes nothing, so an interruption leaves nothing behind.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_ecs::types::{Service, TaskDefinition};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{EnvironmentName, Kind, Result, Settings, TenantId};

use super::Status;
use crate::resources::inventory::Clients;
use crate::resources::task_definition;

mod details;
mod survey;

use survey::Survey;

/// Input of list-tenants.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Number of tenants on a page; 50 when absent.
    pub limit: Option<Limit>,
    /// The `next_token` of the page before: the last tenant of that page.
    pub next_token: Option<TenantId>,
    /// Only tenants of this status.
    pub status: Option<Status>,
    /// Guard: must be the stack's environment.
    pub environment: Option<EnvironmentName>,
}

/// How many tenants a page has: 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct Limit(usize);

impl Limit {
    const MOST: usize = 100;
}

impl Default for Limit {
    fn default() -> Self {
        Self(50)
    }
}

impl TryFrom<Value> for Limit {
    type Error = String;

    fn try_from(limit: Value) -> Result<Self, String> {
        let number = limit.as_u64().and_then(|number| usize::try_from(number).ok());
        match number.filter(|number| (1..=Self::MOST).contains(number)) {
            Some(number) => Ok(Self(number)),
            None => Err(format!("{limit} is not a limit: allowed is a whole number from 1 to {}", Self::MOST)),
        }
    }
}

/// Output of list-tenants.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Page {
    /// The environment.
    pub environment: EnvironmentName,
    /// The tenants of this page, in the order of their ids.
    pub tenants: Vec<Tenant>,
    /// Number of tenants on all pages.
    pub total: usize,
    /// Input for the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<TenantId>,
}

/// A tenant in the list. Values that are unknown are left out.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Tenant {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Its status.
    pub status: Status,
    /// The URL of its site, when there is a load balancer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Tasks that should run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_count: Option<i32>,
    /// Tasks that run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running_count: Option<i32>,
    /// Container image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The version of WordPress that serves the site, as its tasks have recorded it at their start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wordpress_version: Option<String>,
    /// CPU units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<u32>,
    /// Memory in MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u32>,
    /// When its service was created; without a service, when its secret was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Whole days since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_days: Option<i64>,
    /// The kinds of resource that are missing.
    pub lacks: BTreeSet<Kind>,
}

/// A tenant with its status.
pub(super) struct Seen {
    pub(super) tenant_id: TenantId,
    pub(super) status: Status,
    pub(super) lacks: BTreeSet<Kind>,
}

/// Every tenant of the environment with its status.
///
/// # Errors
/// When a call to one of the services fails.
pub(super) async fn see_all(clients: &Clients, settings: &Settings) -> Result<Vec<Seen>> {
    let survey = Survey::take(clients, settings).await?;
    let tenants: Vec<_> = survey.tenants().cloned().collect();
    let services = details::services(&clients.ecs, settings, &tenants).await?;
    let there = tenants.into_iter().filter(|tenant| survey.parts(tenant, services.get(tenant)).has_any());
    let seen = there.map(|tenant_id| {
        let service = services.get(&tenant_id);
        let lacks = survey.parts(&tenant_id, service).lacks();
        Seen { status: Status::of(service, &lacks), tenant_id, lacks }
    });
    Ok(seen.collect())
}

/// Lists the environment's tenants.
///
/// # Errors
/// `WrongEnvironment`, or when a call to one of the services fails.
pub async fn list(clients: &Clients, settings: &Settings, request: Request) -> Result<Page> {
    settings.guard(request.environment)?;
    let survey = Survey::take(clients, settings).await?;
    page(&clients.ecs, settings, request, &survey, Timestamp::now()).await
}

async fn page(
    ecs: &aws_sdk_ecs::Client,
    settings: &Settings,
    request: Request,
    survey: &Survey,
    now: Timestamp,
) -> Result<Page> {
    let mut tenants: Vec<TenantId> = survey.tenants().cloned().collect();
    let mut services = HashMap::new();
    if let Some(wanted) = request.status {
        services = details::services(ecs, settings, &tenants).await?;
        tenants.retain(|tenant| {
            let service = services.get(tenant);
            let parts = survey.parts(tenant, service);
            parts.has_any() && Status::of(service, &parts.lacks()) == wanted
        });
    }
    let mut total = tenants.len();
    let (mut tenants, next_token) = cut(tenants, request.next_token.as_ref(), request.limit.unwrap_or_default());
    if request.status.is_none() {
        services = details::services(ecs, settings, &tenants).await?;
        let listed = tenants.len();
        tenants.retain(|tenant| survey.parts(tenant, services.get(tenant)).has_any());
        total -= listed - tenants.len();
    }
    let of_the_page = tenants.iter().filter_map(|tenant| services.get_key_value(tenant));
    let definitions = details::definitions(ecs, of_the_page).await?;
    let described = |tenant: TenantId| {
        let (service, definition) = (services.get(&tenant), definitions.get(&tenant));
        described(settings, survey, tenant, service, definition, now)
    };
    let tenants = tenants.into_iter().map(described).collect::<Result<_>>()?;
    Ok(Page { environment: settings.environment(), tenants, total, next_token })
}

/// The tenants of a page, from after this one; and the last of them, when more follow.
fn cut(tenants: Vec<TenantId>, after: Option<&TenantId>, limit: Limit) -> (Vec<TenantId>, Option<TenantId>) {
    let rest = tenants.into_iter().filter(|tenant| after.is_none_or(|after| tenant > after));
    let mut page: Vec<_> = rest.take(limit.0 + 1).collect();
    let more = page.len() > limit.0;
    page.truncate(limit.0);
    let last = page.last().filter(|_| more).cloned();
    (page, last)
}

fn described(
    settings: &Settings,
    survey: &Survey,
    tenant_id: TenantId,
    service: Option<&Service>,
    definition: Option<&TaskDefinition>,
    now: Timestamp,
) -> Result<Tenant> {
    let host = settings.names(&tenant_id).host(settings.required("DOMAIN")?);
    let lacks = survey.parts(&tenant_id, service).lacks();
    let created = service.and_then(Service::created_at).or_else(|| survey.secret_created(&tenant_id));
    let created_at = created.and_then(|created| Timestamp::from_second(created.secs()).ok());
    Ok(Tenant {
        status: Status::of(service, &lacks),
        url: survey.scheme.map(|scheme| format!("{scheme}://{host}")),
        desired_count: service.map(Service::desired_count),
        running_count: service.map(Service::running_count),
        image: definition.and_then(task_definition::image).map(str::to_owned),
        wordpress_version: survey.wordpress_versions.get(&tenant_id).cloned(),
        cpu: definition.and_then(task_definition::cpu),
        memory: definition.and_then(task_definition::memory),
        created_at,
        age_days: created_at.map(|created| days_between(created, now)),
        lacks,
        tenant_id,
    })
}

/// Never negative, also when AWS's clock is ahead of ours.
fn days_between(created: Timestamp, now: Timestamp) -> i64 {
    (now.duration_since(created).as_hours() / 24).max(0)
}

#[cfg(test)]
mod tests;
