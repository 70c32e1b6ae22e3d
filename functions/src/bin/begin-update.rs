//! Step 1 of an update: checks the request, takes the tenant's lock, and decides what to do.

use functions::workflows::update_tenant::{self, Clients};

functions::lambda! {
    clients = Clients::new;
    |settings, request| update_tenant::begin(clients, &settings, request).await
}
