//! Describes a tenant: what runs, its resources, and the last failures.

use functions::reading::describe;
use functions::resources::inventory::Clients;

functions::lambda! {
    clients = Clients::new;
    machines = aws_sdk_sfn::Client::new;
    |settings, request| describe::describe(clients, machines, &settings, request).await
}
