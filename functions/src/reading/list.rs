//! Lists every tenant of the environment: every id for which a resource with a tenant's name exists, with or without a
//! service.
//!
//! First, the resources of every kind are listed at the same time; the tenants are the union of these lists. Then the
//! details are read, only for the tenants of the page: ten services in a call, their task definitions, and the health
//! of their targets. Only a filter by status needs the service of every tenant, and the health of targets until the
//! page is full. A resource that is deleted between the two counts as missing,
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

/// How many tenants are looked at in one go, when a filter needs the health of their targets.
const CHUNK: usize = 50;
/// For how many tenants a call reads the health of targets at most, beyond those of its last chunk. Elastic Load Balancing
/// allows ten such calls in a second. Source: its user guide, "Request throttling".
const MOST_LOOKS: usize = 150;

use survey::Survey;

/// Input of list-tenants.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Number of tenants on a page; 50 when absent.
    pub limit: Option<Limit>,
    /// The `next_token` of the page before: the last tenant of that page.
    pub next_token: Option<TenantId>,
    /// Only tenants of this status, or of one of these.
    pub status: Option<Statuses>,
    /// Only tenants that have not this status, or none of these.
    pub not: Option<Statuses>,
    /// Only the tenants of this signup.
    pub signup_id: Option<String>,
    /// Only tenants with this in the title with which the site was made, in upper or lower case.
    pub title: Option<String>,
    /// Guard: must be the stack's environment.
    pub environment: Option<EnvironmentName>,
}

/// One status, or several.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Value")]
pub struct Statuses(BTreeSet<Status>);

impl TryFrom<Value> for Statuses {
    type Error = String;

    fn try_from(statuses: Value) -> Result<Self, String> {
        let several = match statuses {
            Value::Array(several) if !several.is_empty() => several,
            one => vec![one],
        };
        let status = |value: Value| {
            let found = Status::ALL.into_iter().find(|status| value == status.name());
            found.ok_or_else(|| {
                let names = Status::ALL.map(Status::name).join(", ");
                format!("{value} is not a status: allowed is one of {names}, or a list of them")
            })
        };
        several.into_iter().map(status).collect::<Result<_, _>>().map(Self)
    }
}

impl Request {
    /// The statuses that are asked for; `None` when it is all.
    fn wanted(&self) -> Option<BTreeSet<Status>> {
        if self.status.is_none() && self.not.is_none() {
            return None;
        }
        let is_wanted = |status: &Status| {
            self.status.as_ref().is_none_or(|statuses| statuses.0.contains(status))
                && self.not.as_ref().is_none_or(|statuses| !statuses.0.contains(status))
        };
        Some(Status::ALL.into_iter().filter(is_wanted).collect())
    }

    /// Whether the tenant is of the signup and has the title that are asked for.
    fn names(&self, survey: &Survey, tenant: &TenantId) -> bool {
        let signup = survey.secrets.get(tenant).and_then(|secret| secret.signup_id.as_ref());
        let has_title = |part: &String| {
            let title = survey.titles.get(tenant).map(|title| title.to_lowercase());
            title.is_some_and(|title| title.contains(&part.to_lowercase()))
        };
        self.signup_id.as_ref().is_none_or(|wanted| signup == Some(wanted)) && self.title.as_ref().is_none_or(has_title)
    }
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
    /// Number of tenants on all pages. Absent if a filter needed the health of more targets than were looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<usize>,
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
    /// The title with which its site was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The signup that asked for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signup_id: Option<String>,
    /// The URL of its site, when there is a load balancer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Tasks that should run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_count: Option<i32>,
    /// Tasks that run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running_count: Option<i32>,
    /// Tasks that the load balancer sends visitors to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthy_count: Option<i32>,
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

/// Every tenant of the environment with its status, as the tasks tell it. The health of targets is not read.
///
/// # Errors
/// When a call to one of the services fails.
pub(super) async fn see_all(clients: &Clients, settings: &Settings) -> Result<Vec<Seen>> {
    let survey = Survey::take(clients, settings).await?;
    let tenants: Vec<_> = survey.tenants().cloned().collect();
    let services = details::services(&clients.ecs, settings, &tenants).await?;
    let there = tenants.into_iter().filter(|tenant| survey.has_any(tenant, services.get(tenant)));
    let seen = there.map(|tenant_id| {
        let service = services.get(&tenant_id);
        let signs = survey.signs(&tenant_id, service, None);
        Seen { status: Status::of(&signs), lacks: signs.parts.lacks(), tenant_id }
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
    page(clients, settings, request, &survey, Timestamp::now()).await
}

async fn page(
    clients: &Clients,
    settings: &Settings,
    request: Request,
    survey: &Survey,
    now: Timestamp,
) -> Result<Page> {
    let all: Vec<TenantId> = survey.tenants().filter(|tenant| request.names(survey, tenant)).cloned().collect();
    let limit = request.limit.unwrap_or_default().0;
    let after = request.next_token.as_ref();
    let found = match request.wanted() {
        Some(wanted) => with_status(clients, settings, survey, all, &wanted, after, limit).await?,
        None => any(clients, settings, survey, all, after, limit).await?,
    };
    let Found { tenants, services, healthy, total, next_token } = found;
    let of_the_page = tenants.iter().filter_map(|tenant| services.get_key_value(tenant));
    let definitions = details::definitions(&clients.ecs, of_the_page).await?;
    let described = |tenant: TenantId| {
        let details = Details {
            service: services.get(&tenant),
            definition: definitions.get(&tenant),
            healthy: healthy.get(&tenant).copied(),
        };
        described(settings, survey, tenant, details, now)
    };
    let tenants = tenants.into_iter().map(described).collect::<Result<_>>()?;
    Ok(Page { environment: settings.environment(), tenants, total, next_token })
}

/// The tenants of a page, with what was read about them.
struct Found {
    tenants: Vec<TenantId>,
    services: HashMap<TenantId, Service>,
    healthy: HashMap<TenantId, i32>,
    total: Option<usize>,
    next_token: Option<TenantId>,
}

/// The next tenants, whatever their status is.
async fn any(
    clients: &Clients,
    settings: &Settings,
    survey: &Survey,
    all: Vec<TenantId>,
    after: Option<&TenantId>,
    limit: usize,
) -> Result<Found> {
    let mut total = all.len();
    let (mut tenants, next_token) = cut(all, after, limit);
    let services = details::services(&clients.ecs, settings, &tenants).await?;
    let listed = tenants.len();
    tenants.retain(|tenant| survey.has_any(tenant, services.get(tenant)));
    total -= listed - tenants.len();
    let healthy = details::healthy(&clients.elb, services.iter()).await?;
    Ok(Found { tenants, services, healthy, total: Some(total), next_token })
}

/// The next tenants that have one of these statuses. The health of targets takes a call for each tenant, so at most
/// [`MOST_LOOKS`] are looked at; the next page goes on from there.
async fn with_status(
    clients: &Clients,
    settings: &Settings,
    survey: &Survey,
    all: Vec<TenantId>,
    wanted: &BTreeSet<Status>,
    after: Option<&TenantId>,
    limit: usize,
) -> Result<Found> {
    let services = details::services(&clients.ecs, settings, &all).await?;
    let without_health = |tenant: &TenantId| Status::of(&survey.signs(tenant, services.get(tenant), None));
    let is_open = |tenant: &TenantId| without_health(tenant).may_become_another(wanted);
    let mut candidates = all;
    candidates.retain(|tenant| {
        survey.has_any(tenant, services.get(tenant)) && (wanted.contains(&without_health(tenant)) || is_open(tenant))
    });
    let count = (!candidates.iter().any(is_open)).then_some(candidates.len());
    let (mut tenants, mut healthy, mut looks, mut last) = (Vec::new(), HashMap::new(), 0, None);
    let rest: Vec<_> = candidates.into_iter().filter(|tenant| after.is_none_or(|after| tenant > after)).collect();
    let mut chunks = rest.chunks(CHUNK);
    let mut seen = 0;
    while tenants.len() <= limit
        && looks < MOST_LOOKS
        && let Some(chunk) = chunks.next()
    {
        let of_chunk: Vec<_> = chunk.iter().filter(|tenant| without_health(tenant).depends_on_health()).collect();
        looks += of_chunk.len();
        let of_chunk = of_chunk.into_iter().filter_map(|tenant| services.get_key_value(tenant));
        healthy.extend(details::healthy(&clients.elb, of_chunk).await?);
        let status =
            |tenant: &TenantId| Status::of(&survey.signs(tenant, services.get(tenant), healthy.get(tenant).copied()));
        tenants.extend(chunk.iter().filter(|tenant| wanted.contains(&status(tenant))).cloned());
        seen += chunk.len();
        last = chunk.last().cloned();
    }
    let is_at_the_end = seen == rest.len();
    let found = tenants.len();
    let (tenants, of_the_page) = cut(tenants, None, limit);
    // Without another tenant of this page, the next page goes on after the last tenant that was looked at.
    let next_token = of_the_page.or(last.filter(|_| !is_at_the_end));
    let total = count.or((after.is_none() && is_at_the_end).then_some(found));
    Ok(Found { tenants, services, healthy, total, next_token })
}

/// The tenants of a page, from after this one; and the last of them, when more follow.
fn cut(tenants: Vec<TenantId>, after: Option<&TenantId>, limit: usize) -> (Vec<TenantId>, Option<TenantId>) {
    let rest = tenants.into_iter().filter(|tenant| after.is_none_or(|after| tenant > after));
    let mut page: Vec<_> = rest.take(limit + 1).collect();
    let more = page.len() > limit;
    page.truncate(limit);
    let last = page.last().filter(|_| more).cloned();
    (page, last)
}

/// What was read about one tenant.
struct Details<'a> {
    service: Option<&'a Service>,
    definition: Option<&'a TaskDefinition>,
    healthy: Option<i32>,
}

fn described(
    settings: &Settings,
    survey: &Survey,
    tenant_id: TenantId,
    details: Details<'_>,
    now: Timestamp,
) -> Result<Tenant> {
    let Details { service, definition, healthy } = details;
    let host = settings.names(&tenant_id).host(settings.required("DOMAIN")?);
    let lacks = survey.parts(&tenant_id, service).lacks();
    let status = Status::of(&survey.signs(&tenant_id, service, healthy));
    let created = service.and_then(Service::created_at).or_else(|| survey.secret_created(&tenant_id));
    let created_at = created.and_then(|created| Timestamp::from_second(created.secs()).ok());
    Ok(Tenant {
        status,
        title: survey.titles.get(&tenant_id).cloned(),
        signup_id: survey.secrets.get(&tenant_id).and_then(|secret| secret.signup_id.clone()),
        url: survey.scheme.map(|scheme| format!("{scheme}://{host}")),
        desired_count: service.map(Service::desired_count),
        running_count: service.map(Service::running_count),
        healthy_count: healthy,
        image: definition.and_then(task_definition::image).map(str::to_owned),
        wordpress_version: survey.wordpress_versions.get(&tenant_id).cloned(),
        cpu: definition.and_then(task_definition::cpu),
        memory: definition.and_then(task_definition::memory),
        created_at,
        age_days: created_at.map(|created| days_between(created, now)),
        // A tenant that was removed lacks nothing.
        lacks: if status == Status::Retired { BTreeSet::new() } else { lacks },
        tenant_id,
    })
}

/// Never negative, also when AWS's clock is ahead of ours.
fn days_between(created: Timestamp, now: Timestamp) -> i64 {
    (now.duration_since(created).as_hours() / 24).max(0)
}

#[cfg(test)]
mod tests;
