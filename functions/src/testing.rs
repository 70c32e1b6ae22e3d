//! What the unit tests of this crate share.

use shared::{Owner, Settings, TenantId};

pub(crate) fn tenant() -> TenantId {
    TenantId::try_from("123456789012".to_owned()).unwrap()
}

pub(crate) fn owner() -> Owner {
    execution("mine")
}

pub(crate) fn other_owner() -> Owner {
    execution("theirs")
}

fn execution(name: &str) -> Owner {
    Owner::try_from(format!("arn:aws:states:eu-west-1:536580886816:execution:dev-provision-tenant:{name}")).unwrap()
}

/// Settings of a dev stack, with `extra` added.
pub(crate) fn settings(extra: &[(&str, &str)]) -> Settings {
    let common = [("ENVIRONMENT", "dev"), ("DOMAIN", "example.com"), ("AWS_REGION", "eu-west-1")];
    Settings::new(common.iter().chain(extra).map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))).unwrap()
}
