//! Says on the event bus what became of an execution.

use functions::workflows::conclude_execution;

functions::lambda! {
    events = aws_sdk_eventbridge::Client::new;
    |settings, request| conclude_execution::announce(events, &settings, request).await
}
