//! Suspends a tenant: its listener rules answer with a fixed page. Resuming makes them forward to its target group
//! again.
//!
//! The rule keeps its priority, its conditions, and all actions before the answer, such as those that let visitors log
//! in. The page contains a mark of the tenant: a rule that shows it is recognized as the tenant's, and no other fixed
//! answer is mistaken for it. Idempotent: a rule that is already as wanted is not changed.

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::error::ProvideErrorMetadata;
use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, FixedResponseActionConfig, Rule, TargetGroup};
use serde::{Deserialize, Serialize};
use shared::{Error, ErrorKind, Names, Result, Settings, TenantId};

use super::of_tenant::{is_page_of, mark, of_tenant};
use crate::load_balancing::rules::target_groups;
use crate::resources::state::Shows;
use crate::resources::target_group;

/// Input of update-listener-rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// The tenant.
    pub tenant_id: TenantId,
    /// What visitors are to see.
    pub shows: Shows,
}

/// Output of update-listener-rule.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Switched {
    /// What visitors see.
    pub shows: Shows,
    /// ARNs of the rules that were changed.
    pub listener_rule_arns: Vec<String>,
}

/// What the tenant's rules answer with: the page if any of them does.
pub(crate) fn shows(rules: &[Rule], names: &Names) -> Shows {
    if rules.iter().any(|rule| is_page_of(rule, names)) { Shows::SuspensionPage } else { Shows::Site }
}

/// Checks that the tenant's rules can be switched between site and page.
///
/// # Errors
/// Those of [`switch`], except about a missing target group.
pub(crate) fn can_switch(rules: &[Rule], names: &Names) -> Result<()> {
    if rules.is_empty() {
        return Err(Error::new(
            ErrorKind::EnvironmentNotReady,
            format!(
                "tenant {} has no listener rule that could show its site or that it is suspended: make one for its host",
                names.tenant()
            ),
        ));
    }
    let group = format!(":targetgroup/{}/", names.target_group());
    let forwards = |rule: &Rule| target_groups(rule).find(|arn| !arn.contains(&group)).map(str::to_owned);
    match rules.iter().find_map(|rule| Some((rule.rule_arn().unwrap_or_default(), forwards(rule)?))) {
        Some((rule, other)) => Err(Error::new(
            ErrorKind::ResourceConflict,
            format!("listener rule ({rule}) also forwards to {other}: suspending the tenant would forget that"),
        )),
        None => Ok(()),
    }
}

/// Makes the tenant's rules answer with its site or with the page.
///
/// # Errors
/// `ResourceConflict` when a rule also forwards to another target group, since switching would lose that;
/// `EnvironmentNotReady` when there is no rule, or no target group to forward to.
pub async fn switch(elb: &Client, settings: &Settings, request: Switch) -> Result<Switched> {
    let names = settings.names(&request.tenant_id);
    let answers = |rule: &Rule| match request.shows {
        Shows::SuspensionPage => target_groups(rule).next().is_some(),
        Shows::Site => is_page_of(rule, &names),
    };
    let group = target_group::describe(elb, &names).await?;
    let mut rules = of_tenant(elb, settings, &names, group.as_ref()).await?;
    can_switch(&rules, &names)?;
    rules.retain(answers);
    let mut switched = Switched { shows: request.shows, listener_rule_arns: Vec::new() };
    if rules.is_empty() {
        return Ok(switched);
    }
    let answer = match request.shows {
        Shows::SuspensionPage => page(&names),
        Shows::Site => forward(group.as_ref(), &names)?,
    };
    for rule in rules {
        let arn = rule.rule_arn().unwrap_or_default();
        let doing = format!("updating listener rule ({arn})");
        let actions = rule.actions().iter().map(|action| in_place_of(action, &answer)).collect();
        let modified = elb.modify_rule().rule_arn(arn).set_actions(Some(actions)).send().await;
        modified.map_err(|error| match error.code() {
            Some("RuleNotFound") => Error::new(ErrorKind::ResourceConflict, format!("{doing}: somebody deleted it")),
            _ => Error::aws(doing, error),
        })?;
        switched.listener_rule_arns.push(arn.to_owned());
    }
    Ok(switched)
}

/// `answer` if the action is the rule's answer, otherwise the action itself.
fn in_place_of(action: &Action, answer: &Action) -> Action {
    if matches!(action.r#type(), Some(ActionTypeEnum::Forward | ActionTypeEnum::FixedResponse)) {
        let mut answer = answer.clone();
        answer.order = action.order;
        return answer;
    }
    let mut kept = action.clone();
    if let Some(oidc) = &mut kept.authenticate_oidc_config {
        // AWS does not return the client secret, but keeps the one that it has.
        oidc.use_existing_client_secret = Some(true);
    }
    kept
}

fn forward(group: Option<&TargetGroup>, names: &Names) -> Result<Action> {
    let arn = group.and_then(TargetGroup::target_group_arn).ok_or_else(|| {
        let message = format!("target group ({}) does not exist: nothing to forward requests to", names.target_group());
        Error::new(ErrorKind::EnvironmentNotReady, message)
    })?;
    Ok(Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(arn).build())
}

/// AWS allows 1,024 characters. Source: API reference of FixedResponseActionConfig.
fn page(names: &Names) -> Action {
    let body = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<!-- {} -->\n<title>Site suspended</title>\n<h1>This site is suspended.</h1>\n\
         <p>If it is yours, please contact your provider.</p>\n</html>\n",
        mark(names)
    );
    let page = FixedResponseActionConfig::builder().status_code("503").content_type("text/html").message_body(body);
    Action::builder().r#type(ActionTypeEnum::FixedResponse).fixed_response_config(page.build()).build()
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticloadbalancingv2::operation::describe_listeners::DescribeListenersOutput;
    use aws_sdk_elasticloadbalancingv2::operation::describe_rules::DescribeRulesOutput;
    use aws_sdk_elasticloadbalancingv2::operation::describe_target_groups::DescribeTargetGroupsOutput;
    use aws_sdk_elasticloadbalancingv2::operation::modify_rule::ModifyRuleOutput;
    use aws_sdk_elasticloadbalancingv2::types::{
        AuthenticateOidcActionConfig, FixedResponseActionConfig, Listener, RuleCondition,
    };
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    use super::*;
    use crate::testing::{settings, tenant};

    type Mock = aws_smithy_mocks::Rule;

    const GROUP: &str = "arn:aws:elasticloadbalancing:x:1:targetgroup/dev-123456789012-tg/1";
    const OTHER: &str = "arn:aws:elasticloadbalancing:x:1:targetgroup/dev-999999999999-tg/1";

    fn names() -> Names {
        settings(&[]).names(&tenant())
    }

    fn to(group: &str) -> Action {
        Action::builder().r#type(ActionTypeEnum::Forward).order(2).target_group_arn(group).build()
    }

    fn rule(host: &str, actions: Vec<Action>) -> Rule {
        let condition = RuleCondition::builder().field("host-header").values(host).build();
        Rule::builder().rule_arn("arn:rule/1").conditions(condition).set_actions(Some(actions)).build()
    }

    fn listed(rules: Vec<Rule>) -> Mock {
        mock!(Client::describe_rules)
            .then_output(move || DescribeRulesOutput::builder().set_rules(Some(rules.clone())).build())
    }

    async fn run(rules: Vec<Rule>, shows: Shows, more: &[&Mock]) -> Result<Switched> {
        let group = mock!(Client::describe_target_groups).then_output(|| {
            let group = TargetGroup::builder().target_group_arn(GROUP).load_balancer_arns("arn:lb").build();
            DescribeTargetGroupsOutput::builder().target_groups(group).build()
        });
        let listeners = mock!(Client::describe_listeners)
            .match_requests(|request| request.load_balancer_arn() == Some("arn:lb"))
            .then_output(|| {
                let listener = Listener::builder().listener_arn("arn:listener").build();
                DescribeListenersOutput::builder().listeners(listener).build()
            });
        let listed = listed(rules);
        let mocks: Vec<_> = [&group, &listeners, &listed].into_iter().chain(more.iter().copied()).collect();
        let elb = mock_client!(aws_sdk_elasticloadbalancingv2, RuleMode::Sequential, mocks);
        switch(&elb, &settings(&[]), Switch { tenant_id: tenant(), shows }).await
    }

    fn modified(check: fn(&[Action])) -> Mock {
        mock!(Client::modify_rule)
            .match_requests(move |request| {
                check(request.actions());
                request.rule_arn() == Some("arn:rule/1") && request.conditions.is_none()
            })
            .then_output(|| ModifyRuleOutput::builder().build())
    }

    #[tokio::test]
    async fn a_suspension_replaces_the_forward_and_keeps_what_comes_before_it() {
        let login = AuthenticateOidcActionConfig::builder()
            .issuer("https://id.example.com")
            .authorization_endpoint("https://id.example.com/a")
            .token_endpoint("https://id.example.com/t")
            .user_info_endpoint("https://id.example.com/u")
            .client_id("client");
        let login = Action::builder()
            .r#type(ActionTypeEnum::AuthenticateOidc)
            .order(1)
            .authenticate_oidc_config(login.build())
            .build();
        let change = modified(|actions| {
            let [login, page] = actions else { panic!("{actions:?}") };
            assert_eq!(login.authenticate_oidc_config().unwrap().use_existing_client_secret(), Some(true));
            let response = page.fixed_response_config().unwrap();
            assert_eq!((page.order(), response.status_code()), (Some(2), Some("503")));
            assert!(response.message_body().unwrap().len() <= 1024);
        });
        let host = "123456789012.example.com";
        let switched = run(vec![rule(host, vec![login, to(GROUP)])], Shows::SuspensionPage, &[&change]).await.unwrap();
        assert_eq!(switched.listener_rule_arns, ["arn:rule/1"]);
    }

    #[tokio::test]
    async fn resuming_forwards_to_the_tenants_target_group_again() {
        // This also applies to a rule for a domain that the stack used before.
        for host in ["123456789012.example.com", "123456789012.old.example.org"] {
            let change = modified(|actions| {
                assert_eq!(actions.len(), 1);
                assert_eq!((actions[0].target_group_arn(), actions[0].fixed_response_config()), (Some(GROUP), None));
            });
            let switched = run(vec![rule(host, vec![page(&names())])], Shows::Site, &[&change]).await;
            assert_eq!(switched.unwrap().listener_rule_arns, ["arn:rule/1"]);
        }
    }

    #[tokio::test]
    async fn rules_that_are_already_switched_and_other_fixed_answers_stay() {
        let host = "123456789012.example.com";
        let teapot = FixedResponseActionConfig::builder().status_code("418").build();
        let teapot = Action::builder().r#type(ActionTypeEnum::FixedResponse).fixed_response_config(teapot).build();
        let redirect = Action::builder().r#type(ActionTypeEnum::Redirect).build();
        for (action, shows) in [
            (page(&names()), Shows::SuspensionPage),
            (to(GROUP), Shows::Site),
            (teapot, Shows::Site),
            (redirect, Shows::SuspensionPage),
        ] {
            let switched = run(vec![rule(host, vec![action])], shows, &[]).await.unwrap();
            assert!(switched.listener_rule_arns.is_empty(), "{shows:?}");
        }
    }

    #[tokio::test]
    async fn a_missing_rule_and_one_with_another_target_group_too_are_errors() {
        let both = rule("123456789012.example.com", vec![to(GROUP), to(OTHER)]);
        let error = run(vec![both], Shows::SuspensionPage, &[]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceConflict);
        assert!(error.chain().contains(OTHER), "{}", error.chain());
        assert_eq!(run(vec![], Shows::Site, &[]).await.unwrap_err().kind(), ErrorKind::EnvironmentNotReady);
    }
}
