//! What is generated, checked and tested. The local stack has a crate of its own; this one starts it for the tests.

pub mod check;
pub mod diagram;
pub mod machines;
pub mod targets;
pub mod tools;
