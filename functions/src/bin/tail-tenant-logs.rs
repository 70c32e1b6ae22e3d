//! Reads the newest events of a tenant's log.

use functions::reading::logs;

functions::lambda! {
    @run_at_length;
    client = aws_sdk_cloudwatchlogs::Client::new;
    |settings, request| logs::tail(client, &settings, jiff::Timestamp::now(), request).await
}
