//! What the end-to-end tests share: a running local stack, seen from outside.
//!
//! Of the product, only its lists of kinds of resource, errors and metrics are used here. What the tests expect is
//! written out, and what exists is asked of AWS and MySQL themselves.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

pub mod bus;
pub mod database;
pub mod deprovisioning;
pub mod events;
pub mod execution;
pub mod kinds;
pub mod load_balancers;
pub mod logs;
pub mod permissions;
pub mod proxy;
pub mod runbook;
pub mod stack;
pub mod stale;
pub mod tenant;

pub use execution::Outcome;
pub use stack::Stack;
