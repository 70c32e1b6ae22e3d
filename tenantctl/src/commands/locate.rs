//! `locate`: locate-tenant.

use serde_json::{Value, json};

use super::{Operator, cell, entries, object, tasks};
use crate::arguments::Locate;
use crate::failure::Result;
use crate::table::Table;

impl Operator<'_> {
    pub(super) async fn locate(&mut self, options: &Locate) -> Result<()> {
        let environments = if options.environments.is_empty() { Value::Null } else { json!(options.environments) };
        let input = object([("tenant_id", json!(options.tenant.tenant_id)), ("environments", environments)]);
        let located = self.environment.call("locate-tenant", &input).await?;
        let mut table =
            Table::new(&["ENVIRONMENT", "STATUS", "ACCOUNT", "REGION", "TASKS", "WORDPRESS", "URL", "MESSAGE"]);
        for place in entries(&located, "environments") {
            let fields = ["environment", "status", "account", "region"].map(|field| cell(place, field));
            let more = ["wordpress_version", "url", "message"].map(|field| cell(place, field));
            table.row(fields.into_iter().chain([tasks(place)]).chain(more));
        }
        self.screen.table(&located, &table);
        Ok(())
    }
}
