//! `audit`: starts audit-tenants.

use serde_json::json;

use super::Operator;
use crate::arguments::Waiting;
use crate::failure::Result;

impl Operator<'_> {
    pub(super) async fn audit(&mut self, waiting: &Waiting) -> Result<()> {
        let title = format!("Audit of {}", self.environment.name);
        self.execute("audit-tenants", "audit", &json!({}), waiting, |_| title).await
    }
}
