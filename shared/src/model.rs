//! The types that all code uses: ids, names, owners, kinds of resource, errors. They do not depend on how a function
//! runs.

pub mod candidate;
pub(crate) mod environment_variables;
pub mod error;
pub mod fargate;
pub(crate) mod image;
pub(crate) mod kind;
pub mod names;
pub(crate) mod network;
pub mod owner;
pub(crate) mod site;
pub(crate) mod tenant_id;
mod text;
