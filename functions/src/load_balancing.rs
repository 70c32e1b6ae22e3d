//! The environment's load balancers: their descriptions, the listeners that have tenants' rules, and the room for more
//! tenants.

pub(crate) mod describe;
pub(crate) mod listeners;
mod load_balancers;
pub mod placement;
pub mod room;
pub(crate) mod rules;
pub(crate) mod tags;
