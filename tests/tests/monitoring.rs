//! Checks of the alarms, the dashboard and the saved queries in the template. They need no stack. The names of the
//! metrics come from the code.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;
use shared::metrics::{Metric, NAMESPACE};

/// Fields of a function's log line: its own, and those of its span.
const FIELDS: [&str; 3] = ["message", "error", "duration_ms"];
const SPAN: [&str; 5] = ["step", "environment", "tenant_id", "execution", "request_id"];

/// The template's resources, by their logical names.
fn resources() -> BTreeMap<String, String> {
    let template = fs::read_to_string("../template.yaml").unwrap();
    let section = template.split("\nResources:\n").nth(1).unwrap().split("\nOutputs:\n").next().unwrap();
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    let mut name = String::new();
    for line in section.lines() {
        match line.strip_prefix("  ").and_then(|rest| rest.strip_suffix(':')) {
            Some(logical) if logical.chars().all(char::is_alphanumeric) => name = logical.to_owned(),
            _ => *all.entry(name.clone()).or_default() += &format!("{line}\n"),
        }
    }
    all
}

fn of_type(kind: &str) -> BTreeMap<String, String> {
    let kind = format!("    Type: {kind}\n");
    let found: BTreeMap<_, _> = resources().into_iter().filter(|(_, text)| text.starts_with(&kind)).collect();
    assert!(!found.is_empty(), "{kind}");
    found
}

fn dashboard() -> Value {
    let (_, text) = of_type("AWS::CloudWatch::Dashboard").pop_first().unwrap();
    let body: String = text
        .lines()
        .skip_while(|line| !line.ends_with("- |"))
        .skip(1)
        .take_while(|line| line.starts_with("          "))
        .collect();
    serde_json::from_str(&body).unwrap()
}

/// Every metric of the dashboard's widgets: its namespace, its name and the names of its dimensions.
fn shown() -> Vec<(String, String, Vec<String>)> {
    let dashboard = dashboard();
    let rows =
        dashboard["widgets"].as_array().unwrap().iter().filter_map(|widget| widget["properties"]["metrics"].as_array());
    rows.flatten()
        .map(|row| match row[0].as_str() {
            Some(namespace) => {
                let words: Vec<_> =
                    row.as_array().unwrap().iter().filter_map(Value::as_str).map(str::to_owned).collect();
                (namespace.to_owned(), words[1].clone(), words[2..].iter().step_by(2).cloned().collect())
            }
            None => {
                let search = row[0]["expression"].as_str().unwrap();
                let schema = search.split(['{', '}']).nth(1).unwrap();
                let mut schema = schema.split(',').map(str::to_owned);
                let name = search.split("MetricName=\"").nth(1).unwrap().split('"').next().unwrap();
                (schema.next().unwrap(), name.to_owned(), schema.collect())
            }
        })
        .collect()
}

fn value<'a>(resource: &'a str, property: &str) -> Option<&'a str> {
    resource.lines().find_map(|line| line.trim().strip_prefix(property)?.strip_prefix(": "))
}

fn guide() -> String {
    fs::read_to_string("../docs/operating.md").unwrap()
}

#[test]
fn every_alarm_reaches_somebody_and_says_what_it_means_and_where_to_read_on() {
    let watch_it = guide();
    let watch_it = watch_it.split("\n## Watch it\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let widgets = dashboard().to_string();
    for (logical, alarm) in of_type("AWS::CloudWatch::Alarm") {
        assert_eq!(value(&alarm, "AlarmActions"), Some("[!Ref Alarms]"), "{logical}");
        assert_eq!(value(&alarm, "TreatMissingData"), Some("notBreaching"), "{logical}");
        let description =
            alarm.split("AlarmDescription: >-\n").nth(1).unwrap().split("      AlarmActions").next().unwrap();
        assert!(
            description.len() > 80 && description.contains("docs/operating.md, \"Watch it\""),
            "{logical}: {description}"
        );
        let name =
            value(&alarm, "AlarmName").unwrap().trim_start_matches("!Sub \"${Environment}-").trim_end_matches('"');
        assert!(watch_it.contains(&format!("`{name}`")), "the guide does not say what to do about {name}");
        assert!(widgets.contains(&format!("${{{logical}.Arn}}")), "{logical} is not on the dashboard");
    }
}

#[test]
fn every_state_machine_is_on_the_dashboard_with_its_results_its_durations_and_its_throttles() {
    let dashboard = dashboard();
    for file in fs::read_dir("../statemachines").unwrap() {
        let file = file.unwrap().file_name().into_string().unwrap();
        let Some(name) = file.strip_suffix(".asl.json") else { continue };
        let machine = format!("${{Machine}}-{name}");
        let mut seen = BTreeSet::new();
        for widget in dashboard["widgets"].as_array().unwrap() {
            let properties = &widget["properties"];
            for row in properties["metrics"].as_array().into_iter().flatten().filter(|row| row[3] == machine.as_str()) {
                let stat = if row[1] == "ExecutionTime" { properties["stat"].as_str().unwrap() } else { "" };
                seen.insert(format!("{} {stat}", row[1].as_str().unwrap()).trim().to_owned());
            }
        }
        let expected = [
            "ExecutionTime p50",
            "ExecutionTime p95",
            "ExecutionThrottled",
            "ExecutionsAborted",
            "ExecutionsFailed",
            "ExecutionsSucceeded",
            "ExecutionsTimedOut",
        ];
        assert_eq!(seen, expected.map(str::to_owned).into(), "{machine}");
    }
}

#[test]
fn alarms_and_dashboard_know_the_metrics_that_the_functions_write() {
    let written: BTreeSet<_> = Metric::ALL
        .into_iter()
        .flat_map(|metric| metric.dimensions().iter().map(move |set| (metric.name().to_owned(), set.to_vec())))
        .collect();
    let mut read = BTreeSet::new();
    for (namespace, name, dimensions) in shown() {
        let dimensions: Vec<_> = dimensions.iter().map(String::as_str).collect();
        if namespace == NAMESPACE {
            assert!(written.contains(&(name.clone(), dimensions.clone())), "{name} by {dimensions:?}");
            read.insert(name);
        }
    }
    for (logical, alarm) in of_type("AWS::CloudWatch::Alarm") {
        if value(&alarm, "Namespace") == Some(NAMESPACE) {
            let name = value(&alarm, "MetricName").unwrap();
            assert!(written.contains(&(name.to_owned(), vec!["Environment"])), "{logical}: {name}");
            assert_eq!(
                value(&alarm, "Dimensions"),
                Some("[{ Name: Environment, Value: !Ref Environment }]"),
                "{logical}"
            );
        }
    }
    assert!(
        ["StepErrors", "TenantsByStatus", "CapacityLeftPercent"].iter().all(|name| read.contains(*name)),
        "{read:?}"
    );
    for metric in Metric::ALL {
        assert!(guide().contains(&format!("`{}`", metric.name())), "{} is not in the guide", metric.name());
    }
}

#[test]
fn the_dashboards_widgets_fit_beside_each_other() {
    let dashboard = dashboard();
    let place = |widget: &Value, name: &str| widget[name].as_u64().unwrap();
    let mut taken = BTreeSet::new();
    for widget in dashboard["widgets"].as_array().unwrap() {
        let (x, y) = (place(widget, "x"), place(widget, "y"));
        assert!(x + place(widget, "width") <= 24, "a dashboard is 24 wide: {widget}");
        for column in x..x + place(widget, "width") {
            for row in y..y + place(widget, "height") {
                assert!(taken.insert((column, row)), "two widgets at {column}, {row}: {widget}");
            }
        }
    }
}

#[test]
fn the_queries_ask_for_fields_that_the_logs_have() {
    for (logical, query) in of_type("AWS::Logs::QueryDefinition") {
        let query = query.split("QueryString: |\n").nth(1).unwrap();
        let is_part_of_a_name = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '.';
        for word in query.split(|letter: char| !is_part_of_a_name(letter)) {
            let known = match word.split_once('.') {
                Some(("fields", field)) => FIELDS.contains(&field),
                Some(("span", field)) => SPAN.contains(&field),
                // Step Functions' and Lambda's own.
                Some(("details", "name" | "cause") | ("record", "metrics.initDurationMs") | ("platform", "report"))
                | None => true,
                Some(_) => false,
            };
            assert!(known, "{logical}: {word}");
        }
    }
}

#[test]
fn every_function_and_every_state_machine_is_traced_and_logs() {
    for (logical, machine) in of_type("AWS::Serverless::StateMachine") {
        assert_eq!(value(&machine, "Tracing"), Some("{ Enabled: true }"), "{logical}");
        let logging = value(&machine, "Logging").unwrap().trim_start_matches(['&', '*']);
        assert_eq!(logging, "state-machine-logging", "{logical}");
    }
    let template = fs::read_to_string("../template.yaml").unwrap();
    assert!(template.contains("      Logging: &state-machine-logging\n        Level: ALL\n"));
    let globals = template.split("\nGlobals:\n").nth(1).unwrap().split("\nResources:\n").next().unwrap();
    for line in ["Tracing: Active", "LogFormat: JSON", "LogGroup: !Ref FunctionLogs"] {
        assert!(globals.contains(line), "{line}");
    }
}
