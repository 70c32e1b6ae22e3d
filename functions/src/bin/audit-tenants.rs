//! Reads every tenant: the number of tenants of each status, and the missing resources.

use functions::reading::audit;
use functions::resources::inventory::Clients;

functions::lambda! {
    clients = Clients::new;
    |settings, request| audit::audit(clients, &settings, request).await
}
