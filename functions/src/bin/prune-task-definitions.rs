//! Deregisters revisions that are no longer needed.

use functions::workflows::update_tenant::prune;

functions::lambda! {
    ecs = aws_sdk_ecs::Client::new;
    |settings, request| prune::prune(ecs, &settings, request).await
}
