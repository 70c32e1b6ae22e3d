//! Faults in a provisioning: the tenant is complete, or nothing is left.

use std::sync::Arc;

use serde_json::json;
use tests::Stack;
use tests::kinds::complete;
use tests::proxy::{Fault, Kind, Watch};
use tests::stack::new_tenant_id;

use crate::checks::{failed_under_a_known_name, make_a_namesake, pieces, remove_the_namesake, without_the_log};
use crate::job::{Ending, Job, Run, must_survive};
use crate::vanishing::outcome;

pub(crate) const PROVISIONING: Job =
    Job { name: "provision", run: |stack, watch, fault| Box::pin(run(stack, watch, fault)) };

async fn run(stack: &'static Stack, watch: Arc<Watch>, fault: Option<Fault>) -> Run {
    let tenant = new_tenant_id();
    make_a_namesake(stack, &tenant).await;
    let input = json!({"tenant_id": tenant});
    let outcome = outcome(stack, &watch, fault.as_ref(), "provision-tenant", &tenant, &input).await;
    let arn = outcome.arn.clone();
    let mut left = pieces(stack, &tenant).await;
    let must_succeed = watch.faulty_calls() == 0 || fault.as_ref().is_none_or(must_survive);
    let ending = if outcome.error.is_empty() || must_succeed {
        let result = outcome.succeeded();
        let vanished = fault.is_some_and(|fault| matches!(fault.kind, Kind::Interrupted(_)));
        assert!(left.len() == complete() || vanished, "{result}: {left:#?}");
        stack
            .run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true}))
            .await
            .succeeded();
        assert_eq!(pieces(stack, &tenant).await, Vec::<String>::new());
        if watch.faulty_calls() == 0 { Ending::NotMet } else { Ending::Survived }
    } else {
        let (error, cause) = failed_under_a_known_name(outcome);
        assert_eq!(cause["leftovers"], json!([]), "{error}: {cause}");
        if error == "DeploymentFailed" && cause["kept"] != json!([]) {
            left = without_the_log(stack, &tenant, left).await;
        }
        assert_eq!(left, Vec::<String>::new(), "{error}: {cause}");
        let directory = stack.all_files().await.join(&tenant);
        assert!(!directory.exists(), "{error}: {cause}");
        Ending::Undone
    };
    remove_the_namesake(stack, &tenant).await;
    Run { executions: vec![arn], secrets: watch.secrets(), ending }
}
