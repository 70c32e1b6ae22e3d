//! Lists all resources of a tenant that exist.

use functions::resources::inventory::{self, Clients};

functions::lambda! {
    clients = Clients::new;
    |settings, request| inventory::take(clients, &settings, request).await
}
