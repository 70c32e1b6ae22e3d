//! Describes a tenant: what runs, what it is made of, and what went wrong last.

use functions::reading::describe;
use functions::resources::inventory::Clients;

functions::lambda! {
    clients = Clients::new;
    |settings, request| describe::describe(clients, &settings, request).await
}
