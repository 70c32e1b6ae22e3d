//! What all functions of tenant management share.
//!
//! `model` has ids, names, owners, kinds of resource and errors. `runtime` starts a Lambda function, reads its input
//! and returns its answer, and connects to AWS and MySQL. This crate does not handle the resources themselves; that is
//! done by the `functions` package.

mod model;
mod runtime;

pub use model::environment_variables::EnvironmentVariables;
pub use model::error::{Error, ErrorKind, Result};
pub use model::fargate::{DesiredCount, FargateSize};
pub use model::image::{ImageReference, is_downgrade};
pub use model::kind::{Kind, PerKind};
pub use model::names::{EnvironmentName, Names};
pub use model::network::Network;
pub use model::owner::Owner;
pub use model::site::{AdminUser, EmailAddress, Locale, Site, SiteTitle, TablePrefix};
pub use model::tenant_id::TenantId;
pub use model::{candidate, error, fargate, names, owner};
pub use runtime::settings::Settings;
pub use runtime::{aws, input, invocation, lambda, metrics, mysql};
