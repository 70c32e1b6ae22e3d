//! Deregisters and deletes every revision of the tenant's task definition.

use functions::resources::task_definition;

functions::lambda! {
    ecs = aws_sdk_ecs::Client::new;
    |settings, request| task_definition::delete(ecs, &settings, request).await
}
