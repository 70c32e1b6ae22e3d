//! The steps of tenant management. Each file under `bin/` makes one of them a Lambda function.
//!
//! The modules are on four floors. A module uses no module of a higher floor.
//!
//! 1. [`workflows`] has a module for each state machine; [`reading`] shows tenants to people. Neither uses the other.
//! 2. [`resources`] has a file for each kind of resource of a tenant: how it is found, created and deleted.
//! 3. [`load_balancing`] handles load balancers, listeners and rules. It does not use the resources of tenants.
//! 4. [`stack`] reaches what is not part of a tenant: the stack's bucket, its event bus, and the other environments.

mod lambda;
pub mod load_balancing;
pub mod reading;
pub mod resources;
pub mod stack;
pub mod workflows;

#[cfg(test)]
mod floors;
#[cfg(test)]
mod testing;
