//! The title with which a site was made, in the description of its site credentials. People find the tenant by it in the
//! list of tenants. What the customer changes in WordPress later does not change it.

use shared::{Site, TenantId};

/// The description of the site credentials: it names the tenant and the title.
pub(crate) fn description(tenant: &TenantId, site: &Site) -> String {
    let about = about(tenant);
    site.title.as_ref().map_or(about.clone(), |title| format!("{about}: {title}"))
}

/// The title in such a description.
pub(crate) fn title_in<'a>(description: &'a str, tenant: &TenantId) -> Option<&'a str> {
    description.strip_prefix(&about(tenant))?.strip_prefix(": ")
}

fn about(tenant: &TenantId) -> String {
    format!("Administrator of the site of tenant {tenant}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::tenant;

    #[test]
    fn the_title_of_a_site_is_read_back_from_the_description() {
        let site: Site = serde_json::from_value(json!({"title": "Cheese: & Sons"})).unwrap();
        assert_eq!(title_in(&description(&tenant(), &site), &tenant()), Some("Cheese: & Sons"));
        for other in [&*description(&tenant(), &Site::default()), "somebody else's words"] {
            assert_eq!(title_in(other, &tenant()), None);
        }
    }
}
