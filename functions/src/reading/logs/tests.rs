use std::time::{Duration, Instant};

use aws_sdk_cloudwatchlogs::operation::filter_log_events::FilterLogEventsOutput;
use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::error::ErrorMetadata;
use serde_json::{Value, json};
use shared::input;

use super::*;
use crate::testing::settings;

const NOW: &str = "2026-01-16T12:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn ago(seconds: i64) -> i64 {
    now().as_millisecond() - 1000 * seconds
}

/// A page of the window between these times, with events of these times, all in seconds before now.
fn page(window: (i64, Option<i64>), token: Option<&'static str>, events: Vec<i64>, next: Option<&'static str>) -> Rule {
    mock!(Client::filter_log_events)
        .match_requests(move |request| {
            assert_eq!(request.log_group_name(), Some("/ecs/dev-123456789012"));
            assert_eq!((request.start_time(), request.end_time()), (Some(ago(window.0)), window.1.map(ago)));
            request.next_token() == token
        })
        .then_output(move || {
            let event = |seconds: &i64| {
                FilteredLogEvent::builder()
                    .timestamp(ago(*seconds))
                    .log_stream_name("wordpress/1")
                    .message(format!("{seconds} s ago"))
                    .build()
            };
            FilterLogEventsOutput::builder()
                .set_events(Some(events.iter().map(event).collect()))
                .set_next_token(next.map(str::to_owned))
                .build()
        })
}

fn refusal(code: &'static str, message: &'static str) -> Rule {
    mock!(Client::filter_log_events)
        .then_error(move || FilterLogEventsError::generic(ErrorMetadata::builder().code(code).message(message).build()))
}

async fn run_within(rules: &[&Rule], request: Value, pages: u32) -> Result<Tail> {
    let logs = mock_client!(aws_sdk_cloudwatchlogs, RuleMode::Sequential, rules);
    let budget = Budget { pages, until: Instant::now() + Duration::from_secs(30) };
    tail_within(&logs, &settings(&[]), now(), input::parse(request)?, budget).await
}

async fn run(rules: &[&Rule], request: Value) -> Result<Tail> {
    run_within(rules, request, 200).await
}

fn messages(tail: &Tail) -> Vec<&str> {
    tail.events.iter().map(|event| event.message.as_str()).collect()
}

#[tokio::test]
async fn the_newest_events_stand_last() {
    let all = page((30, None), None, vec![20, 10], Some("next"));
    let rest = page((30, None), Some("next"), vec![5], None);
    let tail = run(&[&all, &rest], json!({"tenant_id": "123456789012", "since": "30s"})).await.unwrap();
    assert_eq!(
        serde_json::to_value(tail).unwrap(),
        json!({
            "tenant_id": "123456789012",
            "environment": "dev",
            "log_group": "/ecs/dev-123456789012",
            "since": "2026-01-16T11:59:30Z",
            "events": [
                {"at": "2026-01-16T11:59:40Z", "stream": "wordpress/1", "message": "20 s ago"},
                {"at": "2026-01-16T11:59:50Z", "stream": "wordpress/1", "message": "10 s ago"},
                {"at": "2026-01-16T11:59:55Z", "stream": "wordpress/1", "message": "5 s ago"}
            ],
            "truncated": false
        })
    );
}

#[tokio::test]
async fn an_empty_answer_comes_only_after_the_whole_hour_was_read() {
    let windows = [
        page((60, None), None, vec![], None),
        page((540, Some(60)), None, vec![], None),
        page((3600, Some(540)), None, vec![], None),
    ];
    let tail = run(&windows.iter().collect::<Vec<_>>(), json!({"tenant_id": "123456789012"})).await.unwrap();
    assert!(tail.events.is_empty() && !tail.truncated);
    assert_eq!(tail.since.to_string(), "2026-01-16T11:00:00Z");
}

#[tokio::test]
async fn earlier_windows_go_before_later_ones_and_no_event_is_returned_twice() {
    let windows = [
        page((60, None), None, vec![60, 1], None),
        page((540, Some(60)), None, vec![500, 61, 60], None),
        page((600, Some(540)), None, vec![600], None),
    ];
    let request = json!({"tenant_id": "123456789012", "since": "10m"});
    let tail = run(&windows.iter().collect::<Vec<_>>(), request).await.unwrap();
    assert_eq!(messages(&tail), ["600 s ago", "500 s ago", "61 s ago", "60 s ago", "1 s ago"]);
    assert!(!tail.truncated);
}

#[tokio::test]
async fn reading_ends_as_soon_as_there_is_one_event_too_many() {
    let request = || json!({"tenant_id": "123456789012", "limit": 2});
    let busy = page((60, None), None, vec![3, 2, 1], None);
    let tail = run(&[&busy], request()).await.unwrap();
    assert_eq!(messages(&tail), ["2 s ago", "1 s ago"]);
    assert!(tail.truncated && tail.hint.unwrap().contains("raise limit"));

    let enough = page((60, None), None, vec![2, 1], None);
    let one_more = page((540, Some(60)), None, vec![100], Some("many more"));
    let tail = run(&[&enough, &one_more], request()).await.unwrap();
    assert_eq!(messages(&tail), ["2 s ago", "1 s ago"]);
    assert!(tail.truncated);
}

#[tokio::test]
async fn when_the_budget_runs_out_the_answer_has_no_gap() {
    let request = || json!({"tenant_id": "123456789012"});
    let (last_minute, before) =
        (page((60, None), None, vec![1], None), page((540, Some(60)), None, vec![500], Some("many more")));
    let tail = run_within(&[&last_minute, &before], request(), 2).await.unwrap();
    assert_eq!(messages(&tail), ["1 s ago"]);
    assert!(tail.truncated);
    assert!(tail.hint.unwrap().contains("before 2026-01-16T11:59:00Z"));

    let overwhelming = page((60, None), None, vec![59, 58], Some("many more"));
    let tail = run_within(&[&overwhelming], request(), 1).await.unwrap();
    assert_eq!(messages(&tail), ["59 s ago", "58 s ago"]);
    assert!(tail.truncated);
    assert!(tail.hint.unwrap().contains("after 2026-01-16T11:59:02Z"));
}

#[tokio::test]
async fn when_time_is_up_nothing_more_is_read() {
    let logs = mock_client!(aws_sdk_cloudwatchlogs, RuleMode::Sequential, &[] as &[&Rule]);
    let budget = Budget { pages: 200, until: Instant::now() };
    let request = input::parse(json!({"tenant_id": "123456789012"})).unwrap();
    let tail = tail_within(&logs, &settings(&[]), now(), request, budget).await.unwrap();
    assert!(tail.events.is_empty() && tail.truncated);
}

#[tokio::test]
async fn the_filter_is_passed_on_to_cloudwatch() {
    for (filter, sent) in [("ERROR", Some("ERROR")), ("", None)] {
        let page = mock!(Client::filter_log_events)
            .match_requests(move |request| request.filter_pattern() == sent)
            .then_output(|| FilterLogEventsOutput::builder().build());
        run(&[&page], json!({"tenant_id": "123456789012", "since": "5s", "filter": filter})).await.unwrap();
    }
}

#[tokio::test]
async fn a_filter_that_cloudwatch_does_not_understand_is_named() {
    let wrong = refusal("InvalidParameterException", "Invalid character(s) in term '{'");
    let error = run(&[&wrong], json!({"tenant_id": "123456789012", "filter": "{"})).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert!(error.chain().starts_with("filter: \"{\" is not a CloudWatch Logs filter pattern"), "{}", error.chain());
    let wrong = refusal("InvalidParameterException", "no");
    let error = run(&[&wrong], json!({"tenant_id": "123456789012"})).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal, "nothing that a person wrote is wrong");
}

#[tokio::test]
async fn a_missing_log_group_is_an_error_that_says_what_it_may_mean() {
    let missing = refusal("ResourceNotFoundException", "The specified log group does not exist.");
    let error = run(&[&missing], json!({"tenant_id": "123456789012"})).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TenantNotFound);
    for text in ["/ecs/dev-123456789012 does not exist", "no tenant 123456789012 in dev", "without a log group"] {
        assert!(error.chain().contains(text), "{}", error.chain());
    }
}

#[tokio::test]
async fn a_wrong_request_is_refused_with_the_field_and_what_is_allowed() {
    for (request, field, allowed) in [
        (json!({}), "tenant_id", "missing field"),
        (json!({"tenant_id": "1"}), "tenant_id: \"1\"", "12 digits"),
        (json!({"tenant_id": "123456789012", "environment": "staging"}), "environment: \"staging\"", "\"prod\""),
        (json!({"tenant_id": "123456789012", "since": "soon"}), "since: \"soon\"", "15m"),
        (json!({"tenant_id": "123456789012", "since": 5}), "since: 5", "a text"),
        (json!({"tenant_id": "123456789012", "since": "31d"}), "since: \"31d\"", "30 days"),
        (json!({"tenant_id": "123456789012", "filter": "x".repeat(1025)}), "filter: 1025", "1024"),
        (json!({"tenant_id": "123456789012", "filter": ["x"]}), "filter: a list", "a text"),
        (json!({"tenant_id": "123456789012", "limit": 0}), "limit: 0", "1 to 1000"),
        (json!({"tenant_id": "123456789012", "limit": -1}), "limit: -1", "1 to 1000"),
        (json!({"tenant_id": "123456789012", "limit": 1001}), "limit: 1001", "1 to 1000"),
        (json!({"tenant_id": "123456789012", "limit": 1.5}), "limit: 1.5", "1 to 1000"),
        (json!({"tenant_id": "123456789012", "limit": "10"}), "limit: \"10\"", "number"),
        (json!({"tenant_id": "123456789012", "follow": true}), "follow", "since"),
    ] {
        let error = run(&[], request).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{}", error.chain());
        assert!(error.chain().contains(field) && error.chain().contains(allowed), "{}", error.chain());
    }
}

#[tokio::test]
async fn a_request_for_another_environment_is_refused() {
    let error = run(&[], json!({"tenant_id": "123456789012", "environment": "prod"})).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongEnvironment);
}
