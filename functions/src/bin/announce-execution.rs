//! Sends an event about how an execution ended.

use functions::workflows::conclude_execution;

functions::lambda! {
    events = aws_sdk_eventbridge::Client::new;
    |settings, request| conclude_execution::announce(events, &settings, request).await
}
