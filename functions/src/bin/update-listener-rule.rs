//! Shows the tenant's site, or that it is suspended.

use functions::resources::listener_rule::suspension;

functions::lambda! {
    elb = aws_sdk_elasticloadbalancingv2::Client::new;
    |settings, request| suspension::turn(elb, &settings, request).await
}
