//! Generates files, and runs checks and tests. The local stack is in the crate `local`; this crate starts it for the
//! tests.

pub mod check;
pub mod diagram;
pub mod machines;
pub mod second_aws;
pub mod targets;
pub mod tools;
