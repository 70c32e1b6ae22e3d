//! Metrics, as lines in a function's log. CloudWatch extracts them from JSON in its embedded metric format.
//!
//! This needs no call and no permission, so a metric never makes a step fail. AWS charges for every combination of
//! dimensions. A dimension's value is therefore a name in the code or the name of a function, never a tenant's id. The
//! id is a property of the line, which queries can find.
//!
//! Source: "Specification: Embedded metric format" in the user guide of CloudWatch.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::invocation::Invocation;
use crate::{EnvironmentName, ErrorKind};

/// The namespace of the metrics in CloudWatch.
pub const NAMESPACE: &str = "TenantManagement";

/// Every metric. Alarms and the dashboard use their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Functions that ended in an error, even if a retry succeeded.
    StepErrors,
    /// Number of rules that still fit on the load balancer.
    ListenerRulesLeft,
    /// Number of target groups that still fit on the load balancer.
    TargetGroupsLeft,
    /// Number of access points that still fit on the file system.
    AccessPointsLeft,
    /// Percentage that is left of the quota with the least left.
    CapacityLeftPercent,
    /// Number of tenants of one status.
    TenantsByStatus,
    /// Number of tenants that lacked a resource in two audits in a row.
    TenantsIncomplete,
}

impl Metric {
    /// Every metric.
    pub const ALL: [Self; 7] = [
        Self::StepErrors,
        Self::ListenerRulesLeft,
        Self::TargetGroupsLeft,
        Self::AccessPointsLeft,
        Self::CapacityLeftPercent,
        Self::TenantsByStatus,
        Self::TenantsIncomplete,
    ];

    /// The name in CloudWatch.
    pub fn name(self) -> &'static str {
        match self {
            Self::StepErrors => "StepErrors",
            Self::ListenerRulesLeft => "ListenerRulesLeft",
            Self::TargetGroupsLeft => "TargetGroupsLeft",
            Self::AccessPointsLeft => "AccessPointsLeft",
            Self::CapacityLeftPercent => "CapacityLeftPercent",
            Self::TenantsByStatus => "TenantsByStatus",
            Self::TenantsIncomplete => "TenantsIncomplete",
        }
    }

    /// The metric's sets of dimensions in CloudWatch.
    pub fn dimensions(self) -> &'static [&'static [&'static str]] {
        match self {
            Self::StepErrors => &[&["Environment", "Error"], &["Environment", "Step", "Error"]],
            Self::TenantsByStatus => &[&["Environment", "Status"]],
            _ => &[&["Environment"]],
        }
    }

    fn unit(self) -> &'static str {
        if self == Self::CapacityLeftPercent { "Percent" } else { "Count" }
    }
}

/// The number of tenants that still fit, by quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoomLeft {
    /// Rules on the load balancer.
    pub listener_rules: usize,
    /// Target groups on the load balancer.
    pub target_groups: usize,
    /// Access points on the file system.
    pub access_points: usize,
    /// Percentage that is left of the quota with the least left.
    pub percent: usize,
}

/// One line of the log. [`Line::write`] it.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a line that is not written is no metric"]
pub struct Line(Map<String, Value>);

impl Line {
    /// Metrics with the same dimensions.
    fn new(metrics: &[(Metric, usize)], members: &[(&str, &str)]) -> Self {
        let (first, _) = metrics[0];
        debug_assert!(metrics.iter().all(|(metric, _)| metric.dimensions() == first.dimensions()));
        let definitions: Vec<_> =
            metrics.iter().map(|(metric, _)| json!({"Name": metric.name(), "Unit": metric.unit()})).collect();
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut line = Map::new();
        let directive = json!({"Namespace": NAMESPACE, "Dimensions": first.dimensions(), "Metrics": definitions});
        let milliseconds = u64::try_from(since_1970.as_millis()).unwrap_or_default();
        line.insert("_aws".to_owned(), json!({"Timestamp": milliseconds, "CloudWatchMetrics": [directive]}));
        // A dimension may not be empty.
        let given = members.iter().filter(|(_, value)| !value.is_empty());
        line.extend(given.map(|(name, value)| ((*name).to_owned(), Value::from(*value))));
        line.extend(metrics.iter().map(|(metric, value)| (metric.name().to_owned(), Value::from(*value))));
        Self(line)
    }

    /// Writes the line to the function's log. It must be a line of its own, without the format of other log lines.
    /// Lambda passes on JSON of a function with a custom runtime unchanged.
    pub fn write(&self) {
        #[allow(clippy::print_stdout, reason = "a function's log is its standard output")]
        {
            println!("{self}");
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", Value::Object(self.0.clone()))
    }
}

/// A function has failed.
pub fn step_error(invocation: &Invocation, error: ErrorKind) -> Line {
    let Invocation { step, environment, tenant_id, execution, request_id } = invocation;
    let members = [
        ("Environment", environment.as_str()),
        ("Step", step),
        ("Error", error.name()),
        ("tenant_id", tenant_id),
        ("execution", execution),
        ("request_id", request_id),
    ];
    Line::new(&[(Metric::StepErrors, 1)], &members)
}

/// The room that is left in the environment.
pub fn room_left(environment: EnvironmentName, room: RoomLeft) -> Line {
    let metrics = [
        (Metric::ListenerRulesLeft, room.listener_rules),
        (Metric::TargetGroupsLeft, room.target_groups),
        (Metric::AccessPointsLeft, room.access_points),
        (Metric::CapacityLeftPercent, room.percent),
    ];
    Line::new(&metrics, &[("Environment", environment.as_str())])
}

/// The number of tenants by status. A status without tenants must be given as 0, or its metric would keep its last
/// value.
///
/// The statuses are names in the code, so their number is limited.
pub fn tenants_by_status(
    environment: EnvironmentName,
    tenants: impl IntoIterator<Item = (&'static str, usize)>,
) -> Vec<Line> {
    let line = |(status, count)| {
        Line::new(&[(Metric::TenantsByStatus, count)], &[("Environment", environment.as_str()), ("Status", status)])
    };
    tenants.into_iter().map(line).collect()
}

/// The number of tenants that lacked a resource in two audits in a row.
pub fn tenants_incomplete(environment: EnvironmentName, count: usize) -> Line {
    Line::new(&[(Metric::TenantsIncomplete, count)], &[("Environment", environment.as_str())])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line as it is written, with the time set to 0.
    fn written(line: &Line) -> Value {
        let text = line.to_string();
        assert!(!text.contains('\n'), "one line");
        let mut value: Value = serde_json::from_str(&text).unwrap();
        let time = value["_aws"]["Timestamp"].take().as_u64().unwrap();
        assert!((1_700_000_000_000..10_000_000_000_000).contains(&time), "milliseconds since 1970: {time}");
        value["_aws"]["Timestamp"] = json!(0);
        value
    }

    fn invocation() -> Invocation {
        Invocation {
            step: "create-secret".to_owned(),
            environment: "dev".to_owned(),
            tenant_id: "123456789012".to_owned(),
            execution: "arn:aws:states:1".to_owned(),
            request_id: "request-1".to_owned(),
        }
    }

    #[test]
    fn an_error_is_counted_by_its_name_and_by_its_step() {
        let expected = json!({
            "_aws": {"Timestamp": 0, "CloudWatchMetrics": [{
                "Namespace": "TenantManagement",
                "Dimensions": [["Environment", "Error"], ["Environment", "Step", "Error"]],
                "Metrics": [{"Name": "StepErrors", "Unit": "Count"}],
            }]},
            "Environment": "dev", "Step": "create-secret", "Error": "AccessDenied", "StepErrors": 1,
            "tenant_id": "123456789012", "execution": "arn:aws:states:1", "request_id": "request-1",
        });
        assert_eq!(written(&step_error(&invocation(), ErrorKind::AccessDenied)), expected);
    }

    #[test]
    fn room_is_one_line_with_each_quota() {
        let room = RoomLeft { listener_rules: 4, target_groups: 50, access_points: 9_000, percent: 4 };
        let expected = json!({
            "_aws": {"Timestamp": 0, "CloudWatchMetrics": [{
                "Namespace": "TenantManagement",
                "Dimensions": [["Environment"]],
                "Metrics": [
                    {"Name": "ListenerRulesLeft", "Unit": "Count"},
                    {"Name": "TargetGroupsLeft", "Unit": "Count"},
                    {"Name": "AccessPointsLeft", "Unit": "Count"},
                    {"Name": "CapacityLeftPercent", "Unit": "Percent"},
                ],
            }]},
            "Environment": "prod", "ListenerRulesLeft": 4, "TargetGroupsLeft": 50, "AccessPointsLeft": 9_000,
            "CapacityLeftPercent": 4,
        });
        assert_eq!(written(&room_left(EnvironmentName::Prod, room)), expected);
    }

    #[test]
    fn tenants_are_one_line_for_each_status() {
        let lines = tenants_by_status(EnvironmentName::Sit, [("active", 12), ("partial", 0)]);
        let [active, partial] = lines.as_slice() else { panic!("two lines") };
        let expected = json!({
            "_aws": {"Timestamp": 0, "CloudWatchMetrics": [{
                "Namespace": "TenantManagement",
                "Dimensions": [["Environment", "Status"]],
                "Metrics": [{"Name": "TenantsByStatus", "Unit": "Count"}],
            }]},
            "Environment": "sit", "Status": "active", "TenantsByStatus": 12,
        });
        assert_eq!(written(active), expected);
        assert_eq!((&written(partial)["Status"], &written(partial)["TenantsByStatus"]), (&json!("partial"), &json!(0)));
    }

    #[test]
    fn a_tenant_is_no_dimension() {
        for set in Metric::ALL.iter().flat_map(|metric| metric.dimensions()) {
            assert!(set.iter().all(|name| ["Environment", "Error", "Step", "Status"].contains(name)), "{set:?}");
        }
    }

    #[test]
    fn unknown_values_are_left_out() {
        let bare = Invocation { tenant_id: String::new(), execution: String::new(), ..invocation() };
        let line = written(&step_error(&bare, ErrorKind::Internal));
        assert_eq!((line.get("tenant_id"), line.get("execution")), (None, None));
    }
}
