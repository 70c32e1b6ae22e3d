//! Lists the environment's tenants, a page at a time.

use functions::reading::list;
use functions::resources::inventory::Clients;

functions::lambda! {
    clients = Clients::new;
    |settings, request| list::list(clients, &settings, request).await
}
