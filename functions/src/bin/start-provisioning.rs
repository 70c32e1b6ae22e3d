//! Starts the provisioning of a tenant that signed up, when an event says so.

use functions::workflows::provision_tenant::signup;

functions::lambda! {
    machines = aws_sdk_sfn::Client::new;
    |settings, event| signup::start(machines, &settings, event).await
}
