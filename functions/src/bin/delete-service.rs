//! Scales the tenant's service to 0 and deletes it.

use functions::resources::service;

functions::lambda! {
    ecs = aws_sdk_ecs::Client::new;
    |settings, request| service::delete(ecs, &settings, request).await
}
