//! An execution that is watched: its calls, numbered, and what befalls one of them.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::sync::Notify;

use super::message::Message;
use super::{PROXY, locked};

/// A call: which function calls what, and for the how manieth time in its execution, from 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Call {
    /// The function, without its environment.
    pub function: String,
    /// As IAM names it, or `mysql:connect` and `mysql:packet`.
    pub operation: String,
    /// From 1.
    pub number: usize,
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {}", self.function, self.operation, self.number)
    }
}

/// When a call was made and answered.
#[derive(Clone, Debug)]
pub struct Span {
    /// The function, without its environment.
    pub function: String,
    /// As IAM names it.
    pub operation: String,
    /// When it came.
    pub begin: Instant,
    /// When it was answered.
    pub end: Instant,
}

/// What befalls a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// It is refused for throttling, and has no effect.
    Throttled,
    /// It is answered by a fault of the service, and has no effect.
    Broken,
    /// It is refused for good, and has no effect.
    Rejected,
    /// Its connection breaks before it has an effect.
    Reset,
    /// It has its effect, and its connection breaks before the answer.
    AnswerLost,
    /// It has its effect, and the answer comes after the caller has given up.
    AnswerLate,
    /// The function's process ends before it has an effect.
    KilledBefore,
    /// The function's process ends after it has had its effect.
    KilledAfter,
    /// What was read by the very same call before is answered again, whatever happened since.
    Stale,
    /// It waits until the test has removed what this names: see [`Watch::reached`].
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

/// What befalls which call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The call.
    pub call: Call,
    /// What befalls it.
    pub kind: Kind,
    /// Whether it befalls the later calls of the function to the operation, too.
    pub lasting: bool,
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {} {}", self.kind, if self.lasting { "from" } else { "at" }, self.call)
    }
}

/// An execution that is watched.
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
    spoilt: usize,
    secrets: Vec<String>,
    answers: HashMap<Vec<u8>, Message>,
}

impl Watch {
    /// Watches the execution that will be started with [`Watch::trace_header`], and spoils what `fault` says.
    ///
    /// # Panics
    /// When the stack's functions do not call by the proxy.
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

    /// The calls that were made, in their order.
    pub fn calls(&self) -> Vec<Call> {
        locked(&self.seen).calls.clone()
    }

    /// The calls to AWS that were answered, and when.
    pub fn spans(&self) -> Vec<Span> {
        locked(&self.seen).spans.clone()
    }

    /// How many calls the fault has befallen.
    pub fn spoilt(&self) -> usize {
        locked(&self.seen).spoilt
    }

    /// The passwords that were put into secrets.
    pub fn secrets(&self) -> Vec<String> {
        locked(&self.seen).secrets.clone()
    }

    /// Waits until the call that is to be interrupted is made. It then waits for [`Watch::resume`].
    pub async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Lets the interrupted call go on.
    pub fn resume(&self) {
        self.resumed.notify_one();
    }

    /// Counts a call; gives what befalls it.
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
            seen.spoilt += 1;
            fault.kind
        })
    }

    /// Notes that a call which came at `begin` is answered now.
    pub(super) fn took(&self, function: &str, operation: &str, begin: Instant) {
        let [function, operation] = [function, operation].map(str::to_owned);
        locked(&self.seen).spans.push(Span { function, operation, begin, end: Instant::now() });
    }

    /// Keeps a secret's password, for the search for it.
    pub(super) fn keep_secret(&self, request: &Message) {
        let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let secret = body["SecretString"].as_str().and_then(|text| serde_json::from_str(text).ok());
        let secret: serde_json::Value = secret.unwrap_or_default();
        locked(&self.seen).secrets.extend(secret["password"].as_str().map(str::to_owned));
    }

    /// What the same call was answered before; and keeps this answer for the next time.
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
