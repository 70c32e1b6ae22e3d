//! Creates the tenant's listener rule.

use functions::resources::listener_rule;

functions::lambda! {
    elb = aws_sdk_elasticloadbalancingv2::Client::new;
    |settings, request| listener_rule::create(elb, &settings, request).await
}
