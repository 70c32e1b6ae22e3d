//! The functions' logs.

use crate::stack::Stack;

/// Every log line of every function.
///
/// # Panics
/// When CloudWatch Logs does not answer.
pub async fn of_functions(stack: &Stack) -> Vec<String> {
    let mut lines = Vec::new();
    let groups = stack.logs.describe_log_groups().log_group_name_prefix("/aws/lambda/").send().await.expect("groups");
    for group in groups.log_groups() {
        let events = stack.logs.filter_log_events().log_group_name(group.log_group_name().expect("a name"));
        let pages = events.into_paginator().send().collect::<Result<Vec<_>, _>>().await.expect("events");
        lines.extend(
            pages.into_iter().flat_map(|page| page.events.unwrap_or_default()).filter_map(|event| event.message),
        );
    }
    lines
}
