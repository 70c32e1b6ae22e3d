//! Events: they are put on the bus as the signup system does, and read from the queue of unhandled events.

use std::collections::HashMap;
use std::fs;
use std::time::{Duration, Instant};

use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::stack::Stack;

const BOUND: Duration = Duration::from_secs(60);

/// Messages that any of the tests has taken out of the queue. A test may receive a message that another waits for.
static TAKEN: Mutex<Vec<Unhandled>> = Mutex::const_new(Vec::new());

/// A message of the queue of unhandled events.
#[derive(Clone, Debug)]
pub struct Unhandled {
    /// Its body.
    pub body: Value,
    /// Its attributes.
    pub attributes: HashMap<String, String>,
}

impl Unhandled {
    /// The event's id. Lambda wraps the event in `requestPayload`; EventBridge does not.
    fn event(&self) -> &Value {
        self.body.get("requestPayload").unwrap_or(&self.body).get("id").unwrap_or(&Value::Null)
    }
}

/// Whether the detail of an event fits its schema.
///
/// # Panics
/// When there is no such schema.
pub fn fits_its_schema(detail_type: &str, detail: &Value) -> bool {
    let text = fs::read_to_string(format!("../events/schemas/{detail_type}.json")).expect("a schema");
    let schema = serde_json::from_str(&text).expect("a schema that is JSON");
    jsonschema::draft202012::new(&schema).expect("a schema that is one").is_valid(detail)
}

/// An event as EventBridge delivers it to a target.
pub fn delivered(id: &str, detail_type: &str, detail: &Value) -> Value {
    json!({
        "version": "0", "id": id, "detail-type": detail_type, "source": "signup", "account": "536580886816",
        "time": "2026-11-25T10:16:22Z", "region": "eu-west-1", "resources": [], "detail": detail,
    })
}

impl Stack {
    /// Puts an event on the bus; returns its id.
    ///
    /// # Panics
    /// When its detail does not fit its schema, or EventBridge refuses it.
    pub async fn put(&self, detail_type: &str, detail: &Value) -> String {
        self.put_times(1, detail_type, detail).await.remove(0)
    }

    /// Puts an event on the bus several times in one call, at most ten; returns the ids.
    ///
    /// # Panics
    /// As [`Stack::put`].
    pub async fn put_times(&self, times: usize, detail_type: &str, detail: &Value) -> Vec<String> {
        assert!(fits_its_schema(detail_type, detail), "{detail} does not fit the schema of {detail_type}");
        self.send(times, detail_type, detail).await
    }

    /// Puts an event on the bus that does not fit its schema; returns its id.
    ///
    /// # Panics
    /// When its detail fits its schema, or EventBridge refuses it.
    pub async fn put_malformed(&self, detail_type: &str, detail: &Value) -> String {
        assert!(!fits_its_schema(detail_type, detail), "{detail} fits the schema of {detail_type}");
        self.send(1, detail_type, detail).await.remove(0)
    }

    async fn send(&self, times: usize, detail_type: &str, detail: &Value) -> Vec<String> {
        let entry = PutEventsRequestEntry::builder().source("signup").detail_type(detail_type);
        let entries = vec![entry.detail(detail.to_string()).build(); times];
        let put = self.events.put_events().set_entries(Some(entries)).send().await.expect("events on the bus");
        put.entries().iter().map(|entry| entry.event_id().expect("an event that was taken").to_owned()).collect()
    }

    /// The executions of a machine whose names begin with `beginning`.
    ///
    /// # Panics
    /// When they cannot be listed.
    pub async fn executions(&self, machine: &str, beginning: &str) -> Vec<String> {
        let pages = self.sfn.list_executions().state_machine_arn(self.machine_arn(machine)).into_paginator().items();
        let all = pages.send().collect::<Result<Vec<_>, _>>().await.expect("executions");
        let ours = all.into_iter().filter(|execution| execution.name.starts_with(beginning));
        ours.map(|execution| execution.execution_arn).collect()
    }

    /// Waits until `many` executions have names that begin with `beginning`; returns their ARNs.
    ///
    /// # Panics
    /// When they are not started in time.
    pub async fn started(&self, machine: &str, beginning: &str, many: usize) -> Vec<String> {
        let start = Instant::now();
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        loop {
            tick.tick().await;
            let mut found = self.executions(machine, beginning).await;
            if found.len() >= many {
                found.sort();
                return found;
            }
            assert!(start.elapsed() < BOUND, "no execution {beginning}… of {machine} within {BOUND:?}");
        }
    }

    /// Waits until an event is in the queue of unhandled events.
    ///
    /// # Panics
    /// When it does not arrive in time.
    pub async fn unhandled(&self, event: &str) -> Unhandled {
        let start = Instant::now();
        let mut tick = tokio::time::interval(Duration::from_millis(100));
        loop {
            tick.tick().await;
            let mut taken = TAKEN.lock().await;
            taken.extend(self.take_unhandled().await);
            if let Some(found) = taken.iter().find(|message| message.event() == event) {
                return found.clone();
            }
            assert!(start.elapsed() < BOUND, "event {event} is not in the queue within {BOUND:?}");
        }
    }

    /// Takes at most ten messages out of the queue of unhandled events.
    pub(crate) async fn take_unhandled(&self) -> Vec<Unhandled> {
        let name = self.named("unhandled-events");
        let url = self.sqs.get_queue_url().queue_name(name).send().await.expect("a queue").queue_url;
        let url = url.expect("a queue's address");
        let receive = self.sqs.receive_message().queue_url(&url).max_number_of_messages(10);
        let received = receive.message_attribute_names("All").send().await.expect("messages");
        let mut taken = Vec::new();
        for message in received.messages() {
            let receipt = message.receipt_handle().expect("a receipt");
            self.sqs.delete_message().queue_url(&url).receipt_handle(receipt).send().await.expect("a deleted message");
            let attributes = message.message_attributes().into_iter().flatten();
            taken.push(Unhandled {
                body: serde_json::from_str(message.body().unwrap_or_default()).unwrap_or(Value::Null),
                attributes: attributes
                    .filter_map(|(name, value)| Some((name.clone(), value.string_value()?.to_owned())))
                    .collect(),
            });
        }
        taken
    }
}
