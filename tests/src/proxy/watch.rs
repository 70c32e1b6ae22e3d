//! A watched execution: the proxies record its calls, and can inject a fault into one of them.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::sync::Notify;

use super::message::Message;
use super::{PROXY, locked};

/// A call of an operation by a function within an execution.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Call {
    /// The function, without its environment.
    pub function: String,
    /// The operation as IAM names it, or `mysql:connect` or `mysql:packet`.
    pub operation: String,
    /// Which of the function's calls to this operation within the execution it is, counted from 1.
    pub number: usize,
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {}", self.function, self.operation, self.number)
    }
}

/// The times at which a call was made and answered.
#[derive(Clone, Debug)]
pub struct Span {
    /// The function, without its environment.
    pub function: String,
    /// The operation as IAM names it.
    pub operation: String,
    /// When the call arrived.
    pub begin: Instant,
    /// When it was answered.
    pub end: Instant,
}

/// The kinds of injected faults. docs/testing.md has the same table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The call is refused with a throttling error, and has no effect.
    Throttled,
    /// The call is answered with an internal error of the service, and has no effect.
    Broken,
    /// The call is refused with an error that is not retried, and has no effect.
    Rejected,
    /// The connection breaks before the call has an effect.
    Reset,
    /// The call has its effect, and the connection breaks before the answer arrives.
    AnswerLost,
    /// The call has its effect, and the answer arrives after the caller has given up.
    AnswerLate,
    /// The function's process is killed before the call has an effect.
    KilledBefore,
    /// The function's process is killed after the call has had its effect.
    KilledAfter,
    /// The call gets the answer that an identical earlier call got, whatever has changed since.
    Stale,
    /// The call waits until the test has deleted the tenant's resource of this kind: see [`Watch::reached`].
    Interrupted(shared::Kind),
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted(kind) => write!(formatter, "{} vanishes", kind.name()),
            kind => write!(formatter, "{kind:?}"),
        }
    }
}

/// An injected fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The call that has the fault, or the first one if it is lasting.
    pub call: Call,
    /// The kind of fault.
    pub kind: Kind,
    /// Whether the function's later calls to the same operation have the fault as well.
    pub lasting: bool,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {}", self.kind, if self.lasting { "from" } else { "at" }, self.call)
    }
}

/// A watched execution.
#[derive(Debug)]
pub struct Watch {
    root: String,
    fault: Option<Fault>,
    seen: Mutex<Seen>,
    pub(super) reached: Notify,
    pub(super) resumed: Notify,
}

#[derive(Debug, Default)]
struct Seen {
    counts: HashMap<(String, String), usize>,
    calls: Vec<Call>,
    spans: Vec<Span>,
    faulty_calls: usize,
    secrets: Vec<String>,
    answers: HashMap<Vec<u8>, Message>,
}

impl Watch {
    /// Watches the execution that will be started with [`Watch::trace_header`], and injects `fault` into it.
    ///
    /// # Panics
    /// When the stack's functions do not call through the proxies.
    pub fn new(fault: Option<Fault>) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = format!("Root=1-{:08x}-{number:024x}", std::process::id());
        let watch =
            Self { root: root.clone(), fault, seen: Mutex::default(), reached: Notify::new(), resumed: Notify::new() };
        let watch = Arc::new(watch);
        locked(&PROXY.watches).insert(root, Arc::downgrade(&watch));
        watch
    }

    /// The trace header to start the execution with.
    pub fn trace_header(&self) -> String {
        format!("{};Sampled=1", self.root)
    }

    /// The calls that were made, in order.
    pub fn calls(&self) -> Vec<Call> {
        locked(&self.seen).calls.clone()
    }

    /// The calls to AWS that were answered, with their times.
    pub fn spans(&self) -> Vec<Span> {
        locked(&self.seen).spans.clone()
    }

    /// Number of calls that had the fault.
    pub fn faulty_calls(&self) -> usize {
        locked(&self.seen).faulty_calls
    }

    /// The passwords that were put into secrets.
    pub fn secrets(&self) -> Vec<String> {
        locked(&self.seen).secrets.clone()
    }

    /// Waits until the call with [`Kind::Interrupted`] is made. The call then waits for [`Watch::resume`].
    pub async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Lets the interrupted call continue.
    pub fn resume(&self) {
        self.resumed.notify_one();
    }

    /// Counts a call; returns the fault that it gets, if any.
    pub(super) fn meet(&self, function: &str, operation: &str) -> Option<Kind> {
        let mut seen = locked(&self.seen);
        let count = seen.counts.entry((function.to_owned(), operation.to_owned())).or_default();
        *count += 1;
        let call = Call { function: function.to_owned(), operation: operation.to_owned(), number: *count };
        seen.calls.push(call.clone());
        let fault = self.fault.as_ref()?;
        let same = (&fault.call.function, &fault.call.operation) == (&call.function, &call.operation);
        let hit = same && (call.number == fault.call.number || fault.lasting && call.number > fault.call.number);
        hit.then(|| {
            seen.faulty_calls += 1;
            fault.kind
        })
    }

    /// Records that a call which arrived at `begin` is answered now.
    pub(super) fn took(&self, function: &str, operation: &str, begin: Instant) {
        let [function, operation] = [function, operation].map(str::to_owned);
        locked(&self.seen).spans.push(Span { function, operation, begin, end: Instant::now() });
    }

    /// Keeps the password of a new secret, so that tests can search for it in logs and histories.
    pub(super) fn keep_secret(&self, request: &Message) {
        let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let secret = body["SecretString"].as_str().and_then(|text| serde_json::from_str(text).ok());
        let secret: serde_json::Value = secret.unwrap_or_default();
        locked(&self.seen).secrets.extend(secret["password"].as_str().map(str::to_owned));
    }

    /// The answer that an identical call got before, if any. Keeps this answer for the next one.
    pub(super) fn earlier_answer(&self, request: &Message, answer: &Message) -> Option<Message> {
        let mut key = Vec::new();
        key.extend(
            request.request_head().map(|head| format!("{} {}", head.method, head.target)).unwrap_or_default().bytes(),
        );
        key.extend(request.body());
        locked(&self.seen).answers.insert(key, answer.clone())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        locked(&PROXY.watches).remove(&self.root);
    }
}
