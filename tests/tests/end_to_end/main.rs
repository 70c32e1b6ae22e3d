//! End-to-end tests. They observe the deployed product in the local stack from outside.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

mod auditing;
mod bad_input;
mod bulk;
mod command_line;
mod conclusions;
mod database;
mod database_task;
mod deprovisioning;
mod everywhere;
mod file_calls;
mod files;
mod isolation;
mod moving;
mod operations;
mod outages;
mod parents;
mod permissions;
mod placement;
mod provisioning;
mod reading;
mod rollback;
mod samples;
mod secrecy;
mod signups;
mod sites;
mod teardown;
mod twice;
mod updating;
