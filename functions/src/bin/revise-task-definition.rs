//! Registers a revision of the tenant's task definition.

use functions::resources::task_definition::revision;

functions::lambda! {
    ecs = aws_sdk_ecs::Client::new;
    |settings, request| revision::revise(ecs, &settings, request).await
}
