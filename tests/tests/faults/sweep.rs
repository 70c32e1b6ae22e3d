//! Runs a job with each of its faults, several runs at a time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use tests::bus::EventQueue;
use tests::kinds::victims;
use tests::proxy::{Call, Fault, Kind, Watch};
use tests::stack::new_tenant_id;
use tests::{Stack, logs};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};

use crate::job::{Job, Run};
use crate::schedules::{self, Calls};
use crate::table::Table;

/// Runs at a time. There can be more than processors, because they mostly wait.
const AT_ONCE: usize = 12;
/// Runs at a time whose calls are always throttled. They are retried for minutes, and do nothing meanwhile.
const THROTTLED_AT_ONCE: usize = 32;

const ALL: [(Kind, bool); 14] = [
    (Kind::Throttled, false),
    (Kind::Broken, false),
    (Kind::Rejected, false),
    (Kind::Reset, false),
    (Kind::AnswerLost, false),
    (Kind::AnswerLate, false),
    (Kind::KilledBefore, false),
    (Kind::KilledAfter, false),
    (Kind::Stale, false),
    (Kind::Throttled, true),
    (Kind::Reset, true),
    (Kind::AnswerLost, true),
    (Kind::KilledBefore, true),
    (Kind::KilledAfter, true),
];

/// A run that has ended: its job, its fault, the watch with its calls, and its result.
type Ended = (&'static str, Fault, Arc<Watch>, Result<Run, JoinError>);

/// The runs of all jobs, and a bystander: a tenant that must stay as it is.
pub(crate) struct Sweep {
    stack: &'static Stack,
    bus: EventQueue,
    bystander: String,
    before: Vec<String>,
    begun: Instant,
    calls: Calls,
    turns: Arc<Semaphore>,
    turns_of_the_throttled: Arc<Semaphore>,
    running: JoinSet<Ended>,
    table: Table,
    runs: Vec<Run>,
    /// The executions whose conclusion cannot be started, because start-conclusion always has a fault.
    unconcluded: BTreeSet<String>,
    wrong: Vec<String>,
}

impl Sweep {
    /// Provisions the bystander, and begins to collect events.
    pub(crate) async fn begin(stack: &'static Stack) -> Self {
        let bus = stack.announcements().await;
        let bystander = new_tenant_id();
        stack.run("provision-tenant", json!({"tenant_id": bystander})).await.succeeded();
        Self {
            stack,
            bus,
            before: stack.snapshot(&bystander).await,
            bystander,
            begun: Instant::now(),
            calls: Calls::new(),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            turns_of_the_throttled: Arc::new(Semaphore::new(THROTTLED_AT_ONCE)),
            running: JoinSet::new(),
            table: Table::default(),
            runs: Vec::new(),
            unconcluded: BTreeSet::new(),
            wrong: Vec::new(),
        }
    }

    /// Runs the job without faults to learn its calls, and starts a run for each fault of each call.
    pub(crate) async fn over(&mut self, job: &Job) {
        let watch = Watch::new(None);
        self.runs.push((job.run)(self.stack, watch.clone(), None).await);
        let calls = watch.calls();
        let mut faults = faults(&calls);
        if let Ok(wanted) = std::env::var("FAULT") {
            faults.retain(|fault| format!("{}: {fault}", job.name).contains(&wanted));
        }
        self.say(&format!("{}: {} calls, {} runs", job.name, calls.len(), faults.len()));
        for fault in faults {
            let watch = Watch::new(Some(fault.clone()));
            let run = (job.run)(self.stack, watch.clone(), Some(fault.clone()));
            let waits = fault.kind == Kind::Throttled && fault.lasting;
            let turns = if waits { &self.turns_of_the_throttled } else { &self.turns };
            let (turns, name) = (turns.clone(), job.name);
            self.running.spawn(async move {
                let _turn = turns.acquire_owned().await.expect("a turn");
                (name, fault, watch, tokio::spawn(run).await)
            });
        }
        self.calls.insert(job.name, calls);
    }

    /// Waits for all runs.
    pub(crate) async fn done(&mut self) {
        while let Some(ended) = self.running.join_next().await {
            let (job, fault, watch, ended) = ended.expect("a run");
            self.table.note(job, &fault, ended.as_ref().ok().map(|run| run.ending));
            match ended {
                Ok(run) => {
                    if fault.lasting && fault.call.function == "start-conclusion" {
                        self.unconcluded.extend(run.executions.iter().cloned());
                    }
                    self.runs.push(run);
                }
                Err(error) => {
                    let reason = error.into_panic();
                    let reason = reason.downcast_ref::<String>().cloned().unwrap_or_default();
                    let calls: Vec<_> = watch.calls().iter().map(Call::to_string).collect();
                    self.say(&format!("WRONG {job}: {fault}: {reason}\nthe calls until then: {}", calls.join(", ")));
                    self.wrong.push(format!("make faults FAULT='{job}: {fault}'"));
                }
            }
            if self.running.len().is_multiple_of(20) {
                self.say(&format!("{} still to run", self.running.len()));
            }
        }
    }

    /// Runs jobs at random, with faults at calls that the runs without faults have made.
    pub(crate) async fn at_random(&self) {
        schedules::run(self.stack, &self.calls).await;
    }

    /// Checks what concerns all runs together: the bystander, the secrets, the events.
    pub(crate) async fn end(mut self) {
        println!("{}", self.table);
        assert_eq!(self.stack.snapshot(&self.bystander).await, self.before, "the bystander is as before");
        let secrets: Vec<_> = self.runs.iter().flat_map(|run| &run.secrets).cloned().collect();
        let executions: Vec<_> = self.runs.iter().flat_map(|run| &run.executions).cloned().collect();
        let mut texts = logs::of_functions(self.stack).await;
        assert!(!secrets.is_empty() && !texts.is_empty());
        for event in self.bus.one_about_each(&executions, &self.unconcluded).await {
            texts.push(event.to_string());
        }
        for execution in &executions {
            texts.extend(self.stack.written(execution).await);
        }
        let texts = texts.join("\n");
        let leaked: Vec<_> = secrets.iter().filter(|secret| texts.contains(*secret)).collect();
        assert!(leaked.is_empty(), "{} passwords are in a log, an event or a history", leaked.len());
        self.bus.close().await;
        assert!(self.wrong.is_empty(), "these runs went wrong. To run one again alone:\n{}", self.wrong.join("\n"));
        if let (Ok(file), Err(_)) = (std::env::var("FAULTS_TABLE"), std::env::var("FAULT")) {
            self.table.write_into(&file);
        }
    }

    fn say(&self, what: &str) {
        println!("{:>5} s  {what}", self.begun.elapsed().as_secs());
    }
}

/// Whether every kind of fault is asked for.
pub(crate) fn takes_all() -> bool {
    std::env::var("FAULTS").is_ok_and(|faults| faults == "all")
}

/// Every kind of fault for each call, or only the main ones.
fn faults(calls: &[Call]) -> Vec<Fault> {
    let takes_all = takes_all() || std::env::var("FAULT").is_ok();
    let mut faults = BTreeSet::new();
    for (index, call) in calls.iter().enumerate() {
        let kinds = ALL.iter().filter(|(kind, lasting)| fits(call, *kind, *lasting));
        let kinds = kinds.filter(|(kind, lasting)| takes_all || is_main(call, *kind, *lasting));
        faults.extend(kinds.map(|(kind, lasting)| (call.clone(), *kind, *lasting)));
        let is_first = calls[..index].iter().all(|earlier| earlier.function != call.function);
        if takes_all || is_first {
            let victims = victims(&call.function);
            faults.extend(victims.map(|victim| (call.clone(), Kind::Interrupted(victim), false)));
        }
    }
    faults.into_iter().map(|(call, kind, lasting)| Fault { call, kind, lasting }).collect()
}

/// Whether the fault is possible for the call, and has another effect than the other faults.
fn fits(call: &Call, kind: Kind, lasting: bool) -> bool {
    let is_mysql = call.operation.starts_with("mysql:");
    let fits = match kind {
        Kind::Throttled | Kind::Broken | Kind::Rejected => !is_mysql,
        Kind::Stale => is_read(&call.operation) && call.number > 1,
        Kind::AnswerLost | Kind::AnswerLate | Kind::KilledAfter => call.operation != "mysql:connect",
        _ => true,
    };
    // A lasting fault begins at the first call to an operation.
    fits && (!lasting || call.number == 1)
}

/// The two main faults: for calls that have an effect, one after which the whole step is repeated and must still
/// succeed; and for all calls, one that makes the job fail.
fn is_main(call: &Call, kind: Kind, lasting: bool) -> bool {
    match kind {
        Kind::KilledAfter => !lasting && !is_read(&call.operation),
        Kind::Rejected => true,
        _ => false,
    }
}

fn is_read(operation: &str) -> bool {
    let name = operation.split(':').nth(1).unwrap_or_default();
    ["Describe", "List", "Get"].iter().any(|verb| name.starts_with(verb))
}
