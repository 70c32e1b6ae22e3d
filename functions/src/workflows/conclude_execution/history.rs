//! Reads from an execution's history where it ended. An execution that was stopped, or that could not catch its error,
//! does not report this itself.

use aws_sdk_sfn::Client as StepFunctions;
use aws_sdk_sfn::types::HistoryEvent;
use serde_json::Value;
use shared::{Error, ErrorKind, Result, TenantId};

use super::execution::ExecutionArn;

/// GetExecutionHistory gives 1,000 events at most. Source: its API reference.
const EVENTS_PER_CALL: i32 = 1000;
/// The state of provision-tenant that chooses the id. No resource has the id before this state ends.
const CHOICE_OF_THE_ID: &str = "Choose the tenant id";

/// Where an execution ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LastSeen {
    /// The last state that it entered.
    pub(super) state: Option<String>,
    /// The last id that it chose. No resource of this execution has another id: an id that is taken is replaced before
    /// anything is made.
    pub(super) tenant_id: Option<TenantId>,
}

/// Reads the history of an execution that has ended, from its last event backwards.
///
/// # Errors
/// `Transient` when the history does not contain the execution's end yet.
pub(super) async fn read(machines: &StepFunctions, execution: &ExecutionArn) -> Result<LastSeen> {
    let doing = || format!("reading the history of execution ({execution})");
    let history = machines.get_execution_history().execution_arn(execution.as_str()).reverse_order(true);
    let mut events = history.max_results(EVENTS_PER_CALL).into_paginator().items().send();
    let mut seen = LastSeen::default();
    let mut is_last = true;
    while let Some(event) = events.next().await {
        let event = event.map_err(|error| Error::aws(doing(), error))?;
        let kind = event.r#type().as_str();
        if is_last && !ends(kind) {
            let message = format!("{}: it has no end yet", doing());
            return Err(Error::new(ErrorKind::Transient, message));
        }
        is_last = false;
        if let Some(entered) = event.state_entered_event_details() {
            seen.state.get_or_insert_with(|| entered.name().to_owned());
            // It was about to replace the id, so nothing was made with it.
            if entered.name() == CHOICE_OF_THE_ID {
                break;
            }
        }
        if let Some(tenant_id) = chosen(&event) {
            seen.tenant_id = Some(tenant_id);
            break;
        }
    }
    Ok(seen)
}

fn ends(kind: &str) -> bool {
    kind.starts_with("Execution") && !["ExecutionStarted", "ExecutionRedriven"].contains(&kind)
}

fn chosen(event: &HistoryEvent) -> Option<TenantId> {
    let exited = event.state_exited_event_details().filter(|exited| exited.name() == CHOICE_OF_THE_ID)?;
    let output: Value = serde_json::from_str(exited.output()?).ok()?;
    TenantId::try_from(output["tenant_id"].as_str()?.to_owned()).ok()
}

#[cfg(test)]
pub(super) mod tests {
    use aws_sdk_sfn::operation::get_execution_history::GetExecutionHistoryOutput;
    use aws_sdk_sfn::types::{HistoryEventType, StateEnteredEventDetails, StateExitedEventDetails};
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
    use aws_smithy_types::DateTime;
    use serde_json::json;

    use super::*;
    use crate::testing::{owner, tenant};

    fn event(kind: HistoryEventType) -> aws_sdk_sfn::types::builders::HistoryEventBuilder {
        HistoryEvent::builder().timestamp(DateTime::from_secs(0)).id(1).r#type(kind)
    }

    pub(crate) fn ended() -> HistoryEvent {
        event(HistoryEventType::ExecutionAborted).build().unwrap()
    }

    pub(crate) fn entered(state: &str) -> HistoryEvent {
        let details = StateEnteredEventDetails::builder().name(state).build().unwrap();
        event(HistoryEventType::TaskStateEntered).state_entered_event_details(details).build().unwrap()
    }

    pub(crate) fn chose(tenant: &str) -> HistoryEvent {
        let output = json!({"tenant_id": tenant, "generated": true}).to_string();
        let details = StateExitedEventDetails::builder().name(CHOICE_OF_THE_ID).output(output).build().unwrap();
        event(HistoryEventType::TaskStateExited).state_exited_event_details(details).build().unwrap()
    }

    /// A history with the newest event first, in pages of one event.
    pub(crate) fn history(events: Vec<HistoryEvent>) -> Rule {
        mock!(StepFunctions::get_execution_history)
            .match_requests(|request| request.reverse_order() == Some(true))
            .then_compute_output(move |request| {
                let page: usize = request.next_token().map_or(0, |token| token.parse().unwrap());
                let more = (page + 1 < events.len()).then(|| (page + 1).to_string());
                let event = events.get(page).cloned();
                GetExecutionHistoryOutput::builder()
                    .set_events(Some(event.into_iter().collect()))
                    .set_next_token(more)
                    .build()
                    .unwrap()
            })
    }

    async fn seen(events: Vec<HistoryEvent>) -> Result<LastSeen> {
        let machines = mock_client!(aws_sdk_sfn, RuleMode::MatchAny, [&history(events)]);
        read(&machines, &ExecutionArn::try_from(owner().to_string()).unwrap()).await
    }

    #[tokio::test]
    async fn the_last_state_and_the_last_id_are_found_from_the_end() {
        let events = vec![
            ended(),
            entered("Create the service"),
            entered("Claim the tenant id"),
            chose(tenant().as_str()),
            entered(CHOICE_OF_THE_ID),
            chose("999999999999"),
        ];
        let seen = seen(events).await.unwrap();
        assert_eq!(seen, LastSeen { state: Some("Create the service".to_owned()), tenant_id: Some(tenant()) });
    }

    #[tokio::test]
    async fn an_id_that_was_about_to_be_replaced_is_ignored() {
        let seen = seen(vec![ended(), entered(CHOICE_OF_THE_ID), chose("999999999999")]).await.unwrap();
        assert_eq!(seen, LastSeen { state: Some(CHOICE_OF_THE_ID.to_owned()), tenant_id: None });
    }

    #[tokio::test]
    async fn a_history_without_its_end_is_read_again_later() {
        let error = seen(vec![entered("Create the service"), chose(tenant().as_str())]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Transient);
    }

    #[test]
    fn provision_tenant_has_the_state_that_decides_on_the_id() {
        let machine = include_str!("../../../../statemachines/provision-tenant.asl.json");
        let machine: Value = serde_json::from_str(machine).unwrap();
        let branches = machine["States"]["Look before anything is made"]["Branches"].as_array().unwrap();
        assert!(branches.iter().any(|branch| branch["States"][CHOICE_OF_THE_ID].is_object()));
    }
}
