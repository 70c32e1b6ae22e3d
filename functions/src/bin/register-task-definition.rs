//! Registers the tenant's task definition.

use functions::resources::task_definition;

functions::lambda! {
    ecs = aws_sdk_ecs::Client::new;
    |settings, request| task_definition::register(ecs, &settings, request).await
}
