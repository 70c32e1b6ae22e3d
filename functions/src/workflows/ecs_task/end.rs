//! How a task has ended: its exit status, and the end of its log.

use aws_sdk_cloudwatchlogs::Client as Logs;
use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata;
use serde::Deserialize;
use shared::{Error, ErrorKind, Result};

use crate::workflows::failure::Failure;

/// Exit statuses of a container that was stopped from outside: 128 plus the signal's number.
pub(crate) const STOPPED: [i32; 2] = [137, 143];

const CHARACTERS_OF_A_FAILURE: usize = 800;
const PAGES_OF_A_LOG: usize = 10;

/// A task that has ended, with the fields of ECS's description that are used here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Task {
    task_arn: String,
    #[serde(default)]
    stopped_reason: String,
    #[serde(default)]
    containers: Vec<Container>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Container {
    name: String,
    exit_code: Option<i32>,
    reason: Option<String>,
}

impl Task {
    /// The last part of its ARN.
    pub(crate) fn id(&self) -> &str {
        self.task_arn.rsplit('/').next().unwrap_or_default()
    }

    /// Whether ECS was asked to stop it, with this reason.
    pub(crate) fn was_stopped_because(&self, reason: &str) -> bool {
        self.stopped_reason.contains(reason)
    }

    /// The exit status of a container. `doing` says what the task was run for.
    ///
    /// # Errors
    /// `Transient` or `EnvironmentNotReady` when the container did not start.
    pub(crate) fn exit_status(&self, container: &str, doing: &str) -> Result<i32> {
        let container = self.containers.iter().find(|it| it.name == container);
        container.and_then(|container| container.exit_code).ok_or_else(|| {
            let reason = container.and_then(|container| container.reason.as_deref()).unwrap_or_default();
            not_started(doing, format!("{} {reason}", self.stopped_reason).trim())
        })
    }
}

/// A task that ECS could not start. Source: the ECS guide, "Stopped tasks error messages".
fn not_started(doing: &str, reason: &str) -> Error {
    let passing = ["Capacity is unavailable", "imeout", "timed out", "network interface provisioning"];
    let kind = if passing.iter().any(|text| reason.contains(text)) {
        ErrorKind::Transient
    } else {
        ErrorKind::EnvironmentNotReady
    };
    Error::new(kind, format!("{doing}: it did not start: {reason}"))
}

/// An error of RunTask. Its names are ECS's errors with the prefix `ECS.`. The cause of `AmazonECS.Unknown` contains
/// `failures`, which are about capacity.
pub(crate) fn not_run(family: &str, failure: &Failure) -> Error {
    let code = failure.error.rsplit('.').next().unwrap_or_default();
    let kind = match code {
        "ClientException"
        | "ClusterNotFoundException"
        | "InvalidParameterException"
        | "PlatformTaskDefinitionIncompatibilityException"
        | "PlatformUnknownException"
        | "UnsupportedFeatureException" => ErrorKind::EnvironmentNotReady,
        "Unknown" | "Timeout" | "AmazonECSException" | "SdkClientException" | "ServerException" => ErrorKind::Transient,
        code => ErrorKind::of_aws_code(code).unwrap_or(ErrorKind::Internal),
    };
    Error::new(kind, format!("running task {family}: {}: {}", failure.error, failure.cause))
}

/// The last lines of a task's log, at most so many. If the log cannot be read, the result is one line that says so.
pub(crate) async fn last_lines(logs: &Logs, group: &str, stream: &str, count: usize) -> Result<Vec<String>> {
    let (mut lines, mut token) = (Vec::new(), None);
    // A page may be empty although more follow. The last page returns the token of its request.
    for _ in 0..PAGES_OF_A_LOG {
        let page = logs.get_log_events().log_group_name(group).log_stream_name(stream).start_from_head(false);
        match page.set_next_token(token.clone()).send().await {
            Ok(page) => {
                let earlier = page.events().iter().filter_map(|event| event.message()).map(str::trim);
                let earlier = earlier.filter(|line| !line.is_empty()).map(str::to_owned);
                lines.splice(0..0, earlier);
                let next = page.next_backward_token().map(str::to_owned);
                if lines.len() >= count || next.is_none() || next == token {
                    break;
                }
                token = next;
            }
            Err(error) if error.code() == Some("ResourceNotFoundException") => {
                return Ok(vec!["it has no log".to_owned()]);
            }
            Err(error) => match Error::aws(format!("reading log {stream} of {group}"), error) {
                passing if passing.kind().is_passing() => return Err(passing),
                lasting => return Ok(vec![lasting.chain()]),
            },
        }
    }
    Ok(lines.split_off(lines.len().saturating_sub(count)))
}

/// Lines of a log, for an error.
pub(crate) fn quoted(lines: &[String]) -> String {
    lines.join("; ").chars().filter(|letter| !letter.is_control()).take(CHARACTERS_OF_A_FAILURE).collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatchlogs::operation::get_log_events::GetLogEventsOutput;
    use aws_sdk_cloudwatchlogs::types::OutputLogEvent;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    use super::*;

    #[tokio::test]
    async fn reading_a_log_continues_after_an_empty_page() {
        let page = |token: Option<&'static str>, next: &'static str, line: Option<&'static str>| {
            mock!(Logs::get_log_events).match_requests(move |request| request.next_token() == token).then_output(
                move || {
                    let event = line.map(|line| OutputLogEvent::builder().message(line).build());
                    GetLogEventsOutput::builder()
                        .set_events(Some(event.into_iter().collect()))
                        .next_backward_token(next)
                        .build()
                },
            )
        };
        let pages = [
            page(None, "b", Some("last")),
            page(Some("b"), "c", None),
            page(Some("c"), "d", Some("first")),
            page(Some("d"), "d", None),
        ];
        let logs = mock_client!(aws_sdk_cloudwatchlogs, RuleMode::Sequential, pages.each_ref());
        assert_eq!(last_lines(&logs, "/ecs/a", "b/c/d", 5).await.unwrap(), ["first", "last"]);
    }
}
