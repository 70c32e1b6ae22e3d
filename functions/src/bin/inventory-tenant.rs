//! Lists everything of a tenant that exists.

use functions::resources::inventory::{self, Clients};

functions::lambda! {
    clients = Clients::new;
    |settings, request| inventory::take(clients, &settings, request).await
}
