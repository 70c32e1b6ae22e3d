//! Starts the deprovisioning of a tenant that cancelled, when an event says so.

use functions::workflows::deprovision_tenant::cancellation;

functions::lambda! {
    machines = aws_sdk_sfn::Client::new;
    |settings, event| cancellation::start(machines, &settings, event).await
}
