//! The steps of tenant management. One file per resource holds how it is found, created and deleted;
//! one file per step under `bin/` makes it a Lambda function.

pub mod access_point;
mod bus;
mod calls;
pub mod conclusion;
pub mod database;
pub mod database_task;
pub mod deletion;
pub mod dns_record;
pub mod environment;
pub mod events;
pub mod failure;
pub mod files;
pub mod inventory;
pub mod listener_rule;
pub mod log_group;
pub mod peers;
pub mod request;
pub mod resource;
pub mod secret;
pub mod service;
pub mod state;
mod storage;
pub mod target_group;
pub mod task_definition;
pub mod tenants;
pub mod update;

#[cfg(test)]
mod testing;
