//! `executions`: the last executions of the environment's state machines, or one of them.

use aws_sdk_sfn::error::ProvideErrorMetadata;
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::types::{ExecutionListItem, ExecutionStatus};
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use shared::Error;

use super::{Operator, text};
use crate::arguments::{ExecutionState, Executions};
use crate::failure::{Failure, Result};
use crate::table::Table;
use crate::watch::parsed;
use crate::{explain, fields, time};

/// It follows every other execution, and is shown only when it is asked for.
const CONCLUSION: &str = "conclude-execution";
/// Number of executions whose inputs are read to find those of a tenant.
const INPUTS: usize = 200;
/// The most executions in an answer of AWS. Source: API reference of ListExecutions.
const PAGE: i32 = 1000;

/// An execution in a list.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) arn: String,
    pub(super) name: String,
    pub(super) machine: String,
    status: ExecutionStatus,
    started: Option<Timestamp>,
    stopped: Option<Timestamp>,
}

impl Listed {
    fn of(machine: &str, item: &ExecutionListItem) -> Self {
        Self {
            arn: item.execution_arn.clone(),
            name: item.name.clone(),
            machine: machine.to_owned(),
            status: item.status.clone(),
            started: time::of_aws(&item.start_date),
            stopped: item.stop_date().and_then(time::of_aws),
        }
    }

    pub(super) fn runs(&self) -> bool {
        self.status == ExecutionStatus::Running
    }

    fn seconds(&self) -> Option<f64> {
        Some(self.stopped?.duration_since(self.started?).as_secs_f64())
    }

    fn to_json(&self) -> Value {
        let mut fields = Map::new();
        fields.insert("execution_arn".to_owned(), json!(self.arn));
        fields.insert("name".to_owned(), json!(self.name));
        fields.insert("machine".to_owned(), json!(self.machine));
        fields.insert("status".to_owned(), json!(self.status.as_str()));
        fields.extend(self.started.map(|time| ("started_at".to_owned(), json!(time))));
        fields.extend(self.stopped.map(|time| ("stopped_at".to_owned(), json!(time))));
        Value::Object(fields)
    }
}

impl Operator<'_> {
    pub(super) async fn executions(&mut self, options: &Executions) -> Result<()> {
        if let Some(name) = &options.execution {
            let execution = self.find(name).await?;
            return self.show_one(&execution);
        }
        let status = options.status.map(status);
        let machines = match &options.machine {
            Some(machine) => vec![machine.clone()],
            None => self.machines().await?,
        };
        let wanted = if options.tenant.is_some() { INPUTS } else { usize::from(options.limit) };
        let mut listed = self.listed(&machines, status.as_ref(), wanted).await?;
        listed.truncate(wanted);
        if let Some(tenant) = &options.tenant {
            listed = self.of_tenant(tenant, listed).await?;
        }
        listed.truncate(usize::from(options.limit));
        let mut table = Table::new(&["STARTED", "STATUS", "SECONDS", "MACHINE", "NAME"]);
        for execution in &listed {
            table.row([
                execution.started.map(time::local).unwrap_or_default(),
                execution.status.as_str().to_owned(),
                execution.seconds().map(|seconds| format!("{seconds:.1}")).unwrap_or_default(),
                execution.machine.clone(),
                execution.name.clone(),
            ]);
        }
        let answer = json!({"executions": listed.iter().map(Listed::to_json).collect::<Vec<_>>()});
        self.screen.table(&answer, &table);
        Ok(())
    }

    /// The state machines of the environment, without its prefix.
    pub(super) async fn machines(&self) -> Result<Vec<String>> {
        let prefix = self.environment.named("");
        let listed = self.environment.sfn.list_state_machines().into_paginator().items().send();
        let listed: std::result::Result<Vec<_>, _> = listed.collect().await;
        let listed = listed.map_err(|error| Error::aws("listing the state machines", error))?;
        let names = listed.iter().filter_map(|machine| machine.name.strip_prefix(&prefix)).map(str::to_owned);
        Ok(names.filter(|name| name != CONCLUSION).collect())
    }

    /// The newest executions of these state machines, at most so many of each.
    pub(super) async fn listed(
        &self,
        machines: &[String],
        status: Option<&ExecutionStatus>,
        most: usize,
    ) -> Result<Vec<Listed>> {
        let mut all = Vec::new();
        for machine in machines {
            let page = i32::try_from(most).unwrap_or(PAGE).clamp(1, PAGE);
            let listed = self.environment.sfn.list_executions().state_machine_arn(self.environment.machine(machine));
            let listed = listed.set_status_filter(status.cloned()).max_results(page).send().await;
            let listed = listed.map_err(|error| Error::aws(format!("listing the executions of {machine}"), error))?;
            all.extend(listed.executions().iter().map(|item| Listed::of(machine, item)));
        }
        all.sort_by_key(|execution| std::cmp::Reverse(execution.started));
        Ok(all)
    }

    /// Those whose name or input has the tenant's id.
    async fn of_tenant(&mut self, tenant: &str, listed: Vec<Listed>) -> Result<Vec<Listed>> {
        let mut of_tenant = Vec::new();
        for execution in listed {
            let named = execution.name.contains(tenant);
            self.screen.live(&format!("looking at {}", execution.name));
            if named || self.described(&execution.arn).await?.input().is_some_and(|input| input.contains(tenant)) {
                of_tenant.push(execution);
            }
        }
        Ok(of_tenant)
    }

    /// The execution of that name or ARN.
    pub(super) async fn find(&self, name: &str) -> Result<DescribeExecutionOutput> {
        if name.starts_with("arn:") {
            return self.described(name).await;
        }
        let mut machines = self.machines().await?;
        machines.push(CONCLUSION.to_owned());
        for machine in &machines {
            let arn = self.environment.machine(machine).replace(":stateMachine:", ":execution:");
            match self.described(&format!("{arn}:{name}")).await {
                Err(failure) if failure.error == "ExecutionNotFound" => {}
                found => return found,
            }
        }
        let environment = self.environment.name;
        let message = format!(
            "no state machine of {environment} has an execution {name}: tenantctl executions names the last ones"
        );
        Err(Failure::new("ExecutionNotFound", message))
    }

    async fn described(&self, arn: &str) -> Result<DescribeExecutionOutput> {
        match self.environment.sfn.describe_execution().execution_arn(arn).send().await {
            Ok(described) => Ok(described),
            Err(error) if matches!(error.code(), Some("ExecutionDoesNotExist" | "InvalidArn")) => {
                Err(Failure::new("ExecutionNotFound", format!("there is no execution {arn}")))
            }
            Err(error) => Err(Error::aws(format!("describing {arn}"), error).into()),
        }
    }

    fn show_one(&mut self, execution: &DescribeExecutionOutput) -> Result<()> {
        let mut fields = Map::new();
        let mut add = |name: &str, value: Option<Value>| fields.extend(value.map(|value| (name.to_owned(), value)));
        add("execution_arn", Some(json!(execution.execution_arn)));
        add("name", execution.name().map(|name| json!(name)));
        add("status", Some(json!(execution.status.as_str())));
        add("started_at", time::of_aws(&execution.start_date).map(|time| json!(time)));
        add("stopped_at", execution.stop_date().and_then(time::of_aws).map(|time| json!(time)));
        add("input", execution.input().map(parsed));
        add("output", execution.output().map(parsed));
        add("error", execution.error().map(|error| json!(error)));
        add("cause", execution.cause().map(parsed));
        add("console", Some(json!(self.environment.console(&execution.execution_arn))));
        let answer = Value::Object(fields);
        let explanation = explain::of(text(&answer, "error"));
        self.screen.answer(&answer, || fields::lines(&format!("Execution {}", text(&answer, "name")), &answer));
        if let Some(explanation) = explanation {
            self.screen.remark(&format!("What to do: {}", explanation.remedy));
        }
        Ok(())
    }
}

fn status(state: ExecutionState) -> ExecutionStatus {
    match state {
        ExecutionState::Running => ExecutionStatus::Running,
        ExecutionState::Succeeded => ExecutionStatus::Succeeded,
        ExecutionState::Failed => ExecutionStatus::Failed,
        ExecutionState::TimedOut => ExecutionStatus::TimedOut,
        ExecutionState::Aborted => ExecutionStatus::Aborted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_execution_that_runs_has_no_end() {
        let started = "2026-11-25T10:00:00Z".parse().unwrap();
        let running = Listed {
            arn: "arn:x".to_owned(),
            name: "x".to_owned(),
            machine: "update-tenant".to_owned(),
            status: ExecutionStatus::Running,
            started: Some(started),
            stopped: None,
        };
        assert_eq!(
            running.to_json(),
            json!({"execution_arn": "arn:x", "name": "x", "machine": "update-tenant", "status": "RUNNING",
                   "started_at": "2026-11-25T10:00:00Z"})
        );
        let ended = Listed { stopped: "2026-11-25T10:00:01.5Z".parse().ok(), ..running };
        assert_eq!(ended.seconds(), Some(1.5));
    }
}
