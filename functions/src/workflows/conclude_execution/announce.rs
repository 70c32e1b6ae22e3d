//! Sends the event about an execution's end.

use aws_sdk_eventbridge::Client as EventBridge;
use serde::Serialize;
use shared::{Result, Settings};

use super::detail::Announcement;
use crate::stack::bus;

/// Output of announce-execution.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Announced {
    /// EventBridge's id of the event.
    pub event_id: String,
}

/// Sends an event to the bus that the stack's parameter names.
///
/// # Errors
/// `Throttled`, `Transient` or another error when EventBridge refuses the call, or takes it and refuses the event.
pub async fn announce(events: &EventBridge, settings: &Settings, request: Announcement) -> Result<Announced> {
    let Announcement { detail_type, detail } = request;
    let execution = detail.execution_arn.to_string();
    let event_id = bus::put(events, settings, detail_type.name(), &detail.bounded(), &execution).await?;
    Ok(Announced { event_id })
}

#[cfg(test)]
mod tests {
    use aws_sdk_eventbridge::operation::put_events::PutEventsOutput;
    use aws_sdk_eventbridge::types::PutEventsResultEntry;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use serde_json::json;
    use shared::{ErrorKind, input};

    use super::*;
    use crate::testing::settings;
    use crate::workflows::conclude_execution::detail::tests::failed;

    async fn put(entry: PutEventsResultEntry, failed_entries: i32) -> Result<Announced> {
        let answer = mock!(EventBridge::put_events)
            .match_requests(|request| {
                let entry = &request.entries()[0];
                (entry.event_bus_name(), entry.source()) == (Some("signups"), Some("tenant-management"))
                    && entry.detail_type() == Some("TenantProvisioningFailed")
                    && entry.detail().unwrap().contains("check-service-deployment")
            })
            .then_output(move || {
                PutEventsOutput::builder().failed_entry_count(failed_entries).entries(entry.clone()).build()
            });
        let events = mock_client!(aws_sdk_eventbridge, RuleMode::MatchAny, [&answer]);
        let request = input::parse(json!({"detail_type": "TenantProvisioningFailed", "detail": failed()})).unwrap();
        announce(&events, &settings(&[("EVENT_BUS", "signups")]), request).await
    }

    #[tokio::test]
    async fn an_event_that_is_sent_has_an_id() {
        let announced = put(PutEventsResultEntry::builder().event_id("id").build(), 0).await.unwrap();
        assert_eq!(announced.event_id, "id");
    }

    #[tokio::test]
    async fn a_call_that_succeeds_without_sending_the_event_is_an_error_that_may_pass() {
        for (code, kind) in [("InternalFailure", ErrorKind::Transient), ("ThrottlingException", ErrorKind::Throttled)] {
            let refused = PutEventsResultEntry::builder().error_code(code).error_message("later").build();
            let error = put(refused, 1).await.unwrap_err();
            assert_eq!(error.kind(), kind);
            assert!(error.chain().contains("signups") && error.chain().contains(code), "{}", error.chain());
        }
        let lost = put(PutEventsResultEntry::builder().build(), 0).await.unwrap_err();
        assert_eq!(lost.kind(), ErrorKind::Internal);
    }
}
