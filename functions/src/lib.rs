//! The steps of tenant management. Each file under `bin/` makes one of them a Lambda function.
//!
//! The modules stand on floors, and none uses a module of a floor above its own:
//!
//! 1. [`workflows`] has a module for each state machine; [`reading`] answers people's questions. Neither uses the other.
//! 2. [`resources`] has a file for each kind of resource of a tenant: how it is found, created and deleted.
//! 3. [`load_balancing`] knows the load balancers, their listeners and rules, and no tenant's resources.
//! 4. [`stack`] reaches what lies around the tenants: the stack's bucket and bus, and the other environments.

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
