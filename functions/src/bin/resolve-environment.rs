//! Step 1 of a provisioning: checks the request and finds what the environment offers.

use functions::workflows::provision_tenant::environment::{self, Clients};

functions::lambda! {
    ec2 = network::Client::new;
    clients = Clients::new;
    |settings, request| environment::resolve(clients, &settings, request, network::find(ec2, &settings)).await
}
