//! Two proxies for the functions' calls: one in front of AWS, and one in front of the MySQL server.
//!
//! They see every call of every function, and refuse calls that exceed AWS's rates. The trace that state machines pass
//! on tells them which execution a call belongs to, so that they can inject a fault into a call of a [`Watch`]ed
//! execution. They run in the tests' own process, on a separate thread, at the addresses that the stack was given in
//! `FUNCTIONS_AWS_ENDPOINT_URL` and `FUNCTIONS_MYSQL_ENDPOINT`.

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

/// The state that both proxies share.
struct Proxy {
    /// The watched executions, by the root of their trace.
    watches: Mutex<HashMap<String, Weak<Watch>>>,
    /// The root of the trace that each function's process works for, by process id.
    works_for: Mutex<HashMap<u32, String>>,
    rates: Mutex<Rates>,
    /// The functions, by access key. Each function has its own.
    callers: Mutex<HashMap<String, Caller>>,
    record: Record,
    /// Delay that is added to every call to AWS, in milliseconds.
    delay: AtomicU64,
    /// Number of calls that were refused because of their rate.
    throttled: AtomicU64,
}

/// Starts the proxies, unless they run already, or the stack does not use them.
///
/// # Panics
/// When their ports are in use.
pub fn start() {
    if std::env::var("FUNCTIONS_AWS_ENDPOINT_URL").is_ok_and(|endpoint| !endpoint.is_empty()) {
        LazyLock::force(&PROXY);
    }
}

/// Delays every call to AWS from now on, whoever makes it. Real AWS has a network latency that the emulator does not have.
pub fn delay(delay: Duration) {
    let milliseconds = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
    PROXY.delay.store(milliseconds, Ordering::Relaxed);
}

/// Number of calls that have been refused because of their rate so far.
pub fn throttled() -> u64 {
    PROXY.throttled.load(Ordering::Relaxed)
}

/// Locks a mutex, even if a thread has panicked while holding it: no holder leaves the value half changed.
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

    /// The function that makes the call, or none if another program makes it. It is remembered by its access key,
    /// because finding the process behind a connection is slow.
    fn caller(&self, access_key: &str, ends: Ends) -> Option<Caller> {
        if let Some(known) = locked(&self.callers).get(access_key) {
            return Some(known.clone());
        }
        let caller = Process::at(ends)?.caller;
        locked(&self.callers).insert(access_key.to_owned(), caller.clone());
        Some(caller)
    }

    /// The process behind a connection, if it is a function's. None if no execution is watched: then nobody needs to
    /// know.
    fn process(&self, ends: Ends) -> Option<Process> {
        if locked(&self.watches).is_empty() { None } else { Process::at(ends) }
    }

    /// The watch of the execution that a trace belongs to.
    fn watch(&self, root: &str) -> Option<Arc<Watch>> {
        locked(&self.watches).get(root).and_then(Weak::upgrade)
    }
}

/// Binds the port at once, so that no call can arrive too early.
fn listen(endpoint: &str) -> std::net::TcpListener {
    let listener = std::net::TcpListener::bind(endpoint).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    listener.unwrap_or_else(|error| panic!("the proxy cannot listen at {endpoint}: {error}"))
}

/// Host and port of an endpoint.
fn address(endpoint: &str) -> String {
    endpoint.trim_start_matches("http://").trim_end_matches('/').to_owned()
}
