//! Where tenants' rules go: listeners, each on a load balancer of its own, and how much room each of these has.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::error::ProvideErrorMetadata;
use aws_sdk_elasticloadbalancingv2::types::{Listener, LoadBalancer, LoadBalancerTypeEnum, ProtocolEnum};
use futures_util::future::try_join_all;
use serde::Serialize;
use shared::owner::TAG_ENVIRONMENT;
use shared::{Error, ErrorKind, Result, Settings};

use super::candidate::{Candidate, exactly_one};
use super::not_ready;
use super::room::Room;
use crate::dns_record::AliasTarget;
use crate::listener_rule;

/// DescribeTags takes 20 ARNs. Source: its API reference.
const ARNS_PER_CALL: usize = 20;

/// A listener that a tenant's rule may be added to.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Placement {
    /// The listener.
    pub listener_arn: String,
    /// `https` when it speaks that, else `http`.
    pub scheme: &'static str,
    /// Its load balancer, as a tenant's DNS record names it.
    pub load_balancer: AliasTarget,
    /// Rules on the load balancer.
    pub listener_rules: Room,
    /// Target groups on the load balancer.
    pub target_groups: Room,
}

impl Placement {
    /// How many more tenants fit.
    pub(super) fn left(&self) -> usize {
        self.listener_rules.left().min(self.target_groups.left())
    }
}

/// A load balancer, and the listener that the stack names on it, if it names one.
struct Chosen {
    balancer: LoadBalancer,
    listener_arn: Option<String>,
}

/// The listeners that new tenants are placed on, those with the most room first: the ones that the stack names, or one
/// of each load balancer that bears the tag `tenant:environment`, or of the only one whose name contains the
/// environment.
///
/// # Errors
/// `EnvironmentNotReady` when there is none, when it is ambiguous, or when there are several and no hosted zone.
pub(super) async fn placements(elb: &Client, settings: &Settings) -> Result<Vec<Placement>> {
    let given = settings.list("LISTENER_ARNS");
    let chosen = if given.is_empty() { found(elb, settings).await? } else { named(elb, &given).await? };
    if chosen.len() > 1 && settings.optional("HOSTED_ZONE_ID").is_none() {
        let count = chosen.len();
        return Err(not_ready(format!(
            "tenants are spread over {count} load balancers, and without a DNS record of its own a tenant's host does not lead to the right one: set the stack parameter HostedZoneId, or name a single listener in ListenerArns"
        )));
    }
    let mut placements = try_join_all(chosen.into_iter().map(|chosen| placement(elb, settings, chosen))).await?;
    placements.sort_by_key(|placement| Reverse(placement.left()));
    Ok(placements)
}

/// The load balancers of the listeners that the stack names.
async fn named(elb: &Client, given: &[&str]) -> Result<Vec<Chosen>> {
    let chosen = try_join_all(given.iter().map(|arn| with_balancer(elb, arn))).await?;
    let mut seen = BTreeSet::new();
    for Chosen { balancer, listener_arn } in &chosen {
        let (balancer, listener) = (balancer.load_balancer_arn().unwrap_or_default(), listener_arn.as_deref());
        if !seen.insert(balancer) {
            return Err(not_ready(format!(
                "stack parameter ListenerArns: {} is on the same load balancer as another of them, {balancer}, and has no room of its own: name one listener of each load balancer",
                listener.unwrap_or_default()
            )));
        }
    }
    Ok(chosen)
}

async fn with_balancer(elb: &Client, arn: &str) -> Result<Chosen> {
    let missing = || not_ready(format!("stack parameter ListenerArns: there is no listener {arn}"));
    let listener = listener(elb, arn).await?.ok_or_else(missing)?;
    let balancer = listener.load_balancer_arn.ok_or_else(missing)?;
    let described = elb.describe_load_balancers().load_balancer_arns(&balancer).send().await;
    let described = described.map_err(|error| Error::aws(format!("reading load balancer ({balancer})"), error))?;
    let balancer = described.load_balancers.unwrap_or_default().into_iter().next().ok_or_else(missing)?;
    Ok(Chosen { balancer, listener_arn: Some(arn.to_owned()) })
}

async fn found(elb: &Client, settings: &Settings) -> Result<Vec<Chosen>> {
    let LoadBalancers { tagged, named } = load_balancers(elb, settings).await?;
    let whole = |balancer| Chosen { balancer, listener_arn: None };
    if !tagged.is_empty() {
        return Ok(tagged.into_iter().map(whole).collect());
    }
    let candidates =
        named.iter().map(|balancer| Candidate::new(balancer.load_balancer_arn(), balancer.load_balancer_name()));
    let rule = format!("application load balancer whose name contains {:?}", settings.environment().as_str());
    exactly_one("load balancer", &rule, "ListenerArns", candidates.collect())?;
    Ok(named.into_iter().map(whole).collect())
}

async fn placement(elb: &Client, settings: &Settings, chosen: Chosen) -> Result<Placement> {
    let Chosen { balancer, listener_arn } = chosen;
    let balancer_arn = balancer.load_balancer_arn().unwrap_or_default();
    let listeners = listeners_of(elb, balancer_arn).await?;
    let listener = match &listener_arn {
        Some(arn) => listeners.iter().find(|listener| listener.listener_arn() == Some(arn.as_str())),
        None => preferred(&listeners),
    };
    let listener = listener.ok_or_else(|| {
        let ports: Vec<_> = listeners.iter().filter_map(Listener::port).map(|port| port.to_string()).collect();
        not_ready(format!(
            "{balancer_arn} has no listener on port 443 or 80, only on: {}; set the stack parameter ListenerArns",
            ports.join(", ")
        ))
    })?;
    // Both quotas are per load balancer, so rules and target groups of all its listeners count.
    let arns = listeners.iter().filter_map(Listener::listener_arn);
    let rules = try_join_all(arns.map(|arn| listener_rule::rules(elb, arn))).await?.concat();
    let groups: BTreeSet<_> = rules.iter().flat_map(listener_rule::target_groups).collect();
    let rules = rules.iter().filter(|rule| rule.is_default() != Some(true)).count();
    Ok(Placement {
        listener_arn: listener.listener_arn().unwrap_or_default().to_owned(),
        scheme: scheme_of(listener),
        load_balancer: AliasTarget {
            dns_name: balancer.dns_name().unwrap_or_default().to_owned(),
            hosted_zone_id: balancer.canonical_hosted_zone_id().unwrap_or_default().to_owned(),
        },
        listener_rules: Room::new(rules, settings, "MAX_LISTENER_RULES")?,
        target_groups: Room::new(groups.len(), settings, "MAX_TARGET_GROUPS")?,
    })
}

/// The listener on 443, or else the one on 80.
fn preferred(listeners: &[Listener]) -> Option<&Listener> {
    let on = |port: i32| listeners.iter().find(|listener| listener.port() == Some(port));
    on(443).or_else(|| on(80))
}

pub(crate) fn scheme_of(listener: &Listener) -> &'static str {
    if listener.protocol() == Some(&ProtocolEnum::Https) { "https" } else { "http" }
}

/// What tenants' hosts speak, if there is a listener that tenants' rules are added to.
pub(crate) fn scheme(listeners: &[Listener], settings: &Settings) -> Option<&'static str> {
    let is_named = settings.optional("LISTENER_ARNS").is_some();
    let listener = if is_named { listeners.first() } else { preferred(listeners) };
    listener.map(scheme_of)
}

/// The ARNs of every listener that a tenant's rule may be on: the ones that the stack names, or all of the
/// environment's load balancers. Nothing is an answer: a load balancer may be gone.
///
/// # Errors
/// When Elastic Load Balancing cannot be asked.
pub async fn listeners(elb: &Client, settings: &Settings) -> Result<Vec<String>> {
    let given = settings.list("LISTENER_ARNS");
    if !given.is_empty() {
        return Ok(given.into_iter().map(str::to_owned).collect());
    }
    let listeners = described_listeners(elb, settings).await?;
    Ok(listeners.iter().filter_map(Listener::listener_arn).map(str::to_owned).collect())
}

/// As [`listeners`], with what each of them speaks.
///
/// # Errors
/// When Elastic Load Balancing cannot be asked.
pub(crate) async fn described_listeners(elb: &Client, settings: &Settings) -> Result<Vec<Listener>> {
    let given = settings.list("LISTENER_ARNS");
    if !given.is_empty() {
        let listeners = try_join_all(given.into_iter().map(|arn| listener(elb, arn))).await?;
        return Ok(listeners.into_iter().flatten().collect());
    }
    let LoadBalancers { tagged, named } = load_balancers(elb, settings).await?;
    let balancers = tagged.iter().chain(&named).filter_map(LoadBalancer::load_balancer_arn);
    Ok(try_join_all(balancers.map(|arn| listeners_of(elb, arn))).await?.concat())
}

/// The environment's application load balancers.
struct LoadBalancers {
    /// Those that bear the tag `tenant:environment`.
    tagged: Vec<LoadBalancer>,
    /// The others, whose name contains the environment.
    named: Vec<LoadBalancer>,
}

async fn load_balancers(elb: &Client, settings: &Settings) -> Result<LoadBalancers> {
    let environment = settings.environment().as_str();
    let all = elb.describe_load_balancers().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let mut all = all.map_err(|error| Error::aws("listing load balancers", error))?;
    all.retain(|balancer| balancer.r#type() == Some(&LoadBalancerTypeEnum::Application));
    let arns: Vec<_> = all.iter().filter_map(LoadBalancer::load_balancer_arn).map(str::to_owned).collect();
    let tagged = try_join_all(arns.chunks(ARNS_PER_CALL).map(|arns| tagged(elb, arns, environment))).await?.concat();
    let (tagged, rest): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|balancer| tagged.iter().any(|arn| balancer.load_balancer_arn() == Some(arn.as_str())));
    let is_named =
        |balancer: &LoadBalancer| balancer.load_balancer_name().is_some_and(|name| name.contains(environment));
    Ok(LoadBalancers { tagged, named: rest.into_iter().filter(is_named).collect() })
}

/// Those of the load balancers that are for the environment's tenants.
async fn tagged(elb: &Client, arns: &[String], environment: &str) -> Result<Vec<String>> {
    let doing = || "reading the tags of load balancers";
    let described = match elb.describe_tags().set_resource_arns(Some(arns.to_vec())).send().await {
        Ok(described) => described,
        Err(error) if error.code() == Some("LoadBalancerNotFound") => {
            return Err(Error::new(ErrorKind::Transient, format!("{}: one of them has just been deleted", doing())));
        }
        Err(error) => return Err(Error::aws(doing(), error)),
    };
    let descriptions = described.tag_descriptions.unwrap_or_default();
    let is_ours = |key: Option<&str>, value: Option<&str>| key == Some(TAG_ENVIRONMENT) && value == Some(environment);
    let ours = descriptions.into_iter().filter(|one| one.tags().iter().any(|tag| is_ours(tag.key(), tag.value())));
    Ok(ours.filter_map(|description| description.resource_arn).collect())
}

async fn listeners_of(elb: &Client, load_balancer_arn: &str) -> Result<Vec<Listener>> {
    let listeners = elb.describe_listeners().load_balancer_arn(load_balancer_arn).into_paginator().items().send();
    match listeners.collect::<Result<Vec<_>, _>>().await {
        Ok(listeners) => Ok(listeners),
        Err(error) if error.code() == Some("LoadBalancerNotFound") => Ok(Vec::new()),
        Err(error) => Err(Error::aws(format!("listing listeners of {load_balancer_arn}"), error)),
    }
}

async fn listener(elb: &Client, arn: &str) -> Result<Option<Listener>> {
    match elb.describe_listeners().listener_arns(arn).send().await {
        Ok(described) => Ok(described.listeners.unwrap_or_default().into_iter().next()),
        Err(error) if error.code() == Some("ListenerNotFound") => Ok(None),
        Err(error) => Err(Error::aws(format!("reading listener ({arn})"), error)),
    }
}
