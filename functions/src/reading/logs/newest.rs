//! The newest events of a log group.
//!
//! FilterLogEvents gives the oldest first, page by page, and a busy tenant's hour can be longer than the time there
//! is. So the last minute is read first, then eight times as much before it, and so on, until there is enough: what
//! is given has no gaps, and when time ends it is the oldest that is missing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::SdkError;
use aws_sdk_cloudwatchlogs::operation::filter_log_events::FilterLogEventsError;
use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use jiff::Timestamp;
use serde::Serialize;

/// The first step back, in milliseconds.
const FIRST_WINDOW: i64 = 60_000;
/// How much longer each step is: thirty days are seven calls when little is logged.
const GROWTH: i64 = 8;
/// A page is at most 1 MB. Source: API reference of FilterLogEvents.
const PAGES: u32 = 200;
/// The last call may begin at its end and take 25 s (see `shared::aws`), of the function's 60.
const TIME: Duration = Duration::from_secs(30);
/// Lambda answers with at most 6 MB. Source: Lambda quotas.
const MOST_BYTES: usize = 5_000_000;
/// An event may have 1 MB, and six times as much in JSON, if all of it must be escaped.
const LONGEST_MESSAGE: usize = 100_000;

/// What is looked for.
#[derive(Debug)]
pub(super) struct Query<'a> {
    /// Name of the log group.
    pub(super) group: &'a str,
    /// Filter pattern.
    pub(super) filter: Option<&'a str>,
    /// From when on.
    pub(super) since: Timestamp,
    /// Now.
    pub(super) now: Timestamp,
    /// How many events.
    pub(super) limit: usize,
}

/// How much may be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// Pages.
    pub(super) pages: u32,
    /// When the last page is begun.
    pub(super) until: Instant,
}

impl Budget {
    pub(super) fn of_an_invocation() -> Self {
        Self { pages: PAGES, until: Instant::now() + TIME }
    }

    /// Takes a page from it, if there is one left.
    fn spend(&mut self) -> bool {
        let is_left = self.pages > 0 && Instant::now() < self.until;
        self.pages = self.pages.saturating_sub(1);
        is_left
    }
}

/// Something that was logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// The log stream: one for each task.
    pub stream: String,
    /// What.
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

/// The newest events of those that were read, in whatever order they came.
#[derive(Debug)]
pub(super) struct Newest {
    limit: usize,
    /// By time, and among those of one time in the order of AWS; each with its size as JSON.
    events: BTreeMap<(i64, u64), (Event, usize)>,
    read: u64,
    bytes: usize,
    gap: Gap,
}

/// What is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gap {
    /// Nothing.
    None,
    /// The oldest, for which there was no room.
    NoRoom,
    /// What was logged before this time, for which there was no time.
    Before(i64),
    /// What was logged after this time, for which there was no time.
    After(i64),
}

impl Newest {
    fn of(limit: usize) -> Self {
        Self { limit, events: BTreeMap::new(), read: 0, bytes: 0, gap: Gap::None }
    }

    fn push(&mut self, event: FilteredLogEvent) {
        let millis = event.timestamp.unwrap_or_default();
        let event = Event::from(event);
        // With the comma.
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

    /// Nothing of before this time would be kept.
    fn is_full_before(&self, millis: Option<i64>) -> bool {
        let oldest = self.events.first_key_value().map(|((oldest, _), _)| *oldest);
        self.gap == Gap::NoRoom && millis.is_some_and(|millis| oldest.is_none_or(|oldest| oldest >= millis))
    }

    /// Time ended while the events before this time, or the first ones at all, were read, oldest first: what there is
    /// of them would stand before a gap.
    fn give_up(&mut self, before: Option<i64>, start: i64) {
        match before {
            Some(before) => {
                self.events = self.events.split_off(&(before, 0));
                self.gap = Gap::Before(before);
            }
            None => self.gap = Gap::After(self.events.last_key_value().map_or(start, |((last, _), _)| *last)),
        }
    }

    /// What is missing, and how to get it; none when nothing is.
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
/// What CloudWatch Logs says.
pub(super) async fn read(
    logs: &Client,
    query: &Query<'_>,
    mut budget: Budget,
) -> Result<Newest, SdkError<FilterLogEventsError>> {
    let since = query.since.as_millisecond();
    let mut newest = Newest::of(query.limit);
    // The first window has no end: an event's time is that of the container's clock.
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

/// Reads what was logged from `start` on, and before `before`; false when the budget ended first.
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
        // AWS includes the end, which the window before has given already.
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
    fn the_newest_are_kept_in_the_order_of_time_whatever_the_order_in_which_they_come() {
        let mut newest = Newest::of(3);
        for (millis, message) in [(2, "b"), (4, "d"), (3, "c"), (1, "a"), (4, "e")] {
            newest.push(event(millis, message));
        }
        assert!(newest.hint().unwrap().contains("older events than the 3 given"));
        assert_eq!(messages(newest), ["c", "d", "e"]);
    }

    #[test]
    fn as_many_as_the_limit_are_complete() {
        let mut newest = Newest::of(2);
        newest.push(event(1, "a"));
        newest.push(event(2, "b"));
        assert_eq!(newest.hint(), None);
    }

    #[test]
    fn an_answer_fits_into_what_lambda_takes_even_if_all_must_be_escaped() {
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
