//! The listeners that have tenants' rules.

use std::future::ready;
use std::pin::pin;

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::{Listener, ProtocolEnum, TargetGroup};
use futures_util::future::{Either, select};
use shared::{Result, Settings};

use super::describe;
use super::load_balancers::{self, LoadBalancers, of_environment};
use crate::stack::calls::few_at_a_time;

/// The listener on 443, or else the one on 80.
pub(super) fn preferred(listeners: &[Listener]) -> Option<&Listener> {
    let on = |port: i32| listeners.iter().find(|listener| listener.port() == Some(port));
    on(443).or_else(|| on(80))
}

pub(crate) fn scheme_of(listener: &Listener) -> &'static str {
    if listener.protocol() == Some(&ProtocolEnum::Https) { "https" } else { "http" }
}

/// The scheme of tenants' URLs, `https` or `http`; `None` when there is no listener for tenants' rules.
pub(crate) fn scheme(listeners: &[Listener], settings: &Settings) -> Option<&'static str> {
    let is_named = settings.optional("LISTENER_ARNS").is_some();
    let listener = if is_named { listeners.first() } else { preferred(listeners) };
    listener.map(scheme_of)
}

/// The listeners on which a tenant's rules may be: those of the load balancer that its target group is attached to. A
/// target group that is attached to none says nothing about its rules: a rule may exist without the target group, and
/// the rule of a suspended tenant does not forward to it. The result is then every listener of the environment.
///
/// # Errors
/// When a call to Elastic Load Balancing fails.
pub(crate) async fn listeners_of_tenant(
    elb: &Client,
    settings: &Settings,
    group: Option<&TargetGroup>,
) -> Result<Vec<Listener>> {
    on_load_balancers_of(elb, group, listeners(elb, settings)).await
}

/// Like [`listeners_of_tenant`], but `group` is a target group that is still being read. All listeners are read at the
/// same time. This saves time for a tenant that has no target group, and costs an extra call or more for a tenant that
/// has one.
///
/// # Errors
/// When a call to Elastic Load Balancing fails.
pub(crate) async fn target_group_and_listeners(
    elb: &Client,
    settings: &Settings,
    group: impl Future<Output = Result<Option<TargetGroup>>>,
) -> Result<(Option<TargetGroup>, Vec<Listener>)> {
    let (all, group) = (pin!(listeners(elb, settings)), pin!(group));
    let (all, group) = match select(all, group).await {
        Either::Left((all, group)) => (Either::Left(ready(all)), group.await?),
        Either::Right((group, all)) => (Either::Right(all), group?),
    };
    let listeners = on_load_balancers_of(elb, group.as_ref(), all).await?;
    Ok((group, listeners))
}

async fn on_load_balancers_of(
    elb: &Client,
    group: Option<&TargetGroup>,
    all: impl Future<Output = Result<Vec<Listener>>>,
) -> Result<Vec<Listener>> {
    let balancers = group.map(TargetGroup::load_balancer_arns).unwrap_or_default();
    if balancers.is_empty() {
        return all.await;
    }
    Ok(few_at_a_time(balancers.iter().map(|arn| describe::listeners_of(elb, arn))).await?.concat())
}

/// Every listener on which tenants' rules may be: those that the stack names, or those of all load balancers of the
/// environment, of which a tag may name one each. An empty result is not an error, because a load balancer may have been deleted.
///
/// # Errors
/// When a call to Elastic Load Balancing fails.
pub(crate) async fn listeners(elb: &Client, settings: &Settings) -> Result<Vec<Listener>> {
    let given = settings.list("LISTENER_ARNS");
    if !given.is_empty() {
        return describe::listeners(elb, &given).await;
    }
    let LoadBalancers { tagged, named } = of_environment(elb, settings).await?;
    load_balancers::listeners(elb, tagged.iter().chain(&named).collect()).await
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use aws_sdk_elasticloadbalancingv2::operation::describe_listeners::DescribeListenersOutput;
    use aws_sdk_elasticloadbalancingv2::operation::describe_load_balancers::DescribeLoadBalancersOutput;
    use aws_sdk_elasticloadbalancingv2::operation::describe_tags::DescribeTagsOutput;
    use aws_sdk_elasticloadbalancingv2::types::{LoadBalancer, LoadBalancerTypeEnum, Tag, TagDescription};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use tokio::sync::Notify;

    use super::*;
    use crate::testing::settings;

    /// Mocks a listener that the stack may name, another listener on the tenant's load balancer, and no other load
    /// balancers.
    fn elb(listed: &Arc<Notify>) -> Client {
        let listed = listed.clone();
        let balancers = mock!(Client::describe_load_balancers).then_output(move || {
            listed.notify_one();
            DescribeLoadBalancersOutput::builder().build()
        });
        let listener = |arn: &str| Listener::builder().listener_arn(arn).build();
        let of_balancer = mock!(Client::describe_listeners)
            .match_requests(|request| request.load_balancer_arn() == Some("arn:lb/tenant"))
            .then_output(move || DescribeListenersOutput::builder().listeners(listener("arn:tenant")).build());
        let named = mock!(Client::describe_listeners)
            .match_requests(|request| request.listener_arns() == ["arn:named"])
            .then_output(move || DescribeListenersOutput::builder().listeners(listener("arn:named")).build());
        mock_client!(aws_sdk_elasticloadbalancingv2, RuleMode::MatchAny, [&balancers, &of_balancer, &named])
    }

    /// The ARNs of the listeners that a tenant's rules may be on.
    async fn listeners_of(group: Option<TargetGroup>, comes_last: bool) -> Vec<String> {
        let group = async {
            if comes_last {
                // The other future makes progress each time that this one yields.
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
            }
            Ok(group)
        };
        let settings = settings(&[("LISTENER_ARNS", "arn:named")]);
        let found = target_group_and_listeners(&elb(&Arc::default()), &settings, group).await.unwrap();
        found.1.into_iter().filter_map(|listener| listener.listener_arn).collect()
    }

    #[tokio::test]
    async fn rules_are_on_the_load_balancer_of_the_target_group_whichever_answer_comes_first() {
        for comes_last in [false, true] {
            let attached = TargetGroup::builder().load_balancer_arns("arn:lb/tenant").build();
            assert_eq!(listeners_of(Some(attached), comes_last).await, ["arn:tenant"]);
            assert_eq!(listeners_of(Some(TargetGroup::builder().build()), comes_last).await, ["arn:named"]);
            assert_eq!(listeners_of(None, comes_last).await, ["arn:named"]);
        }
    }

    #[tokio::test]
    async fn all_listeners_are_read_at_the_same_time_as_the_target_group() {
        let listed = Arc::new(Notify::new());
        let group = async {
            listed.notified().await;
            Ok(None)
        };
        let (elb, settings) = (elb(&listed), settings(&[]));
        let both = target_group_and_listeners(&elb, &settings, group);
        let (group, listeners) = tokio::time::timeout(Duration::from_secs(10), both).await.unwrap().unwrap();
        assert!(group.is_none() && listeners.is_empty());
    }

    /// Eight load balancers, `arn:lb/0` to `arn:lb/7`, each with a listener for tenants and one that redirects to it. Of
    /// those from the third on, a tag names the first listener, except for one whose tag is wrong.
    fn eight() -> (Client, Arc<AtomicUsize>) {
        let calls = Arc::new(AtomicUsize::new(0));
        let balancers = mock!(Client::describe_load_balancers).then_output(|| {
            let balancer = |number| LoadBalancer::builder().load_balancer_arn(format!("arn:lb/{number}"));
            let balancer = |number| balancer(number).r#type(LoadBalancerTypeEnum::Application).build();
            DescribeLoadBalancersOutput::builder().set_load_balancers(Some((0..8).map(balancer).collect())).build()
        });
        let tags = mock!(Client::describe_tags).then_compute_output(|request| {
            let tag = |key, value: String| Tag::builder().key(key).value(value).build();
            let of_balancer = |(number, arn): (usize, &String)| {
                let named = if number == 7 { "arn:lb/6/tenants".to_owned() } else { format!("{arn}/tenants") };
                let described =
                    TagDescription::builder().resource_arn(arn).tags(tag("tenant:environment", "dev".to_owned()));
                if number < 2 { described.build() } else { described.tags(tag("tenant:listener", named)).build() }
            };
            let described = request.resource_arns().iter().enumerate().map(of_balancer).collect();
            DescribeTagsOutput::builder().set_tag_descriptions(Some(described)).build()
        });
        let counted = calls.clone();
        let listeners = mock!(Client::describe_listeners).then_compute_output(move |request| {
            counted.fetch_add(1, Ordering::Relaxed);
            let listener = |arn: &str| {
                let (balancer, _) = arn.rsplit_once('/').unwrap();
                Listener::builder().listener_arn(arn).load_balancer_arn(balancer).build()
            };
            let listeners: Vec<_> = match request.load_balancer_arn() {
                Some(balancer) => ["tenants", "redirect"].map(|name| listener(&format!("{balancer}/{name}"))).into(),
                None => request
                    .listener_arns()
                    .iter()
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .map(|arn| listener(arn))
                    .collect(),
            };
            DescribeListenersOutput::builder().set_listeners(Some(listeners)).build()
        });
        (mock_client!(aws_sdk_elasticloadbalancingv2, RuleMode::MatchAny, [&balancers, &tags, &listeners]), calls)
    }

    #[tokio::test]
    async fn listeners_that_tags_name_are_read_together_and_a_wrong_tag_hides_none() {
        let (elb, calls) = eight();
        let found = super::listeners(&elb, &settings(&[])).await.unwrap();
        let found: BTreeSet<_> = found.iter().filter_map(Listener::listener_arn).collect();
        let whole =
            ["0", "1", "7"].map(|balancer| ["tenants", "redirect"].map(|name| format!("arn:lb/{balancer}/{name}")));
        let named = (2..7).map(|balancer| format!("arn:lb/{balancer}/tenants"));
        let expected: BTreeSet<_> = whole.into_iter().flatten().chain(named).collect();
        let expected: BTreeSet<_> = expected.iter().map(String::as_str).collect();
        assert_eq!(found, expected);
        assert_eq!(calls.load(Ordering::Relaxed), 4, "one for all that tags name, and one for each of the others");
    }
}
