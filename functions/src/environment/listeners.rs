//! The listeners that tenants' rules are on.

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::error::ProvideErrorMetadata;
use aws_sdk_elasticloadbalancingv2::types::{Listener, ProtocolEnum, TargetGroup};
use shared::{Error, Result, Settings};

use super::load_balancers::{LoadBalancers, of_environment};
use crate::calls::few_at_a_time;

/// So many are asked for in a call.
const ARNS_PER_CALL: usize = 20;

/// The listener on 443, or else the one on 80.
pub(super) fn preferred(listeners: &[Listener]) -> Option<&Listener> {
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

/// The listeners that a tenant's rules may be on: those of the load balancer that its target group is attached to. As long
/// as that is attached to none, they may be on any: a rule may have been made without it, and the one of a suspended
/// tenant does not forward to it.
///
/// # Errors
/// When Elastic Load Balancing cannot be asked.
pub(crate) async fn listeners_of_tenant(
    elb: &Client,
    settings: &Settings,
    group: Option<&TargetGroup>,
) -> Result<Vec<Listener>> {
    let balancers = group.map(TargetGroup::load_balancer_arns).unwrap_or_default();
    if balancers.is_empty() {
        return listeners(elb, settings).await;
    }
    Ok(few_at_a_time(balancers.iter().map(|arn| of_load_balancer(elb, arn))).await?.concat())
}

/// Every listener that tenants' rules may be on: the ones that the stack names, or all of the environment's load
/// balancers. None is an answer: a load balancer may be gone.
///
/// # Errors
/// When Elastic Load Balancing cannot be asked.
pub(crate) async fn listeners(elb: &Client, settings: &Settings) -> Result<Vec<Listener>> {
    let given = settings.list("LISTENER_ARNS");
    if !given.is_empty() {
        return named(elb, &given).await;
    }
    let LoadBalancers { tagged, named } = of_environment(elb, settings).await?;
    let balancers = tagged.iter().chain(&named);
    Ok(few_at_a_time(balancers.map(|balancer| balancer.listeners(elb))).await?.concat())
}

/// Those of these listeners that exist.
///
/// # Errors
/// When Elastic Load Balancing cannot be asked.
pub(super) async fn named(elb: &Client, arns: &[&str]) -> Result<Vec<Listener>> {
    let mut listeners = Vec::new();
    for arns in arns.chunks(ARNS_PER_CALL) {
        match described(elb, arns).await? {
            Some(found) => listeners.extend(found),
            None if arns.len() == 1 => {}
            // AWS does not say which of them is missing.
            None => {
                let each = few_at_a_time(arns.chunks(1).map(|arn| described(elb, arn))).await?;
                listeners.extend(each.into_iter().flatten().flatten());
            }
        }
    }
    Ok(listeners)
}

/// The listeners, if all of them exist.
async fn described(elb: &Client, arns: &[&str]) -> Result<Option<Vec<Listener>>> {
    let wanted = arns.iter().map(|arn| (*arn).to_owned()).collect();
    match elb.describe_listeners().set_listener_arns(Some(wanted)).send().await {
        Ok(described) => Ok(Some(described.listeners.unwrap_or_default())),
        Err(error) if error.code() == Some("ListenerNotFound") => Ok(None),
        Err(error) => Err(Error::aws(format!("reading listeners ({})", arns.join(", ")), error)),
    }
}

/// The listeners of a load balancer; none when it is gone.
///
/// # Errors
/// When Elastic Load Balancing cannot be asked.
pub(super) async fn of_load_balancer(elb: &Client, load_balancer_arn: &str) -> Result<Vec<Listener>> {
    let listeners = elb.describe_listeners().load_balancer_arn(load_balancer_arn).into_paginator().items().send();
    match listeners.collect::<Result<Vec<_>, _>>().await {
        Ok(listeners) => Ok(listeners),
        Err(error) if error.code() == Some("LoadBalancerNotFound") => Ok(Vec::new()),
        Err(error) => Err(Error::aws(format!("listing listeners of {load_balancer_arn}"), error)),
    }
}
