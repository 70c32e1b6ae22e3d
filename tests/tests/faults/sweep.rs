//! All faults of a job, several at a time.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use tests::Stack;
use tests::bus::Ear;
use tests::proxy::{Call, Fault, Kind, Watch};
use tests::stack::new_tenant_id;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::job::{Job, Run};
use crate::schedules;
use crate::table::Table;
use crate::vanishing::victims;

/// They mostly wait.
const AT_ONCE: usize = 8;

/// What CI takes: one fault that is survived although everything is done again, and one that is not survived.
const SHORT: [(Kind, bool); 2] = [(Kind::KilledAfter, false), (Kind::Rejected, false)];

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

/// The runs of all jobs, and a bystander.
pub(crate) struct Sweep {
    stack: &'static Stack,
    bus: Ear,
    bystander: String,
    before: Vec<String>,
    begun: Instant,
    table: Table,
    runs: Vec<Run>,
    wrong: Vec<String>,
    calls: Vec<Call>,
}

impl Sweep {
    /// Provisions a bystander, and listens to what is announced.
    pub(crate) async fn begin(stack: &'static Stack) -> Self {
        let bus = stack.announcements().await;
        let bystander = new_tenant_id();
        stack.run("provision-tenant", json!({"tenant_id": bystander})).await.succeeded();
        let before = stack.snapshot(&bystander).await;
        let begun = Instant::now();
        let (table, runs, wrong, calls) = Default::default();
        Self { stack, bus, bystander, before, begun, table, runs, wrong, calls }
    }

    /// Spoils each call of a clean run of the job, in each way.
    pub(crate) async fn over(&mut self, job: &impl Job) {
        let watch = Watch::new(None);
        self.runs.push(job.run(self.stack, watch.clone(), None).await);
        let mut faults = faults(&watch.calls());
        self.calls.extend(watch.calls());
        if let Ok(one) = std::env::var("FAULT") {
            faults.retain(|fault| format!("{}: {fault}", job.name()) == one);
        }
        self.say(format!("{}: {} calls, {} runs", job.name(), watch.calls().len(), faults.len()));
        let turn = Arc::new(Semaphore::new(AT_ONCE));
        let mut running = JoinSet::new();
        for fault in faults {
            let watch = Watch::new(Some(fault.clone()));
            let run = job.run(self.stack, watch, Some(fault.clone()));
            let turn = turn.clone();
            running.spawn(async move {
                let _turn = turn.acquire_owned().await.expect("a turn");
                (fault, tokio::spawn(run).await)
            });
        }
        while let Some(ended) = running.join_next().await {
            let (fault, ended) = ended.expect("a run");
            self.table.note(job.name(), &fault, ended.as_ref().ok().map(|run| run.ending));
            match ended {
                Ok(run) => self.runs.push(run),
                Err(error) => {
                    let reason = error.into_panic();
                    let reason = reason.downcast_ref::<String>().cloned().unwrap_or_default();
                    self.say(format!("WRONG {}: {fault}: {reason}", job.name()));
                    self.wrong.push(format!("FAULT={:?}", format!("{}: {fault}", job.name())));
                }
            }
            if self.runs.len().is_multiple_of(20) {
                self.say(format!("{}: {} still to run", job.name(), running.len()));
            }
        }
    }

    /// Runs jobs at random, spoilt at calls of those that were swept.
    pub(crate) async fn at_random(&self) {
        schedules::run(self.stack, &self.calls).await;
    }

    /// Checks what is common to all runs: the bystander, the secrets, the announcements.
    pub(crate) async fn end(mut self) {
        println!("{}", self.table);
        if takes_all() && self.wrong.is_empty() {
            self.table.write_into("../README.md");
        }
        assert_eq!(self.stack.snapshot(&self.bystander).await, self.before, "the bystander is as before");
        let secrets: Vec<_> = self.runs.iter().flat_map(|run| &run.secrets).cloned().collect();
        let executions: Vec<_> = self.runs.iter().flat_map(|run| &run.executions).cloned().collect();
        for execution in &executions {
            let event = self.bus.the_one_about(execution).await;
            let written = self.stack.written(execution).await.join("\n");
            for text in [&written, &event.to_string()] {
                assert!(!secrets.iter().any(|secret| text.contains(secret)), "a password is in {execution}");
            }
        }
        let logs = tests::logs::of_functions(self.stack).await;
        assert!(!secrets.is_empty() && !logs.is_empty());
        for line in logs {
            assert!(!secrets.iter().any(|secret| line.contains(secret)), "a password is in a log");
        }
        self.bus.close().await;
        assert!(self.wrong.is_empty(), "wrong, each to be run again alone with:\n{}", self.wrong.join("\n"));
    }

    fn say(&self, what: String) {
        println!("{:>5} s  {what}", self.begun.elapsed().as_secs());
    }
}

fn takes_all() -> bool {
    std::env::var("FAULTS").is_ok_and(|faults| faults == "all")
}

/// Every way to spoil each call.
fn faults(calls: &[Call]) -> Vec<Fault> {
    let takes_all = takes_all() || std::env::var("FAULT").is_ok();
    let kinds = if takes_all { ALL.as_slice() } else { SHORT.as_slice() };
    let mut faults = BTreeSet::new();
    for call in calls {
        for (kind, lasting) in kinds {
            let is_mysql = call.operation.starts_with("mysql:");
            let fits = match kind {
                Kind::Throttled | Kind::Broken | Kind::Rejected => !is_mysql,
                Kind::Stale => !is_mysql && is_read(&call.operation) && call.number > 1,
                Kind::AnswerLost | Kind::AnswerLate | Kind::KilledAfter => call.operation != "mysql:connect",
                _ => true,
            };
            // A fault that lasts begins at the first call to an operation.
            if fits && (!lasting || call.number == 1) {
                faults.insert((call.clone(), *kind, *lasting));
            }
        }
    }
    for (index, call) in calls.iter().enumerate() {
        let is_first = calls[..index].iter().all(|earlier| earlier.function != call.function);
        if takes_all || is_first {
            let victims = victims(&call.function).iter();
            faults.extend(victims.map(|victim| (call.clone(), Kind::Interrupted(victim), false)));
        }
    }
    faults.into_iter().map(|(call, kind, lasting)| Fault { call, kind, lasting }).collect()
}

fn is_read(operation: &str) -> bool {
    let name = operation.split(':').nth(1).unwrap_or_default();
    ["Describe", "List", "Get"].iter().any(|verb| name.starts_with(verb))
}
