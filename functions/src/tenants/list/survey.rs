//! Who has what: the lists of every kind of resource, each read to its end in pages as large as AWS allows.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::primitives::DateTime;
use aws_sdk_ecs::types::Service;
use shared::{Result, Settings, TenantId};

use crate::inventory::Clients;
use crate::resource::Kind;
use crate::{
    access_point, database, environment, listener_rule, log_group, secret, service, target_group, task_definition,
};

/// The tenants that have anything, and what.
pub(super) struct Survey {
    /// The tenants that have a resource, by kind. A kind that no function can ask for is not among them.
    kinds: BTreeMap<Kind, BTreeSet<TenantId>>,
    /// The secrets, also those that are scheduled for deletion.
    secrets: BTreeMap<TenantId, secret::Listed>,
    scheme: Option<&'static str>,
}

impl Survey {
    /// Takes all lists at once.
    ///
    /// # Errors
    /// When one of the services cannot be asked.
    pub(super) async fn take(clients: &Clients, settings: &Settings) -> Result<Self> {
        let (services, (rules, scheme), groups, definitions, access_points, databases, log_groups, secrets) = tokio::try_join!(
            service::list(&clients.ecs, settings),
            rules(clients, settings),
            target_group::list(&clients.elb, settings),
            task_definition::list(&clients.ecs, settings),
            access_point::list(&clients.efs, settings),
            databases(clients, settings),
            log_group::list(&clients.logs, settings),
            secret::list(&clients.secrets, settings),
        )?;
        let mut kinds = BTreeMap::from([
            (Kind::Service, services),
            (Kind::ListenerRule, rules),
            (Kind::TargetGroup, groups),
            (Kind::TaskDefinition, definitions),
            (Kind::AccessPoint, access_points),
            (Kind::LogGroup, log_groups),
        ]);
        kinds.extend(databases.map(|databases| (Kind::Database, databases)));
        Ok(Self::new(kinds, secrets, scheme))
    }

    /// Puts the lists together. A secret that is scheduled for deletion is no longer one.
    pub(super) fn new(
        mut kinds: BTreeMap<Kind, BTreeSet<TenantId>>,
        secrets: BTreeMap<TenantId, secret::Listed>,
        scheme: Option<&'static str>,
    ) -> Self {
        let staying = secrets.iter().filter(|(_, secret)| !secret.going);
        kinds.insert(Kind::Secret, staying.map(|(tenant, _)| tenant.clone()).collect());
        Self { kinds, secrets, scheme }
    }

    /// Every tenant that has anything, in the order of their ids.
    pub(super) fn tenants(&self) -> impl Iterator<Item = &TenantId> {
        self.kinds.values().flatten().collect::<BTreeSet<_>>().into_iter()
    }

    /// Whether a tenant whose service turned out to be this one has anything.
    pub(super) fn exists(&self, tenant: &TenantId, service: Option<&Service>) -> bool {
        self.kinds.keys().any(|kind| self.has(tenant, *kind, service))
    }

    /// What a tenant lacks whose service turned out to be this one.
    pub(super) fn lacks(&self, tenant: &TenantId, service: Option<&Service>) -> BTreeSet<Kind> {
        self.kinds.keys().copied().filter(|kind| !self.has(tenant, *kind, service)).collect()
    }

    /// The list of services is older than the service, and does not have those that drain.
    fn has(&self, tenant: &TenantId, kind: Kind, service: Option<&Service>) -> bool {
        match kind {
            Kind::Service => service.is_some(),
            kind => self.kinds.get(&kind).is_some_and(|tenants| tenants.contains(tenant)),
        }
    }

    /// When the tenant's secret was made.
    pub(super) fn secret_created(&self, tenant: &TenantId) -> Option<&DateTime> {
        self.secrets.get(tenant)?.created.as_ref()
    }

    /// What the tenants' hosts speak; nothing without a load balancer.
    pub(super) fn scheme(&self) -> Option<&'static str> {
        self.scheme
    }
}

async fn rules(clients: &Clients, settings: &Settings) -> Result<(BTreeSet<TenantId>, Option<&'static str>)> {
    let listeners = environment::listeners(&clients.elb, settings).await?;
    let rules = listener_rule::list(&clients.elb, settings, &listeners).await?;
    Ok((rules, environment::scheme(&listeners, settings)))
}

async fn databases(clients: &Clients, settings: &Settings) -> Result<Option<BTreeSet<TenantId>>> {
    if database::only_a_task_reaches_it(settings) {
        return Ok(None);
    }
    let mut connection = database::connect(&clients.secrets, settings).await?;
    let databases = database::list(&mut connection, settings).await;
    connection.close().await;
    databases.map(Some)
}
