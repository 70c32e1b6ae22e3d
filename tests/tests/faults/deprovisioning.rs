//! Faults in a deprovisioning: nothing is left, or the error names what is left.

use std::sync::Arc;

use serde_json::{Value, json};
use tests::Stack;
use tests::deprovisioning::request;
use tests::proxy::{Fault, Watch};
use tests::stack::new_tenant_id;

use crate::checks::{failed_under_a_known_name, make_a_namesake, pieces, remove_the_namesake};
use crate::job::{Ending, Job, Run, must_survive};
use crate::vanishing::outcome;

pub(crate) const DEPROVISIONING: Job =
    Job { name: "deprovision", run: |stack, watch, fault| Box::pin(run(stack, watch, fault)) };

async fn run(stack: &'static Stack, watch: Arc<Watch>, fault: Option<Fault>) -> Run {
    let tenant = new_tenant_id();
    let input = request(&tenant);
    make_a_namesake(stack, &tenant).await;
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    let (arn, ending) = removed(stack, &watch, fault, "deprovision-tenant", &tenant, &input).await;
    remove_the_namesake(stack, &tenant).await;
    Run { executions: vec![arn], secrets: watch.secrets(), ending }
}

/// Runs a machine that removes a tenant, with the fault. If something is left, runs it again without the fault.
pub(crate) async fn removed(
    stack: &Stack,
    watch: &Watch,
    fault: Option<Fault>,
    machine: &str,
    tenant: &str,
    input: &Value,
) -> (String, Ending) {
    let outcome = outcome(stack, watch, fault.as_ref(), machine, tenant, input).await;
    let arn = outcome.arn.clone();
    let left = pieces(stack, tenant).await;
    let must_succeed = watch.faulty_calls() == 0 || fault.as_ref().is_none_or(must_survive);
    let ending = if outcome.error.is_empty() || must_succeed {
        let result = outcome.succeeded();
        assert_eq!(left, Vec::<String>::new(), "{result}");
        if watch.faulty_calls() == 0 { Ending::NotMet } else { Ending::Survived }
    } else {
        let (error, cause) = failed_under_a_known_name(outcome);
        let named = cause["leftovers"].as_array().is_some_and(|leftovers| !leftovers.is_empty());
        assert!(left.is_empty() || named || error != "TeardownIncomplete", "{error}: {cause}: {left:#?}");
        if !left.is_empty() {
            stack.run(machine, input.clone()).await.succeeded();
        }
        assert_eq!(pieces(stack, tenant).await, Vec::<String>::new());
        Ending::Named
    };
    (arn, ending)
}
