//! Reports how the deprovisioning of many tenants ended: one entry for each tenant of the list, however its execution
//! ended.

use std::collections::HashMap;

use aws_sdk_s3::Client;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{Error, ErrorKind, Owner, Result, Settings, TenantId};

use super::check::Listed;
use super::location;
use crate::stack::bucket::{self, Location};
use crate::workflows::deprovision_tenant::outcome::{Outcome, Status};
use crate::workflows::failure::Failure;

/// Maximum size in bytes of a file that is read. The result files of Step Functions are the longest.
const LONGEST_FILE: i64 = 64 << 20;

/// Maximum length in characters of the tenants in the summary, as UTF-16 counts them. A cause has at most 32,768 characters, and the rest of
/// it needs some. Source: the API reference of Step Functions, DescribeExecution.
const LONGEST_EXCERPT: usize = 24_000;

/// Maximum length of a message in the summary. The report has the whole message.
const LONGEST_MESSAGE: usize = 1_000;

const NO_RESULT: &str = "there is no result of its deprovisioning: run it again, which is harmless";

/// Input of report-deletions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The execution that deprovisioned the tenants.
    pub execution: Owner,
    /// The location of the list, as written by check-deletions.
    pub list: Location,
    /// The location of the manifest of the results.
    pub manifest: Option<Location>,
    /// Why there are no results.
    pub failure: Option<Failure>,
}

/// Output of report-deletions.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Number of tenants by outcome.
    pub totals: Totals,
    /// The address of the whole report.
    pub report: String,
    /// The outcome of each tenant: failures first, and as many as fit into an execution's cause.
    pub tenants: Vec<Entry>,
    /// Number of tenants that are only in the report.
    pub more: usize,
}

/// Number of tenants by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    tenants: usize,
    deprovisioned: usize,
    absent: usize,
    failed: usize,
}

/// The outcome of one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    tenant_id: TenantId,
    #[serde(flatten)]
    outcome: Outcome,
}

/// The whole report as it is written to the bucket.
#[derive(Debug, Serialize)]
struct Report<'a> {
    execution: &'a Owner,
    totals: Totals,
    tenants: &'a [Entry],
}

/// The manifest that Step Functions writes. Source: the Step Functions guide, "ResultWriter".
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Manifest {
    result_files: ResultFiles,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "UPPERCASE", default)]
struct ResultFiles {
    succeeded: Vec<ResultFile>,
    failed: Vec<ResultFile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ResultFile {
    key: String,
}

/// The output of one tenant's child execution.
#[derive(Deserialize)]
struct Child {
    tenant_id: TenantId,
    output: Option<Value>,
    failure: Option<Failure>,
}

/// A child execution that failed without catching its error. Its input is JSON in a string.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FailedChild {
    input: String,
    status: String,
    error: Option<String>,
    #[serde(default)]
    cause: String,
}

/// Writes the report and returns its summary.
///
/// # Errors
/// When the list or the results cannot be read, or the report cannot be written.
pub async fn report(s3: &Client, settings: &Settings, request: Request) -> Result<Summary> {
    let asked: Vec<Listed> = read(s3, &request.list).await?;
    let mut outcomes = match &request.manifest {
        Some(manifest) => outcomes(s3, manifest).await?,
        None => HashMap::new(),
    };
    let entries: Vec<_> = asked
        .into_iter()
        .map(|Listed { request: asked, .. }| {
            let outcome = outcomes.remove(&asked.tenant_id);
            let outcome = outcome.unwrap_or_else(|| without_result(request.failure.clone()));
            Entry { tenant_id: asked.tenant_id, outcome }
        })
        .collect();
    let totals = Totals::of(&entries);
    let location = location(settings.required("BUCKET")?, &request.execution, "report.json");
    bucket::write(s3, &location, &Report { execution: &request.execution, totals, tenants: &entries }).await?;
    let tenants = excerpt(&entries)?;
    Ok(Summary { totals, report: location.to_string(), more: entries.len() - tenants.len(), tenants })
}

fn without_result(failure: Option<Failure>) -> Outcome {
    let unknown = || Failure { error: ErrorKind::Internal.name().to_owned(), cause: NO_RESULT.to_owned() };
    Outcome::of_failure(failure.unwrap_or_else(unknown))
}

impl Totals {
    fn of(entries: &[Entry]) -> Self {
        let count = |status| entries.iter().filter(|entry| entry.outcome.status == status).count();
        Self {
            tenants: entries.len(),
            deprovisioned: count(Status::Deprovisioned),
            absent: count(Status::Absent),
            failed: count(Status::Failed),
        }
    }
}

async fn outcomes(s3: &Client, manifest: &Location) -> Result<HashMap<TenantId, Outcome>> {
    let files = read::<Manifest>(s3, manifest).await?.result_files;
    let file = |file: ResultFile| Location { bucket: manifest.bucket.clone(), key: file.key };
    let mut outcomes = HashMap::new();
    for succeeded in files.succeeded {
        let children: Vec<Child> = read(s3, &file(succeeded)).await?;
        outcomes.extend(children.into_iter().map(|child| {
            let outcome = match child.failure {
                Some(failure) => Outcome::of_failure(failure),
                None => Outcome::of_output(&child.output.unwrap_or_default().to_string()),
            };
            (child.tenant_id, outcome)
        }));
    }
    for failed in files.failed {
        for child in read::<Vec<FailedChild>>(s3, &file(failed)).await? {
            if let Ok(asked) = serde_json::from_str::<Listed>(&child.input) {
                let error = child.error.unwrap_or(child.status);
                outcomes.insert(asked.request.tenant_id, Outcome::of_failure(Failure { error, cause: child.cause }));
            }
        }
    }
    Ok(outcomes)
}

async fn read<T: serde::de::DeserializeOwned>(s3: &Client, location: &Location) -> Result<T> {
    let content = bucket::read(s3, location, LONGEST_FILE, ErrorKind::Internal).await?;
    serde_json::from_slice(&content).map_err(|error| Error::internal(format!("reading {location}")).with_source(error))
}

/// The failures first, with their leftovers. The others have only their status.
fn excerpt(entries: &[Entry]) -> Result<Vec<Entry>> {
    let mut sorted: Vec<_> = entries.to_vec();
    sorted.sort_by_key(|entry| entry.outcome.status);
    let (mut excerpt, mut length) = (Vec::new(), 0);
    for mut entry in sorted {
        entry.outcome.shorten(LONGEST_MESSAGE);
        let text =
            serde_json::to_string(&entry).map_err(|error| Error::internal("writing the excerpt").with_source(error))?;
        let longer = length + text.encode_utf16().count() + 1;
        if longer <= LONGEST_EXCERPT {
            length = longer;
            excerpt.push(entry);
        }
    }
    Ok(excerpt)
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::operation::get_object::GetObjectOutput;
    use aws_sdk_s3::operation::put_object::PutObjectOutput;
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
    use aws_smithy_types::byte_stream::ByteStream;
    use serde_json::json;
    use shared::input;

    use super::*;
    use crate::testing::{owner, settings};

    fn object(key: &'static str, content: Value) -> Rule {
        mock!(Client::get_object).match_requests(move |request| request.key() == Some(key)).then_output(move || {
            GetObjectOutput::builder().body(ByteStream::from(content.to_string().into_bytes())).build()
        })
    }

    async fn run(objects: Vec<Rule>, results: Value) -> (Value, Value) {
        let (sender, written) = std::sync::mpsc::channel();
        let write = mock!(Client::put_object)
            .match_requests(move |request| {
                sender.send(request.body().bytes().unwrap().to_vec()).unwrap();
                request.key() == Some("deprovision-tenants/mine/report.json")
            })
            .then_output(|| PutObjectOutput::builder().build());
        let rules: Vec<_> = objects.iter().chain([&write]).collect();
        let s3 = mock_client!(aws_sdk_s3, RuleMode::MatchAny, rules);
        let mut request = json!({"execution": owner().as_str(), "list": {"bucket": "reports", "key": "tenants.json"}});
        for (name, value) in results.as_object().unwrap() {
            request[name] = value.clone();
        }
        let settings = settings(&[("BUCKET", "reports")]);
        let summary = report(&s3, &settings, input::parse(request).unwrap()).await.unwrap();
        (serde_json::to_value(summary).unwrap(), serde_json::from_slice(&written.try_recv().unwrap()).unwrap())
    }

    fn manifest() -> Value {
        json!({"manifest": {"bucket": "reports", "key": "manifest.json"}})
    }

    fn list(ids: impl IntoIterator<Item = u64>) -> Rule {
        let entries: Vec<_> =
            ids.into_iter().map(|id| json!({"name": "x", "request": {"tenant_id": format!("{id:012}")}})).collect();
        object("tenants.json", json!(entries))
    }

    #[tokio::test]
    async fn every_tenant_of_the_list_is_in_the_report_however_its_execution_ended() {
        let left = r#"{"message": "still there", "leftovers": [{"kind": "target-group", "identifier": "arn", "reason": "in use"}]}"#;
        let nested = json!({"ExecutionArn": "arn", "Status": "FAILED", "Error": "TeardownIncomplete", "Cause": left});
        let nested = nested.to_string();
        let objects = vec![
            list(1..=5),
            object(
                "manifest.json",
                json!({"DestinationBucket": "reports", "ResultFiles": {
                    "SUCCEEDED": [{"Key": "SUCCEEDED_0.json", "Size": 1}], "FAILED": [{"Key": "FAILED_0.json", "Size": 1}], "PENDING": []
                }}),
            ),
            object(
                "SUCCEEDED_0.json",
                json!([
                    {"tenant_id": "000000000003", "failure": {"Error": "States.TaskFailed", "Cause": nested}},
                    {"tenant_id": "000000000001", "output": {"status": "deprovisioned", "removed": ["arn:a"]}},
                    {"tenant_id": "000000000002", "failure": {"Error": "TenantNotFound", "Cause": "{}"}},
                ]),
            ),
            object(
                "FAILED_0.json",
                json!([{"Input": r#"{"name": "x", "request": {"tenant_id": "000000000004"}}"#, "Status": "FAILED", "Error": "States.Runtime", "Cause": "a fault", "Name": "x"}]),
            ),
        ];
        let (summary, report) = run(objects, manifest()).await;
        assert_eq!(summary["totals"], json!({"tenants": 5, "deprovisioned": 1, "absent": 1, "failed": 3}));
        assert_eq!(summary["report"], "s3://reports/deprovision-tenants/mine/report.json");
        let of = |report: &Value, id: &str| {
            report["tenants"].as_array().unwrap().iter().find(|entry| entry["tenant_id"] == id).unwrap().clone()
        };
        let failed = of(&summary, "000000000003");
        assert_eq!((&failed["error"], &failed["message"]), (&json!("TeardownIncomplete"), &json!("still there")));
        assert_eq!(failed["leftovers"][0]["reason"], "in use");
        assert_eq!(of(&summary, "000000000004")["error"], "States.Runtime");
        assert_eq!(of(&summary, "000000000005")["message"], NO_RESULT);
        assert_eq!(summary["tenants"][4]["status"], "deprovisioned", "the failed ones come first");
        assert_eq!(of(&report, "000000000001")["removed"], json!(["arn:a"]), "the whole report says what was removed");
        assert_eq!(report["tenants"].as_array().unwrap().len(), 5);
    }

    #[tokio::test]
    async fn two_hundred_tenants_fit_into_the_summary_and_ten_thousand_are_cut() {
        let gone = (1..=200).map(|id| json!({"tenant_id": format!("{id:012}"), "output": {"removed": ["arn:a"]}}));
        let objects = vec![
            list(1..=200),
            object("manifest.json", json!({"ResultFiles": {"SUCCEEDED": [{"Key": "SUCCEEDED_0.json", "Size": 1}]}})),
            object("SUCCEEDED_0.json", json!(gone.collect::<Vec<_>>())),
        ];
        let (summary, _) = run(objects, manifest()).await;
        assert_eq!((&summary["totals"]["deprovisioned"], &summary["more"]), (&json!(200), &json!(0)));

        let (summary, report) = run(vec![list(1..=10_000)], json!({})).await;
        assert!(summary.to_string().chars().count() < 32_000);
        let shown = summary["tenants"].as_array().unwrap().len() as u64;
        assert_eq!(summary["more"], 10_000 - shown);
        assert_eq!(report["tenants"].as_array().unwrap().len(), 10_000);
    }

    #[tokio::test]
    async fn without_results_every_tenant_is_reported_with_the_reason() {
        let failure = json!({"failure": {"Error": "States.ItemReaderFailed", "Cause": "access denied"}});
        let (summary, _) = run(vec![list(1..=2)], failure).await;
        for entry in summary["tenants"].as_array().unwrap() {
            assert_eq!(
                (&entry["error"], &entry["message"]),
                (&json!("States.ItemReaderFailed"), &json!("access denied"))
            );
        }
        assert_eq!(summary["totals"]["failed"], 2);
    }

    #[tokio::test]
    async fn one_long_failure_does_not_hide_the_others() {
        let many: Vec<_> = (0..900)
            .map(|number| json!({"kind": "task-definition", "identifier": format!("arn:{number:030}")}))
            .collect();
        let much = json!({"message": "x".repeat(30_000), "leftovers": many}).to_string();
        let short = json!({"message": "y".repeat(30_000), "leftovers": []}).to_string();
        let failed = |id: &str, cause: String| json!({"tenant_id": id, "failure": {"Error": "TeardownIncomplete", "Cause": cause}});
        let objects = vec![
            list(1..=2),
            object("manifest.json", json!({"ResultFiles": {"SUCCEEDED": [{"Key": "SUCCEEDED_0.json"}]}})),
            object("SUCCEEDED_0.json", json!([failed("000000000001", much), failed("000000000002", short)])),
        ];
        let (summary, report) = run(objects, manifest()).await;
        assert_eq!((&summary["tenants"][0]["tenant_id"], &summary["more"]), (&json!("000000000002"), &json!(1)));
        assert_eq!(report["tenants"][0]["leftovers"].as_array().unwrap().len(), 900);
    }
}
