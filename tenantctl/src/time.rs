//! Times as people read them: local ones, and durations as they are written on a command line.

use std::time::Duration;

use aws_sdk_sfn::primitives::DateTime;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A time of AWS.
pub fn of_aws(time: &DateTime) -> Option<Timestamp> {
    let nanoseconds = i32::try_from(time.subsec_nanos()).unwrap_or_default();
    Timestamp::new(time.secs(), nanoseconds).ok()
}

/// A time in the time zone of this machine, to the second.
pub fn local(time: Timestamp) -> String {
    in_zone(time, TimeZone::system())
}

fn in_zone(time: Timestamp, zone: TimeZone) -> String {
    time.to_zoned_datetime(zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A text with a time, as functions write it, in the time zone of this machine. Any other text is returned as it is.
pub fn localized(text: &str) -> String {
    text.parse().map_or_else(|_| text.to_owned(), local)
}

/// Reads `90s`, `15m`, `2h`.
///
/// # Errors
/// When the text is something else, in words for a person.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no duration: allowed is a number with s, m or h, as in \"15m\"");
    let (number, seconds) = [('s', 1), ('m', 60), ('h', 60 * 60)]
        .iter()
        .find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, *seconds)))
        .ok_or_else(wrong)?;
    let number: u32 = number.parse().ok().filter(|number| *number > 0).ok_or_else(wrong)?;
    Ok(Duration::from_secs(u64::from(number) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_in_the_zone() {
        let time: Timestamp = "2026-11-25T10:16:22.5Z".parse().unwrap();
        assert_eq!(in_zone(time, TimeZone::fixed(jiff::tz::offset(2))), "2026-11-25 12:16:22");
    }

    #[test]
    fn a_text_without_a_time_stays_as_it_is() {
        assert_eq!(localized("100000000001"), "100000000001");
        assert_eq!(localized("active"), "active");
    }

    #[test]
    fn a_duration_has_a_unit_and_is_more_than_nothing() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("2h"), Ok(Duration::from_secs(7200)));
        for wrong in ["", "5", "0m", "-1s", "1.5h", "m"] {
            assert!(duration(wrong).unwrap_err().contains("15m"), "{wrong}");
        }
    }
}
