//! The network of tenants' tasks. The package `network` finds it.

/// The network of tenants' tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// VPC.
    pub vpc_id: String,
    /// Private subnets of the VPC.
    pub subnet_ids: Vec<String>,
    /// Security group of the tasks.
    pub security_group_id: String,
}
