//! Faults in an update: the tenant is in the new state, or as before.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tests::Stack;
use tests::proxy::{Fault, Kind, Watch};
use tests::stack::{new_tenant_id, text};
use tokio::time::interval;

use crate::checks::{failed_under_a_known_name, make_a_namesake, pieces, remove_the_namesake};
use crate::job::{Ending, Job, Run, must_survive};
use crate::vanishing::outcome;

pub(crate) const UPDATING: Job = Job { name: "update", run: |stack, watch, fault| Box::pin(run(stack, watch, fault)) };

async fn run(stack: &'static Stack, watch: Arc<Watch>, fault: Option<Fault>) -> Run {
    let tenant = new_tenant_id();
    make_a_namesake(stack, &tenant).await;
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    let before = pieces(stack, &tenant).await;
    let input = json!({"tenant_id": tenant, "image": "pretend/wordpress:7", "desired_count": 2});
    let outcome = outcome(stack, &watch, fault.as_ref(), "update-tenant", &tenant, &input).await;
    let arn = outcome.arn.clone();
    let after = pieces(stack, &tenant).await;
    let vanished = fault.as_ref().is_some_and(|fault| matches!(fault.kind, Kind::Interrupted(_)));
    let must_succeed = watch.faulty_calls() == 0 || fault.as_ref().is_none_or(must_survive);
    let ending = if outcome.error.is_empty() || must_succeed {
        let result = outcome.succeeded();
        assert_eq!(result["status"], "updated", "{result}");
        assert!(after.len() == before.len() + 2 || vanished, "one more revision, and one for jobs: {after:#?}");
        let described = stack.invoke("describe-tenant", &json!({"tenant_id": tenant})).await.expect("a tenant");
        assert_eq!(text(&described["task_definition"]["image"]), "pretend/wordpress:7", "{described}");
        if watch.faulty_calls() == 0 { Ending::NotMet } else { Ending::Survived }
    } else if vanished {
        failed_under_a_known_name(outcome);
        Ending::Named
    } else {
        let (error, cause) = failed_under_a_known_name(outcome);
        let undone = cause["rolled_back"] == true || cause["step"] == "begin-update";
        let not_upgraded = cause["step"] == "upgrade-database";
        // A lasting fault hits the way back as well, so the update need not be undone.
        assert!(undone || not_upgraded || fault.as_ref().is_some_and(|fault| fault.lasting), "{error}: {cause}");
        assert!(after == before || !undone, "{error}: {cause}: {after:#?}");
        if undone { Ending::Undone } else { Ending::Named }
    };
    if !vanished {
        can_be_updated(stack, &tenant).await;
    }
    stack
        .run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true}))
        .await
        .succeeded();
    assert_eq!(pieces(stack, &tenant).await, Vec::<String>::new());
    remove_the_namesake(stack, &tenant).await;
    Run { executions: vec![arn], secrets: watch.secrets(), ending }
}

/// Waits until the tenant can be updated. A lock that its holder could not release stays valid for as long as one of
/// the holder's functions may still be running.
pub(crate) async fn can_be_updated(stack: &Stack, tenant: &str) {
    let start = Instant::now();
    let mut tick = interval(Duration::from_secs(5));
    loop {
        tick.tick().await;
        let outcome = stack.run("update-tenant", json!({"tenant_id": tenant, "desired_count": 3})).await;
        if outcome.error != "ResourceConflict" || start.elapsed() > Duration::from_secs(90) {
            let result = outcome.succeeded();
            assert_eq!(result["current"]["desired_count"], 3, "{result}");
            return;
        }
    }
}
