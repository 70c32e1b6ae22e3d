//! Why a deployment does not complete: messages of the deployment, the stopped tasks and the service, and what the site
//! itself has logged.

use std::collections::BTreeSet;

use aws_sdk_cloudwatchlogs::error::ProvideErrorMetadata;
use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{Deployment, DesiredStatus, Service};
use shared::{Error, Names, Result};

use super::primary;

/// Maximum number of the service's reasons in an error.
const REASONS: usize = 5;
/// What the interesting lines of the site's log contain: those of its start, and PHP's own errors. Both are followed by
/// text without any password.
const LINES: [&str; 2] = ["tenant-management:", "PHP Fatal error"];
/// What a line contains that says that a start has succeeded, and so is no reason.
const GOOD_NEWS: [&str; 2] = ["the site is served by", "the site is installed"];
/// Maximum number of pages that are searched for a line.
const MOST_PAGES: usize = 10;
/// Maximum length of such a line in an error.
const LONGEST_LINE: usize = 300;

/// The reasons, without repetitions.
///
/// # Errors
/// When a call to ECS or CloudWatch Logs fails.
pub(super) async fn reasons(
    ecs: &Client,
    logs: &aws_sdk_cloudwatchlogs::Client,
    names: &Names,
    service: &Service,
) -> Result<Vec<String>> {
    let deployments = service.deployments().iter().filter_map(Deployment::rollout_state_reason).map(str::to_owned);
    let events = service.events().iter().filter_map(|event| event.message()).map(str::to_owned);
    let mut seen = BTreeSet::new();
    let all = deployments.chain(stopped_tasks(ecs, names).await?).chain(events);
    let mut reasons: Vec<_> = all.filter(|reason| seen.insert(reason.clone())).take(REASONS).collect();
    reasons.extend(lines(logs, names, service).await?);
    Ok(reasons)
}

async fn stopped_tasks(ecs: &Client, names: &Names) -> Result<Vec<String>> {
    let doing = || format!("reading stopped tasks of service ({})", names.service());
    let tasks =
        ecs.list_tasks().cluster(names.cluster()).service_name(names.service()).desired_status(DesiredStatus::Stopped);
    let tasks = tasks.max_results(10).send().await.map_err(|error| Error::aws(doing(), error))?;
    if tasks.task_arns().is_empty() {
        return Ok(Vec::new());
    }
    let tasks = ecs.describe_tasks().cluster(names.cluster()).set_tasks(tasks.task_arns).send().await;
    let tasks = tasks.map_err(|error| Error::aws(doing(), error))?;
    Ok(tasks
        .tasks()
        .iter()
        .flat_map(|task| {
            let containers = task.containers().iter().filter_map(|container| {
                let exit = container.exit_code().map(|code| format!("exit code {code}"));
                container.reason().map(str::to_owned).or(exit)
            });
            task.stopped_reason().map(str::to_owned).into_iter().chain(containers)
        })
        .collect())
}

/// The last line of each kind in [`LINES`] that the site has logged since the deployment began.
async fn lines(logs: &aws_sdk_cloudwatchlogs::Client, names: &Names, service: &Service) -> Result<Vec<String>> {
    let group = names.log_group();
    let begun = primary(service).and_then(Deployment::created_at).and_then(|begun| begun.to_millis().ok());
    let mut lines = Vec::new();
    for line in LINES {
        let events = logs.filter_log_events().log_group_name(&group).filter_pattern(format!("\"{line}\""));
        let mut pages = events.set_start_time(begun).into_paginator().send();
        let mut last = None;
        // A page may be empty although others follow.
        for _ in 0..MOST_PAGES {
            match pages.next().await {
                None => break,
                Some(Ok(page)) => last = page.events.unwrap_or_default().into_iter().rfind(is_a_reason).or(last),
                // A tenant that the runbook made may have no log.
                Some(Err(error)) if error.code() == Some("ResourceNotFoundException") => break,
                Some(Err(error)) => return Err(Error::aws(format!("reading log group ({group})"), error)),
            }
        }
        let text = last.as_ref().and_then(|event| event.message());
        lines.extend(text.map(|text| format!("its log says: {}", shortened(text))));
    }
    Ok(lines)
}

fn is_a_reason(event: &FilteredLogEvent) -> bool {
    !event.message().is_some_and(|text| GOOD_NEWS.iter().any(|news| text.contains(news)))
}

/// A tenant's programs can write anything into its log.
fn shortened(line: &str) -> String {
    let line: String = line.trim().chars().filter(|letter| !letter.is_control()).collect();
    match line.char_indices().nth(LONGEST_LINE) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatchlogs::operation::filter_log_events::{FilterLogEventsError, FilterLogEventsOutput};
    use aws_sdk_ecs::primitives::DateTime;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;
    use crate::testing::{settings, tenant};

    fn service() -> Service {
        let deployment = Deployment::builder().status("PRIMARY").created_at(DateTime::from_secs(1_000));
        Service::builder().deployments(deployment.build()).build()
    }

    #[tokio::test]
    async fn the_last_lines_of_the_sites_log_since_the_deployment_began_are_quoted() {
        let of = |pattern: &'static str, lines: [String; 3]| {
            mock!(aws_sdk_cloudwatchlogs::Client::filter_log_events)
                .match_requests(move |request| {
                    assert_eq!(request.start_time(), Some(1_000_000));
                    request.filter_pattern() == Some(pattern)
                })
                .then_output(move || {
                    let events = lines.clone().map(|line| FilteredLogEvent::builder().message(line).build());
                    FilterLogEventsOutput::builder().set_events(Some(events.to_vec())).build()
                })
        };
        let starts = [
            "an earlier one",
            "tenant-management: the site is not served\n",
            "tenant-management: the site is served by WordPress 7.1, in the task that is to be replaced\n",
        ]
        .map(str::to_owned);
        let errors = ["an earlier one", "another one", &format!("PHP Fatal error:  {}", "x".repeat(1_000))];
        let errors = errors.map(str::to_owned);
        let rules = [&of("\"tenant-management:\"", starts), &of("\"PHP Fatal error\"", errors)];
        let logs = mock_client!(aws_sdk_cloudwatchlogs, RuleMode::Sequential, rules);
        let lines = lines(&logs, &settings(&[]).names(&tenant()), &service()).await.unwrap();
        assert_eq!(lines[0], "its log says: tenant-management: the site is not served");
        assert!(lines[1].ends_with("xxx…") && lines[1].len() < 330, "{}", lines[1]);
    }

    #[tokio::test]
    async fn a_tenant_without_a_log_has_no_lines() {
        let missing = mock!(aws_sdk_cloudwatchlogs::Client::filter_log_events).then_error(|| {
            FilterLogEventsError::generic(ErrorMetadata::builder().code("ResourceNotFoundException").build())
        });
        let logs = mock_client!(aws_sdk_cloudwatchlogs, RuleMode::MatchAny, [&missing]);
        let lines = lines(&logs, &settings(&[]).names(&tenant()), &service()).await.unwrap();
        assert_eq!(lines, Vec::<String>::new());
    }
}
