//! `list`: all pages of list-tenants.

use serde_json::{Value, json};

use super::{Operator, cell, entries, object, tasks, text};
use crate::arguments::List;
use crate::failure::{Failure, Result};
use crate::table::Table;

/// Tenants of a page: the most that list-tenants gives.
const PAGE: u32 = 100;
/// More pages than any environment has.
const PAGES: usize = 1000;

impl Operator<'_> {
    pub(super) async fn list(&mut self, options: &List) -> Result<()> {
        let listed = self.all_tenants(options).await?;
        let mut table = Table::new(&[
            "TENANT",
            "STATUS",
            "TITLE",
            "TASKS",
            "HEALTHY",
            "SIZE",
            "WORDPRESS",
            "IMAGE",
            "CREATED",
            "URL",
            "LACKS",
        ]);
        for tenant in entries(&listed, "tenants") {
            let size = match (tenant.get("cpu"), tenant.get("memory")) {
                (Some(cpu), Some(memory)) => format!("{cpu}/{memory}"),
                _ => String::new(),
            };
            table.row([
                cell(tenant, "tenant_id"),
                cell(tenant, "status"),
                cell(tenant, "title"),
                tasks(tenant),
                cell(tenant, "healthy_count"),
                size,
                cell(tenant, "wordpress_version"),
                short(text(tenant, "image")).to_owned(),
                cell(tenant, "created_at"),
                cell(tenant, "url"),
                cell(tenant, "lacks"),
            ]);
        }
        self.screen.table(&listed, &table);
        let total = entries(&listed, "tenants").len();
        self.screen.remark(&format!("{total} tenants in {}", self.environment.name));
        Ok(())
    }

    async fn all_tenants(&mut self, options: &List) -> Result<Value> {
        let mut tenants = Vec::new();
        // One status is looked for by the function. Of several, the answers are looked through here.
        let status = options.status.first().filter(|_| options.status.len() == 1);
        let mut input =
            object([("limit", json!(PAGE)), ("status", json!(status)), ("environment", json!(self.environment.name))]);
        for page in 0.. {
            if page == PAGES {
                return Err(Failure::new("Internal", format!("list-tenants has more than {PAGES} pages")));
            }
            let answer = self.environment.call("list-tenants", &input).await?;
            tenants.extend(entries(&answer, "tenants").iter().filter(|tenant| is_wanted(options, tenant)).cloned());
            match answer.get("next_token").filter(|token| !token.is_null()) {
                Some(token) => input["next_token"] = token.clone(),
                None => break,
            }
            self.screen.live(&format!("{} tenants so far", tenants.len()));
        }
        Ok(json!({"environment": self.environment.name, "total": tenants.len(), "tenants": tenants}))
    }
}

fn is_wanted(options: &List, tenant: &Value) -> bool {
    let status = text(tenant, "status").to_owned();
    (options.status.is_empty() || options.status.contains(&status)) && !options.not.contains(&status)
}

/// An image without its registry.
fn short(image: &str) -> &str {
    image.rsplit('/').next().unwrap_or(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(status: &[&str], not: &[&str]) -> bool {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        is_wanted(&List { status: texts(status), not: texts(not) }, &json!({"status": "partial"}))
    }

    #[test]
    fn tenants_are_chosen_by_one_status_of_several_or_by_not_having_one() {
        assert!(wanted(&[], &[]) && wanted(&["active", "partial"], &[]) && wanted(&[], &["active"]));
        assert!(!wanted(&["active", "degraded"], &[]) && !wanted(&[], &["active", "partial"]));
    }

    #[test]
    fn an_image_is_shown_without_its_registry() {
        assert_eq!(short("public.ecr.aws/docker/library/wordpress:7.1"), "wordpress:7.1");
        assert_eq!(short("wordpress"), "wordpress");
    }
}
