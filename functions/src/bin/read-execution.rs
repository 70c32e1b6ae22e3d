//! Finds out how an execution ended, and what may be left of it.

use functions::workflows::conclude_execution;

functions::lambda! {
    machines = aws_sdk_sfn::Client::new;
    |settings, request| conclude_execution::read(machines, &settings, request).await
}
