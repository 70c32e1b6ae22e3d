//! Runs a job with each of its faults, several runs at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use local::settings::Settings;
use serde_json::json;
use tests::bus::EventQueue;
use tests::kinds::victims;
use tests::proxy::{Call, Fault, Kind, Watch};
use tests::results::{Results, fingerprint};
use tests::stack::new_tenant_id;
use tests::{Stack, logs};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};

use crate::job::{Ending, Job, Run};
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

/// Runs after which everything about them is checked, and their results are kept.
const KEPT_AT_ONCE: usize = 60;

/// A job with a fault that is to be injected into it.
type Planned = (&'static Job, Fault);

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
    table: Table,
    /// Where the results are kept, by job. Empty if they are not.
    results: BTreeMap<&'static str, Results>,
    /// The runs that have ended since the last check. Runs without a fault have none.
    ended: Vec<(&'static str, Option<Fault>, Run)>,
    secrets: Vec<String>,
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
            table: Table::default(),
            results: BTreeMap::new(),
            ended: Vec::new(),
            secrets: Vec::new(),
            unconcluded: BTreeSet::new(),
            wrong: Vec::new(),
        }
    }

    /// Runs each job with each fault of each of its calls.
    pub(crate) async fn over(&mut self, jobs: &[&'static Job]) {
        let planned = self.plan(jobs).await;
        let (patient, others): (Vec<_>, Vec<_>) =
            planned.into_iter().partition(|(_, fault)| fault.kind == Kind::Throttled && fault.lasting);
        let mut patient = self.start(&patient, THROTTLED_AT_ONCE);
        // Whatever is not kept is checked once, at the end.
        let batch = if self.results.is_empty() { others.len().max(1) } else { KEPT_AT_ONCE };
        let mut left = others.len() + patient.len();
        for batch in others.chunks(batch) {
            let mut running = self.start(batch, AT_ONCE);
            self.wait_for(&mut running, &mut left).await;
            self.check().await;
        }
        self.wait_for(&mut patient, &mut left).await;
        self.check().await;
    }

    /// Runs the jobs without faults to learn their calls. Returns the faults of these, without those whose results are
    /// kept.
    async fn plan(&mut self, jobs: &[&'static Job]) -> Vec<Planned> {
        let learning = jobs.iter().map(|job| {
            let (watch, stack) = (Watch::new(None), self.stack);
            let run = tokio::spawn((job.run)(stack, watch.clone(), None));
            (*job, watch, run)
        });
        let mut planned = Vec::new();
        for (job, watch, run) in learning.collect::<Vec<_>>() {
            self.ended.push((job.name, None, run.await.expect("a run without faults")));
            let calls = watch.calls();
            let mut faults = faults(&calls);
            self.calls.insert(job.name, calls.clone());
            if let Ok(wanted) = std::env::var("FAULT") {
                faults.retain(|fault| format!("{}: {fault}", job.name).contains(&wanted));
            }
            let all = faults.len();
            if let Some(results) = results(job) {
                faults.retain(|fault| match results.of(&fault.to_string()).and_then(Ending::of_name) {
                    None => true,
                    kept => {
                        self.table.note(job.name, fault, kept);
                        false
                    }
                });
                self.results.insert(job.name, results);
            }
            let kept = all - faults.len();
            let of_which = if kept > 0 { format!(", {kept} of them kept") } else { String::new() };
            self.say(&format!("{}: {} calls, {all} runs{of_which}", job.name, calls.len()));
            planned.extend(faults.into_iter().map(|fault| (job, fault)));
        }
        planned
    }

    /// Starts these runs, `at_once` of them at a time.
    fn start(&self, planned: &[Planned], at_once: usize) -> JoinSet<Ended> {
        let turns = Arc::new(Semaphore::new(at_once));
        let mut running = JoinSet::new();
        for (job, fault) in planned {
            let watch = Watch::new(Some(fault.clone()));
            let run = (job.run)(self.stack, watch.clone(), Some(fault.clone()));
            let (turns, name, fault) = (turns.clone(), job.name, fault.clone());
            running.spawn(async move {
                let _turn = turns.acquire_owned().await.expect("a turn");
                (name, fault, watch, tokio::spawn(run).await)
            });
        }
        running
    }

    /// Waits for all these runs.
    async fn wait_for(&mut self, running: &mut JoinSet<Ended>, left: &mut usize) {
        while let Some(ended) = running.join_next().await {
            let (job, fault, watch, ended) = ended.expect("a run");
            self.table.note(job, &fault, ended.as_ref().ok().map(|run| run.ending));
            match ended {
                Ok(run) => {
                    if fault.lasting && fault.call.function == "start-conclusion" {
                        self.unconcluded.extend(run.executions.iter().cloned());
                    }
                    self.ended.push((job, Some(fault), run));
                }
                Err(error) => {
                    let reason = error.into_panic();
                    let reason = reason.downcast_ref::<String>().cloned().unwrap_or_default();
                    let calls: Vec<_> = watch.calls().iter().map(Call::to_string).collect();
                    self.say(&format!("WRONG {job}: {fault}: {reason}\nthe calls until then: {}", calls.join(", ")));
                    self.wrong.push(format!("make faults FAULT='{job}: {fault}'"));
                }
            }
            *left -= 1;
            if left.is_multiple_of(20) {
                self.say(&format!("{left} still to run"));
            }
        }
    }

    /// Checks what concerns the runs that have ended since the last check together: the bystander, the secrets, the
    /// events. Then keeps their results.
    async fn check(&mut self) {
        let ended = std::mem::take(&mut self.ended);
        assert_eq!(self.stack.snapshot(&self.bystander).await, self.before, "the bystander is as before");
        self.secrets.extend(ended.iter().flat_map(|(_, _, run)| &run.secrets).cloned());
        let executions: Vec<_> = ended.iter().flat_map(|(_, _, run)| &run.executions).cloned().collect();
        let mut texts = logs::of_functions(self.stack).await;
        assert!(!texts.is_empty());
        for event in self.bus.one_about_each(&executions).await {
            texts.push(event.to_string());
        }
        for execution in &executions {
            texts.extend(self.stack.written(execution).await);
        }
        let texts = texts.join("\n");
        let leaked: Vec<_> = self.secrets.iter().filter(|secret| texts.contains(*secret)).collect();
        assert!(leaked.is_empty(), "{} passwords are in a log, an event or a history", leaked.len());
        for (job, results) in &mut self.results {
            let of_job = ended.iter().filter(|(name, ..)| name == job);
            let pairs = of_job.filter_map(|(_, fault, run)| Some((fault.as_ref()?.to_string(), run.ending.name())));
            results.keep(pairs).expect("kept results");
        }
    }

    /// Runs jobs at random, with faults at calls that the runs without faults have made.
    pub(crate) async fn at_random(&self) {
        schedules::run(self.stack, &self.calls).await;
    }

    /// Shows the table of all results, and fails if a run went wrong.
    pub(crate) async fn end(mut self) {
        println!("{}", self.table);
        assert!(!self.calls.is_empty() && (!self.secrets.is_empty() || !takes_all_jobs()));
        assert_eq!(self.bus.reported_twice().await, Vec::<String>::new());
        let unexpected: Vec<_> = self.bus.handed_on().difference(&self.unconcluded).collect();
        assert!(unexpected.is_empty(), "these ends were in the queue of unhandled events: {unexpected:#?}");
        self.bus.close().await;
        assert!(self.wrong.is_empty(), "these runs went wrong. To run one again alone:\n{}", self.wrong.join("\n"));
        if let (Ok(file), Err(_), true) = (std::env::var("FAULTS_TABLE"), std::env::var("FAULT"), takes_all_jobs()) {
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

/// Whether the faults of every job are asked for.
pub(crate) fn takes_all_jobs() -> bool {
    std::env::var_os("MACHINE").is_none()
}

/// The jobs that `MACHINE` asks for: one, or all.
pub(crate) fn wanted(mut jobs: Vec<&'static Job>) -> Vec<&'static Job> {
    let Ok(machine) = std::env::var("MACHINE") else { return jobs };
    let names: Vec<_> = jobs.iter().map(|job| job.name).collect();
    jobs.retain(|job| job.name == machine);
    assert!(!jobs.is_empty(), "MACHINE={machine:?} names no job: set it to one of {names:?}, or leave it out");
    jobs
}

/// The results of a job that are kept, if any are to be kept: not if only some faults are asked for, which are then to be
/// repeated.
fn results(job: &Job) -> Option<Results> {
    if std::env::var_os("FAULT").is_some() {
        return None;
    }
    let directory = PathBuf::from(std::env::var_os("FAULTS_KEPT")?);
    let file = directory.join(format!("{}.jsonl", job.name));
    if std::env::var("FRESH").is_ok_and(|fresh| fresh == "1") && file.exists() {
        fs::remove_file(&file).expect("no results");
    }
    Some(Results::open(&file, &BUILD).expect("results"))
}

/// The build whose runs these are: functions, state machines, the emulator, and this program.
static BUILD: LazyLock<String> = LazyLock::new(|| {
    let settings = Settings::from_process().expect("the settings");
    let mut files = vec![settings.path("build")];
    files.extend(["statemachines", "local/emulator/emulator"].map(|name| settings.root.join(name)));
    files.push(std::env::current_exe().expect("this program"));
    fingerprint(&files).expect("a fingerprint")
});

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
/// succeed; and for these calls, and the first read of each operation by each function, one that makes the job fail.
fn is_main(call: &Call, kind: Kind, lasting: bool) -> bool {
    match kind {
        Kind::KilledAfter => !lasting && !is_read(&call.operation),
        Kind::Rejected => !is_read(&call.operation) || call.number == 1,
        _ => false,
    }
}

fn is_read(operation: &str) -> bool {
    let name = operation.split(':').nth(1).unwrap_or_default();
    ["Describe", "List", "Get"].iter().any(|verb| name.starts_with(verb))
}
