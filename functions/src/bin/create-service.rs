//! Creates the tenant's service.

use functions::resources::service;

functions::lambda! {
    ecs = aws_sdk_ecs::Client::new;
    |settings, request| service::create(ecs, &settings, request).await
}
