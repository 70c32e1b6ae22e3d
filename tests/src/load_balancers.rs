//! Additional load balancers for an environment's tenants, for the duration of a test.

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, FixedResponseActionConfig, LoadBalancerSchemeEnum, ProtocolEnum, RuleCondition, Tag,
};

use crate::stack::{Stack, new_tenant_id, text};

/// AWS's default quota of rules per load balancer, which is also its quota of target groups per load balancer.
pub const QUOTA: usize = 100;

/// A load balancer with a listener.
#[derive(Clone, Debug)]
pub struct LoadBalancer {
    arn: String,
    /// Its DNS name.
    pub dns_name: String,
    /// Its listener.
    pub listener: String,
}

fn nothing() -> Action {
    let nothing = FixedResponseActionConfig::builder().status_code("404").build();
    Action::builder().r#type(ActionTypeEnum::FixedResponse).fixed_response_config(nothing).build()
}

impl Stack {
    /// Creates load balancers with the environment's tag. New tenants are then placed only on these.
    ///
    /// # Panics
    /// When AWS refuses.
    pub async fn more_load_balancers(&self, count: usize) -> Vec<LoadBalancer> {
        let environment = self.resolved().await;
        let subnets = environment["subnet_ids"].as_array().expect("subnets").iter().map(text).collect();
        let mut made = Vec::new();
        for _ in 0..count {
            let tag = Tag::builder().key("tenant:environment").value(self.environment).build();
            let balancer = self.elb.create_load_balancer().name(format!("tenants-{}", new_tenant_id()));
            let balancer = balancer.set_subnets(Some(Vec::clone(&subnets))).scheme(LoadBalancerSchemeEnum::Internal);
            let balancer = balancer.tags(tag).send().await.expect("a load balancer").load_balancers.unwrap_or_default();
            let [arn, dns_name] = [balancer[0].load_balancer_arn(), balancer[0].dns_name()];
            let [arn, dns_name] = [arn, dns_name].map(|text| text.expect("a load balancer").to_owned());
            let listener = self.elb.create_listener().load_balancer_arn(&arn).protocol(ProtocolEnum::Http).port(80);
            let listener = listener.default_actions(nothing()).send().await.expect("a listener");
            let listener = listener.listeners()[0].listener_arn().expect("an ARN").to_owned();
            made.push(LoadBalancer { arn, dns_name, listener });
        }
        made
    }

    /// Fills a load balancer with foreign rules, until only `room` more fit.
    ///
    /// # Panics
    /// When AWS refuses.
    pub async fn leave_room(&self, balancer: &LoadBalancer, room: usize) {
        for number in room..QUOTA {
            let host = RuleCondition::builder().field("host-header").values(format!("{number}.example.com")).build();
            let rule = self.elb.create_rule().listener_arn(&balancer.listener).conditions(host).actions(nothing());
            let priority = 1000 + i32::try_from(number).expect("a priority");
            rule.priority(priority).send().await.expect("a rule");
        }
    }

    /// Deletes load balancers with their listeners and rules.
    ///
    /// # Panics
    /// When AWS refuses.
    pub async fn remove_load_balancers(&self, balancers: &[LoadBalancer]) {
        for LoadBalancer { arn, listener, .. } in balancers {
            self.elb.delete_listener().listener_arn(listener).send().await.expect("no listener");
            self.elb.delete_load_balancer().load_balancer_arn(arn).send().await.expect("no load balancer");
        }
    }
}
