//! The load balancers of an environment, found by the listeners of a stack parameter, by a tag, or by their name.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::error::ProvideErrorMetadata;
use aws_sdk_elasticloadbalancingv2::types::{Listener, LoadBalancer, LoadBalancerTypeEnum};
use shared::candidate::{Candidate, exactly_one};
use shared::owner::{TAG_ENVIRONMENT, TAG_LISTENER};
use shared::{Error, ErrorKind, Result, Settings};

use super::describe::{self, ARNS_PER_CALL};
use crate::stack::calls::few_at_a_time;

/// Up to this number of load balancers, their listeners and tags are read at the same time.
const FEW: usize = 4;

/// A load balancer.
pub(super) struct Balancer {
    pub(super) description: LoadBalancer,
    /// The listener that has tenants' rules, if a tag names it.
    listener_arn: Option<String>,
    /// Its listeners, if they have been read already.
    listeners: Option<Vec<Listener>>,
}

impl Balancer {
    pub(super) fn arn(&self) -> &str {
        self.description.load_balancer_arn().unwrap_or_default()
    }

    /// Its listeners; empty when the load balancer does not exist.
    ///
    /// # Errors
    /// When a call to Elastic Load Balancing fails.
    pub(super) async fn listeners(&self, elb: &Client) -> Result<Vec<Listener>> {
        match &self.listeners {
            Some(known) => Ok(known.clone()),
            None => describe::listeners_of(elb, self.arn()).await,
        }
    }
}

/// The listeners of these load balancers on which tenants' rules may be: the one that a tag names, or else all of them. A
/// tag that names a listener of no load balancer, or of another one, hides no rule.
///
/// Listeners that tags name are read twenty at a time. Otherwise, each load balancer takes a call.
///
/// # Errors
/// When a call to Elastic Load Balancing fails.
pub(super) async fn listeners(elb: &Client, balancers: Vec<&Balancer>) -> Result<Vec<Listener>> {
    let (unread, rest): (Vec<_>, Vec<_>) =
        balancers.into_iter().partition(|balancer| balancer.listener_arn.is_some() && balancer.listeners.is_none());
    let arns: Vec<_> = unread.iter().filter_map(|balancer| balancer.listener_arn.as_deref()).collect();
    let (named, rest) = tokio::try_join!(describe::listeners(elb, &arns), listeners_of_each(elb, rest))?;
    let is_wrong = |balancer: &&Balancer| {
        let arn = Some(balancer.arn());
        named.iter().all(|listener| listener.load_balancer_arn() != arn)
    };
    let wrong = listeners_of_each(elb, unread.into_iter().filter(is_wrong).collect()).await?;
    Ok([named, rest, wrong].concat())
}

async fn listeners_of_each(elb: &Client, balancers: Vec<&Balancer>) -> Result<Vec<Listener>> {
    let listeners = balancers.into_iter().map(|balancer| async move {
        let all = balancer.listeners(elb).await?;
        let is_named = |listener: &&Listener| {
            balancer.listener_arn.is_some() && listener.listener_arn() == balancer.listener_arn.as_deref()
        };
        let named = all.iter().find(is_named).cloned();
        Ok(named.map_or(all, |named| vec![named]))
    });
    Ok(few_at_a_time(listeners).await?.concat())
}

/// A load balancer, and its listener that the stack or a tag names, if one is named.
pub(super) struct Chosen {
    pub(super) balancer: Balancer,
    pub(super) listener_arn: Option<String>,
}

/// The load balancers on which new tenants are placed: those of the listeners that the stack names; else those with the
/// tag `tenant:environment`, which may have the tag `tenant:listener` as well; else the only one whose name contains the
/// environment.
///
/// # Errors
/// `EnvironmentNotReady` when there is none, or when the choice is ambiguous.
pub(super) async fn chosen(elb: &Client, settings: &Settings) -> Result<Vec<Chosen>> {
    let given = settings.list("LISTENER_ARNS");
    if given.is_empty() { found(elb, settings).await } else { named(elb, &given).await }
}

/// The load balancers of these listeners.
async fn named(elb: &Client, given: &[&str]) -> Result<Vec<Chosen>> {
    let missing = |arn: &str| Error::not_ready(format!("stack parameter ListenerArns: there is no listener {arn}"));
    let listeners = describe::listeners(elb, given).await?;
    if let Some(arn) = given.iter().find(|arn| listeners.iter().all(|listener| listener.listener_arn() != Some(**arn)))
    {
        return Err(missing(arn));
    }
    let mut seen = BTreeSet::new();
    for listener in &listeners {
        let [arn, balancer] = [listener.listener_arn(), listener.load_balancer_arn()].map(Option::unwrap_or_default);
        if !seen.insert(balancer) {
            return Err(Error::not_ready(format!(
                "stack parameter ListenerArns: {arn} is on the same load balancer as another of them, {balancer}, and has no room of its own: name one listener of each load balancer"
            )));
        }
    }
    let arns: Vec<_> = listeners.iter().filter_map(Listener::load_balancer_arn).map(str::to_owned).collect();
    let balancers = describe::load_balancers(elb, &arns).await?;
    let chosen = listeners.into_iter().map(|listener| {
        let arn = listener.load_balancer_arn();
        let balancer = balancers.iter().find(|balancer| balancer.load_balancer_arn() == arn).cloned();
        let description = balancer.ok_or_else(|| missing(listener.listener_arn().unwrap_or_default()))?;
        let balancer = Balancer { description, listener_arn: None, listeners: None };
        Ok(Chosen { balancer, listener_arn: listener.listener_arn })
    });
    chosen.collect()
}

async fn found(elb: &Client, settings: &Settings) -> Result<Vec<Chosen>> {
    let LoadBalancers { tagged, named } = of_environment(elb, settings).await?;
    let whole = |balancer: Balancer| Chosen { listener_arn: balancer.listener_arn.clone(), balancer };
    if !tagged.is_empty() {
        return Ok(tagged.into_iter().map(whole).collect());
    }
    let candidates =
        named.iter().map(|balancer| Candidate::new(Some(balancer.arn()), balancer.description.load_balancer_name()));
    let rule = format!("application load balancer whose name contains {:?}", settings.environment().as_str());
    exactly_one("load balancer", &rule, "ListenerArns", candidates.collect())?;
    Ok(named.into_iter().map(whole).collect())
}

/// The environment's application load balancers.
pub(super) struct LoadBalancers {
    /// The load balancers with the tag `tenant:environment`.
    pub(super) tagged: Vec<Balancer>,
    /// The others whose name contains the environment.
    pub(super) named: Vec<Balancer>,
}

/// Finds the environment's application load balancers.
///
/// # Errors
/// When a call to Elastic Load Balancing fails.
pub(super) async fn of_environment(elb: &Client, settings: &Settings) -> Result<LoadBalancers> {
    let environment = settings.environment().as_str();
    let all = elb.describe_load_balancers().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let mut all = all.map_err(|error| Error::aws("listing load balancers", error))?;
    all.retain(|balancer| balancer.r#type() == Some(&LoadBalancerTypeEnum::Application));
    let arns: Vec<_> = all.iter().filter_map(LoadBalancer::load_balancer_arn).map(str::to_owned).collect();
    let tags = few_at_a_time(arns.chunks(ARNS_PER_CALL).map(|arns| tagged(elb, arns, environment)));
    let few = if all.len() <= FEW { &arns[..] } else { &[] };
    let listeners = few_at_a_time(few.iter().map(|arn| describe::listeners_of(elb, arn)));
    let (tags, listeners) = tokio::try_join!(tags, listeners)?;
    let tags: BTreeMap<_, _> = tags.into_iter().flatten().collect();
    let listeners = listeners.into_iter().map(Some).chain(iter::repeat(None));
    let all = all.into_iter().zip(listeners).map(|(description, listeners)| {
        let listener_arn = tags.get(description.load_balancer_arn().unwrap_or_default()).cloned().flatten();
        Balancer { description, listener_arn, listeners }
    });
    let (tagged, rest): (Vec<_>, Vec<_>) = all.partition(|balancer| tags.contains_key(balancer.arn()));
    let is_named =
        |balancer: &Balancer| balancer.description.load_balancer_name().is_some_and(|name| name.contains(environment));
    Ok(LoadBalancers { tagged, named: rest.into_iter().filter(is_named).collect() })
}

/// The ARNs of the load balancers whose tag names this environment, each with the listener that its other tag names.
async fn tagged(elb: &Client, arns: &[String], environment: &str) -> Result<Vec<(String, Option<String>)>> {
    let doing = || "reading the tags of load balancers";
    let described = match elb.describe_tags().set_resource_arns(Some(arns.to_vec())).send().await {
        Ok(described) => described,
        Err(error) if error.code() == Some("LoadBalancerNotFound") => {
            return Err(Error::new(ErrorKind::Transient, format!("{}: one of them has just been deleted", doing())));
        }
        Err(error) => return Err(Error::aws(doing(), error)),
    };
    let descriptions = described.tag_descriptions.unwrap_or_default();
    let ours = descriptions.into_iter().filter_map(|description| {
        let value = |key: &str| description.tags().iter().find(|tag| tag.key() == Some(key))?.value();
        let listener_arn = value(TAG_LISTENER).map(str::to_owned);
        (value(TAG_ENVIRONMENT) == Some(environment)).then_some(())?;
        Some((description.resource_arn?, listener_arn))
    });
    Ok(ours.collect())
}
