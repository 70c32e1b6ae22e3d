//! The newest events of a log group.
//!
//! FilterLogEvents returns the oldest events first, page by page, and reading an hour of a busy tenant can take longer
//! than the function may run. So the last minute is read first, then the eight minutes before it, and so on, until
//! there are enough events. The result has no gaps: when time runs out, the oldest events are missing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::SdkError;
use aws_sdk_cloudwatchlogs::operation::filter_log_events::FilterLogEventsError;
use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use jiff::Timestamp;
use serde::Serialize;

/// Length of the first window in milliseconds.
const FIRST_WINDOW: i64 = 60_000;
/// Each window is longer than the last by this factor. Thirty days with few events take seven calls.
const GROWTH: i64 = 8;
/// Maximum number of pages. A page has at most 1 MB. Source: API reference of FilterLogEvents.
const PAGES: u32 = 200;
/// Time for reading. The function has 60 s; the last call may begin at the end of this time and take 25 s (see
/// `shared::aws`).
const TIME: Duration = Duration::from_secs(30);
/// Maximum size of all events. Lambda answers with at most 6 MB. Source: Lambda quotas.
const MOST_BYTES: usize = 5_000_000;
/// Maximum length of a message. An event may have 1 MB, and six times as much in JSON when every character is escaped.
const LONGEST_MESSAGE: usize = 100_000;

/// What to read.
#[derive(Debug)]
pub(super) struct Query<'a> {
    /// Name of the log group.
    pub(super) group: &'a str,
    /// Filter pattern.
    pub(super) filter: Option<&'a str>,
    /// The earliest time.
    pub(super) since: Timestamp,
    /// The current time.
    pub(super) now: Timestamp,
    /// Maximum number of events.
    pub(super) limit: usize,
}

/// The limits of reading.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// Number of pages.
    pub(super) pages: u32,
    /// No page is requested after this time.
    pub(super) until: Instant,
}

impl Budget {
    pub(super) fn of_an_invocation() -> Self {
        Self { pages: PAGES, until: Instant::now() + TIME }
    }

    /// Uses up one page; `false` when the budget is spent.
    fn spend(&mut self) -> bool {
        let is_left = self.pages > 0 && Instant::now() < self.until;
        self.pages = self.pages.saturating_sub(1);
        is_left
    }
}

/// A log event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Its time.
    pub at: Timestamp,
    /// The log stream: one for each task.
    pub stream: String,
    /// Its text.
    pub message: String,
}

impl From<FilteredLogEvent> for Event {
    fn from(event: FilteredLogEvent) -> Self {
        let mut message = event.message.unwrap_or_default();
        if let Some((end, _)) = message.char_indices().nth(LONGEST_MESSAGE) {
            message.truncate(end);
            message.push('…');
        }
        Self {
            at: time(event.timestamp.unwrap_or_default()),
            stream: event.log_stream_name.unwrap_or_default(),
            message,
        }
    }
}

fn time(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or_default()
}

/// Collects the newest of the events that were read, in whatever order they arrive.
#[derive(Debug)]
pub(super) struct Newest {
    limit: usize,
    /// Sorted by time, then in the order in which AWS returned them. Each has its size as JSON.
    events: BTreeMap<(i64, u64), (Event, usize)>,
    read: u64,
    bytes: usize,
    gap: Gap,
}

/// Which events are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gap {
    /// None.
    None,
    /// The oldest, because the limits of the answer were reached.
    NoRoom,
    /// Those before this time, because time ran out.
    Before(i64),
    /// Those after this time, because time ran out.
    After(i64),
}

impl Newest {
    fn of(limit: usize) -> Self {
        Self { limit, events: BTreeMap::new(), read: 0, bytes: 0, gap: Gap::None }
    }

    fn push(&mut self, event: FilteredLogEvent) {
        let millis = event.timestamp.unwrap_or_default();
        let event = Event::from(event);
        // With the comma that follows.
        let size = serde_json::to_vec(&event).map_or(0, |json| json.len() + 1);
        self.events.insert((millis, self.read), (event, size));
        self.read += 1;
        self.bytes += size;
        while self.events.len() > self.limit || self.bytes > MOST_BYTES {
            let Some((_, (_, size))) = self.events.pop_first() else { break };
            self.bytes -= size;
            self.gap = Gap::NoRoom;
        }
    }

    /// Whether every event before this time would be dropped.
    fn is_full_before(&self, millis: Option<i64>) -> bool {
        let oldest = self.events.first_key_value().map(|((oldest, _), _)| *oldest);
        self.gap == Gap::NoRoom && millis.is_some_and(|millis| oldest.is_none_or(|oldest| oldest >= millis))
    }

    /// Records that the budget ran out in the window that ends at `before`, or in the first window when that is `None`.
    /// A window is read from its oldest event on, so events of an incomplete window come before a gap and are dropped.
    fn give_up(&mut self, before: Option<i64>, start: i64) {
        match before {
            Some(before) => {
                self.events = self.events.split_off(&(before, 0));
                self.gap = Gap::Before(before);
            }
            None => self.gap = Gap::After(self.events.last_key_value().map_or(start, |((last, _), _)| *last)),
        }
    }

    /// What is missing, and how to get it; `None` when nothing is.
    pub(super) fn hint(&self) -> Option<String> {
        match self.gap {
            Gap::None => None,
            Gap::NoRoom => Some(format!(
                "there are older events than the {} given: raise limit (at most 1000; an answer holds 5 MB), or give a \
                 filter",
                self.events.len()
            )),
            Gap::Before(millis) => Some(format!(
                "there was no time to look for events before {}: give that or a later time as since",
                time(millis)
            )),
            Gap::After(millis) => Some(format!(
                "there was no time to look for events after {}: so much is logged that the newest events are missing; \
                 give a later time as since",
                time(millis)
            )),
        }
    }

    /// The events, newest last.
    pub(super) fn into_events(self) -> Vec<Event> {
        self.events.into_values().map(|(event, _)| event).collect()
    }
}

/// Reads the newest events.
///
/// # Errors
/// The error of CloudWatch Logs.
pub(super) async fn read(
    logs: &Client,
    query: &Query<'_>,
    mut budget: Budget,
) -> Result<Newest, SdkError<FilterLogEventsError>> {
    let since = query.since.as_millisecond();
    let mut newest = Newest::of(query.limit);
    // The first window has no end, because an event's time comes from the container's clock.
    let (mut before, mut length) = (None, FIRST_WINDOW);
    loop {
        let start = since.max(before.unwrap_or_else(|| query.now.as_millisecond()) - length);
        if !read_window(logs, query, (start, before), &mut newest, &mut budget).await? {
            newest.give_up(before, start);
            return Ok(newest);
        }
        if newest.gap == Gap::NoRoom || start == since {
            return Ok(newest);
        }
        (before, length) = (Some(start), length.saturating_mul(GROWTH));
    }
}

/// Reads the events from `start` on and before `before`. `false` when the budget ran out first.
async fn read_window(
    logs: &Client,
    query: &Query<'_>,
    (start, before): (i64, Option<i64>),
    newest: &mut Newest,
    budget: &mut Budget,
) -> Result<bool, SdkError<FilterLogEventsError>> {
    let mut token = None;
    while budget.spend() {
        let page = logs
            .filter_log_events()
            .log_group_name(query.group)
            .set_filter_pattern(query.filter.map(str::to_owned))
            .start_time(start)
            .set_end_time(before)
            .set_next_token(token)
            .send()
            .await?;
        // AWS includes the end of a window, which the later window has returned already.
        let in_window = |event: &FilteredLogEvent| before.is_none_or(|before| event.timestamp < Some(before));
        page.events.unwrap_or_default().into_iter().filter(in_window).for_each(|event| newest.push(event));
        token = page.next_token;
        if token.is_none() || newest.is_full_before(before) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(millis: i64, message: &str) -> FilteredLogEvent {
        FilteredLogEvent::builder().timestamp(millis).log_stream_name("wordpress/1").message(message).build()
    }

    fn messages(newest: Newest) -> Vec<String> {
        newest.into_events().into_iter().map(|event| event.message).collect()
    }

    #[test]
    fn the_newest_events_are_kept_by_time_in_whatever_order_they_arrive() {
        let mut newest = Newest::of(3);
        for (millis, message) in [(2, "b"), (4, "d"), (3, "c"), (1, "a"), (4, "e")] {
            newest.push(event(millis, message));
        }
        assert!(newest.hint().unwrap().contains("older events than the 3 given"));
        assert_eq!(messages(newest), ["c", "d", "e"]);
    }

    #[test]
    fn as_many_events_as_the_limit_are_a_complete_answer() {
        let mut newest = Newest::of(2);
        newest.push(event(1, "a"));
        newest.push(event(2, "b"));
        assert_eq!(newest.hint(), None);
    }

    #[test]
    fn an_answer_fits_into_lambdas_limit_even_if_everything_is_escaped() {
        let mut newest = Newest::of(1000);
        for millis in 0..100 {
            newest.push(event(millis, &"\u{1b}".repeat(1_000_000)));
        }
        assert!(newest.hint().unwrap().contains("5 MB"));
        let events = newest.into_events();
        assert!(serde_json::to_vec(&events).unwrap().len() <= MOST_BYTES + 2);
        assert_eq!(events.last().unwrap().at, time(99));
    }

    #[test]
    fn a_time_is_in_rfc_3339_with_milliseconds() {
        let event = Event::from(event(1_768_557_600_123, "ready"));
        assert_eq!(
            serde_json::to_value(event).unwrap(),
            serde_json::json!({"at": "2026-01-16T10:00:00.123Z", "stream": "wordpress/1", "message": "ready"})
        );
    }
}
