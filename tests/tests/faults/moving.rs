//! Faults while a tenant of an earlier version is moved: it has the new mount, or everything is as before.

use std::sync::Arc;

use serde_json::json;
use tests::Stack;
use tests::proxy::{Fault, Kind, Watch};
use tests::stack::new_tenant_id;

use crate::checks::{failed_under_a_known_name, make_a_namesake, pieces, remove_the_namesake};
use crate::job::{Ending, Job, Run, must_survive};
use crate::updating::can_be_updated;
use crate::vanishing::outcome;

pub(crate) const MOVING: Job = Job { name: "move", run: |stack, watch, fault| Box::pin(run(stack, watch, fault)) };

async fn run(stack: &'static Stack, watch: Arc<Watch>, fault: Option<Fault>) -> Run {
    let tenant = new_tenant_id();
    make_a_namesake(stack, &tenant).await;
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    stack.make_one_of_an_earlier_version(&tenant).await;
    let before = pieces(stack, &tenant).await;
    let input = json!({"tenant_id": tenant, "move_content": true, "image": "pretend/wordpress:7"});
    let outcome = outcome(stack, &watch, fault.as_ref(), "update-tenant", &tenant, &input).await;
    let arn = outcome.arn.clone();
    let after = pieces(stack, &tenant).await;
    let vanished = fault.as_ref().is_some_and(|fault| matches!(fault.kind, Kind::Interrupted(_)));
    let must_succeed = watch.faulty_calls() == 0 || fault.as_ref().is_none_or(must_survive);
    let ending = if outcome.error.is_empty() || must_succeed {
        let result = outcome.succeeded();
        assert_eq!(result["current"]["mounts"], "content", "{result}");
        let more = "one more revision, one for jobs, and an access point";
        assert!(after.len() == before.len() + 3 || vanished, "{more}: {after:#?}");
        if watch.faulty_calls() == 0 { Ending::NotMet } else { Ending::Survived }
    } else if vanished {
        failed_under_a_known_name(outcome);
        Ending::Named
    } else {
        let (error, cause) = failed_under_a_known_name(outcome);
        let undone = cause["rolled_back"] == true || cause["step"] == "begin-update";
        // A lasting fault hits the way back as well, so the move need not be undone.
        let is_lasting = fault.as_ref().is_some_and(|fault| fault.lasting);
        let not_upgraded = cause["step"] == "upgrade-database";
        assert!(undone || not_upgraded || is_lasting, "{error}: {cause}");
        let is_as_before = without_the_secret(&after) == without_the_secret(&before);
        let is_noted = cause["notes"].as_array().is_some_and(|notes| !notes.is_empty());
        assert!(is_as_before || !undone || is_noted, "{error}: {cause}: {after:#?}");
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

/// The keys that the secret has got stay there after a move that failed: nobody reads them.
fn without_the_secret(pieces: &[String]) -> Vec<&String> {
    pieces.iter().filter(|piece| !piece.split(' ').any(|word| word == "secret")).collect()
}
