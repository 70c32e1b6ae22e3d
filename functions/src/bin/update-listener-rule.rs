//! Switches the tenant's listener rules between its site and the suspension page.

use functions::resources::listener_rule::suspension;

functions::lambda! {
    elb = aws_sdk_elasticloadbalancingv2::Client::new;
    |settings, request| suspension::switch(elb, &settings, request).await
}
