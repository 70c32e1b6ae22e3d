//! The local stack: everything that runs without an AWS account, and the demo on top of it.
//!
//! MiniStack stands in for AWS, a MariaDB server per environment for RDS; the project itself is built and deployed by
//! the same `sam build` and `sam deploy` as in a real account. Whatever a stack makes lies in its own directory
//! (`LOCAL_DIR`, by default `.local`): pid files, data, logs, credentials. Two stacks with different directories and
//! ports do not touch each other. Nothing survives `down` but that directory, whose data the next `up` makes anew.

pub mod aws;
pub mod check;
pub mod command;
pub mod database;
pub mod demo;
pub mod deploy;
pub mod diagram;
pub mod emulator;
pub mod failure;
pub mod say;
pub mod service;
pub mod settings;
pub mod setup;
pub mod stack;
pub mod tls;
pub mod watch;

pub use failure::{Failure, Result};
