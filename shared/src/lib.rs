//! What every function of tenant management has in common.
//!
//! This crate knows ids, names, owners and errors; how a Lambda starts, reads its input and answers;
//! and how AWS and MySQL are reached. It knows no resource: those live in the `functions` package.

pub mod aws;
pub mod candidate;
pub mod error;
pub mod fargate;
pub mod http;
pub mod image;
pub mod input;
pub mod invocation;
pub mod kind;
pub mod lambda;
pub mod metrics;
pub mod mysql;
pub mod names;
pub mod network;
pub mod owner;
pub mod settings;
pub mod tenant_id;
mod text;

pub use error::{Error, ErrorKind, Result};
pub use fargate::{DesiredCount, FargateSize};
pub use image::ImageReference;
pub use kind::{Kind, PerKind};
pub use names::{EnvironmentName, Names};
pub use network::Network;
pub use owner::Owner;
pub use settings::Settings;
pub use tenant_id::TenantId;
