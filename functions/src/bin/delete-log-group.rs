//! Deletes the tenant's log group.

use functions::resources::log_group;

functions::lambda! {
    logs = aws_sdk_cloudwatchlogs::Client::new;
    |settings, request| log_group::delete(logs, &settings, request).await
}
