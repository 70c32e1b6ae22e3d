//! The rules of a listener: their hosts, their priorities, and the target groups that they forward to.

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::error::ProvideErrorMetadata;
use aws_sdk_elasticloadbalancingv2::types::{Rule, RuleCondition};
use shared::{Error, Result};

/// The highest priority that AWS accepts. Source: API reference of CreateRule.
pub(crate) const LAST_PRIORITY: u32 = 50_000;
/// DescribeRules returns at most 400. Source: its API reference.
const LISTED_PER_CALL: i32 = 400;

/// Every rule of a listener; empty when the listener does not exist.
///
/// # Errors
/// When a call to Elastic Load Balancing fails.
pub(crate) async fn of_listener(elb: &Client, listener_arn: &str) -> Result<Vec<Rule>> {
    let rules = elb
        .describe_rules()
        .listener_arn(listener_arn)
        .page_size(LISTED_PER_CALL)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await;
    match rules {
        Ok(rules) => Ok(rules),
        Err(error) if error.code() == Some("ListenerNotFound") => Ok(Vec::new()),
        Err(error) => Err(Error::aws(format!("listing rules of listener ({listener_arn})"), error)),
    }
}

/// The hosts that a rule serves.
pub(crate) fn hosts(rule: &Rule) -> Vec<&String> {
    let conditions = rule.conditions().iter();
    conditions.filter(|condition| condition.field() == Some("host-header")).flat_map(hosts_in).collect()
}

/// AWS returns both forms of the same condition.
fn hosts_in(condition: &RuleCondition) -> &[String] {
    match condition.host_header_config() {
        Some(config) if !config.values().is_empty() => config.values(),
        _ => condition.values(),
    }
}

/// The ARNs of the target groups that a rule forwards to.
pub(crate) fn target_groups(rule: &Rule) -> impl Iterator<Item = &str> {
    rule.actions().iter().flat_map(|action| {
        let several = action.forward_config().map(|forward| forward.target_groups()).unwrap_or_default();
        action.target_group_arn().into_iter().chain(several.iter().filter_map(|group| group.target_group_arn()))
    })
}

/// The rule's priority; `None` for the default rule.
pub(crate) fn priority_of(rule: &Rule) -> Option<u32> {
    rule.priority()?.parse().ok()
}

/// The lowest priority that none of the rules has.
pub(crate) fn lowest_free(rules: &[Rule]) -> Option<u32> {
    let taken: BTreeSet<u32> = rules.iter().filter_map(priority_of).collect();
    (1..=LAST_PRIORITY).find(|priority| !taken.contains(priority))
}
