//! Where new tenants' rules go: listeners of different load balancers, and the room on each of these.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::Listener;
use serde::{Deserialize, Serialize};
use shared::owner::TAG_LISTENER;
use shared::{Error, Result, Settings};

use super::describe::target_groups_by_load_balancer;
use super::load_balancers::{Chosen, chosen};
use super::room::Room;
use super::{listeners, rules};
use crate::stack::calls::few_at_a_time;

/// Number of load balancers that are described together. When there are no more than this, target groups are not
/// counted first.
const LISTENERS_READ: usize = 4;
/// Number of tenants. When there are more load balancers, the search ends once those found have room for this many.
/// Tenants that are provisioned at the same time all see the same room.
const ENOUGH: usize = 50;

/// A load balancer, as the target of a tenant's DNS record.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AliasTarget {
    /// DNS name of the load balancer.
    pub dns_name: String,
    /// The hosted zone in which AWS has that name.
    pub hosted_zone_id: String,
}

/// A listener that a tenant's rule may be added to.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Placement {
    /// The listener.
    pub listener_arn: String,
    /// `https` for an HTTPS listener, else `http`.
    pub scheme: &'static str,
    /// Its load balancer, as the target of a tenant's DNS record.
    pub load_balancer: AliasTarget,
    /// Rules on the load balancer.
    pub listener_rules: Room,
    /// Target groups on the load balancer.
    pub target_groups: Room,
}

impl Placement {
    /// How many more tenants fit.
    pub(crate) fn left(&self) -> usize {
        self.listener_rules.left().min(self.target_groups.left())
    }
}

/// Where new tenants' rules may go.
#[derive(Debug)]
pub(crate) struct Placements {
    /// The listeners that were described, those with the most room first.
    pub(crate) listeners: Vec<Placement>,
    /// Room for target groups on each of the load balancers that were not described. None of them has more of it than
    /// those above.
    pub(crate) others: Vec<Room>,
}

/// The listeners that new tenants are placed on.
///
/// # Errors
/// `EnvironmentNotReady` when there is none, when the choice is ambiguous, or when there are several and no hosted
/// zone.
pub(crate) async fn placements(elb: &Client, settings: &Settings) -> Result<Placements> {
    let chosen = chosen(elb, settings).await?;
    if chosen.len() > 1 && settings.optional("HOSTED_ZONE_ID").is_none() {
        let count = chosen.len();
        return Err(Error::not_ready(format!(
            "tenants are spread over {count} load balancers, and without a DNS record of its own a tenant's host does not lead to the right one: set the stack parameter HostedZoneId, or name a single listener in ListenerArns"
        )));
    }
    if chosen.len() <= LISTENERS_READ {
        return Ok(Placements { listeners: looked_at(elb, settings, &chosen).await?, others: Vec::new() });
    }
    with_most_room(elb, settings, chosen).await
}

/// Describes the load balancers with the fewest target groups first. It continues while a remaining one may have more
/// room, and while the room found is less than [`ENOUGH`].
async fn with_most_room(elb: &Client, settings: &Settings, mut chosen: Vec<Chosen>) -> Result<Placements> {
    let counts = target_groups_by_load_balancer(elb).await?;
    let count = |chosen: &Chosen| counts.get(chosen.balancer.arn()).copied().unwrap_or_default();
    chosen.sort_by_key(count);
    let rooms = chosen.iter().map(|chosen| Room::new(count(chosen), settings, "MAX_TARGET_GROUPS"));
    let rooms = rooms.collect::<Result<Vec<_>>>()?;
    let mut listeners: Vec<Placement> = Vec::new();
    while listeners.len() < chosen.len() {
        let (most, left) = (listeners.first().map_or(0, Placement::left), listeners.iter().map(Placement::left).sum());
        if most >= rooms[listeners.len()].left() && ENOUGH <= left {
            break;
        }
        let end = chosen.len().min(listeners.len() + LISTENERS_READ);
        listeners.extend(looked_at(elb, settings, &chosen[listeners.len()..end]).await?);
        listeners.sort_by_key(|placement| Reverse(placement.left()));
    }
    let others = rooms[listeners.len()..].to_vec();
    Ok(Placements { listeners, others })
}

/// The placements on these load balancers, the one with the most room first.
async fn looked_at(elb: &Client, settings: &Settings, chosen: &[Chosen]) -> Result<Vec<Placement>> {
    let mut placements = few_at_a_time(chosen.iter().map(|chosen| placement(elb, settings, chosen))).await?;
    placements.sort_by_key(|placement| Reverse(placement.left()));
    Ok(placements)
}

async fn placement(elb: &Client, settings: &Settings, chosen: &Chosen) -> Result<Placement> {
    let Chosen { balancer, listener_arn } = chosen;
    let listeners = balancer.listeners(elb).await?;
    let listener = match listener_arn {
        Some(arn) => listeners.iter().find(|listener| listener.listener_arn() == Some(arn.as_str())),
        None => listeners::preferred(&listeners),
    };
    let listener = listener.ok_or_else(|| {
        if let Some(arn) = listener_arn {
            return Error::not_ready(format!(
                "{} has no listener {arn}: correct its tag {TAG_LISTENER}, or remove it",
                balancer.arn()
            ));
        }
        let ports: Vec<_> = listeners.iter().filter_map(Listener::port).map(|port| port.to_string()).collect();
        Error::not_ready(format!(
            "{} has no listener on port 443 or 80, only on: {}; name another one in its tag {TAG_LISTENER}, or in the stack parameter ListenerArns",
            balancer.arn(),
            ports.join(", ")
        ))
    })?;
    // Both quotas are per load balancer, so rules and target groups of all its listeners count.
    let arns = listeners.iter().filter_map(Listener::listener_arn);
    let rules = few_at_a_time(arns.map(|arn| rules::of_listener(elb, arn))).await?.concat();
    let groups: BTreeSet<_> = rules.iter().flat_map(rules::target_groups).collect();
    let rules = rules.iter().filter(|rule| rule.is_default() != Some(true)).count();
    Ok(Placement {
        listener_arn: listener.listener_arn().unwrap_or_default().to_owned(),
        scheme: listeners::scheme_of(listener),
        load_balancer: AliasTarget {
            dns_name: balancer.description.dns_name().unwrap_or_default().to_owned(),
            hosted_zone_id: balancer.description.canonical_hosted_zone_id().unwrap_or_default().to_owned(),
        },
        listener_rules: Room::new(rules, settings, "MAX_LISTENER_RULES")?,
        target_groups: Room::new(groups.len(), settings, "MAX_TARGET_GROUPS")?,
    })
}
