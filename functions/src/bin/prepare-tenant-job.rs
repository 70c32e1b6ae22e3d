//! Prepares the arguments of a tenant's job.

use functions::workflows::run_tenant_job::prepare;

functions::lambda! {
    clients = prepare::Clients::new;
    |settings, request| prepare::prepare(clients, &settings, request).await
}
