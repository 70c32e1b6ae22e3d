//! Looks at every tenant: how many there are of each status, and which lack something.

use functions::reading::audit;
use functions::resources::inventory::Clients;

functions::lambda! {
    clients = Clients::new;
    |settings, request| audit::audit(clients, &settings, request).await
}
