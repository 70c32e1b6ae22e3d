//! Code that the end-to-end tests share. They observe a running local stack from outside.
//!
//! From the product, only its lists of resource kinds, errors and metrics are used. Expected values are written out,
//! and what exists is read from AWS and MySQL themselves.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

pub mod bus;
pub mod command_line;
pub mod database;
pub mod database_route;
pub mod deprovisioning;
pub mod earlier;
pub mod events;
pub mod execution;
pub mod kinds;
pub mod load_balancers;
pub mod logs;
pub mod permissions;
pub mod proxy;
pub mod results;
pub mod runbook;
pub mod site;
pub mod stack;
pub mod stale;
pub mod tenant;
pub mod turns;
pub mod visits;

pub use execution::Outcome;
pub use stack::Stack;
