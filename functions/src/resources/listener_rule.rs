//! A tenant's ALB listener rule: requests for the tenant's host go to the tenant's target group.
//!
//! Priorities are unique per listener, and the lowest free one is used. When another call takes that priority first,
//! the rules are read again and the next free one is tried. Reading again also finds a rule that this execution made
//! when the answer to the creation was lost.
//!
//! No state machine runs this step twice at the same time for one tenant. If it happened, both runs would try the same
//! priority, and AWS would refuse one of them. Both would make a rule only if another priority became free between
//! their reads. Both rules would then lead to the tenant, and be deleted together.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::error::ProvideErrorMetadata;
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, HostHeaderConditionConfig, Listener, Rule, RuleCondition,
};
use serde::{Deserialize, Serialize};
use shared::{Error, ErrorKind, Kind, Names, Owner, Result, Settings, TenantId};

use crate::load_balancing::describe::load_balancers_of_target_group;
use crate::load_balancing::listeners::listeners_of_tenant;
use crate::load_balancing::rules::{LAST_PRIORITY, hosts, lowest_free, of_listener, priority_of};
use crate::load_balancing::tags;
use crate::resources::teardown::Teardown;
use crate::resources::{Found, Removal, ours, target_group};
use crate::stack::calls::few_at_a_time;

pub(crate) mod of_tenant;
pub mod suspension;

use of_tenant::{is_of, is_page_of, on_listeners};

/// Maximum number of attempts to take a priority that other calls take first.
const RACES: u32 = 12;

/// Input of create-listener-rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The execution that creates it.
    pub owner: Owner,
    /// The listeners to choose from, the best first.
    pub listener_arns: Vec<String>,
    /// The tenant's target group.
    pub target_group_arn: String,
}

/// Output of create-listener-rule.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Created {
    /// ARN of the rule.
    pub listener_rule_arn: String,
    /// The listener that has the rule.
    pub listener_arn: String,
    /// Its priority on the listener.
    pub priority: u32,
    /// The host that it serves.
    pub host: String,
}

/// The tenant's rules on these listeners.
///
/// # Errors
/// When a call to Elastic Load Balancing fails.
pub async fn find(elb: &Client, settings: &Settings, names: &Names, listeners: &[Listener]) -> Result<Vec<Found>> {
    let rules = on_listeners(elb, settings, names, listeners).await?;
    let found = few_at_a_time(rules.iter().map(|rule| described(elb, rule))).await?;
    Ok(found.into_iter().flatten().collect())
}

/// The tenants of the rules on some listeners.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    /// Those that have a rule.
    pub(crate) tenants: BTreeSet<TenantId>,
    /// Those among them whose rule answers with the suspension page.
    pub(crate) suspended: BTreeSet<TenantId>,
}

/// The tenants that have a rule on one of these listeners.
///
/// # Errors
/// When a call to Elastic Load Balancing fails.
pub(crate) async fn list(elb: &Client, settings: &Settings, listeners: &[Listener]) -> Result<Listing> {
    let domain = settings.required("DOMAIN")?;
    let arns = listeners.iter().filter_map(Listener::listener_arn);
    let rules = few_at_a_time(arns.map(|arn| of_listener(elb, arn))).await?;
    let mut listing = Listing::default();
    for rule in rules.iter().flatten() {
        let Some(tenant) = tenant_of(rule, domain, settings) else { continue };
        if is_page_of(rule, &settings.names(&tenant)) {
            listing.suspended.insert(tenant.clone());
        }
        listing.tenants.insert(tenant);
    }
    Ok(listing)
}

fn tenant_of(rule: &Rule, domain: &str, settings: &Settings) -> Option<TenantId> {
    let label = hosts(rule).first()?.split('.').next()?;
    let names = settings.names(&TenantId::try_from(label.to_owned()).ok()?);
    is_of(rule, &names.host(domain), &names).then(|| names.tenant().clone())
}

async fn described(elb: &Client, rule: &Rule) -> Result<Option<Found>> {
    let arn = rule.rule_arn().unwrap_or_default();
    match tags::owner_of(elb, arn).await {
        Ok(owner) => Ok(Some(Found::present(arn, owner))),
        Err(error) if error.code() == Some("RuleNotFound") => Ok(None),
        Err(error) => Err(Error::aws(format!("reading listener rule ({arn})"), error)),
    }
}

/// Creates the tenant's rule, on the first of the listeners that has room.
///
/// # Errors
/// `ResourceConflict` when a rule for the tenant's host exists and another owner made it; `QuotaExceeded` when no
/// listener has room.
pub async fn create(elb: &Client, settings: &Settings, request: Create) -> Result<Created> {
    let names = settings.names(&request.tenant_id);
    let mut refusal = Error::new(ErrorKind::InvalidRequest, "listener_arns: [] names no listener: name at least one");
    for listener in candidates(elb, &request).await? {
        match create_on(elb, settings, &names, &request, listener).await {
            Err(full) if full.kind() == ErrorKind::QuotaExceeded => refusal = full,
            done => return done,
        }
    }
    Err(refusal)
}

/// The listeners in their order, except that the one whose load balancer the target group is attached to comes first.
/// An earlier run of this step made a rule there. It may not have taken the first listener because that was full then,
/// and that listener may have room now.
async fn candidates<'a>(elb: &Client, request: &'a Create) -> Result<Vec<&'a str>> {
    let mut listeners: Vec<_> = request.listener_arns.iter().map(String::as_str).collect();
    if listeners.len() > 1 {
        let attached = load_balancers_of_target_group(elb, &request.target_group_arn).await?;
        listeners.sort_by_key(|listener| !attached.iter().any(|balancer| is_on(listener, balancer)));
    }
    Ok(listeners)
}

/// `…:listener/app/NAME/ID/…` is on `…:loadbalancer/app/NAME/ID`.
fn is_on(listener_arn: &str, load_balancer_arn: &str) -> bool {
    let balancer = load_balancer_arn.replacen(":loadbalancer/", ":listener/", 1);
    listener_arn.strip_prefix(&balancer).is_some_and(|rest| rest.starts_with('/'))
}

async fn create_on(
    elb: &Client,
    settings: &Settings,
    names: &Names,
    request: &Create,
    listener_arn: &str,
) -> Result<Created> {
    let host = names.host(settings.required("DOMAIN")?);
    let doing = || format!("creating listener rule ({host}) on {listener_arn}");
    let made = |arn: String, priority: u32| Created {
        listener_rule_arn: arn,
        listener_arn: listener_arn.to_owned(),
        priority,
        host: host.clone(),
    };
    for race in 0..RACES {
        let rules = of_listener(elb, listener_arn).await?;
        if let Some(rule) = rules.iter().find(|rule| is_of(rule, &host, names)) {
            let found = described(elb, rule).await?.into_iter().collect();
            if let Some(found) = ours("listener rule", found, &request.owner)? {
                return Ok(made(found.identifier, priority_of(rule).unwrap_or_default()));
            }
        }
        let priority = lowest_free(&rules).ok_or_else(|| {
            Error::new(ErrorKind::QuotaExceeded, format!("{}: every priority up to {LAST_PRIORITY} is taken", doing()))
        })?;
        let created = elb
            .create_rule()
            .listener_arn(listener_arn)
            .priority(i32::try_from(priority).unwrap_or(i32::MAX))
            .conditions(
                RuleCondition::builder()
                    .field("host-header")
                    .host_header_config(HostHeaderConditionConfig::builder().values(&host).build())
                    .build(),
            )
            .actions(
                Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(&request.target_group_arn).build(),
            )
            .set_tags(Some(tags::of(names, &request.owner)))
            .send()
            .await;
        match created {
            Ok(created) => {
                let arn = created.rules().first().and_then(Rule::rule_arn).unwrap_or_default().to_owned();
                return Ok(made(arn, priority));
            }
            Err(error) if error.code() == Some("PriorityInUse") => jitter(race).await?,
            Err(error) => return Err(Error::aws(doing(), error)),
        }
    }
    Err(Error::new(ErrorKind::Transient, format!("{}: lost the race for a priority {RACES} times", doing())))
}

/// Waits for a random time, up to 50 ms longer after each attempt, so that competing calls do not collide again.
async fn jitter(race: u32) -> Result<()> {
    let random = getrandom::u32().map_err(|error| Error::internal("drawing a delay").with_source(error))?;
    tokio::time::sleep(Duration::from_millis(u64::from(random % (50 * (race + 1))))).await;
    Ok(())
}

/// Deletes the tenant's rules.
///
/// # Errors
/// When Elastic Load Balancing refuses a call.
pub async fn delete(elb: &Client, settings: &Settings, request: Teardown) -> Result<Removal> {
    let names = request.names(settings)?;
    let mut removal = Removal::of(Kind::ListenerRule);
    let group = target_group::describe(elb, &names).await?;
    let listeners = listeners_of_tenant(elb, settings, group.as_ref()).await?;
    let found = find(elb, settings, &names, &listeners).await?;
    for rule in removal.keep_foreign(found, request.owner.as_ref()) {
        match elb.delete_rule().rule_arn(&rule.identifier).send().await {
            Ok(_) => removal.removed.push(rule.identifier),
            Err(error) if error.code() == Some("RuleNotFound") => {}
            Err(error) => return Err(Error::aws(format!("deleting listener rule ({})", rule.identifier), error)),
        }
    }
    Ok(removal)
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticloadbalancingv2::operation::create_rule::{CreateRuleError, CreateRuleOutput};
    use aws_sdk_elasticloadbalancingv2::operation::delete_rule::DeleteRuleOutput;
    use aws_sdk_elasticloadbalancingv2::operation::describe_listeners::{
        DescribeListenersError, DescribeListenersOutput,
    };
    use aws_sdk_elasticloadbalancingv2::operation::describe_rules::{DescribeRulesError, DescribeRulesOutput};
    use aws_sdk_elasticloadbalancingv2::operation::describe_tags::DescribeTagsOutput;
    use aws_sdk_elasticloadbalancingv2::operation::describe_target_groups::{
        DescribeTargetGroupsError, DescribeTargetGroupsOutput,
    };
    use aws_sdk_elasticloadbalancingv2::types::{Tag, TagDescription, TargetGroup};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;
    use crate::testing::{other_owner, owner, settings, tenant};

    type Mock = aws_smithy_mocks::Rule;

    const GROUP: &str =
        "arn:aws:elasticloadbalancing:eu-west-1:536580886816:targetgroup/dev-123456789012-tg/0123456789abcdef";

    fn rule(priority: &str, host: &str) -> Rule {
        let condition = RuleCondition::builder().field("host-header").values(host).build();
        Rule::builder().rule_arn(format!("arn:rule/{priority}")).priority(priority).conditions(condition).build()
    }

    fn page(rules: Vec<Rule>, next: Option<&'static str>) -> Mock {
        mock!(Client::describe_rules).then_output(move || {
            DescribeRulesOutput::builder()
                .set_rules(Some(rules.clone()))
                .set_next_marker(next.map(str::to_owned))
                .build()
        })
    }

    fn tagged(owner: Option<Owner>) -> Mock {
        mock!(Client::describe_tags).then_output(move || {
            let tag = owner.clone().map(|owner| Tag::builder().key("tenant:execution").value(owner.as_str()).build());
            DescribeTagsOutput::builder()
                .tag_descriptions(TagDescription::builder().set_tags(Some(tag.into_iter().collect())).build())
                .build()
        })
    }

    fn creation(priority: i32) -> Mock {
        mock!(Client::create_rule)
            .match_requests(move |request| {
                request.priority() == Some(priority)
                    && request.conditions()[0].host_header_config().unwrap().values() == ["123456789012.example.com"]
                    && request.actions()[0].target_group_arn() == Some(GROUP)
            })
            .then_output(|| CreateRuleOutput::builder().rules(Rule::builder().rule_arn("arn:rule/new").build()).build())
    }

    fn creation_fails(code: &'static str) -> Mock {
        mock!(Client::create_rule)
            .then_error(move || CreateRuleError::generic(ErrorMetadata::builder().code(code).build()))
    }

    /// Creates a rule on one of these listeners: `arn:…:listener/app/NAME/1/1`.
    async fn run_create_on(listeners: &[&str], rules: &[&Mock]) -> Result<Created> {
        let client = mock_client!(aws_sdk_elasticloadbalancingv2, RuleMode::Sequential, rules);
        let request = Create {
            tenant_id: tenant(),
            owner: owner(),
            listener_arns: listeners.iter().map(|name| listener(name)).collect(),
            target_group_arn: GROUP.to_owned(),
        };
        create(&client, &settings(&[]), request).await
    }

    async fn run_create(rules: &[&Mock]) -> Result<Created> {
        run_create_on(&["dev-alb"], rules).await
    }

    fn listener(name: &str) -> String {
        format!("arn:aws:elasticloadbalancing:eu-west-1:536580886816:listener/app/{name}/1/1")
    }

    fn balancer(name: &str) -> String {
        format!("arn:aws:elasticloadbalancing:eu-west-1:536580886816:loadbalancer/app/{name}/1")
    }

    /// The target group, attached to the load balancer of that name, or to none.
    fn attached(name: Option<&'static str>) -> Mock {
        mock!(Client::describe_target_groups).then_output(move || {
            let balancers = name.map(balancer).into_iter().collect();
            let group = TargetGroup::builder().target_group_arn(GROUP).set_load_balancer_arns(Some(balancers));
            DescribeTargetGroupsOutput::builder().target_groups(group.build()).build()
        })
    }

    fn page_of(name: &'static str, rules: Vec<Rule>) -> Mock {
        mock!(Client::describe_rules)
            .match_requests(move |request| request.listener_arn() == Some(&listener(name)))
            .then_output(move || DescribeRulesOutput::builder().set_rules(Some(rules.clone())).build())
    }

    #[tokio::test]
    async fn the_lowest_free_priority_over_all_pages_is_taken() {
        let first =
            page(vec![rule("default", "x"), rule("1", "a.example.com"), rule("4", "b.example.com")], Some("next"));
        let second = page(vec![rule("2", "c.example.com")], None);
        let created = run_create(&[&first, &second, &creation(3)]).await.unwrap();
        assert_eq!((created.priority, created.host.as_str()), (3, "123456789012.example.com"));
    }

    #[tokio::test]
    async fn a_lost_race_is_tried_again_after_reading_the_rules() {
        let rules = [
            &page(vec![], None),
            &creation_fails("PriorityInUse"),
            &page(vec![rule("1", "a.example.com")], None),
            &creation(2),
        ];
        assert_eq!(run_create(&rules).await.unwrap().priority, 2);
    }

    #[tokio::test]
    async fn a_creation_whose_answer_was_lost_is_found_when_the_rules_are_read_again() {
        let rules = [
            &page(vec![], None),
            &creation_fails("PriorityInUse"),
            &page(vec![rule("1", "123456789012.example.com")], None),
            &tagged(Some(owner())),
        ];
        assert_eq!(run_create(&rules).await.unwrap().priority, 1);
    }

    #[tokio::test]
    async fn losing_every_race_is_retried_by_the_state_machine() {
        let lost: Vec<_> = (0..RACES).flat_map(|_| [page(vec![], None), creation_fails("PriorityInUse")]).collect();
        assert_eq!(run_create(&lost.iter().collect::<Vec<_>>()).await.unwrap_err().kind(), ErrorKind::Transient);
    }

    #[tokio::test]
    async fn another_owners_rule_for_the_host_is_a_conflict() {
        for other in [None, Some(other_owner())] {
            let rules = [&page(vec![rule("1", "123456789012.example.com")], None), &tagged(other)];
            assert_eq!(run_create(&rules).await.unwrap_err().kind(), ErrorKind::ResourceConflict);
        }
    }

    #[tokio::test]
    async fn a_full_listener_is_a_used_up_quota() {
        let rules = [&page(vec![], None), &creation_fails("TooManyRules")];
        assert_eq!(run_create(&rules).await.unwrap_err().kind(), ErrorKind::QuotaExceeded);
    }

    #[tokio::test]
    async fn of_several_listeners_the_first_that_is_not_full_is_taken() {
        for code in ["TooManyRules", "TooManyUniqueTargetGroupsPerLoadBalancer"] {
            let (one, two) = (page_of("one", vec![]), page_of("two", vec![rule("1", "a.example.com")]));
            let rules = [&attached(None), &one, &creation_fails(code), &two, &creation(2)];
            let created = run_create_on(&["one", "two"], &rules).await.unwrap();
            assert_eq!((created.listener_arn, created.priority), (listener("two"), 2));
        }
        let rules =
            [&attached(None), &page_of("one", vec![]), &creation_fails("TooManyRules"), &page_of("two", vec![])];
        let full = run_create_on(&["one", "two"], &[&rules[..], &[&creation_fails("TooManyRules")]].concat()).await;
        assert_eq!(full.unwrap_err().kind(), ErrorKind::QuotaExceeded);
    }

    #[tokio::test]
    async fn an_earlier_runs_rule_is_found_where_the_target_group_is_attached() {
        let found = page_of("two", vec![rule("7", "123456789012.example.com")]);
        let rules = [&attached(Some("two")), &found, &tagged(Some(owner()))];
        let created = run_create_on(&["one", "two", "three"], &rules).await.unwrap();
        assert_eq!((created.listener_arn, created.priority), (listener("two"), 7));
    }

    #[test]
    fn a_listener_is_on_the_load_balancer_of_exactly_its_name() {
        let balancer = "arn:aws:elasticloadbalancing:eu-west-1:536580886816:loadbalancer/app/dev-alb/1";
        assert!(is_on(&listener("dev-alb"), balancer));
        assert!(!is_on(&listener("dev-alb-2"), balancer));
        assert!(!is_on(&listener("dev-alb"), &format!("{balancer}2")));
    }

    /// The rules that a deletion removes when the target group is this one, or missing, and AWS gives these answers.
    async fn run_delete(group: Option<Mock>, answers: &[&Mock]) -> Vec<String> {
        let group = group.unwrap_or_else(|| {
            mock!(Client::describe_target_groups).then_error(|| {
                DescribeTargetGroupsError::generic(ErrorMetadata::builder().code("TargetGroupNotFound").build())
            })
        });
        let answers: Vec<_> = [&group].into_iter().chain(answers.iter().copied()).collect();
        let client = mock_client!(aws_sdk_elasticloadbalancingv2, RuleMode::Sequential, answers);
        let settings = settings(&[("LISTENER_ARNS", "arn:1, arn:2")]);
        delete(&client, &settings, Teardown::of(tenant())).await.unwrap().removed
    }

    #[tokio::test]
    async fn rules_are_searched_on_the_load_balancer_of_the_target_group() {
        let listeners = mock!(Client::describe_listeners)
            .match_requests(|request| request.load_balancer_arn() == Some(&balancer("one")))
            .then_output(|| {
                let listener = Listener::builder().listener_arn(listener("one")).build();
                DescribeListenersOutput::builder().listeners(listener).build()
            });
        let rules = page_of("one", vec![rule("7", "123456789012.example.com"), rule("8", "b.example.com")]);
        let deleted = mock!(Client::delete_rule).then_output(|| DeleteRuleOutput::builder().build());
        let answers = [&listeners, &rules, &tagged(None), &deleted];
        assert_eq!(run_delete(Some(attached(Some("one"))), &answers).await, ["arn:rule/7"]);
    }

    #[tokio::test]
    async fn without_an_attached_target_group_every_listener_is_searched() {
        let missing = || {
            mock!(Client::describe_listeners).then_error(|| {
                DescribeListenersError::generic(ErrorMetadata::builder().code("ListenerNotFound").build())
            })
        };
        for group in [None, Some(attached(None))] {
            let second =
                mock!(Client::describe_listeners).match_requests(|request| request.listener_arns() == ["arn:2"]);
            let second = second.then_output(|| {
                let listener = Listener::builder().listener_arn("arn:2").build();
                DescribeListenersOutput::builder().listeners(listener).build()
            });
            let rules = page(vec![rule("7", "123456789012.example.com")], None);
            let deleted = mock!(Client::delete_rule).then_output(|| DeleteRuleOutput::builder().build());
            let answers = [&missing(), &missing(), &second, &rules, &tagged(None), &deleted];
            assert_eq!(run_delete(group, &answers).await, ["arn:rule/7"]);
        }
    }

    #[tokio::test]
    async fn a_listener_that_vanishes_meanwhile_has_no_rules() {
        let listeners = mock!(Client::describe_listeners).then_output(|| {
            DescribeListenersOutput::builder().listeners(Listener::builder().listener_arn("arn:1").build()).build()
        });
        let gone = mock!(Client::describe_rules)
            .then_error(|| DescribeRulesError::generic(ErrorMetadata::builder().code("ListenerNotFound").build()));
        assert_eq!(run_delete(None, &[&listeners, &gone]).await, [""; 0]);
    }
}
