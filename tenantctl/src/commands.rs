//! The commands, one file each.

use aws_config::SdkConfig;
use clap::CommandFactory;
use serde_json::{Value, json};

use crate::arguments::{Cli, Command};
use crate::environment::Environment;
use crate::failure::{Failure, Result};
use crate::screen::Screen;
use crate::table::Table;
use crate::{explain, fields, page};

mod audit;
mod capacity;
mod deprovision;
mod describe;
mod execution;
mod executions;
mod list;
mod locate;
mod logs;
mod provision;
mod update;
mod watch;

/// An environment, and where the answer is written.
struct Operator<'a> {
    environment: Environment,
    screen: &'a mut Screen,
}

/// Runs a command.
///
/// # Errors
/// Those of the command.
pub(crate) async fn run(cli: &Cli, aws: Option<&SdkConfig>, screen: &mut Screen) -> Result<()> {
    match &cli.command {
        Command::Explain(explain) => return explained(explain.error.as_deref(), screen),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "tenantctl", &mut script);
            screen.line(String::from_utf8_lossy(&script).trim_end());
            return Ok(());
        }
        Command::Page => {
            screen.line(page::text().trim_end());
            return Ok(());
        }
        _ => {}
    }
    let environment = Environment::connect(&cli.global, aws).await?;
    let mut operator = Operator { environment, screen };
    match &cli.command {
        Command::Provision(options) => operator.provision(options).await,
        Command::Update(options) => operator.update(options).await,
        Command::Suspend(options) => operator.suspend(options, true).await,
        Command::Resume(options) => operator.suspend(options, false).await,
        Command::Deprovision(options) => operator.deprovision(options).await,
        Command::List(options) => operator.list(options).await,
        Command::Describe(tenant) => operator.describe(tenant).await,
        Command::Logs(options) => operator.logs(options).await,
        Command::Locate(options) => operator.locate(options).await,
        Command::Audit(waiting) => operator.audit(waiting).await,
        Command::Capacity => operator.capacity().await,
        Command::Resolve => operator.resolve().await,
        Command::Executions(options) => operator.executions(options).await,
        Command::Watch(options) => operator.watch(options).await,
        Command::Explain(_) | Command::Completions { .. } | Command::Page => Ok(()),
    }
}

fn explained(error: Option<&str>, screen: &mut Screen) -> Result<()> {
    let Some(error) = error else {
        let mut table = Table::new(&["ERROR", "MEANING"]);
        for explanation in explain::all() {
            table.row([explanation.errors.join(", "), explanation.meaning]);
        }
        let all = explain::all();
        let all = all.iter().flat_map(|row| row.errors.iter().map(move |error| row.to_json(error)));
        screen.table(&all.collect(), &table);
        return Ok(());
    };
    let explanation = explain::of(error).ok_or_else(|| {
        Failure::new("InvalidCommand", format!("{error:?} is no error of this project: tenantctl explain names all"))
    })?;
    screen.answer(&explanation.to_json(error), || explanation.text(error));
    Ok(())
}

/// A JSON object of those fields that have a value.
fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    fields.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// A text field of an answer, or an empty text.
fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// A field of an answer for a table.
fn cell(value: &Value, field: &str) -> String {
    value.get(field).map(fields::text).unwrap_or_default()
}

/// The entries of a list in an answer.
fn entries<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// A count of an answer as "running of desired".
fn tasks(value: &Value) -> String {
    match (value.get("running_count"), value.get("desired_count")) {
        (Some(running), Some(desired)) => format!("{running}/{desired}"),
        _ => String::new(),
    }
}

/// `true`, or nothing.
fn flag(given: bool) -> Value {
    if given { json!(true) } else { Value::Null }
}
