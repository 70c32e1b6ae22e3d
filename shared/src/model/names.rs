//! The names of an environment's and a tenant's resources, as in the runbook.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::TenantId;

/// One of the three environments, in the order of risk. Each has its own AWS account and region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum EnvironmentName {
    /// Development.
    Dev,
    /// System integration test.
    Sit,
    /// Production.
    Prod,
}

impl EnvironmentName {
    /// `dev`, `sit` or `prod`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Sit => "sit",
            Self::Prod => "prod",
        }
    }
}

impl TryFrom<String> for EnvironmentName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        match name.as_str() {
            "dev" => Ok(Self::Dev),
            "sit" => Ok(Self::Sit),
            "prod" => Ok(Self::Prod),
            _ => Err(format!("{name:?} is not an environment: allowed are \"dev\", \"sit\" and \"prod\"")),
        }
    }
}

impl From<EnvironmentName> for String {
    fn from(name: EnvironmentName) -> Self {
        name.as_str().to_owned()
    }
}

impl fmt::Display for EnvironmentName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The ECS cluster of an environment.
pub fn cluster(environment: EnvironmentName) -> String {
    format!("{environment}-cluster")
}

/// The secret with the credentials of an environment's database administrator.
pub fn master_credentials(environment: EnvironmentName) -> String {
    format!("{environment}-rds-master-credentials")
}

/// The ECS task that changes an environment's database, and the prefix of its log streams.
pub const DATABASE_TASK: &str = "generic-db-init";

/// Task definition family of an environment's [`DATABASE_TASK`].
pub fn database_task(environment: EnvironmentName) -> String {
    format!("{environment}-{DATABASE_TASK}")
}

/// Log group of an environment's [`DATABASE_TASK`].
pub fn database_task_log_group(environment: EnvironmentName) -> String {
    format!("/ecs/{}", database_task(environment))
}

/// The names of one tenant's resources in one environment.
#[derive(Clone, Debug)]
pub struct Names {
    environment: EnvironmentName,
    tenant: TenantId,
}

impl Names {
    /// The names of `tenant` in `environment`.
    pub fn new(environment: EnvironmentName, tenant: &TenantId) -> Self {
        Self { environment, tenant: tenant.clone() }
    }

    /// The environment of the resources.
    pub fn environment(&self) -> EnvironmentName {
        self.environment
    }

    /// The tenant of the resources.
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    fn stem(&self) -> String {
        format!("{}-{}", self.environment, self.tenant)
    }

    /// The ECS cluster of the tenant's tasks.
    pub fn cluster(&self) -> String {
        cluster(self.environment)
    }

    /// MySQL database.
    pub fn database(&self) -> String {
        format!("{}_db", self.tenant)
    }

    /// MySQL user.
    pub fn user(&self) -> String {
        format!("{}_user", self.tenant)
    }

    /// Secrets Manager secret with the tenant's database credentials.
    pub fn secret(&self) -> String {
        format!("{}-db-credentials", self.stem())
    }

    /// Secrets Manager secret with the credentials of the site's administrator.
    pub fn site_credentials(&self) -> String {
        format!("{}-site-credentials", self.stem())
    }

    /// The view on the database server that says when the tenant's site was installed.
    pub fn site_record(&self) -> String {
        format!("site_{}", self.tenant)
    }

    /// `Name` tag of the EFS access point.
    pub fn access_point(&self) -> String {
        format!("{}-ap", self.stem())
    }

    /// Directory of the tenant's files on the file system.
    pub fn directory(&self) -> String {
        format!("/wordpress/{}", self.tenant)
    }

    /// Directory of the site's content, which the tenant's tasks mount. WordPress itself comes from the image.
    pub fn content_directory(&self) -> String {
        format!("{}/wp-content", self.directory())
    }

    /// CloudWatch log group of the tenant's containers.
    pub fn log_group(&self) -> String {
        format!("/ecs/{}", self.stem())
    }

    /// ECS task definition family.
    pub fn family(&self) -> String {
        self.stem()
    }

    /// ECS task definition family of the tenant's jobs.
    pub fn job_family(&self) -> String {
        format!("{}-job", self.stem())
    }

    /// IAM role of the tenant's tasks.
    pub fn task_role(&self) -> String {
        format!("{}-task", self.stem())
    }

    /// ALB target group. The name has at most 20 characters; AWS allows 32.
    pub fn target_group(&self) -> String {
        format!("{}-tg", self.stem())
    }

    /// Host name of the tenant's site.
    pub fn host(&self, domain: &str) -> String {
        format!("{}.{domain}", self.tenant)
    }

    /// ECS service.
    pub fn service(&self) -> String {
        format!("{}-service", self.stem())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_runbooks() {
        let tenant = TenantId::try_from("123456789012".to_owned()).unwrap();
        let names = Names::new(EnvironmentName::Dev, &tenant);
        assert_eq!(names.cluster(), "dev-cluster");
        assert_eq!(names.database(), "123456789012_db");
        assert_eq!(names.user(), "123456789012_user");
        assert_eq!(names.secret(), "dev-123456789012-db-credentials");
        assert_eq!(names.site_credentials(), "dev-123456789012-site-credentials");
        assert_eq!(names.site_record(), "site_123456789012");
        assert_eq!(names.access_point(), "dev-123456789012-ap");
        assert_eq!(names.directory(), "/wordpress/123456789012");
        assert_eq!(names.content_directory(), "/wordpress/123456789012/wp-content");
        assert_eq!(names.log_group(), "/ecs/dev-123456789012");
        assert_eq!(names.family(), "dev-123456789012");
        assert_eq!(names.job_family(), "dev-123456789012-job");
        assert_eq!(names.task_role(), "dev-123456789012-task");
        assert_eq!(names.target_group(), "dev-123456789012-tg");
        assert_eq!(names.host("example.com"), "123456789012.example.com");
        assert_eq!(names.service(), "dev-123456789012-service");
        assert_eq!(master_credentials(EnvironmentName::Prod), "prod-rds-master-credentials");
    }

    #[test]
    fn the_longest_names_fit() {
        let tenant = TenantId::try_from("123456789012".to_owned()).unwrap();
        let names = Names::new(EnvironmentName::Prod, &tenant);
        // Source of the numbers: the services' API references, MySQL's "Identifier Length Limits" and "Account Names".
        for (name, most) in [
            (names.target_group(), 32),
            (names.user(), 32),
            (names.database(), 64),
            (names.content_directory(), 100),
            // A condition of a listener rule. The parameter Domain has at most 115 characters.
            (names.host(&"x".repeat(115)), 128),
            (names.service(), 255),
            (names.job_family(), 255),
            (names.access_point(), 256),
            (names.secret(), 512),
            (names.site_credentials(), 512),
            (names.log_group(), 512),
        ] {
            assert!(name.len() <= most, "{name} has {} characters, and {most} are allowed", name.len());
        }
    }
}
