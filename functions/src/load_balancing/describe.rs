//! Listeners, load balancers and target groups, as Elastic Load Balancing describes them.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::error::ProvideErrorMetadata;
use aws_sdk_elasticloadbalancingv2::types::{Listener, LoadBalancer, TargetGroup};
use shared::{Error, Result};

use crate::stack::calls::few_at_a_time;

/// DescribeTags, DescribeLoadBalancers and DescribeListeners take at most 20 ARNs. Source: their API reference.
pub(super) const ARNS_PER_CALL: usize = 20;
/// DescribeTargetGroups returns at most 400. Source: its API reference.
const TARGET_GROUPS_PER_CALL: i32 = 400;

/// The listeners among these ARNs that exist.
///
/// # Errors
/// When a call to Elastic Load Balancing fails.
pub(super) async fn listeners(elb: &Client, arns: &[&str]) -> Result<Vec<Listener>> {
    let mut listeners = Vec::new();
    for arns in arns.chunks(ARNS_PER_CALL) {
        match listeners_if_all_exist(elb, arns).await? {
            Some(found) => listeners.extend(found),
            None if arns.len() == 1 => {}
            // The error of AWS does not say which listener is missing.
            None => {
                let each = few_at_a_time(arns.chunks(1).map(|arn| listeners_if_all_exist(elb, arn))).await?;
                listeners.extend(each.into_iter().flatten().flatten());
            }
        }
    }
    Ok(listeners)
}

/// The listeners, or `None` when one of them does not exist.
async fn listeners_if_all_exist(elb: &Client, arns: &[&str]) -> Result<Option<Vec<Listener>>> {
    let wanted = arns.iter().map(|arn| (*arn).to_owned()).collect();
    match elb.describe_listeners().set_listener_arns(Some(wanted)).send().await {
        Ok(described) => Ok(Some(described.listeners.unwrap_or_default())),
        Err(error) if error.code() == Some("ListenerNotFound") => Ok(None),
        Err(error) => Err(Error::aws(format!("reading listeners ({})", arns.join(", ")), error)),
    }
}

/// The listeners of a load balancer; empty when the load balancer does not exist.
///
/// # Errors
/// When a call to Elastic Load Balancing fails.
pub(super) async fn listeners_of(elb: &Client, load_balancer_arn: &str) -> Result<Vec<Listener>> {
    let listeners = elb.describe_listeners().load_balancer_arn(load_balancer_arn).into_paginator().items().send();
    match listeners.collect::<Result<Vec<_>, _>>().await {
        Ok(listeners) => Ok(listeners),
        Err(error) if error.code() == Some("LoadBalancerNotFound") => Ok(Vec::new()),
        Err(error) => Err(Error::aws(format!("listing listeners of {load_balancer_arn}"), error)),
    }
}

/// The load balancers of these ARNs.
///
/// # Errors
/// When a call to Elastic Load Balancing fails, or one of them does not exist.
pub(super) async fn load_balancers(elb: &Client, arns: &[String]) -> Result<Vec<LoadBalancer>> {
    let described = arns.chunks(ARNS_PER_CALL).map(|arns| async move {
        let described = elb.describe_load_balancers().set_load_balancer_arns(Some(arns.to_vec())).send().await;
        let described =
            described.map_err(|error| Error::aws(format!("reading load balancers ({})", arns.join(", ")), error))?;
        Ok(described.load_balancers.unwrap_or_default())
    });
    Ok(few_at_a_time(described).await?.concat())
}

/// The ARNs of the load balancers that a target group is attached to; empty when the target group does not exist.
///
/// # Errors
/// When a call to Elastic Load Balancing fails.
pub(crate) async fn load_balancers_of_target_group(elb: &Client, arn: &str) -> Result<Vec<String>> {
    match elb.describe_target_groups().target_group_arns(arn).send().await {
        Ok(groups) => {
            let groups = groups.target_groups.unwrap_or_default();
            Ok(groups.into_iter().flat_map(|group| group.load_balancer_arns.unwrap_or_default()).collect())
        }
        Err(error) if error.code() == Some("TargetGroupNotFound") => Ok(Vec::new()),
        Err(error) => Err(Error::aws(format!("reading target group ({arn})"), error)),
    }
}

/// How many target groups are attached to each load balancer, by its ARN.
///
/// # Errors
/// When a call to Elastic Load Balancing fails.
pub(super) async fn target_groups_by_load_balancer(elb: &Client) -> Result<BTreeMap<String, usize>> {
    let mut counts = BTreeMap::new();
    for balancer in target_groups(elb).await?.into_iter().flat_map(|group| group.load_balancer_arns.unwrap_or_default())
    {
        *counts.entry(balancer).or_default() += 1;
    }
    Ok(counts)
}

/// Every target group of the region.
///
/// # Errors
/// When a call to Elastic Load Balancing fails.
pub(crate) async fn target_groups(elb: &Client) -> Result<Vec<TargetGroup>> {
    let listing = elb.describe_target_groups().page_size(TARGET_GROUPS_PER_CALL).into_paginator().items().send();
    let groups = listing.collect::<Result<Vec<_>, _>>().await;
    groups.map_err(|error| Error::aws("listing target groups", error))
}
