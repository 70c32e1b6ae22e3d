//! Starts the conclusion of an execution that has ended.

use functions::workflows::conclude_execution;

functions::lambda! {
    machines = aws_sdk_sfn::Client::new;
    |settings, event| conclude_execution::start(machines, &settings, event).await
}
