//! Sends events to the bus that the stack's parameter names.

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use serde::Serialize;
use shared::owner::MANAGED_BY;
use shared::{Error, ErrorKind, Result, Settings};

/// Sends an event to the bus. Returns EventBridge's id of the event. `execution` is the ARN of the execution that it
/// describes.
///
/// # Errors
/// `Throttled`, `Transient` or another error when EventBridge refuses the call or the event.
pub(crate) async fn put(
    events: &Client,
    settings: &Settings,
    detail_type: &str,
    detail: &impl Serialize,
    execution: &str,
) -> Result<String> {
    let bus = settings.required("EVENT_BUS")?;
    let doing = format!("putting {detail_type} for {execution} on bus {bus}");
    let detail = serde_json::to_string(detail).map_err(|error| Error::internal(&doing).with_source(error))?;
    let entry = PutEventsRequestEntry::builder()
        .event_bus_name(bus)
        .source(MANAGED_BY)
        .detail_type(detail_type)
        .detail(detail)
        .resources(execution);
    let put = events.put_events().entries(entry.build()).send().await.map_err(|error| Error::aws(&doing, error))?;
    let entry = put.entries().first();
    // The call can succeed although the event was refused: each entry has its own result.
    if let Some(event_id) = entry.and_then(|entry| entry.event_id()).filter(|_| put.failed_entry_count() == 0) {
        return Ok(event_id.to_owned());
    }
    let code = entry.and_then(|entry| entry.error_code()).unwrap_or("without a reason");
    let message = entry.and_then(|entry| entry.error_message()).unwrap_or_default();
    let kind = ErrorKind::of_aws_code(code).unwrap_or(ErrorKind::Internal);
    Err(Error::new(kind, format!("{doing}: refused, {code}: {message}")))
}
