//! Outages while visitors ask for a site: its database is out of reach, or an update is cut off.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use aws_sdk_sfn::types::{ExecutionStatus, HistoryEvent, HistoryEventType};
use serde_json::{Value, json};
use tests::Stack;
use tests::database_route::{Condition, DatabaseRoute};
use tests::site::{self, Site};
use tests::stack::text;
use tests::visits::{Visit, Visits};

use crate::sites::{FATAL, NEXT, provision, remove};

/// Six failed checks of the load balancer in a row replace a task, or three of the container, which is checked as often.
/// An outage lasts three times as long.
const CHECKS: usize = 3 * 6;
/// More than a task runs and lets wait at a time: with 512 MiB it runs 8, and twice as many wait.
const CROWD: usize = 30;

/// Waits until the load balancer has checked the site's tasks so often.
async fn checked(site: &Site, times: usize) {
    let (start, before) = (Instant::now(), site.health_checks().await);
    let mut tick = tokio::time::interval(Duration::from_millis(500));
    loop {
        tick.tick().await;
        let checks = site.health_checks().await - before;
        if checks >= times {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(240), "{checks} of {times} checks have reached the task");
    }
}

/// How many visits ended with each status.
fn statuses(visits: &[&Visit]) -> BTreeMap<u16, usize> {
    visits.iter().fold(BTreeMap::new(), |mut counts, visit| {
        *counts.entry(visit.status).or_default() += 1;
        counts
    })
}

/// Whoever comes during an outage is told so in this time: he waits 5 s for his turn, and 10 s for a connection.
const LONGEST: Duration = Duration::from_secs(30);
/// Whoever came before gets what the load balancer says after 60 s, at the latest: WordPress tries to connect again for
/// each query of a page that is half made, and a page waits 60 s for an answer of the server.
const LONGEST_OF_A_HALF_MADE_PAGE: Duration = Duration::from_secs(75);

/// A site that answers, and its tasks' own way to the database.
pub(super) async fn site_with_a_route(stack: &'static Stack) -> (Site, DatabaseRoute) {
    let (site, _) = provision(stack, json!({})).await;
    let route = DatabaseRoute::open().await;
    route.lead(stack, &site.tenant).await;
    let again = json!({"tenant_id": site.tenant, "force_new_deployment": true});
    stack.run("update-tenant", again).await.succeeded();
    site.answers(200).await;
    (site, route)
}

/// Lets visitors come to a site whose database gets out of reach in this way.
async fn outage(condition: Condition) {
    if !site::can_be_served() {
        return;
    }
    let (stack, _together) = Stack::with_sites().await;
    let (site, route) = site_with_a_route(stack).await;
    let tasks = site.tasks().await;

    // Some pages are being made when it begins, so that it also meets connections that exist.
    let visits = Visits::begin(&site, CROWD, Duration::from_millis(100));
    checked(&site, 1).await;
    route.be(condition).await;
    let begin = Instant::now();
    checked(&site, CHECKS).await;
    let visits = visits.end().await;

    let (meanwhile, before): (Vec<_>, Vec<_>) = visits.iter().partition(|visit| visit.began > begin);
    assert!(statuses(&before).contains_key(&200), "the site was served by this way to its database");
    let failed = statuses(&meanwhile);
    assert!(
        meanwhile.len() >= CROWD && failed.keys().all(|status| [500, 502, 503, 504].contains(status)),
        "{failed:?}"
    );
    for (visits, bound) in [(&meanwhile, LONGEST), (&before, LONGEST_OF_A_HALF_MADE_PAGE)] {
        let slowest = visits.iter().max_by_key(|visit| visit.took).unwrap();
        assert!(slowest.took < bound, "somebody waited too long: {slowest:?}, of {failed:?}");
    }

    route.be(Condition::Open).await;
    site.answers(200).await;
    assert_eq!(site.tasks().await, tasks, "no task was replaced");
    remove(stack, &site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_refuses_connections_replaces_no_task_and_the_site_heals() {
    outage(Condition::Refused).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_behind_a_network_that_drops_packets_replaces_no_task_and_the_site_heals() {
    outage(Condition::BlackHoled).await;
}

/// The states in which an update can be cut off: those that call something or wait.
fn moments(history: &[HistoryEvent]) -> BTreeSet<String> {
    let entered = history.iter().filter(|event| {
        matches!(event.r#type(), HistoryEventType::TaskStateEntered | HistoryEventType::WaitStateEntered)
    });
    entered.filter_map(|event| event.state_entered_event_details()).map(|details| details.name().to_owned()).collect()
}

/// Waits until an execution has entered a state, and stops it there. If it has ended before, nothing is stopped.
async fn cut_off(stack: &Stack, arn: &str, state: &str) {
    let start = Instant::now();
    let mut tick = tokio::time::interval(Duration::from_millis(50));
    loop {
        tick.tick().await;
        if moments(&stack.history(arn).await).contains(state) {
            // A refusal says that it has ended meanwhile, as the assertion below sees.
            let _ = stack.sfn.stop_execution().execution_arn(arn).cause("a test").send().await;
            break;
        }
        let execution = stack.sfn.describe_execution().execution_arn(arn).send().await.unwrap();
        if execution.status != ExecutionStatus::Running {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(120), "{arn} did not enter {state:?}");
    }
    let ended = stack.ended(arn).await.status;
    assert!([ExecutionStatus::Aborted, ExecutionStatus::Succeeded].contains(&ended), "{arn}: {ended}");
}

/// Updates a tenant as soon as the update that was cut off no longer has it: one of its functions may still work.
async fn update_after_another(stack: &Stack, input: &Value) -> Value {
    let start = Instant::now();
    let mut tick = tokio::time::interval(Duration::from_secs(5));
    loop {
        tick.tick().await;
        let outcome = stack.run("update-tenant", input.clone()).await;
        let waits = outcome.error == "ResourceConflict" && text(&outcome.cause["message"]).contains("may still work");
        if !waits || start.elapsed() > Duration::from_secs(300) {
            return outcome.succeeded();
        }
    }
}

/// Provisions a site, cuts its update to `image` off in this state, and updates it to the next release. Somebody asks
/// for it all the while.
async fn update_that_is_cut_off(stack: &'static Stack, image: &str, state: &str) {
    let (site, _) = provision(stack, json!({})).await;
    site.answers(200).await;
    let visits = Visits::begin(&site, 1, Duration::from_millis(500));
    let update = json!({"tenant_id": site.tenant, "image": image});
    let arn = stack.start("update-tenant", &update).await;
    cut_off(stack, &arn, state).await;
    let next = json!({"tenant_id": site.tenant, "image": NEXT});
    let updated = update_after_another(stack, &next).await;
    assert_eq!(updated["current"]["image"], NEXT, "{updated}");
    checked(&site, 3).await;
    let visits = visits.end().await;

    let versions: BTreeSet<_> = visits.iter().map(|visit| visit.version.as_str()).collect();
    let (old, new) = (&visits.first().unwrap().version, &visits.last().unwrap().version);
    assert_eq!(
        statuses(&visits.iter().collect::<Vec<_>>()).into_keys().collect::<Vec<_>>(),
        [200],
        "cut off in {state:?}"
    );
    assert!(old != new && versions == BTreeSet::from([old.as_str(), new]), "cut off in {state:?}: {versions:?}");
    remove(stack, &site).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_that_is_cut_off_at_any_moment_leaves_the_site_served_and_the_next_one_succeeds() {
    if !site::can_be_served() {
        return;
    }
    let (stack, _together) = Stack::with_sites().await;
    let (whole, _) = provision(stack, json!({})).await;
    let update = json!({"tenant_id": whole.tenant, "image": NEXT});
    let arn = stack.start("update-tenant", &update).await;
    stack.ended(&arn).await.succeeded();
    let moments = moments(&stack.history(&arn).await);
    remove(stack, &whole).await;

    // A broken release is never served, whether anybody watches over its deployment or not.
    let broken = (FATAL, "Check the deployment".to_owned());
    assert!(moments.contains(&broken.1) && moments.len() >= 5, "{moments:?}");
    let all = moments.into_iter().map(|state| (NEXT, state)).chain([broken]);
    let updates: Vec<_> = all
        .map(|(image, state)| tokio::spawn(async move { update_that_is_cut_off(stack, image, &state).await }))
        .collect();
    for update in updates {
        update.await.unwrap();
    }
}
