//! How requests reach a tenant: its listener rules, its target group, and the health of the targets.

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::error::ProvideErrorMetadata;
use aws_sdk_elasticloadbalancingv2::types::{self, Rule, TargetHealthDescription};
use serde::Serialize;
use shared::{Error, Names, Result, Settings};

use crate::load_balancing::{listeners, rules};
use crate::reading::{MOST, cut};
use crate::resources::listener_rule::of_tenant::{is_of, is_page_of};
use crate::resources::{dns_record, target_group};
use crate::stack::calls::few_at_a_time;

/// An ALB target group.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct TargetGroup {
    /// ARN.
    pub arn: String,
    /// Its targets, in the order of their addresses.
    pub targets: Vec<Target>,
}

impl TargetGroup {
    /// The number of targets that the load balancer sends visitors to.
    pub(super) fn healthy(&self) -> i32 {
        let healthy = self.targets.iter().filter(|target| target.state.as_deref() == Some("healthy")).count();
        i32::try_from(healthy).unwrap_or(i32::MAX)
    }
}

/// A target that the load balancer sends requests to.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Target {
    /// IP address.
    pub target: String,
    /// TCP port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<i32>,
    /// `healthy`, `unhealthy`, `initial`, `draining`, `unused`, …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Why it is not healthy, as one of AWS's codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why it is not healthy, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// An ALB listener rule.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct ListenerRule {
    /// ARN.
    pub arn: String,
    /// The listener that has the rule. Its ARN also names the load balancer.
    pub listener_arn: String,
    /// Priority on its listener. The listener applies the matching rule with the lowest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u32>,
    /// The host that it serves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// A Route 53 record.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct DnsRecord {
    /// Its name.
    pub name: String,
    /// `A`, `AAAA` or `CNAME`.
    pub r#type: String,
    /// The load balancer that it is an alias of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias_of: Option<String>,
}

/// The routing of a tenant's requests.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Routes {
    /// The tenant's rules.
    pub(super) rules: Vec<ListenerRule>,
    /// The best URL of its site.
    pub(super) url: Option<String>,
    /// A rule shows the suspension page.
    pub(super) is_suspended: bool,
}

/// The tenant's target group, if there is one, and the routing of its requests.
///
/// # Errors
/// When a call to Elastic Load Balancing fails.
pub(super) async fn routing(elb: &Client, settings: &Settings, names: &Names) -> Result<(Option<TargetGroup>, Routes)> {
    let group = target_group::describe(elb, names).await?;
    tokio::try_join!(health(elb, names, group.as_ref()), routes(elb, settings, names, group.as_ref()))
}

async fn health(elb: &Client, names: &Names, group: Option<&types::TargetGroup>) -> Result<Option<TargetGroup>> {
    let Some(arn) = group.and_then(types::TargetGroup::target_group_arn) else { return Ok(None) };
    match elb.describe_target_health().target_group_arn(arn).send().await {
        Ok(health) => {
            let mut targets: Vec<_> = health.target_health_descriptions().iter().map(Target::from).collect();
            targets.sort_by(|one, other| (&one.target, one.port).cmp(&(&other.target, other.port)));
            targets.truncate(MOST);
            Ok(Some(TargetGroup { arn: arn.to_owned(), targets }))
        }
        Err(error) if error.code() == Some("TargetGroupNotFound") => Ok(None),
        Err(error) => Err(Error::aws(format!("reading the health of target group ({})", names.target_group()), error)),
    }
}

impl From<&TargetHealthDescription> for Target {
    fn from(description: &TargetHealthDescription) -> Self {
        let (target, health) = (description.target(), description.target_health());
        Self {
            target: target.and_then(|target| target.id()).unwrap_or_default().to_owned(),
            port: target.and_then(|target| target.port()),
            state: health.and_then(|health| health.state()).map(|state| state.as_str().to_owned()),
            reason: health.and_then(|health| health.reason()).map(|reason| reason.as_str().to_owned()),
            description: health.and_then(|health| health.description()).map(cut),
        }
    }
}

/// The tenant's records.
///
/// # Errors
/// When a call to Route 53 fails.
pub(super) async fn dns_records(
    route53: &aws_sdk_route53::Client,
    settings: &Settings,
    names: &Names,
) -> Result<Vec<DnsRecord>> {
    let records = dns_record::list_of(route53, settings, names).await?;
    let described = records.iter().map(|record| DnsRecord {
        name: record.name().trim_end_matches('.').to_owned(),
        r#type: record.r#type().as_str().to_owned(),
        alias_of: record.alias_target().map(|target| target.dns_name().trim_end_matches('.').to_owned()),
    });
    Ok(described.collect())
}

/// The tenant's rules, and the URL that they serve.
async fn routes(
    elb: &Client,
    settings: &Settings,
    names: &Names,
    group: Option<&types::TargetGroup>,
) -> Result<Routes> {
    let host = names.host(settings.required("DOMAIN")?);
    let mut routes = Routes::default();
    let mut sites = Vec::new();
    let listeners = listeners::listeners_of_tenant(elb, settings, group).await?;
    let arns = listeners.iter().map(|listener| listener.listener_arn().unwrap_or_default());
    let rules = few_at_a_time(arns.clone().map(|arn| rules::of_listener(elb, arn))).await?;
    for ((listener, arn), all) in listeners.iter().zip(arns).zip(rules) {
        let ours = all.iter().filter(|rule| is_of(rule, &host, names));
        let ours: Vec<_> = ours.collect();
        routes.is_suspended |= ours.iter().any(|rule| is_page_of(rule, names));
        let rules: Vec<_> = ours.into_iter().map(|rule| ListenerRule::on(arn, rule)).collect();
        let scheme = listeners::scheme_of(listener);
        sites.extend(rules.iter().filter_map(|rule| Some((scheme, rule.host.clone()?))));
        routes.rules.extend(rules);
    }
    routes.rules.truncate(MOST);
    routes.url = best_of(sites, &host);
    Ok(routes)
}

impl ListenerRule {
    fn on(listener_arn: &str, rule: &Rule) -> Self {
        Self {
            arn: rule.rule_arn().unwrap_or_default().to_owned(),
            listener_arn: listener_arn.to_owned(),
            priority: rules::priority_of(rule),
            host: rules::hosts(rule).first().map(|host| (*host).clone()),
        }
    }
}

/// Prefers the stack's current domain to an earlier one, and `https` to `http`.
fn best_of(sites: Vec<(&'static str, String)>, host: &str) -> Option<String> {
    let best = sites.into_iter().max_by_key(|(scheme, served)| (served == host, *scheme == "https"));
    best.map(|(scheme, host)| format!("{scheme}://{host}"))
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticloadbalancingv2::operation::describe_listeners::{
        DescribeListenersError, DescribeListenersOutput,
    };
    use aws_sdk_elasticloadbalancingv2::operation::describe_rules::{DescribeRulesError, DescribeRulesOutput};
    use aws_sdk_elasticloadbalancingv2::operation::describe_target_health::{
        DescribeTargetHealthError, DescribeTargetHealthOutput,
    };
    use aws_sdk_elasticloadbalancingv2::types::{
        HostHeaderConditionConfig, Listener, ProtocolEnum, RuleCondition, TargetDescription, TargetHealth,
        TargetHealthReasonEnum, TargetHealthStateEnum,
    };
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;
    use serde_json::json;

    use super::*;
    use crate::testing::{settings, tenant};

    type Mock = aws_smithy_mocks::Rule;

    fn names() -> Names {
        settings(&[]).names(&tenant())
    }

    async fn run_target_group(health: Mock) -> Option<TargetGroup> {
        let elb = mock_client!(aws_sdk_elasticloadbalancingv2, RuleMode::Sequential, [&health]);
        let group = types::TargetGroup::builder().target_group_arn("arn:tg").build();
        super::health(&elb, &names(), Some(&group)).await.unwrap()
    }

    #[tokio::test]
    async fn every_target_says_why_it_is_not_healthy() {
        let target = |id: &str, health: TargetHealth| {
            let target = TargetDescription::builder().id(id).port(80).build();
            TargetHealthDescription::builder().target(target).target_health(health).build()
        };
        let unhealthy = TargetHealth::builder()
            .state(TargetHealthStateEnum::Unhealthy)
            .reason(TargetHealthReasonEnum::ResponseCodeMismatch)
            .description("Health checks failed with these codes: [502]")
            .build();
        let healthy = TargetHealth::builder().state(TargetHealthStateEnum::Healthy).build();
        let health = mock!(Client::describe_target_health)
            .match_requests(|request| request.target_group_arn() == Some("arn:tg"))
            .then_output(move || {
                DescribeTargetHealthOutput::builder()
                    .target_health_descriptions(target("10.0.1.9", unhealthy.clone()))
                    .target_health_descriptions(target("10.0.1.2", healthy.clone()))
                    .build()
            });
        assert_eq!(
            serde_json::to_value(run_target_group(health).await).unwrap(),
            json!({"arn": "arn:tg", "targets": [
                {"target": "10.0.1.2", "port": 80, "state": "healthy"},
                {"target": "10.0.1.9", "port": 80, "state": "unhealthy", "reason": "Target.ResponseCodeMismatch",
                 "description": "Health checks failed with these codes: [502]"},
            ]})
        );
    }

    #[tokio::test]
    async fn a_target_group_that_vanishes_meanwhile_is_no_error() {
        let gone = mock!(Client::describe_target_health).then_error(|| {
            DescribeTargetHealthError::generic(ErrorMetadata::builder().code("TargetGroupNotFound").build())
        });
        assert_eq!(run_target_group(gone).await, None);
    }

    fn rules(host: &'static str) -> Mock {
        mock!(Client::describe_rules).then_output(move || {
            let rule = |priority: &str, host: &str| {
                let hosts = HostHeaderConditionConfig::builder().values(host).build();
                let condition = RuleCondition::builder().field("host-header").host_header_config(hosts).build();
                Rule::builder()
                    .rule_arn(format!("arn:rule/{priority}"))
                    .priority(priority)
                    .conditions(condition)
                    .build()
            };
            DescribeRulesOutput::builder().rules(rule("7", host)).rules(rule("8", "999999999999.example.com")).build()
        })
    }

    async fn run_routes(mocks: &[&Mock]) -> Routes {
        let elb = mock_client!(aws_sdk_elasticloadbalancingv2, RuleMode::Sequential, mocks);
        routes(&elb, &settings(&[("LISTENER_ARNS", "arn:listener")]), &names(), None).await.unwrap()
    }

    fn listener(protocol: ProtocolEnum) -> Mock {
        mock!(Client::describe_listeners)
            .match_requests(|request| request.listener_arns() == ["arn:listener"])
            .then_output(move || {
                let listener = Listener::builder().listener_arn("arn:listener").protocol(protocol.clone()).build();
                DescribeListenersOutput::builder().listeners(listener).build()
            })
    }

    #[tokio::test]
    async fn the_tenants_rule_has_a_priority_a_host_and_a_url() {
        for (protocol, url) in [
            (ProtocolEnum::Https, "https://123456789012.example.com"),
            (ProtocolEnum::Http, "http://123456789012.example.com"),
        ] {
            let routes = run_routes(&[&listener(protocol), &rules("123456789012.example.com")]).await;
            let host = Some("123456789012.example.com".to_owned());
            assert_eq!(
                routes.rules,
                [ListenerRule {
                    arn: "arn:rule/7".to_owned(),
                    listener_arn: "arn:listener".to_owned(),
                    priority: Some(7),
                    host
                }]
            );
            assert_eq!(routes.url.as_deref(), Some(url));
        }
    }

    #[tokio::test]
    async fn a_listener_that_vanishes_meanwhile_is_no_error() {
        let gone = mock!(Client::describe_listeners)
            .then_error(|| DescribeListenersError::generic(ErrorMetadata::builder().code("ListenerNotFound").build()));
        assert_eq!(run_routes(&[&gone]).await, Routes::default());
        let gone = mock!(Client::describe_rules)
            .then_error(|| DescribeRulesError::generic(ErrorMetadata::builder().code("ListenerNotFound").build()));
        assert_eq!(run_routes(&[&listener(ProtocolEnum::Http), &gone]).await, Routes::default());
    }

    #[tokio::test]
    async fn the_rules_of_other_tenants_are_not_shown() {
        let others = rules("888888888888.example.com");
        assert_eq!(run_routes(&[&listener(ProtocolEnum::Https), &others]).await, Routes::default());
    }

    #[test]
    fn the_best_url_has_the_current_domain_and_https() {
        let site = |scheme: &'static str, domain: &str| (scheme, format!("123456789012.{domain}"));
        let best = |sites: Vec<_>| best_of(sites, "123456789012.example.com");
        let sites = vec![site("https", "old.example"), site("http", "example.com")];
        assert_eq!(best(sites.clone()).as_deref(), Some("http://123456789012.example.com"));
        let sites = [sites, vec![site("https", "example.com")]].concat();
        assert_eq!(best(sites).as_deref(), Some("https://123456789012.example.com"));
        assert_eq!(best(vec![]), None);
    }
}
