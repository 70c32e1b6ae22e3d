//! Who made a resource: the execution that created it, recorded in the resource's tags.
//!
//! Every step may run twice, and a rollback must never harm a tenant that existed before. Both depend on these tags: a
//! create step returns a resource of its own execution, and a rollback deletes only those; all other resources are left
//! unchanged.

use uuid::Uuid;

use crate::{EnvironmentName, TenantId, checked_text};

/// Tag that carries the tenant's id.
pub const TAG_TENANT: &str = "tenant:id";
/// Tag that carries the environment.
pub const TAG_ENVIRONMENT: &str = "tenant:environment";
/// Tag of every resource that this project made.
pub const TAG_MANAGED_BY: &str = "tenant:managed-by";
/// Value of [`TAG_MANAGED_BY`].
pub const MANAGED_BY: &str = "tenant-management";
/// Tag that carries the owner.
pub const TAG_EXECUTION: &str = "tenant:execution";
/// Tag of a load balancer of several listeners: the ARN of the one that has tenants' rules.
pub const TAG_LISTENER: &str = "tenant:listener";
/// Tag of a tenant's secret: the signup that asked for the tenant.
pub const TAG_SIGNUP: &str = "tenant:signup";
/// Tag of a suspended tenant's service: the desired count after resuming.
pub const TAG_RESUME_COUNT: &str = "tenant:resume-count";

/// Maximum length of an ARN. AWS allows 256 characters in a tag's value.
const LONGEST: usize = 256;

checked_text! {
    /// The ARN of the Step Functions execution that created a resource.
    Owner, check
}

impl Owner {
    /// A token for AWS's idempotent calls. It is always the same for this owner and `resource`. It has 36 characters,
    /// which every such call accepts.
    pub fn idempotency_token(&self, resource: &str) -> String {
        token(&self.0, resource)
    }
}

/// A name that is always the same for this execution and purpose. It has 36 letters, digits and hyphens.
pub fn token(execution: &str, purpose: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{execution}/{purpose}").as_bytes()).to_string()
}

fn check(arn: &str) -> Result<(), String> {
    // Step Functions allows more characters in an execution's name than Elastic Load Balancing allows in a tag.
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+-=._:/@".contains(&byte);
    if arn.starts_with("arn:") && arn.contains(":states:") && arn.len() <= LONGEST && arn.bytes().all(allowed) {
        Ok(())
    } else {
        Err(format!(
            "{arn:?} is not an owner: allowed is the ARN of a Step Functions execution, at most {LONGEST} \
             letters, digits and + - = . _ : / @: give the execution another name"
        ))
    }
}

/// The tags, as key and value, of every resource of a tenant.
pub fn tags(environment: EnvironmentName, tenant: &TenantId, owner: &Owner) -> [(&'static str, String); 4] {
    [
        (TAG_TENANT, tenant.to_string()),
        (TAG_ENVIRONMENT, environment.to_string()),
        (TAG_MANAGED_BY, MANAGED_BY.to_owned()),
        (TAG_EXECUTION, owner.to_string()),
    ]
}

/// The owner in a resource's tags; `None` when this project did not make the resource.
pub fn owner_in<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<Owner> {
    tags.into_iter()
        .find(|(key, _)| *key == TAG_EXECUTION)
        .and_then(|(_, value)| Owner::try_from(value.to_owned()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(name: &str) -> Owner {
        Owner::try_from(format!("arn:aws:states:eu-west-1:536580886816:execution:dev-provision-tenant:{name}")).unwrap()
    }

    #[test]
    fn a_token_is_stable_for_an_owner_and_resource_and_differs_otherwise() {
        let token = owner("a").idempotency_token("access-point");
        assert_eq!(token, owner("a").idempotency_token("access-point"));
        assert_ne!(token, owner("a").idempotency_token("service"));
        assert_ne!(token, owner("b").idempotency_token("access-point"));
        assert!(token.len() <= 36);
    }

    #[test]
    fn the_owner_is_read_back_from_the_tags() {
        let tenant = TenantId::try_from("123456789012".to_owned()).unwrap();
        let tags = tags(EnvironmentName::Dev, &tenant, &owner("a"));
        assert_eq!(owner_in(tags.iter().map(|(key, value)| (*key, value.as_str()))), Some(owner("a")));
        assert_eq!(owner_in([("Name", "dev-123456789012-ap")]), None);
    }

    #[test]
    fn text_that_is_no_execution_is_no_owner() {
        let unfit_for_a_tag = owner("x").to_string() + "(1)";
        for bad in ["", "me", "arn:aws:s3:::bucket", &unfit_for_a_tag] {
            assert!(Owner::try_from(bad.to_owned()).is_err(), "{bad}");
        }
    }
}
