//! Where tenants' tasks run. The package `network` finds it.

/// Where tasks run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// VPC.
    pub vpc_id: String,
    /// Private subnets of the VPC.
    pub subnet_ids: Vec<String>,
    /// Security group of the tasks.
    pub security_group_id: String,
}
