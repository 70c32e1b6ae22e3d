//! Random schedules: jobs on a few tenants, with random faults, are compared with a model of what must exist.
//!
//! `SEED` repeats a schedule, as far as the machine's own timing allows.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};
use tests::Stack;
use tests::deprovisioning::request;
use tests::kinds::complete;
use tests::proxy::{Call, Fault, Kind, Watch};
use tests::stack::new_tenant_id;
use tokio::task::JoinSet;

use crate::checks::{failed_under_a_known_name, without_the_log};

const TENANTS: u64 = 6;
const JOBS: usize = 5;
const KINDS: [Kind; 7] = [
    Kind::Throttled,
    Kind::Broken,
    Kind::Rejected,
    Kind::Reset,
    Kind::AnswerLost,
    Kind::KilledBefore,
    Kind::KilledAfter,
];

/// Pseudorandom numbers that depend only on the seed. Source: Steele, Lea, Flood: "Fast splittable pseudorandom number
/// generators", 2014.
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).expect("a small number")
    }

    fn of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// The calls of each job. Each of them may get a fault.
pub(crate) type Calls = BTreeMap<&'static str, Vec<Call>>;

#[derive(Clone, Copy, Debug)]
enum Act {
    Provision,
    Update,
    Deprovision,
}

impl Act {
    /// The name of the job, which is the key in [`Calls`].
    fn job(self) -> &'static str {
        match self {
            Self::Provision => "provision",
            Self::Update => "update",
            Self::Deprovision => "deprovision",
        }
    }

    fn machine(self) -> &'static str {
        match self {
            Self::Provision => "provision-tenant",
            Self::Update => "update-tenant",
            Self::Deprovision => "deprovision-tenant",
        }
    }

    fn input(self, tenant: &str, count: usize) -> Value {
        match self {
            Self::Provision => json!({"tenant_id": tenant}),
            Self::Update => {
                json!({"tenant_id": tenant, "desired_count": count, "image": format!("pretend/wordpress:{count}")})
            }
            Self::Deprovision => request(tenant),
        }
    }

    /// Whether the tenant exists after the job has succeeded.
    fn leaves_a_tenant(self) -> bool {
        !matches!(self, Self::Deprovision)
    }

    /// The error with which the job fails if the tenant exists, or does not. None if it succeeds.
    fn refusal(self, is_there: bool) -> Option<&'static str> {
        match (self, is_there) {
            (Self::Provision, true) => Some("TenantAlreadyExists"),
            (Self::Update | Self::Deprovision, false) => Some("TenantNotFound"),
            _ => None,
        }
    }
}

/// One job of a schedule.
struct Job {
    act: Act,
    count: usize,
    fault: Option<Fault>,
}

impl fmt::Display for Job {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.fault {
            Some(fault) => write!(formatter, "{:?} ({fault})", self.act),
            None => write!(formatter, "{:?}", self.act),
        }
    }
}

fn draw(random: &mut SplitMix, calls: &Calls) -> Job {
    let act = *random.of(&[Act::Provision, Act::Provision, Act::Update, Act::Deprovision]);
    let fault = Fault { call: random.of(&calls[act.job()]).clone(), kind: *random.of(&KINDS), lasting: false };
    let count = 1 + random.below(4);
    Job { act, count, fault: (random.below(3) > 0).then_some(fault) }
}

/// Runs schedules on several tenants at once.
pub(crate) async fn run(stack: &'static Stack, calls: &Calls) {
    let seed = std::env::var("SEED").map_or_else(|_| u64::from(std::process::id()), |seed| seed.parse().expect("SEED"));
    println!("random schedules: SEED={seed}");
    let calls = Arc::new(calls.clone());
    let mut running = JoinSet::new();
    for number in 0..TENANTS {
        let (random, calls) = (SplitMix(seed.wrapping_mul(TENANTS) + number), calls.clone());
        running.spawn(async move { schedule(stack, random, &calls).await });
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap_or_else(|error| panic!("SEED={seed}: {error}"));
    }
}

async fn schedule(stack: &Stack, mut random: SplitMix, calls: &Calls) {
    let tenant = new_tenant_id();
    let mut before = Vec::new();
    let mut history = Vec::new();
    for _ in 0..JOBS {
        let job = draw(&mut random, calls);
        history.push(job.to_string());
        before = one(stack, &tenant, job, before, &history).await;
    }
    // Two jobs at once. Their result is not predictable; but they end, and a teardown removes what they have left.
    let (first, second) = (draw(&mut random, calls), draw(&mut random, calls));
    history.push(format!("{first} and {second}"));
    println!("{tenant}: {}", history.join("; "));
    let ended = tokio::join!(
        stack.run(first.act.machine(), first.act.input(&tenant, first.count)),
        stack.run(second.act.machine(), second.act.input(&tenant, second.count)),
    );
    for outcome in [ended.0, ended.1].into_iter().filter(|outcome| !outcome.error.is_empty()) {
        failed_under_a_known_name(outcome);
    }
    stack
        .run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true}))
        .await
        .succeeded();
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new(), "{history:#?}");
}

/// Runs one job alone; returns what exists of the tenant afterwards.
async fn one(stack: &Stack, tenant: &str, job: Job, before: Vec<String>, history: &[String]) -> Vec<String> {
    let watch = Watch::new(job.fault.clone());
    let arn = stack.start_watched(&watch, job.act.machine(), &job.act.input(tenant, job.count)).await;
    let outcome = stack.ended(&arn).await;
    let mut after = stack.snapshot(tenant).await;
    let is_faulty = watch.faulty_calls() > 0;
    if outcome.error.is_empty() {
        assert_eq!(job.act.refusal(!before.is_empty()), None, "{history:#?}");
        let is_complete = after.len() >= complete();
        assert!(if job.act.leaves_a_tenant() { is_complete } else { after.is_empty() }, "{history:#?}: {after:#?}");
        return after;
    }
    let (error, cause) = failed_under_a_known_name(outcome);
    if !is_faulty {
        // The lock of an earlier update that could not release it stays valid for a while.
        let is_locked = matches!(job.act, Act::Update) && error == "ResourceConflict";
        let refusal = job.act.refusal(!before.is_empty());
        assert!(is_locked || refusal == Some(error.as_str()), "{history:#?}: {error}: {cause}");
    }
    if matches!(job.act, Act::Deprovision) && after != before {
        assert_eq!(error, "TeardownIncomplete", "{history:#?}: {cause}");
        // Everything may be gone: then the teardown has failed only at its last inventory.
        if !after.is_empty() {
            stack.run("deprovision-tenant", request(tenant)).await.succeeded();
            after = stack.snapshot(tenant).await;
            assert!(after.is_empty(), "{history:#?}: {after:#?}");
        }
        return after;
    }
    if error == "DeploymentFailed" && matches!(job.act, Act::Provision) && cause["kept"] != json!([]) {
        after = without_the_log(stack, tenant, after).await;
    }
    assert_eq!(after, before, "{history:#?}: {error}: {cause}");
    after
}
