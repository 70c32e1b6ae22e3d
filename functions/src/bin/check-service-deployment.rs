//! Checks whether the tenant's deployment is complete.

use functions::resources::service::deployment;

functions::lambda! {
    clients = deployment::Clients::new;
    |settings, request| deployment::check(clients, &settings, request).await
}
