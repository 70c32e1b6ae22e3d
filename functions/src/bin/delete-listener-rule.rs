//! Deletes the tenant's listener rules.

use functions::resources::listener_rule;

functions::lambda! {
    elb = aws_sdk_elasticloadbalancingv2::Client::new;
    |settings, request| listener_rule::delete(elb, &settings, request).await
}
