//! Checks whether the tenant's deployment is complete.

use functions::resources::service::deployment;

functions::lambda! {
    ecs = aws_sdk_ecs::Client::new;
    |settings, request| deployment::check(ecs, &settings, request).await
}
