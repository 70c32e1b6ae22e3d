//! The earliest time of the events to read: `15m`, `1h`, `2026-01-16T10:00:00Z`.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use shared::Result;
use shared::input::invalid;

const ALLOWED: &str = "allowed are a number with s, m, h or d, as in \"15m\", and an RFC 3339 time, as in \
                       \"2026-01-16T10:00:00Z\", at most 30 days back";
const FURTHEST: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A time, or a duration before now; an hour when absent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Since {
    written: String,
    time: Time,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Time {
    Ago(SignedDuration),
    At(Timestamp),
}

impl Default for Since {
    fn default() -> Self {
        Self { written: "1h".to_owned(), time: Time::Ago(SignedDuration::from_hours(1)) }
    }
}

impl TryFrom<String> for Since {
    type Error = String;

    fn try_from(written: String) -> Result<Self, String> {
        let time = ago(&written).map(Time::Ago).or_else(|| written.parse().ok().map(Time::At));
        match time {
            Some(time) => Ok(Self { written, time }),
            None => Err(format!("{written:?} is not a time: {ALLOWED}")),
        }
    }
}

fn ago(written: &str) -> Option<SignedDuration> {
    let units = [('s', 1), ('m', 60), ('h', 60 * 60), ('d', 24 * 60 * 60)];
    let (number, seconds) = units.iter().find_map(|(unit, seconds)| Some((written.strip_suffix(*unit)?, *seconds)))?;
    // `parse` would also accept a sign.
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u32 = number.parse().ok()?;
    (number > 0).then(|| SignedDuration::from_secs(i64::from(number) * seconds))
}

impl Since {
    /// The time in whole seconds, where `now` is the current time.
    ///
    /// # Errors
    /// `InvalidRequest` when it is in the future, or more than 30 days ago.
    pub fn resolve(&self, now: Timestamp) -> Result<Timestamp> {
        let wrong = |why: &str| invalid(format!("since: {:?} is {why}: {ALLOWED}", self.written));
        let too_early = || wrong("too long ago");
        let time = match self.time {
            Time::Ago(duration) => now.checked_sub(duration).map_err(|_| too_early())?,
            Time::At(time) => time,
        };
        if time > now {
            return Err(wrong(&format!("in the future (now it is {})", whole_seconds(now))));
        }
        if now.duration_since(time) > FURTHEST {
            return Err(too_early());
        }
        Ok(whole_seconds(time))
    }
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use shared::ErrorKind;

    use super::*;

    fn resolved(since: &str) -> Result<String, String> {
        let now = "2026-01-16T12:00:00.123Z".parse().unwrap();
        let since = Since::try_from(since.to_owned())?;
        since.resolve(now).map(|time| time.to_string()).map_err(|error| {
            assert_eq!(error.kind(), ErrorKind::InvalidRequest);
            error.chain()
        })
    }

    #[test]
    fn a_number_with_a_unit_is_how_long_ago_and_a_time_is_a_time() {
        for (since, time) in [
            ("30s", "2026-01-16T11:59:30Z"),
            ("15m", "2026-01-16T11:45:00Z"),
            ("1h", "2026-01-16T11:00:00Z"),
            ("30d", "2025-12-17T12:00:00Z"),
            ("2026-01-16T10:00:00Z", "2026-01-16T10:00:00Z"),
            ("2026-01-16T10:00:00.5Z", "2026-01-16T10:00:00Z"),
            ("2026-01-16T12:00:00+02:00", "2026-01-16T10:00:00Z"),
        ] {
            assert_eq!(resolved(since).as_deref(), Ok(time));
        }
        assert_eq!(Since::default(), Since::try_from("1h".to_owned()).unwrap());
    }

    #[test]
    fn what_is_no_time_is_refused_with_what_is_allowed() {
        for since in [
            "",
            "h",
            "0m",
            "-1h",
            "+1h",
            "1.5h",
            "1w",
            "1 h",
            "1h30m",
            "１h",
            "15",
            "yesterday",
            "99999999999d",
            "2026-01-16",
            "2026-01-16T10:00:00",
            "2026-13-16T10:00:00Z",
        ] {
            let message = resolved(since).unwrap_err();
            assert!(message.contains(&format!("{since:?} is not a time")) && message.contains("15m"), "{message}");
        }
    }

    #[test]
    fn a_time_out_of_bounds_is_refused_with_the_field_and_the_value() {
        for (since, why) in [
            ("31d", "too long ago"),
            ("721h", "too long ago"),
            ("4294967295d", "too long ago"),
            ("2025-12-17T11:59:59Z", "too long ago"),
            ("2026-01-16T12:00:01Z", "in the future (now it is 2026-01-16T12:00:00Z)"),
        ] {
            let message = resolved(since).unwrap_err();
            assert!(message.starts_with(&format!("since: {since:?} is {why}")), "{message}");
            assert!(message.contains("30 days"), "{message}");
        }
    }
}
