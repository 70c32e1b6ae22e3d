//! Reads the result of the database task.

use functions::workflows::run_database_task::outcome;

functions::lambda! {
    logs = aws_sdk_cloudwatchlogs::Client::new;
    |settings, request| outcome::read(logs, &settings, request).await
}
