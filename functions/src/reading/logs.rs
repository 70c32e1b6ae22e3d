//! Reads the newest events of a tenant's log.
//!
//! Changes nothing. The newest events are read first, and reading ends well before the function's timeout. An
//! incomplete answer says so, and says what to ask for instead. A log group without events is not an error; a missing
//! log group is.

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatchlogs::operation::filter_log_events::FilterLogEventsError;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::input::invalid;
use shared::{EnvironmentName, Error, ErrorKind, Names, Result, Settings, TenantId};

mod newest;
mod since;

pub use newest::Event;
use newest::{Budget, Query};
pub use since::Since;

/// The longest filter pattern that CloudWatch Logs takes, in characters. Source: API reference of FilterLogEvents.
const LONGEST_FILTER: usize = 1024;

/// Input of tail-tenant-logs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Guard: must be the stack's environment.
    pub environment: Option<EnvironmentName>,
    /// The earliest time; an hour ago when absent.
    #[serde(default)]
    pub since: Since,
    /// Only events that match this filter pattern.
    pub filter: Option<Filter>,
    /// Maximum number of events, 100 when absent. The newest are returned.
    #[serde(default)]
    pub limit: Limit,
}

/// A filter pattern of CloudWatch Logs. Its syntax is checked by CloudWatch Logs only.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Filter(String);

impl TryFrom<String> for Filter {
    type Error = String;

    fn try_from(pattern: String) -> Result<Self, String> {
        match pattern.chars().count() {
            0..=LONGEST_FILTER => Ok(Self(pattern)),
            length => Err(format!(
                "{length} characters are too many: allowed is a CloudWatch Logs filter pattern of at most \
                 {LONGEST_FILTER} characters"
            )),
        }
    }
}

/// Maximum number of events: 1 to 1000, 100 when absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "serde_json::Number")]
pub struct Limit(usize);

impl Limit {
    const MOST: usize = 1000;
}

impl Default for Limit {
    fn default() -> Self {
        Self(100)
    }
}

impl TryFrom<serde_json::Number> for Limit {
    type Error = String;

    fn try_from(number: serde_json::Number) -> Result<Self, String> {
        let limit = number.as_u64().and_then(|limit| usize::try_from(limit).ok());
        limit
            .filter(|limit| (1..=Self::MOST).contains(limit))
            .map(Self)
            .ok_or_else(|| format!("{number} is not a limit: allowed is a whole number from 1 to {}", Self::MOST))
    }
}

/// Output of tail-tenant-logs.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Tail {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The environment.
    pub environment: EnvironmentName,
    /// Name of the log group.
    pub log_group: String,
    /// The earliest time.
    pub since: Timestamp,
    /// The events, newest last.
    pub events: Vec<Event>,
    /// The answer is incomplete.
    pub truncated: bool,
    /// What is missing, and how to get it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Reads the newest events of a tenant's log. `now` is the current time.
///
/// # Errors
/// `TenantNotFound` when there is no log group; `InvalidRequest` for a time out of bounds or for a filter pattern that
/// CloudWatch Logs does not accept; `WrongEnvironment`; or when a call to CloudWatch Logs fails.
pub async fn tail(logs: &Client, settings: &Settings, now: Timestamp, request: Request) -> Result<Tail> {
    tail_within(logs, settings, now, request, Budget::of_an_invocation()).await
}

async fn tail_within(
    logs: &Client,
    settings: &Settings,
    now: Timestamp,
    request: Request,
    budget: Budget,
) -> Result<Tail> {
    settings.guard(request.environment)?;
    let names = settings.names(&request.tenant_id);
    let since = request.since.resolve(now)?;
    let filter = request.filter.as_ref().map(|filter| filter.0.as_str()).filter(|filter| !filter.is_empty());
    let query = Query { group: &names.log_group(), filter, since, now, limit: request.limit.0 };
    let newest = newest::read(logs, &query, budget).await.map_err(|error| refused(&names, filter, error))?;
    let hint = newest.hint();
    Ok(Tail {
        tenant_id: request.tenant_id,
        environment: settings.environment(),
        log_group: names.log_group(),
        since,
        truncated: hint.is_some(),
        hint,
        events: newest.into_events(),
    })
}

fn refused(names: &Names, filter: Option<&str>, error: SdkError<FilterLogEventsError>) -> Error {
    let (group, environment) = (names.log_group(), names.environment());
    match (error.code(), filter) {
        (Some("ResourceNotFoundException"), _) => Error::new(
            ErrorKind::TenantNotFound,
            format!(
                "log group {group} does not exist: either there is no tenant {} in {environment} \
                 ({environment}-list-tenants gives every one), or it was made without a log group, as by the runbook, \
                 and then none of its tasks can start",
                names.tenant()
            ),
        ),
        // All other parameters are valid, so AWS refers to the pattern.
        (Some("InvalidParameterException"), Some(filter)) => invalid(format!(
            "filter: {filter:?} is not a CloudWatch Logs filter pattern: {}",
            error.message().unwrap_or("it cannot be read")
        )),
        _ => Error::aws(format!("reading log group ({group})"), error),
    }
}

#[cfg(test)]
mod tests;
