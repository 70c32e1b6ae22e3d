//! How much of AWS's quotas is used.

use std::fmt;
use std::iter::Sum;

use serde::{Serialize, Serializer};
use shared::{Result, Settings};

/// How much of a quota is used. In JSON, it also has how much is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Number in use.
    pub used: usize,
    /// The quota.
    pub limit: usize,
}

impl Room {
    /// `limit` names the setting that holds the quota; its value comes from a stack parameter.
    ///
    /// # Errors
    /// `EnvironmentNotReady` when the setting is not a number.
    pub(crate) fn new(used: usize, settings: &Settings, limit: &str) -> Result<Self> {
        Ok(Self { used, limit: settings.parsed(limit)? })
    }

    pub(crate) fn left(self) -> usize {
        self.limit.saturating_sub(self.used)
    }

    /// Rounded down: a quota that is nearly used up shows as 0.
    pub(crate) fn percent_left(self) -> usize {
        self.left().saturating_mul(100).checked_div(self.limit).unwrap_or_default()
    }
}

impl Serialize for Room {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([("used", self.used), ("limit", self.limit), ("left", self.left())])
    }
}

impl Sum for Room {
    fn sum<I: Iterator<Item = Self>>(rooms: I) -> Self {
        // Use beyond one quota must not reduce the room in another.
        rooms.fold(Self::default(), |sum, room| Self {
            used: sum.used + room.used.min(room.limit),
            limit: sum.limit + room.limit,
        })
    }
}

impl fmt::Display for Room {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of {}", self.used, self.limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn use_beyond_one_quota_takes_no_room_from_another() {
        let rooms = [Room { used: 120, limit: 100 }, Room { used: 40, limit: 100 }];
        assert_eq!(rooms.into_iter().sum::<Room>(), Room { used: 140, limit: 200 });
    }

    #[test]
    fn what_is_left_is_told_and_never_below_nothing() {
        let told = |used| serde_json::to_value(Room { used, limit: 100 }).unwrap();
        assert_eq!(told(97), serde_json::json!({"used": 97, "limit": 100, "left": 3}));
        assert_eq!(told(120)["left"], 0);
    }
}
