//! The arguments of RunTask.

use serde::Serialize;
use shared::{Error, Result};

/// Maximum length of a task's overrides. Source: the API reference of ECS, RunTask, `overrides`.
const MOST_CHARACTERS_OF_OVERRIDES: usize = 8192;

/// The arguments of ECS's RunTask, as Step Functions takes them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RunTask {
    cluster: String,
    task_definition: String,
    launch_type: &'static str,
    network_configuration: NetworkConfiguration,
    overrides: Overrides,
}

/// What a task's container runs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Program {
    /// The container's name.
    pub name: &'static str,
    /// The command, which replaces the definition's.
    pub command: [&'static str; 3],
    /// Further environment variables. Everybody who may read tasks sees them, so none is a secret.
    pub environment: Vec<Variable>,
}

/// An environment variable.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct NetworkConfiguration {
    awsvpc_configuration: Network,
}

/// Where a task runs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Network {
    /// Subnets.
    pub subnets: Vec<String>,
    /// Security groups.
    pub security_groups: Vec<String>,
    /// `ENABLED` or `DISABLED`.
    pub assign_public_ip: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Overrides {
    container_overrides: [Program; 1],
}

impl RunTask {
    /// A task on Fargate.
    ///
    /// # Errors
    /// `Internal` when ECS does not take so much text.
    pub fn new(cluster: String, task_definition: String, network: Network, program: Program) -> Result<Self> {
        let overrides = Overrides { container_overrides: [program] };
        let text = serde_json::to_string(&overrides)
            .map_err(|error| Error::internal("writing the task's overrides").with_source(error))?;
        let length = text.chars().count();
        if length > MOST_CHARACTERS_OF_OVERRIDES {
            return Err(Error::internal(format!(
                "the task's overrides have {length} characters, and ECS takes {MOST_CHARACTERS_OF_OVERRIDES}"
            )));
        }
        let network_configuration = NetworkConfiguration { awsvpc_configuration: network };
        Ok(Self { cluster, task_definition, launch_type: "FARGATE", network_configuration, overrides })
    }
}
