//! The product against the local stack, seen from outside.

#![allow(missing_docs)]

mod bad_input;
mod database;
mod permissions;
mod provisioning;
mod rollback;
mod secrecy;
mod teardown;
