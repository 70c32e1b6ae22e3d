//! `capacity` and `resolve`: resolve-environment, which finds what a new tenant would be made of.

use serde_json::{Value, json};

use super::{Operator, entries, text};
use crate::failure::{Failure, Result};
use crate::fields;
use crate::table::Table;

impl Operator<'_> {
    pub(super) async fn resolve(&mut self) -> Result<()> {
        let resolved = self.resolved().await?;
        let title = format!("What a new tenant of {} would be made of", self.environment.name);
        self.screen.answer(&resolved, || fields::lines(&title, &resolved));
        Ok(())
    }

    pub(super) async fn capacity(&mut self) -> Result<()> {
        let resolved = self.resolved().await?;
        let rooms = rooms(resolved.get("environment").unwrap_or(&Value::Null));
        if rooms.is_empty() {
            return Err(Failure::new("Internal", "resolve-environment does not tell the capacity"));
        }
        let mut table = Table::new(&["ROOM FOR", "WHERE", "LEFT", "USED", "LIMIT"]);
        for room in &rooms {
            table.row([
                room.of.replace('_', " "),
                room.place.clone(),
                room.left().to_string(),
                room.used.to_string(),
                room.limit.to_string(),
            ]);
        }
        let all = rooms.iter().filter(|room| room.place == ALL);
        let left = all.map(Room::left).min().unwrap_or_default();
        let answer = json!({
            "environment": self.environment.name,
            "tenants_left": left,
            "rooms": rooms.iter().map(Room::to_json).collect::<Vec<_>>(),
        });
        self.screen.table(&answer, &table);
        self.screen.remark(&format!("{left} more tenants fit into {}", self.environment.name));
        Ok(())
    }

    async fn resolved(&mut self) -> Result<Value> {
        self.environment.call("resolve-environment", &json!({"environment": self.environment.name})).await
    }
}

/// All load balancers or file systems together.
const ALL: &str = "all";

/// How much of a quota is used.
#[derive(Debug, PartialEq, Eq)]
struct Room {
    of: String,
    place: String,
    used: u64,
    limit: u64,
}

impl Room {
    /// A room, if the value is one: it has `used` and `limit`.
    fn of(name: &str, place: &str, value: &Value) -> Option<Self> {
        let number = |field: &str| value.get(field).and_then(Value::as_u64);
        let (used, limit) = (number("used")?, number("limit")?);
        Some(Self { of: name.to_owned(), place: place.to_owned(), used, limit })
    }

    fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    fn to_json(&self) -> Value {
        json!({"of": self.of, "where": self.place, "left": self.left(), "used": self.used, "limit": self.limit})
    }
}

/// The rooms of everything together, and those of each load balancer and file system.
fn rooms(environment: &Value) -> Vec<Room> {
    let of = |place: &str, value: &Value| -> Vec<Room> {
        value.as_object().into_iter().flatten().filter_map(|(name, room)| Room::of(name, place, room)).collect()
    };
    let mut rooms = of(ALL, environment.get("capacity").unwrap_or(&Value::Null));
    for listener in entries(environment, "listeners") {
        let balancer = text(listener, "listener_arn").split('/').nth(2).unwrap_or_default();
        rooms.extend(of(balancer, listener));
    }
    for file_system in entries(environment, "file_systems") {
        rooms.extend(of(text(file_system, "file_system_id"), file_system));
    }
    rooms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_is_told_in_all_and_for_each_place() {
        let environment = json!({
            "capacity": {"listener_rules": {"used": 3, "limit": 100}, "something_else": 5},
            "listeners": [{"listener_arn": "arn:aws:elasticloadbalancing:r:1:listener/app/dev-alb/1/2",
                           "listener_rules": {"used": 120, "limit": 100}, "scheme": "https"}],
            "file_systems": [{"file_system_id": "fs-1", "access_points": {"used": 1, "limit": 10000}}],
        });
        let rooms = rooms(&environment);
        let shown: Vec<_> = rooms.iter().map(|room| (room.of.as_str(), room.place.as_str(), room.left())).collect();
        assert_eq!(
            shown,
            [("listener_rules", "all", 97), ("listener_rules", "dev-alb", 0), ("access_points", "fs-1", 9999)]
        );
    }
}
