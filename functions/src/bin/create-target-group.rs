//! Creates the tenant's target group.

use functions::resources::target_group;

functions::lambda! {
    elb = aws_sdk_elasticloadbalancingv2::Client::new;
    |settings, request| target_group::create(elb, &settings, request).await
}
