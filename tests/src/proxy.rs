//! Between the functions and what they call: a proxy in front of AWS, and one in front of the MySQL server.
//!
//! It sees every call of every function, refuses what AWS would for its rate, knows to which execution a call belongs
//! (by the trace that state machines pass on), and can spoil one call of a [`Watch`]ed execution. It runs in the tests'
//! own process, on a thread of its own, where `FUNCTIONS_AWS_ENDPOINT_URL` and `FUNCTIONS_MYSQL_ENDPOINT` have told the
//! stack that it would.

mod database;
mod gateway;
mod message;
mod operation;
mod process;
mod rates;
mod record;
mod refusal;
mod watch;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Builder;

use process::{Caller, Ends, Process};
use rates::Rates;
use record::Record;
pub use watch::{Call, Fault, Kind, Span, Watch};

use crate::stack::variable;

static PROXY: LazyLock<Arc<Proxy>> = LazyLock::new(Proxy::start);

/// The proxy of this process.
struct Proxy {
    /// By the root of the execution's trace.
    watches: Mutex<HashMap<String, Weak<Watch>>>,
    /// The root of the trace that each process of a function works for, by its process id.
    works_for: Mutex<HashMap<u32, String>>,
    rates: Mutex<Rates>,
    /// By access key: each function has one of its own.
    callers: Mutex<HashMap<String, Caller>>,
    record: Record,
    /// What is added to every call to AWS, in milliseconds.
    delay: AtomicU64,
    /// How many calls were refused for their rate.
    throttled: AtomicU64,
}

/// Starts the proxy, unless it runs, or the stack does not use one.
///
/// # Panics
/// When its ports are taken.
pub fn start() {
    if std::env::var("FUNCTIONS_AWS_ENDPOINT_URL").is_ok_and(|endpoint| !endpoint.is_empty()) {
        LazyLock::force(&PROXY);
    }
}

/// Makes every call to AWS take so much longer from now on, whoever makes it: real AWS is not next door.
pub fn delay(delay: Duration) {
    let milliseconds = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
    PROXY.delay.store(milliseconds, Ordering::Relaxed);
}

/// How many calls have been refused for their rate so far.
pub fn throttled() -> u64 {
    PROXY.throttled.load(Ordering::Relaxed)
}

/// Locks what no holder of the lock can leave half changed.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxy {
    fn start() -> Arc<Self> {
        let scale: f64 = std::env::var("WAIT_SCALE").map_or(0.1, |scale| scale.parse().expect("WAIT_SCALE"));
        let proxy = Arc::new(Self {
            watches: Mutex::default(),
            works_for: Mutex::default(),
            rates: Mutex::new(Rates::new(1.0 / scale)),
            callers: Mutex::default(),
            record: Record::from_process(),
            delay: AtomicU64::default(),
            throttled: AtomicU64::default(),
        });
        let [aws, mysql] = ["FUNCTIONS_AWS_ENDPOINT_URL", "FUNCTIONS_MYSQL_ENDPOINT"].map(variable);
        let gateway = address(&variable("AWS_ENDPOINT_URL"));
        let server = format!("{}:{}", variable("MYSQL_HOST"), variable("MYSQL_PORT"));
        let (aws, mysql) = (listen(&address(&aws)), listen(&mysql));
        let serving = proxy.clone();
        thread::spawn(move || {
            let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let [aws, mysql] = [aws, mysql].map(|listener| TcpListener::from_std(listener).expect("a listener"));
                tokio::join!(gateway::serve(&serving, aws, gateway), database::serve(&serving, mysql, server))
            })
        });
        proxy
    }

    /// Whose call it is, if it is a function's. To look for the process behind a connection takes long.
    fn caller(&self, access_key: &str, ends: Ends) -> Option<Caller> {
        if let Some(known) = locked(&self.callers).get(access_key) {
            return Some(known.clone());
        }
        let caller = Process::at(ends)?.caller;
        locked(&self.callers).insert(access_key.to_owned(), caller.clone());
        Some(caller)
    }

    /// The process behind a connection, if it is a function's and anything is watched: otherwise nobody has to know.
    fn process(&self, ends: Ends) -> Option<Process> {
        if locked(&self.watches).is_empty() { None } else { Process::at(ends) }
    }

    /// The watch of the execution that a trace belongs to.
    fn watch(&self, root: &str) -> Option<Arc<Watch>> {
        locked(&self.watches).get(root).and_then(Weak::upgrade)
    }
}

/// Listens, before any call comes.
fn listen(endpoint: &str) -> std::net::TcpListener {
    let listener = std::net::TcpListener::bind(endpoint).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listener.unwrap_or_else(|error| panic!("the functions' calls are to come to {endpoint}: {error}"))
}

/// Host and port of an endpoint.
fn address(endpoint: &str) -> String {
    endpoint.trim_start_matches("http://").trim_end_matches('/').to_owned()
}
