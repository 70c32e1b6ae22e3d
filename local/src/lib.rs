//! The local stack, which needs no AWS account, and the demo that runs on it.
//!
//! MiniStack stands in for AWS, and a MariaDB server per environment stands in for RDS. The project itself is built and
//! deployed by the same `sam build` and `sam deploy` as in a real account. A stack keeps everything in its own
//! directory (`LOCAL_DIR`, by default `.local`): pid files, data, logs, credentials. Two stacks with different
//! directories and ports do not touch each other. After `down`, only the directory is left, and the next `up` creates
//! its data anew.

pub mod aws;
pub mod command;
pub mod database;
pub mod demo;
pub mod deploy;
pub mod docker;
pub mod emulator;
pub mod failure;
pub mod sam_local;
pub mod say;
pub mod service;
pub mod settings;
pub mod setup;
pub mod stack;
pub mod tls;
pub mod visitor;

pub use failure::{Failure, Result};
