//! Changes the tenant's service.

use functions::resources::service::update;

functions::lambda! {
    ecs = aws_sdk_ecs::Client::new;
    |settings, request| update::update(ecs, &settings, request).await
}
