//! `logs`: tail-tenant-logs; with `--follow` again and again.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Operator, entries, object, text};
use crate::arguments::Logs;
use crate::failure::{Failure, Result};
use crate::time;

/// Pause between two calls of the function.
const PAUSE: Duration = Duration::from_secs(2);
/// CloudWatch Logs may show an event later than a newer one. So each call asks for this much of the past again.
const OVERLAP: SignedDuration = SignedDuration::from_secs(20);
/// The most lines that the function gives.
const MOST: u32 = 1000;

impl Operator<'_> {
    pub(super) async fn logs(&mut self, options: &Logs) -> Result<()> {
        let mut input = object([
            ("tenant_id", json!(options.tenant.tenant_id)),
            ("environment", json!(self.environment.name)),
            ("since", json!(options.since)),
            ("filter", json!(options.filter)),
            ("limit", json!(options.limit)),
        ]);
        let first = self.environment.call("tail-tenant-logs", &input).await?;
        if !options.follow {
            self.screen.answer(&first, || entries(&first, "events").iter().map(line).collect::<Vec<_>>().join("\n"));
            self.hint(&first);
            return Ok(());
        }
        input["limit"] = json!(MOST);
        let mut shown = Shown::default();
        self.show(&mut shown, &first);
        loop {
            tokio::select! {
                interrupted = tokio::signal::ctrl_c() => {
                    return interrupted.map_err(|error| Failure::new("Internal", format!("waiting for Ctrl-C: {error}")));
                }
                () = tokio::time::sleep(PAUSE) => {}
            }
            input["since"] = json!(shown.since(text(&first, "since")));
            match self.environment.call("tail-tenant-logs", &input).await {
                Ok(answer) => self.show(&mut shown, &answer),
                // The next call asks for what this one has missed.
                Err(failure) if failure.is_passing() => self.screen.progress(&failure.to_string()),
                Err(failure) => return Err(failure),
            }
        }
    }

    fn show(&mut self, shown: &mut Shown, answer: &Value) {
        for event in shown.unseen(answer) {
            let text = if self.screen.is_json { event.to_string() } else { line(&event) };
            self.screen.line(&text);
        }
        self.hint(answer);
    }

    fn hint(&mut self, answer: &Value) {
        if answer.get("truncated") == Some(&json!(true)) {
            self.screen.remark(&format!("There are more lines. {}", text(answer, "hint")));
        }
    }
}

fn line(event: &Value) -> String {
    format!("{}  {}", time::localized(text(event, "at")), text(event, "message").trim_end())
}

/// The events that have been shown and that the next answer may have again.
#[derive(Debug, Default)]
struct Shown {
    newest: Option<Timestamp>,
    events: BTreeSet<(Timestamp, String)>,
}

impl Shown {
    /// The events of an answer that have not been shown.
    fn unseen(&mut self, answer: &Value) -> Vec<Value> {
        let mut new = Vec::new();
        for event in entries(answer, "events") {
            let Ok(at) = text(event, "at").parse::<Timestamp>() else { continue };
            if self.events.insert((at, event.to_string())) {
                self.newest = self.newest.max(Some(at));
                new.push(event.clone());
            }
        }
        let oldest = self.newest.and_then(|newest| newest.checked_sub(OVERLAP).ok());
        if let Some(oldest) = oldest {
            // Whole seconds, as the next call asks.
            self.events.retain(|(at, _)| at.as_second() >= oldest.as_second());
        }
        new
    }

    /// The earliest time of the next call.
    fn since(&self, first: &str) -> String {
        let oldest = self.newest.and_then(|newest| newest.checked_sub(OVERLAP).ok());
        oldest.map_or_else(|| first.to_owned(), |oldest| oldest.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(events: &[(&str, &str)]) -> Value {
        json!({"events": events.iter().map(|(at, message)| json!({"at": at, "stream": "s", "message": message})).collect::<Vec<_>>()})
    }

    fn messages(events: &[Value]) -> Vec<&str> {
        events.iter().map(|event| text(event, "message")).collect()
    }

    #[test]
    fn each_event_is_shown_once_even_if_it_comes_late() {
        let mut shown = Shown::default();
        let first = answer(&[("2026-11-25T10:00:00Z", "a"), ("2026-11-25T10:00:05Z", "c")]);
        assert_eq!(messages(&shown.unseen(&first)), ["a", "c"]);
        let second =
            answer(&[("2026-11-25T10:00:00Z", "a"), ("2026-11-25T10:00:03Z", "b"), ("2026-11-25T10:00:05Z", "c")]);
        assert_eq!(messages(&shown.unseen(&second)), ["b"]);
        assert!(shown.unseen(&second).is_empty());
    }

    #[test]
    fn the_next_call_asks_from_a_little_before_the_newest_event_and_the_rest_is_forgotten() {
        let mut shown = Shown::default();
        assert_eq!(shown.since("2026-11-25T09:00:00Z"), "2026-11-25T09:00:00Z");
        shown.unseen(&answer(&[("2026-11-25T10:00:00Z", "a"), ("2026-11-25T10:01:00.9Z", "b")]));
        assert_eq!(shown.since("2026-11-25T09:00:00Z"), "2026-11-25T10:00:40Z");
        assert_eq!(shown.events.len(), 1);
    }
}
