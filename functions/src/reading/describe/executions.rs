//! The last executions that worked on a tenant, with links to the console.
//!
//! Step Functions cannot search executions by their input. So the newest ones of each state machine are read, and those
//! of the tenant are picked. They are left out when Step Functions cannot be reached, as in a VPC without an endpoint for
//! it: why a site is down matters more.

use std::cmp::Reverse;

use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::ProvideErrorMetadata;
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::primitives::DateTime;
use serde::Serialize;
use serde_json::Value;
use shared::{Error, ErrorKind, Result, Settings, TenantId};

use crate::reading::cut;
use crate::stack::calls::few_at_a_time;

/// The settings with the ARNs of the state machines that work on one tenant.
const MACHINES: [&str; 4] =
    ["PROVISION_TENANT_ARN", "UPDATE_TENANT_ARN", "DEPROVISION_TENANT_ARN", "TEARDOWN_TENANT_ARN"];
/// How many executions of each state machine are read.
const READ: i32 = 15;
/// Maximum number of executions in the answer.
const SHOWN: usize = 5;

/// An execution that worked on the tenant.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Execution {
    /// ARN.
    pub arn: String,
    /// `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT` or `ABORTED`.
    pub status: String,
    /// When it began.
    pub started_at: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<String>,
    /// The name of its error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Its page in the console.
    pub console: String,
    /// It has suspended the tenant.
    #[serde(skip)]
    pub(super) has_suspended: bool,
    #[serde(skip)]
    started: i64,
}

/// The tenant's last executions, newest first: at most five, among the newest of each state machine.
///
/// # Errors
/// When Step Functions refuses a call.
pub(super) async fn last(machines: &Client, settings: &Settings, tenant: &TenantId) -> Result<Vec<Execution>> {
    match read(machines, settings, tenant).await {
        Err(error) if error.kind() == ErrorKind::Transient => {
            tracing::warn!(error = error.chain(), "Step Functions cannot be reached");
            Ok(Vec::new())
        }
        other => other,
    }
}

async fn read(machines: &Client, settings: &Settings, tenant: &TenantId) -> Result<Vec<Execution>> {
    let arns = MACHINES.iter().filter_map(|machine| settings.optional(machine));
    let listed = few_at_a_time(arns.map(|machine| newest(machines, machine))).await?.concat();
    let described = few_at_a_time(listed.iter().map(|arn| describe(machines, arn))).await?;
    let ours = described.iter().flatten().filter(|execution| is_about(execution, tenant));
    let mut ours: Vec<_> = ours.map(Execution::from).collect();
    ours.sort_by_key(|execution| Reverse(execution.started));
    ours.truncate(SHOWN);
    Ok(ours)
}

async fn newest(machines: &Client, machine: &str) -> Result<Vec<String>> {
    let listed = machines.list_executions().state_machine_arn(machine).max_results(READ).send().await;
    let listed = listed.map_err(|error| Error::aws(format!("listing executions of {machine}"), error))?;
    Ok(listed.executions.into_iter().map(|execution| execution.execution_arn).collect())
}

/// `None` when Step Functions has forgotten the execution meanwhile.
async fn describe(machines: &Client, arn: &str) -> Result<Option<DescribeExecutionOutput>> {
    match machines.describe_execution().execution_arn(arn).send().await {
        Ok(described) => Ok(Some(described)),
        Err(error) if error.code() == Some("ExecutionDoesNotExist") => Ok(None),
        Err(error) => Err(Error::aws(format!("reading execution ({arn})"), error)),
    }
}

/// A provisioning whose input has no tenant id names it in its output or in its cause.
fn is_about(execution: &DescribeExecutionOutput, tenant: &TenantId) -> bool {
    let texts = [execution.input(), execution.output(), execution.cause()];
    texts.into_iter().flatten().any(|text| json(text)["tenant_id"] == tenant.as_str())
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

impl From<&DescribeExecutionOutput> for Execution {
    fn from(execution: &DescribeExecutionOutput) -> Self {
        let arn = execution.execution_arn().to_owned();
        let region = arn.split(':').nth(3).unwrap_or_default();
        Self {
            console: format!(
                "https://{region}.console.aws.amazon.com/states/home?region={region}#/v2/executions/details/{arn}"
            ),
            status: execution.status().as_str().to_owned(),
            started_at: execution.start_date().to_string(),
            stopped_at: execution.stop_date().map(DateTime::to_string),
            error: execution.error().map(cut),
            has_suspended: execution.output().is_some()
                && execution.input().is_some_and(|input| json(input)["suspended"] == true),
            started: execution.start_date().secs(),
            arn,
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sfn::operation::list_executions::ListExecutionsOutput;
    use aws_sdk_sfn::types::{ExecutionListItem, ExecutionStatus};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use serde_json::json;

    use super::*;
    use crate::testing::{settings, tenant};

    fn arn(name: &str) -> String {
        format!("arn:aws:states:eu-west-1:536580886816:execution:dev-update-tenant:{name}")
    }

    #[tokio::test]
    async fn the_tenants_executions_are_found_by_input_output_or_cause_newest_first_with_a_link() {
        let texts = [
            ("another", json!({"tenant_id": "999999999999"}).to_string(), None, None, 9),
            ("old", json!({"tenant_id": tenant()}).to_string(), Some(json!({}).to_string()), None, 1),
            ("by-output", "{}".to_owned(), Some(json!({"tenant_id": tenant()}).to_string()), None, 3),
            ("by-cause", "not JSON".to_owned(), None, Some(json!({"tenant_id": tenant()}).to_string()), 5),
            (
                "suspension",
                json!({"tenant_id": tenant(), "suspended": true}).to_string(),
                Some("{}".to_owned()),
                None,
                4,
            ),
        ];
        let names = texts.clone().map(|(name, ..)| name);
        let listed = mock!(Client::list_executions)
            .match_requests(|request| request.max_results() == Some(READ))
            .then_output(move || {
                let item = |name: &str| {
                    let item =
                        ExecutionListItem::builder().execution_arn(arn(name)).state_machine_arn("arn").name(name);
                    item.status(ExecutionStatus::Succeeded).start_date(DateTime::from_secs(0)).build().unwrap()
                };
                ListExecutionsOutput::builder().set_executions(Some(names.map(item).into())).build().unwrap()
            });
        let described = mock!(Client::describe_execution).then_compute_output(move |request| {
            let name = request.execution_arn().unwrap().rsplit(':').next().unwrap();
            let (_, input, output, cause, started) = texts.iter().find(|(of, ..)| *of == name).unwrap().clone();
            DescribeExecutionOutput::builder()
                .execution_arn(arn(name))
                .state_machine_arn("arn")
                .status(ExecutionStatus::Succeeded)
                .start_date(DateTime::from_secs(started))
                .input(input)
                .set_output(output)
                .set_cause(cause)
                .build()
                .unwrap()
        });
        let machines = mock_client!(aws_sdk_sfn, RuleMode::MatchAny, [&listed, &described]);
        let last = last(&machines, &settings(&[("UPDATE_TENANT_ARN", "arn:machine")]), &tenant()).await.unwrap();
        let found: Vec<_> = last.iter().map(|execution| execution.arn.clone()).collect();
        assert_eq!(found, ["by-cause", "suspension", "by-output", "old"].map(arn));
        assert!(last[1].has_suspended && !last[2].has_suspended);
        assert_eq!(
            last[0].console,
            format!(
                "https://eu-west-1.console.aws.amazon.com/states/home?region=eu-west-1#/v2/executions/details/{}",
                arn("by-cause")
            )
        );
    }
}
