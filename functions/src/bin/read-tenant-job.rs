//! Reads the result of a tenant's job.

use functions::workflows::run_tenant_job::outcome;

functions::lambda! {
    logs = aws_sdk_cloudwatchlogs::Client::new;
    |settings, request| outcome::read(logs, &settings, request).await
}
