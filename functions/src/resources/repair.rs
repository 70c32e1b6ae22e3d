//! How a person makes again what a tenant lacks, without a deletion. Messages and descriptions quote this.
//!
//! A step that creates a resource returns what its owner has made already, so it may be called for a tenant that exists,
//! with the tenant's own owner.

use shared::{Kind, Names};

/// What makes a resource of this kind again, as a sentence without its full stop.
pub fn advice(kind: Kind, names: &Names) -> String {
    let (tenant, environment) = (names.tenant(), names.environment());
    let make = |function: &str| {
        format!(
            "make it again with the function {environment}-{function} (sample: events/{function}.json), with tenant_id \
             {tenant} and as owner the execution that made the tenant (tag tenant:execution)"
        )
    };
    match kind {
        Kind::Service => make("create-service"),
        Kind::DnsRecord => make("create-dns-record"),
        Kind::ListenerRule => format!(
            "{}, on a listener of the load balancer to which the tenant's DNS record leads",
            make("create-listener-rule")
        ),
        Kind::TargetGroup => format!(
            "{}; then the listener rule in the same way, and give the service the new target group \
             (aws ecs update-service --load-balancers)",
            make("create-target-group")
        ),
        Kind::TaskDefinition => format!(
            "{}; then make the service use it (aws ecs update-service --task-definition)",
            make("register-task-definition")
        ),
        Kind::TaskRole => make("create-task-role"),
        Kind::AccessPoint => format!(
            "its files are still there: {}; then make a revision that mounts it with \
             {environment}-register-task-definition, and make the service use that \
             (aws ecs update-service --task-definition)",
            make("create-access-point")
        ),
        Kind::Database => format!(
            "restore the database {} and its user {} from a backup of the database server",
            names.database(),
            names.user()
        ),
        Kind::LogGroup => make("create-log-group"),
        Kind::SiteCredentials => make("create-site-credentials"),
        Kind::Files => format!("restore /wordpress/{tenant} from a backup of the file system"),
        Kind::Secret => format!(
            "if it is scheduled for deletion, restore it (aws secretsmanager restore-secret --secret-id {0}); otherwise \
             make {0} with a new password, and give the database user the same one",
            names.secret()
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::testing::{settings, tenant};

    #[test]
    fn every_kind_has_advice_that_names_the_tenant_and_functions_that_exist_and_deletes_nothing() {
        for &kind in Kind::ALL {
            let advice = advice(kind, &settings(&[]).names(&tenant()));
            assert!(advice.contains("123456789012"), "{advice}");
            assert!(
                !["teardown", "deprovision", "drop", "delete-"].iter().any(|word| advice.contains(word)),
                "{advice}"
            );
            for word in advice.split([' ', ',', ';', '(', ')']) {
                let is_function = word.strip_prefix("dev-").filter(|name| !name.starts_with("123456789012"));
                if let Some(function) = is_function {
                    assert!(Path::new("src/bin").join(format!("{function}.rs")).exists(), "{word}");
                }
                assert!(!word.starts_with("events/") || Path::new("..").join(word).exists(), "{word}");
            }
        }
    }
}
