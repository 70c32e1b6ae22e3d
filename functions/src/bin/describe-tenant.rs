//! Describes a tenant: what runs, its resources, and the last failures.

use functions::reading::describe;
use functions::resources::inventory::Clients;

functions::lambda! {
    clients = Clients::new;
    |settings, request| describe::describe(clients, &settings, request).await
}
