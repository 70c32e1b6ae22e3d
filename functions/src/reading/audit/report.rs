//! Reports the tenants that stay partial: those that are partial in this audit and were partial in the audit before it.
//!
//! A tenant may be partial in one audit because it is being provisioned or removed. The result of each audit is
//! therefore kept in the stack's bucket and compared with the next one. Idempotent: when the same execution runs this
//! step again, it compares with the same earlier audit.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_eventbridge::Client as EventBridge;
use aws_sdk_s3::Client as S3;
use serde::{Deserialize, Serialize};
use shared::{EnvironmentName, ErrorKind, Owner, Result, Settings, TenantId};
use shared::{Kind, metrics};

use super::{Audited, Partial};
use crate::reading::Status;
use crate::resources::files::Directory;
use crate::stack::bucket::{self, Location};
use crate::stack::bus;

/// The event that names the tenants that stay partial.
const DETAIL_TYPE: &str = "TenantsIncomplete";
/// Maximum number of tenants that the event names. EventBridge accepts 256 KiB.
const TOLD: usize = 500;
/// Maximum size of the stored results in bytes: room for those of two audits.
const LONGEST_MEMORY: i64 = 1 << 20;

/// Input of report-audit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The execution that audits.
    pub execution: Owner,
    /// The result of the audit.
    pub audited: Audited,
}

/// Output of report-audit, and the detail of the event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The environment.
    pub environment: EnvironmentName,
    /// The execution that audits.
    pub execution_arn: Owner,
    /// Number of tenants.
    pub total: usize,
    /// Number of tenants of each status.
    pub statuses: BTreeMap<Status, usize>,
    /// The tenants that were partial in this audit and in the audit before it: at most 500.
    pub incomplete: Vec<Incomplete>,
    /// How many more such tenants there are.
    pub more: usize,
    /// The directories of files that belong to no tenant: at most the first 100.
    pub abandoned_files: Vec<Directory>,
    /// How many more such directories there are.
    pub more_abandoned_files: usize,
}

/// A tenant that lacks something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Incomplete {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The kinds of resource that are missing.
    pub lacks: BTreeSet<Kind>,
}

/// What is stored from one audit to the next.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Memory {
    execution: Option<Owner>,
    found: BTreeSet<TenantId>,
    found_before: BTreeSet<TenantId>,
}

impl Memory {
    /// The partial tenants of the audit before this execution's.
    fn before(self, execution: &Owner) -> BTreeSet<TenantId> {
        if self.execution.as_ref() == Some(execution) { self.found_before } else { self.found }
    }
}

/// Sends an event about the tenants that stay partial, writes the metrics, and stores the result of this audit.
///
/// # Errors
/// When S3 or EventBridge refuses a call.
pub async fn report(s3: &S3, events: &EventBridge, settings: &Settings, request: Request) -> Result<Report> {
    let Request { execution, audited } = request;
    let memory =
        Location { bucket: settings.required("BUCKET")?.to_owned(), key: "audit-tenants/found.json".to_owned() };
    let found_before = remembered(s3, &memory).await?.before(&execution);
    let found = audited.partial.iter().flat_map(|partial| &partial.tenant_ids).cloned().collect();
    let report = told(settings.environment(), &execution, audited, &found_before);
    let counts = report.statuses.iter().map(|(status, count)| (status.name(), *count));
    metrics::tenants_by_status(settings.environment(), counts).iter().for_each(metrics::Line::write);
    metrics::tenants_incomplete(settings.environment(), report.incomplete.len() + report.more).write();
    if !report.incomplete.is_empty() {
        bus::put(events, settings, DETAIL_TYPE, &report, execution.as_str()).await?;
    }
    bucket::write(s3, &memory, &Memory { execution: Some(execution), found, found_before }).await?;
    Ok(report)
}

async fn remembered(s3: &S3, memory: &Location) -> Result<Memory> {
    match bucket::read(s3, memory, LONGEST_MEMORY, ErrorKind::TenantNotFound).await {
        // This is the first audit, or the stored results cannot be read. This audit stores new ones.
        Err(error) if error.kind() == ErrorKind::TenantNotFound => Ok(Memory::default()),
        Err(error) => Err(error),
        Ok(text) => Ok(serde_json::from_slice(&text).unwrap_or_default()),
    }
}

fn told(environment: EnvironmentName, execution: &Owner, audited: Audited, before: &BTreeSet<TenantId>) -> Report {
    let named = |Partial { lacks, tenant_ids }| {
        let again = tenant_ids.into_iter().filter(|tenant| before.contains(tenant));
        again.map(move |tenant_id| (tenant_id, lacks.clone()))
    };
    let incomplete: BTreeMap<_, _> = audited.partial.into_iter().flat_map(named).collect();
    let more = incomplete.len().saturating_sub(TOLD);
    let incomplete = incomplete.into_iter().take(TOLD).map(|(tenant_id, lacks)| Incomplete { tenant_id, lacks });
    Report {
        environment,
        execution_arn: execution.clone(),
        total: audited.total,
        statuses: audited.statuses,
        incomplete: incomplete.collect(),
        more,
        abandoned_files: audited.abandoned_files,
        more_abandoned_files: audited.more_abandoned_files,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use aws_sdk_eventbridge::operation::put_events::PutEventsOutput;
    use aws_sdk_eventbridge::types::PutEventsResultEntry;
    use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
    use aws_sdk_s3::operation::put_object::PutObjectOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;

    use super::super::NAMED;
    use super::*;
    use crate::testing::{other_owner, owner, settings};

    fn ids(numbers: impl IntoIterator<Item = usize>) -> BTreeSet<TenantId> {
        numbers.into_iter().map(|number| TenantId::try_from(format!("{number:012}")).unwrap()).collect()
    }

    fn audited(partial: Vec<Partial>) -> Audited {
        let (abandoned_files, more_abandoned_files) = (Vec::new(), 0);
        Audited { total: 1_000, statuses: [(Status::Active, 1)].into(), partial, abandoned_files, more_abandoned_files }
    }

    fn told_of(partial: Vec<Partial>, before: BTreeSet<TenantId>) -> Report {
        told(EnvironmentName::Dev, &owner(), audited(partial), &before)
    }

    /// A bucket that returns what was written last.
    fn bucket() -> S3 {
        let content = Arc::new(Mutex::new(serde_json::to_vec(&Memory::default()).unwrap()));
        let written = content.clone();
        let get = mock!(S3::get_object).then_output(move || {
            let content = content.lock().unwrap().clone();
            GetObjectOutput::builder().content_length(1).body(content.into()).build()
        });
        let put = mock!(S3::put_object)
            .match_requests(move |request| {
                *written.lock().unwrap() = request.body().bytes().unwrap().to_vec();
                true
            })
            .then_output(|| PutObjectOutput::builder().build());
        mock_client!(aws_sdk_s3, RuleMode::MatchAny, [&get, &put])
    }

    #[test]
    fn only_tenants_that_were_partial_in_the_audit_before_are_reported() {
        let (service, secret) = (BTreeSet::from([Kind::Service]), BTreeSet::from([Kind::Secret]));
        let partial = vec![
            Partial { lacks: service.clone(), tenant_ids: ids([1, 4]) },
            Partial { lacks: secret.clone(), tenant_ids: ids([2, 3]) },
        ];
        let report = told_of(partial, ids(3..9));
        let told = report.incomplete.into_iter().map(|incomplete| (incomplete.tenant_id, incomplete.lacks));
        assert_eq!(told.collect::<Vec<_>>(), ids([3, 4]).into_iter().zip([secret, service]).collect::<Vec<_>>());
        assert_eq!((report.more, report.total, report.statuses[&Status::Active]), (0, 1_000, 1));
    }

    #[test]
    fn an_event_names_500_and_counts_the_rest() {
        let lacks = BTreeSet::from([Kind::Service]);
        let report = told_of(vec![Partial { lacks, tenant_ids: ids(0..700) }], ids(0..700));
        assert_eq!((report.incomplete.len(), report.more), (500, 200));
        assert!(serde_json::to_vec(&report).unwrap().len() < 128 << 10);
    }

    #[test]
    fn the_stored_results_have_room_for_two_audits() {
        let found = ids(0..NAMED);
        let memory = Memory { execution: Some(owner()), found: found.clone(), found_before: found };
        assert!(serde_json::to_vec(&memory).unwrap().len() < usize::try_from(LONGEST_MEMORY).unwrap());
    }

    #[tokio::test]
    async fn a_repeated_run_compares_with_the_same_earlier_audit() {
        let entry = PutEventsResultEntry::builder().event_id("1").build();
        let put = mock!(EventBridge::put_events)
            .then_output(move || PutEventsOutput::builder().entries(entry.clone()).build());
        let (s3, events) = (bucket(), mock_client!(aws_sdk_eventbridge, RuleMode::MatchAny, [&put]));
        let settings = settings(&[("BUCKET", "bucket"), ("EVENT_BUS", "default")]);
        let third = Owner::try_from(format!("{}-3", owner().as_str())).unwrap();
        for (execution, partial, expected) in [
            (owner(), ids([1, 2]), ids([])),
            (owner(), ids([1, 2]), ids([])),
            (other_owner(), ids([2, 3]), ids([2])),
            (other_owner(), ids([2, 3]), ids([2])),
            (third, ids([1, 2, 3]), ids([2, 3])),
        ] {
            let partial = vec![Partial { lacks: [Kind::Service].into(), tenant_ids: partial }];
            let request = Request { execution, audited: audited(partial) };
            let told = report(&s3, &events, &settings, request).await.unwrap().incomplete;
            assert_eq!(told.into_iter().map(|incomplete| incomplete.tenant_id).collect::<BTreeSet<_>>(), expected);
        }
        assert_eq!(put.num_calls(), 3, "no event tells of nobody");
    }

    #[tokio::test]
    async fn the_first_audit_and_one_with_broken_stored_results_start_afresh() {
        let missing = mock!(S3::get_object)
            .then_error(|| GetObjectError::generic(ErrorMetadata::builder().code("NoSuchKey").build()));
        let broken = mock!(S3::get_object)
            .then_output(|| GetObjectOutput::builder().body(b"{".to_vec().into()).content_length(1).build());
        for answer in [missing, broken] {
            let s3 = mock_client!(aws_sdk_s3, RuleMode::MatchAny, [&answer]);
            let memory = Location { bucket: "bucket".to_owned(), key: "audit-tenants/found.json".to_owned() };
            assert!(remembered(&s3, &memory).await.unwrap().found.is_empty());
        }
    }
}
