//! The request to deprovision many tenants. All of it is checked before the first tenant is touched.
//!
//! The tenants are listed in the request, or in a file in the stack's bucket. The list without duplicates is written to
//! the bucket as well: each entry is the input of deprovision-tenant for one tenant, and the name of its execution.

use std::collections::HashSet;

use aws_sdk_s3::Client;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use shared::input::{self, invalid};
use shared::{EnvironmentName, Error, ErrorKind, Owner, Result, Settings, TenantId};

use super::location;
use crate::stack::bucket::{self, Location};
use crate::workflows::deprovision_tenant::DeletionRequest;

const MOST_IN_A_REQUEST: usize = 200;
const MOST_IN_A_FILE: usize = 10_000;
/// Maximum size of the file in bytes: enough for 10,000 entries with confirmations and much white space.
const LONGEST_FILE: i64 = 4 << 20;
const FAULTS_SHOWN: usize = 10;
const LONGEST_SHOWN: usize = 60;

/// Input of check-deletions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The execution that deprovisions the tenants.
    pub execution: Owner,
    /// Input of deprovision-tenants, as a person writes it.
    pub request: Request,
}

/// Input of deprovision-tenants.
#[derive(Debug, Deserialize)]
pub struct Request {
    /// The tenants: ids, or objects of `tenant_id` and `confirmation`.
    pub tenant_ids: Option<Vec<Value>>,
    /// The file with such a list: `s3://<the stack's bucket>/<key>`.
    pub tenant_ids_file: Option<String>,
    /// The other fields of deprovision-tenant's input, the same for every tenant.
    #[serde(flatten)]
    pub common: Map<String, Value>,
}

/// Output of check-deletions.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Approved {
    /// Number of tenants.
    pub tenants: usize,
    /// Number of entries that were left out because the tenant was listed already.
    pub duplicates: usize,
    /// The location of the list.
    pub list: Location,
    /// The location for the results.
    pub results: Prefix,
}

/// An entry of the list that is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listed {
    /// The name of the tenant's execution of deprovision-tenant. A second attempt to start it does not start another one.
    pub(super) name: String,
    /// Its input.
    pub(super) request: DeletionRequest,
}

impl Listed {
    fn new(execution: &Owner, request: DeletionRequest) -> Self {
        Self { name: execution.idempotency_token(request.tenant_id.as_str()), request }
    }
}

/// The location of objects whose keys have the same prefix.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Prefix {
    /// The bucket.
    pub bucket: String,
    /// The common beginning of the keys.
    pub prefix: String,
}

/// Checks the request, and writes the list of tenants.
///
/// # Errors
/// Those of the check of a single deprovisioning, with every wrong entry; `InvalidRequest` for a list that is empty,
/// too long or missing.
pub async fn check(s3: &Client, settings: &Settings, check: Check) -> Result<Approved> {
    let Check { execution, request } = check;
    let bucket = settings.required("BUCKET")?;
    if request.tenant_ids.is_some() == request.tenant_ids_file.is_some() {
        return Err(invalid("give either tenant_ids, a list, or tenant_ids_file, an s3:// address of one"));
    }
    let common = common(settings, request.common)?;
    let entries = match request.tenant_ids {
        Some(entries) => bounded("tenant_ids", entries, MOST_IN_A_REQUEST)?,
        None => {
            let file = request.tenant_ids_file.unwrap_or_default();
            bounded("tenant_ids_file", entries_of(s3, bucket, &file).await?, MOST_IN_A_FILE)?
        }
    };
    let count = entries.len();
    let requests = requests(settings, &common, entries)?;
    let list = location(bucket, &execution, "tenants.json");
    let listed: Vec<_> = requests.into_iter().map(|request| Listed::new(&execution, request)).collect();
    bucket::write(s3, &list, &listed).await?;
    Ok(Approved {
        tenants: listed.len(),
        duplicates: count - listed.len(),
        results: Prefix { bucket: bucket.to_owned(), prefix: location(bucket, &execution, "results").key },
        list,
    })
}

/// Parses the fields that are the same for every tenant, with a placeholder as the tenant's id.
fn common(settings: &Settings, mut fields: Map<String, Value>) -> Result<DeletionRequest> {
    for field in ["tenant_id", "confirmation"] {
        if fields.contains_key(field) {
            return Err(invalid(format!("{field}: it belongs into the entries of tenant_ids")));
        }
    }
    let each = json!("000000000000");
    fields.insert("tenant_id".to_owned(), each.clone());
    fields.insert("confirmation".to_owned(), each);
    let common: DeletionRequest = input::parse(Value::Object(fields))?;
    settings.guard(common.environment)?;
    common.approve(settings.environment())?;
    common.check_files(settings)?;
    Ok(common)
}

fn bounded(field: &str, entries: Vec<Value>, most: usize) -> Result<Vec<Value>> {
    if entries.is_empty() || entries.len() > most {
        return Err(invalid(format!("{field}: it lists {} tenants: allowed are 1 to {most}", entries.len())));
    }
    Ok(entries)
}

async fn entries_of(s3: &Client, bucket: &str, file: &str) -> Result<Vec<Value>> {
    let key = file.strip_prefix("s3://").and_then(|path| path.strip_prefix(bucket)?.strip_prefix('/'));
    let Some(key) = key.filter(|key| !key.is_empty()) else {
        return Err(invalid(format!(
            "tenant_ids_file: {file:?} is not in the stack's bucket: allowed is s3://{bucket}/<key>"
        )));
    };
    let location = Location { bucket: bucket.to_owned(), key: key.to_owned() };
    let content = bucket::read(s3, &location, LONGEST_FILE, ErrorKind::InvalidRequest).await?;
    list_in(&content).map_err(|reason| invalid(format!("tenant_ids_file: {file} {reason}")))
}

/// The entries of a file: a JSON array, or lines. A line has a tenant's id, and, where a confirmation is wanted, the id
/// once more.
fn list_in(content: &[u8]) -> Result<Vec<Value>, String> {
    let text = str::from_utf8(content).map_err(|error| format!("is not a text: {error}"))?;
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(text).map_err(|error| format!("is not a JSON array: {error}"));
    }
    let words = |line: &str| {
        line.split([',', ';', ' ', '\t', '\r']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let mut entries = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let words: Vec<String> = words(line);
        match &words[..] {
            [] => {}
            [id] => entries.push(json!(id)),
            [id, confirmation] => entries.push(json!({"tenant_id": id, "confirmation": confirmation})),
            _ => {
                let line: String = line.chars().take(LONGEST_SHOWN).collect();
                return Err(format!(
                    "has in line {} {line:?}: allowed is a JSON array, or lines with one id each, and the id once more \
                     as its confirmation",
                    number + 1
                ));
            }
        }
    }
    Ok(entries)
}

/// One request for each tenant, in the order of the list.
fn requests(settings: &Settings, common: &DeletionRequest, entries: Vec<Value>) -> Result<Vec<DeletionRequest>> {
    let needed = settings.environment() == EnvironmentName::Prod;
    let (mut requests, mut wrong, mut unconfirmed) = (Vec::new(), Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    for (number, entry) in entries.into_iter().enumerate() {
        let Entry { tenant_id, confirmation } = match Entry::parse(entry) {
            Ok(entry) => entry,
            Err(error) => {
                wrong.push(format!("tenant_ids[{number}]: {}", error.chain()));
                continue;
            }
        };
        let request = DeletionRequest { tenant_id, confirmation, ..common.clone() };
        unconfirmed.extend(request.unconfirmed(needed).map(|what| format!("tenant_ids[{number}].{what}")));
        if seen.insert(request.tenant_id.clone()) {
            requests.push(request);
        }
    }
    if !wrong.is_empty() {
        return Err(invalid(shown(&wrong)));
    }
    if !unconfirmed.is_empty() {
        let message = format!("nothing was deleted; open are: {}", shown(&unconfirmed));
        return Err(Error::new(ErrorKind::ConfirmationMismatch, message));
    }
    Ok(requests)
}

fn shown(faults: &[String]) -> String {
    let more = match faults.len().saturating_sub(FAULTS_SHOWN) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    format!("{}{more}", faults.iter().take(FAULTS_SHOWN).cloned().collect::<Vec<_>>().join("; "))
}

/// A tenant in the list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    tenant_id: TenantId,
    confirmation: Option<String>,
}

impl Entry {
    fn parse(entry: Value) -> Result<Self> {
        match entry {
            Value::String(_) => input::parse(json!({"tenant_id": entry})),
            Value::Object(_) => input::parse(entry),
            other => {
                let shown: String = other.to_string().chars().take(LONGEST_SHOWN).collect();
                Err(invalid(format!(
                    "{shown} is no entry: allowed is an id in quotation marks, or an object of tenant_id and confirmation"
                )))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
    use aws_sdk_s3::operation::put_object::PutObjectOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use aws_smithy_types::byte_stream::ByteStream;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;
    use crate::testing::{owner, settings};

    async fn run(environment: &str, changes: Value, file: &'static str) -> Result<(Approved, Value)> {
        let mut request = json!({
            "checklist": {"owner_notified": true, "data_backup": "completed", "billing_finalized": true},
            "approved_by": "Ada",
        });
        for (field, value) in changes.as_object().unwrap() {
            request[field] = value.clone();
        }
        let read = mock!(Client::get_object)
            .match_requests(|request| request.key() == Some("leaving.json"))
            .then_output(move || GetObjectOutput::builder().body(ByteStream::from_static(file.as_bytes())).build());
        let missing = mock!(Client::get_object)
            .then_error(|| GetObjectError::generic(ErrorMetadata::builder().code("NoSuchKey").build()));
        let (sender, written) = std::sync::mpsc::channel();
        let write = mock!(Client::put_object)
            .match_requests(move |request| {
                sender.send(request.body().bytes().unwrap().to_vec()).unwrap();
                request.key() == Some("deprovision-tenants/mine/tenants.json")
            })
            .then_output(|| PutObjectOutput::builder().build());
        let s3 = mock_client!(aws_sdk_s3, RuleMode::MatchAny, [&read, &missing, &write]);
        let settings = settings(&[("ENVIRONMENT", environment), ("BUCKET", "reports")]);
        let asked = input::parse(json!({"execution": owner().as_str(), "request": request}))?;
        let approved = check(&s3, &settings, asked).await?;
        Ok((approved, serde_json::from_slice(&written.try_recv().unwrap()).unwrap()))
    }

    #[tokio::test]
    async fn the_list_has_the_input_of_each_deprovisioning_without_duplicates() {
        let ids = json!(["100000000001", {"tenant_id": "100000000002"}, "100000000001"]);
        let (approved, list) = run("dev", json!({"tenant_ids": ids, "purge_files": false}), "").await.unwrap();
        assert_eq!((approved.tenants, approved.duplicates), (2, 1));
        assert_eq!(approved.results.prefix, "deprovision-tenants/mine/results");
        let list = list.as_array().unwrap();
        let ids = [&list[0]["request"]["tenant_id"], &list[1]["request"]["tenant_id"]];
        assert_eq!(ids, [&json!("100000000001"), &json!("100000000002")]);
        assert_ne!(list[0]["name"], list[1]["name"], "each execution has a name of its own");
        for entry in list {
            let Listed { name, request } = input::parse(entry.clone()).unwrap();
            assert_eq!(name, owner().idempotency_token(request.tenant_id.as_str()), "it is always the same");
            assert_eq!((&entry["request"]["approved_by"], entry["request"].get("confirmation")), (&json!("Ada"), None));
        }
    }

    #[tokio::test]
    async fn a_file_in_the_stacks_bucket_may_have_the_list() {
        let file = json!({"tenant_ids_file": "s3://reports/leaving.json"});
        let (approved, _) = run("dev", file, r#"["100000000001", "100000000002"]"#).await.unwrap();
        assert_eq!(approved.tenants, 2);
    }

    #[tokio::test]
    async fn a_file_may_have_one_id_on_each_line_with_the_id_once_more_as_its_confirmation() {
        let file = json!({"tenant_ids_file": "s3://reports/leaving.json"});
        let lines = "\u{feff}100000000001\r\n\n  100000000002  \n100000000001\n";
        let (approved, _) = run("dev", file.clone(), lines).await.unwrap();
        assert_eq!((approved.tenants, approved.duplicates), (2, 1));
        let confirmed = "100000000001,100000000001\n100000000002 100000000002";
        assert_eq!(run("prod", file.clone(), confirmed).await.unwrap().0.tenants, 2);
        let error = run("prod", file.clone(), "100000000001").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConfirmationMismatch);
        for (lines, named) in [("100000000001\nthe other one", "line 2"), ("100000000001\n12", "tenant_ids[1]")] {
            let error = run("dev", file.clone(), lines).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidRequest);
            assert!(error.chain().contains(named), "{}", error.chain());
        }
    }

    #[tokio::test]
    async fn prod_requires_a_confirmation_of_every_id() {
        let entry = |id: &str, typed: &str| json!({"tenant_id": id, "confirmation": typed});
        let ids = json!([entry("100000000001", "100000000001"), "100000000002", entry("100000000003", "100000000001")]);
        let error = run("prod", json!({"tenant_ids": ids}), "").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConfirmationMismatch);
        let message = error.chain();
        assert!(message.contains("tenant_ids[1]") && message.contains("tenant_ids[2]"), "{message}");
        assert!(!message.contains("tenant_ids[0]"), "{message}");
        let ids = json!([entry("100000000001", "100000000001")]);
        assert_eq!(run("prod", json!({"tenant_ids": ids}), "").await.unwrap().0.tenants, 1);
    }

    #[tokio::test]
    async fn what_is_wrong_is_named_before_anything_is_touched() {
        let one = || json!(["100000000001"]);
        let many = json!((0..201).map(|number| format!("{number:012}")).collect::<Vec<_>>());
        for (changes, kind, named) in [
            (json!({}), ErrorKind::InvalidRequest, "tenant_ids_file"),
            (json!({"tenant_ids": []}), ErrorKind::InvalidRequest, "0 tenants"),
            (json!({"tenant_ids": many}), ErrorKind::InvalidRequest, "1 to 200"),
            (json!({"tenant_ids": one(), "tenant_ids_file": "s3://reports/x"}), ErrorKind::InvalidRequest, "either"),
            (json!({"tenant_ids": ["1", "100000000001", 7]}), ErrorKind::InvalidRequest, "tenant_ids[2]: 7"),
            (json!({"tenant_ids": [["1000".repeat(1000)]]}), ErrorKind::InvalidRequest, "is no entry"),
            (json!({"tenant_ids": [{"tenant_id": "100000000001", "x": 1}]}), ErrorKind::InvalidRequest, "`x`"),
            (json!({"tenant_ids": one(), "confirmation": "1"}), ErrorKind::InvalidRequest, "entries"),
            (json!({"tenant_ids": one(), "force": true}), ErrorKind::InvalidRequest, "`force`"),
            (json!({"tenant_ids": one(), "environment": "sit"}), ErrorKind::WrongEnvironment, "sit"),
            (json!({"tenant_ids": one(), "checklist": {}}), ErrorKind::ChecklistIncomplete, "owner_notified"),
            (json!({"tenant_ids": one(), "purge_files": true}), ErrorKind::EnvironmentNotReady, "FilesAccessPointArn"),
            (json!({"tenant_ids_file": "s3://other/x"}), ErrorKind::InvalidRequest, "s3://reports/<key>"),
            (json!({"tenant_ids_file": "s3://reports/missing"}), ErrorKind::InvalidRequest, "no such object"),
            (json!({"tenant_ids_file": "s3://reports/leaving.json"}), ErrorKind::InvalidRequest, "tenant_ids[0]"),
        ] {
            let error = run("dev", changes.clone(), "{}").await.unwrap_err();
            assert_eq!(error.kind(), kind, "{changes}: {}", error.chain());
            assert!(error.chain().contains(named), "{changes}: {}", error.chain());
        }
    }

    #[test]
    fn of_many_faults_the_first_are_shown() {
        let faults: Vec<_> = (0..12).map(|number| number.to_string()).collect();
        assert_eq!(shown(&faults), "0; 1; 2; 3; 4; 5; 6; 7; 8; 9; and 2 more");
    }
}
