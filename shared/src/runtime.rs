//! How a Lambda function starts, reads its input and returns its answer, and how it connects to AWS and MySQL.

pub mod aws;
pub mod input;
pub mod invocation;
pub mod lambda;
pub mod metrics;
pub mod mysql;
pub(crate) mod settings;
