//! Which tenants have which resources: the lists of every kind, each read to its end in pages as large as AWS allows.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types::Service;
use shared::{PerKind, Result, Settings, TenantId};

use crate::load_balancing::listeners;
use crate::reading::{Parts, Signs};
use crate::resources::inventory::Clients;
use crate::resources::{
    access_point, database, listener_rule, log_group, secret, service, target_group, task_definition, task_role,
};

/// The tenants that have any resource, and the kinds of it.
pub(super) struct Survey {
    /// The tenants that have a resource of each kind; `None` for a kind that was not read.
    pub(super) tenants_by_kind: PerKind<Option<BTreeSet<TenantId>>>,
    /// The secrets, also those that are scheduled for deletion.
    pub(super) secrets: BTreeMap<TenantId, secret::Listed>,
    /// The titles with which the sites were made, where they are known.
    pub(super) titles: BTreeMap<TenantId, String>,
    /// The tenants whose rule shows the suspension page.
    pub(super) suspended: BTreeSet<TenantId>,
    /// The versions of WordPress that serve the sites.
    pub(super) wordpress_versions: BTreeMap<TenantId, String>,
    /// The scheme of tenants' URLs; `None` without a load balancer.
    pub(super) scheme: Option<&'static str>,
}

impl Survey {
    /// Reads all lists at the same time.
    ///
    /// # Errors
    /// When a call to one of the services fails.
    pub(super) async fn take(clients: &Clients, settings: &Settings) -> Result<Self> {
        let (services, (rules, scheme), groups, definitions, roles, access_points, databases, log_groups, secrets) = tokio::try_join!(
            service::list(&clients.ecs, settings),
            rules(clients, settings),
            target_group::list(&clients.elb, settings),
            task_definition::list(&clients.ecs, settings),
            task_role::list(&clients.iam, settings),
            access_point::list(&clients.efs, settings),
            databases(clients, settings),
            log_group::list(&clients.logs, settings),
            secret::list(&clients.secrets, settings),
        )?;
        let tenants_by_kind = PerKind {
            service: Some(services),
            // Tenants need none when a wildcard record leads to the load balancer.
            dns_record: None,
            listener_rule: Some(rules.tenants),
            target_group: Some(groups),
            task_definition: Some(definitions),
            task_role: roles,
            access_point: Some(access_points),
            database: databases.as_ref().map(|(tenants, _)| tenants.clone()),
            log_group: Some(log_groups),
            site_credentials: Some(secrets.site_credentials.clone()),
            // They stay when a tenant is removed. The audit lists those of no tenant.
            files: None,
            secret: Some(without_those_going(&secrets.secrets)),
        };
        let wordpress_versions = databases.map(|(_, versions)| versions).unwrap_or_default();
        let secret::Listing { secrets, titles, .. } = secrets;
        Ok(Self { tenants_by_kind, secrets, titles, suspended: rules.suspended, wordpress_versions, scheme })
    }

    /// Every tenant that has a resource, also a secret that is scheduled for deletion, in the order of their ids.
    pub(super) fn tenants(&self) -> impl Iterator<Item = &TenantId> {
        let tenants = self.tenants_by_kind.iter().filter_map(|(_, tenants)| tenants.as_ref()).flatten();
        tenants.chain(self.secrets.keys()).collect::<BTreeSet<_>>().into_iter()
    }

    /// Whether anything of the tenant is there.
    pub(super) fn has_any(&self, tenant: &TenantId, service: Option<&Service>) -> bool {
        self.secrets.contains_key(tenant) || self.parts(tenant, service).has_any()
    }

    /// What the status of a tenant with this service is made of.
    pub(super) fn signs<'a>(&self, tenant: &TenantId, service: Option<&'a Service>, healthy: Option<i32>) -> Signs<'a> {
        Signs { service, parts: self.parts(tenant, service), is_suspended: self.suspended.contains(tenant), healthy }
    }

    /// Which kinds a tenant with this service has. The service was read after the list of services, which also lacks
    /// those that are draining.
    pub(super) fn parts(&self, tenant: &TenantId, service: Option<&Service>) -> Parts {
        let listed = self.tenants_by_kind.map(|tenants| tenants.as_ref().map(|tenants| tenants.contains(tenant)));
        // A site that was not installed by this project has no credentials here, and lacks nothing.
        let site_credentials = listed.site_credentials.filter(|has| *has);
        // A tenant that was made before tenants had roles of their own uses the environment's, and lacks nothing.
        let task_role = listed.task_role.filter(|has| *has);
        Parts(PerKind { service: Some(service.is_some()), site_credentials, task_role, ..listed })
    }

    /// When the tenant's secret was made.
    pub(super) fn secret_created(&self, tenant: &TenantId) -> Option<&DateTime> {
        self.secrets.get(tenant)?.created.as_ref()
    }
}

/// The tenants whose secret is not scheduled for deletion.
pub(super) fn without_those_going(secrets: &BTreeMap<TenantId, secret::Listed>) -> BTreeSet<TenantId> {
    secrets.iter().filter(|(_, secret)| !secret.going).map(|(tenant, _)| tenant.clone()).collect()
}

async fn rules(clients: &Clients, settings: &Settings) -> Result<(listener_rule::Listing, Option<&'static str>)> {
    let listeners = listeners::listeners(&clients.elb, settings).await?;
    let rules = listener_rule::list(&clients.elb, settings, &listeners).await?;
    Ok((rules, listeners::scheme(&listeners, settings)))
}

/// The tenants that have a database, and the versions of WordPress that serve them. `None` when only an ECS task can
/// reach the server.
async fn databases(
    clients: &Clients,
    settings: &Settings,
) -> Result<Option<(BTreeSet<TenantId>, BTreeMap<TenantId, String>)>> {
    if database::only_a_task_reaches_it(settings) {
        return Ok(None);
    }
    let mut connection = database::connect(&clients.secrets, settings).await?;
    let databases = database::list(&mut connection, settings).await;
    let versions = database::wordpress_versions(&mut connection, settings).await;
    connection.close().await;
    Ok(Some((databases?, versions?)))
}
