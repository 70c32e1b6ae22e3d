//! The environment's load balancers: what is asked of them, which of their listeners tenants' rules are on, and where there
//! is room for another tenant.

pub(crate) mod describe;
pub(crate) mod listeners;
mod load_balancers;
pub mod placement;
pub mod room;
pub(crate) mod rules;
pub(crate) mod tags;
