//! Events on the event buses, collected in an SQS queue that the test creates for itself.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::{Value, json};

use crate::stack::{Stack, new_tenant_id, text};

/// Longest wait for an event. The slowest clean-up in these tests gives up after half a minute, so this is ample.
const BOUND: Duration = Duration::from_secs(300);

/// An EventBridge rule, and the queue that receives its events.
pub struct EventQueue {
    stack: &'static Stack,
    queue: String,
    rule: String,
    bus: String,
    heard: Vec<Value>,
    handed_on: BTreeSet<String>,
}

impl Stack {
    /// Listens for the stack's own events about ended executions.
    pub async fn announcements(&'static self) -> EventQueue {
        let bus = self.variables("announce-execution").await["EVENT_BUS"].clone();
        self.listen(bus, json!({"source": ["tenant-management"]})).await
    }

    /// Listens for Step Functions' own events about failed executions of a state machine.
    pub async fn ends_of(&'static self, machine: &str) -> EventQueue {
        let detail = json!({"stateMachineArn": [self.machine_arn(machine)], "status": ["FAILED"]});
        self.listen("default".to_owned(), json!({"source": ["aws.states"], "detail": detail})).await
    }

    /// Listens for events that match this pattern.
    ///
    /// # Panics
    /// When AWS refuses.
    pub async fn listen(&'static self, bus: String, pattern: Value) -> EventQueue {
        let name = format!("test-{}", new_tenant_id());
        let queue = self.sqs.create_queue().queue_name(&name).send().await.expect("a queue").queue_url;
        let queue = queue.expect("its URL");
        let rule = self.events.put_rule().name(&name).event_bus_name(&bus).event_pattern(pattern.to_string());
        let rule_arn = rule.send().await.expect("a rule").rule_arn.expect("its ARN");
        let arn = format!("arn:aws:sqs:{}:{}:{name}", self.region, self.account);
        let policy = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage",
            "Resource": arn, "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}}
        }]});
        let permitted = self.sqs.set_queue_attributes().queue_url(&queue);
        let permitted = permitted.attributes(QueueAttributeName::Policy, policy.to_string());
        permitted.send().await.expect("a queue that takes events");
        let target = Target::builder().id("ear").arn(arn).build().expect("a target");
        let target = self.events.put_targets().rule(&name).event_bus_name(&bus).targets(target);
        target.send().await.expect("a target");
        EventQueue { stack: self, queue, rule: name, bus, heard: Vec::new(), handed_on: BTreeSet::new() }
    }
}

impl EventQueue {
    /// Waits for the first event about an execution, and returns all that have arrived.
    ///
    /// # Panics
    /// When none comes in time.
    pub async fn about(&mut self, execution: &str) -> Vec<Value> {
        let start = Instant::now();
        loop {
            // Read until the queue is empty, so that a second event about the same execution is noticed.
            while self.hear().await {}
            let about = |event: &&Value| event["resources"][0] == execution;
            let about: Vec<_> = self.heard.iter().filter(about).cloned().collect();
            if !about.is_empty() {
                return about;
            }
            assert!(start.elapsed() < BOUND, "no event about {execution} within {BOUND:?}");
        }
    }

    /// The one event about an execution. Checks it against its schema, after the execution's conclusion has ended.
    ///
    /// # Panics
    /// When there are several events, or the event does not fit its schema.
    pub async fn the_one_about(&mut self, execution: &str) -> Value {
        self.about(execution).await;
        let conclusion = self.stack.conclusion_of(execution).await;
        self.stack.ended(&conclusion).await;
        let mut about = self.about(execution).await;
        assert_eq!(about.len(), 1, "{about:#?}");
        let event = about.remove(0);
        fits_its_schema(&event);
        event
    }

    /// One event about each of many executions that have ended, each checked against its schema. If the conclusion of
    /// an execution could not be started at all, its end is in the queue of unhandled events. This starts the conclusion
    /// again: see [`EventQueue::handed_on`].
    ///
    /// # Panics
    /// When an execution has no event in time, or several, or one that does not fit its schema.
    pub async fn one_about_each(&mut self, executions: &[String]) -> Vec<Value> {
        let start = Instant::now();
        loop {
            while self.hear().await {}
            let told: BTreeSet<_> = self.heard.iter().map(|event| text(&event["resources"][0])).collect();
            let silent: Vec<_> = executions.iter().filter(|execution| !told.contains(*execution)).collect();
            if silent.is_empty() {
                break;
            }
            assert!(start.elapsed() < BOUND, "no event about {silent:#?} within {BOUND:?}");
            self.hand_on().await;
        }
        // Read once more after the last event, so that a second event about the same execution is noticed.
        while self.hear().await {}
        let about = executions.iter().map(|execution| {
            let about: Vec<_> = self.heard.iter().filter(|event| event["resources"][0] == *execution).collect();
            assert_eq!(about.len(), 1, "{about:#?}");
            fits_its_schema(about[0]);
            about[0].clone()
        });
        about.collect()
    }

    /// The executions that several events were about, of all events until now.
    pub async fn reported_twice(&mut self) -> Vec<String> {
        while self.hear().await {}
        let mut seen = BTreeSet::new();
        let about = self.heard.iter().map(|event| text(&event["resources"][0]));
        about.filter(|execution| !seen.insert(execution.clone())).collect()
    }

    /// The executions whose ends were in the queue of unhandled events.
    pub fn handed_on(&self) -> &BTreeSet<String> {
        &self.handed_on
    }

    /// Starts the conclusions of the ends in the queue of unhandled events, as docs/operating.md describes.
    async fn hand_on(&mut self) {
        for message in self.stack.take_unhandled().await {
            let end = &message.body["requestPayload"];
            self.stack.invoke("start-conclusion", end).await.expect("a conclusion");
            self.handed_on.insert(text(&end["detail"]["executionArn"]));
        }
    }

    async fn hear(&mut self) -> bool {
        let received = self.stack.sqs.receive_message().queue_url(&self.queue).max_number_of_messages(10);
        let messages = received.wait_time_seconds(1).send().await.expect("messages").messages.unwrap_or_default();
        for message in &messages {
            self.heard.push(serde_json::from_str(message.body().expect("a body")).expect("JSON"));
            let handle = message.receipt_handle().expect("a handle");
            self.stack.sqs.delete_message().queue_url(&self.queue).receipt_handle(handle).send().await.expect("heard");
        }
        !messages.is_empty()
    }

    /// Removes the rule and the queue.
    ///
    /// # Panics
    /// When AWS refuses.
    pub async fn close(self) {
        let Self { stack, queue, rule, bus, .. } = self;
        let targets = stack.events.remove_targets().rule(&rule).event_bus_name(&bus).ids("ear");
        targets.send().await.expect("no targets");
        stack.events.delete_rule().name(rule).event_bus_name(bus).send().await.expect("no rule");
        stack.sqs.delete_queue().queue_url(queue).send().await.expect("no queue");
    }
}

impl Stack {
    /// The ARN of the execution that concludes this one. Reporting the end again starts no second conclusion, but
    /// returns the first.
    ///
    /// # Panics
    /// When start-conclusion fails.
    pub async fn conclusion_of(&self, execution: &str) -> String {
        let told = json!({"detail": {"executionArn": execution, "redriveCount": 0}});
        text(&self.invoke("start-conclusion", &told).await.expect("a conclusion")["execution_arn"])
    }
}

/// Checks an event's detail against the schema of its detail-type.
///
/// # Panics
/// When it does not fit.
pub fn fits_its_schema(event: &Value) {
    assert_eq!(event["source"], "tenant-management");
    let name = text(&event["detail-type"]);
    let schema = std::fs::read_to_string(format!("../events/schemas/{name}.json")).expect(&name);
    let schema = serde_json::from_str(&schema).expect("JSON");
    let schema = jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
    let wrong = schema.iter_errors(&event["detail"]).map(|error| format!("{}: {error}", error.instance_path()));
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "{name} does not fit its schema: {wrong:#?}\n{event:#}");
}
