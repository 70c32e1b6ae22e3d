//! Which rules belong to a tenant.

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::{Action, FixedResponseActionConfig, Listener, Rule, TargetGroup};
use shared::{Names, Result, Settings};

use crate::load_balancing::listeners::listeners_of_tenant;
use crate::load_balancing::rules::{self, hosts, target_groups};
use crate::stack::calls::few_at_a_time;

/// The tenant's rules as AWS describes them, on the listeners where its target group, if there is one, says that they
/// may be.
///
/// # Errors
/// When a call to Elastic Load Balancing fails.
pub(crate) async fn of_tenant(
    elb: &Client,
    settings: &Settings,
    names: &Names,
    group: Option<&TargetGroup>,
) -> Result<Vec<Rule>> {
    let listeners = listeners_of_tenant(elb, settings, group).await?;
    on_listeners(elb, settings, names, &listeners).await
}

/// The tenant's rules on these listeners, as AWS describes them.
///
/// # Errors
/// When a call to Elastic Load Balancing fails.
pub(super) async fn on_listeners(
    elb: &Client,
    settings: &Settings,
    names: &Names,
    listeners: &[Listener],
) -> Result<Vec<Rule>> {
    let host = names.host(settings.required("DOMAIN")?);
    let arns = listeners.iter().filter_map(Listener::listener_arn);
    let mut all = few_at_a_time(arns.map(|arn| rules::of_listener(elb, arn))).await?.concat();
    all.retain(|rule| is_of(rule, &host, names));
    Ok(all)
}

/// A rule belongs to the tenant when its only host is the tenant's. A host of another domain, which the stack may have
/// used before, also counts if the rule forwards only to the tenant's target group, or shows that the tenant is
/// suspended. A rule that sends any other host to the tenant was made by somebody else on purpose, and is not the
/// tenant's.
pub(crate) fn is_of(rule: &Rule, host: &str, names: &Names) -> bool {
    let hosts = hosts(rule);
    let group = format!(":targetgroup/{}/", names.target_group());
    let is_only_for_the_tenant = || {
        let mut groups = target_groups(rule).peekable();
        groups.peek().is_some() && groups.all(|arn| arn.contains(&group))
    };
    let of_another_domain = || {
        matches!(&hosts[..], [other] if other.starts_with(&format!("{}.", names.tenant())))
            && (is_only_for_the_tenant() || is_page_of(rule, names))
    };
    rule.is_default() != Some(true) && (hosts == [host] || of_another_domain())
}

/// Whether the rule answers with the tenant's suspension page.
pub(crate) fn is_page_of(rule: &Rule, names: &Names) -> bool {
    rule.actions().iter().any(|action| is_page(action, names))
}

/// The text that marks the page of a suspended tenant.
pub(super) fn mark(names: &Names) -> String {
    format!("tenant-management: suspended {}", names.tenant())
}

fn is_page(action: &Action, names: &Names) -> bool {
    let body = action.fixed_response_config().and_then(FixedResponseActionConfig::message_body);
    body.is_some_and(|body| body.contains(&mark(names)))
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticloadbalancingv2::types::{ActionTypeEnum, RuleCondition};

    use super::*;
    use crate::testing::{settings, tenant};

    const GROUP: &str =
        "arn:aws:elasticloadbalancing:eu-west-1:536580886816:targetgroup/dev-123456789012-tg/0123456789abcdef";

    fn rule(host: &str) -> Rule {
        Rule::builder().conditions(RuleCondition::builder().field("host-header").values(host).build()).build()
    }

    #[test]
    fn a_rule_that_others_share_is_not_the_tenants() {
        let names = settings(&[]).names(&tenant());
        let host = "123456789012.example.com";
        let both = RuleCondition::builder().field("host-header").values(host).values("shop.example.com").build();
        assert!(!is_of(&Rule::builder().conditions(both).build(), host, &names));
        assert!(is_of(&rule(host), host, &names));
        assert!(!is_of(&rule("0123456789012.example.com"), host, &names));
        let forward = |arn: &str| Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(arn).build();
        let rule_to = |host: &str, group: &str| {
            let condition = RuleCondition::builder().field("host-header").values(host).build();
            Rule::builder().conditions(condition).actions(forward(group)).build()
        };
        assert!(is_of(&rule_to("123456789012.old.example.org", GROUP), host, &names));
        let another = "arn:aws:x:targetgroup/dev-999999999999-tg/1";
        assert!(!is_of(&rule_to("123456789012.old.example.org", another), host, &names));
        assert!(!is_of(&rule_to("www.customer.example", GROUP), host, &names), "somebody pointed it here by hand");
    }
}
