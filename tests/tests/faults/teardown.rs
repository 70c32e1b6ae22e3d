//! Faults in a teardown in the name of an owner, as in a rollback.

use std::sync::Arc;

use serde_json::json;
use tests::Stack;
use tests::proxy::{Fault, Watch};
use tests::stack::new_tenant_id;

use crate::checks::{make_a_namesake, remove_the_namesake};
use crate::deprovisioning::removed;
use crate::job::{Job, Run};

pub(crate) const TEARDOWN: Job =
    Job { name: "teardown", run: |stack, watch, fault| Box::pin(run(stack, watch, fault)) };

async fn run(stack: &'static Stack, watch: Arc<Watch>, fault: Option<Fault>) -> Run {
    let tenant = new_tenant_id();
    make_a_namesake(stack, &tenant).await;
    let provisioned = stack.run("provision-tenant", json!({"tenant_id": tenant})).await;
    let owner = provisioned.arn.clone();
    provisioned.succeeded();
    let input = json!({"tenant_id": tenant, "owner": owner, "force_delete_secret": true});
    let (_, ending) = removed(stack, &watch, fault, "teardown-tenant", &tenant, &input).await;
    remove_the_namesake(stack, &tenant).await;
    // The end of a teardown is not reported by an event.
    Run { executions: Vec::new(), secrets: watch.secrets(), ending }
}
