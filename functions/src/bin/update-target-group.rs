//! Changes how the load balancer checks the tenant's tasks.

use functions::resources::target_group::health_checks;

functions::lambda! {
    elb = aws_sdk_elasticloadbalancingv2::Client::new;
    |settings, request| health_checks::update(elb, &settings, request).await
}
