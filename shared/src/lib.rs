//! What every function of tenant management has in common.
//!
//! The model is ids, names, owners, kinds of resource and errors; the runtime is how a Lambda starts, reads its input and
//! answers, and how AWS and MySQL are reached. This crate knows no resource: those live in the `functions` package.

mod model;
mod runtime;

pub use model::error::{Error, ErrorKind, Result};
pub use model::fargate::{DesiredCount, FargateSize};
pub use model::image::ImageReference;
pub use model::kind::{Kind, PerKind};
pub use model::names::{EnvironmentName, Names};
pub use model::network::Network;
pub use model::owner::Owner;
pub use model::tenant_id::TenantId;
pub use model::{candidate, error, fargate, names, owner};
pub use runtime::settings::Settings;
pub use runtime::{aws, input, invocation, lambda, metrics, mysql};
