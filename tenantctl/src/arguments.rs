//! The command line: what can be typed, and what `--help` says about it.
//!
//! Values are passed on as they are written: the state machines and functions check them, and their errors name what is
//! wrong. Only what never reaches them is checked here.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use shared::EnvironmentName;

use crate::time;

/// Provisions, shows, updates and removes tenants.
///
/// It starts the same state machines and calls the same functions as the console and the AWS CLI, with your own AWS
/// credentials: those of a profile, of SSO, of the environment variables. Before anything else, it checks that the
/// account and region have the stack of the environment that you name.
#[derive(Debug, Parser)]
#[command(
    name = "tenantctl",
    version,
    disable_help_subcommand = true,
    after_help = "\
Examples:
  tenantctl --env dev list
  tenantctl --env dev provision --title \"Flower shop\"
  tenantctl --env dev describe 100000000001
  tenantctl --env dev logs 100000000001 --follow
  tenantctl --env prod --profile prod-operator deprovision 100000000001
  tenantctl explain DeploymentFailed

`tenantctl <command> --help` has more examples."
)]
pub struct Cli {
    /// The options of all commands.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// The command line of this process. Ends the process after `--help`, or when the line is wrong.
    pub fn of_process() -> Self {
        Self::parse()
    }

    /// A command line in words, without the program's name.
    ///
    /// # Errors
    /// When the line is wrong.
    pub fn of_words(words: &[&str]) -> Result<Self, String> {
        Self::try_parse_from(["tenantctl"].iter().chain(words)).map_err(|error| error.to_string())
    }
}

/// Options of all commands.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// The environment: dev, sit or prod
    #[arg(long, short, global = true, env = "TENANTCTL_ENV", hide_env_values = true, value_name = "ENVIRONMENT", value_parser = environment)]
    pub env: Option<EnvironmentName>,
    /// Profile of the AWS configuration. It comes before credentials in environment variables [default: AWS_PROFILE]
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// AWS region [default: AWS_REGION, or the profile's]
    #[arg(long, global = true, value_name = "REGION")]
    pub region: Option<String>,
    /// What the answer on standard output is. With json, nothing else is written, and an error is JSON on standard error
    #[arg(long, short, global = true, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

impl Global {
    /// Whether the answer is for a program.
    pub fn is_json(&self) -> bool {
        self.output == Output::Json
    }
}

/// What an answer is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// Tables and lines, for people
    Text,
    /// One JSON value, for programs
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a tenant, and wait until its site is served
    #[command(after_help = "\
Without --tenant-id, the tenant gets a new id.

Examples:
  tenantctl --env dev provision
  tenantctl --env dev provision --title \"Flower shop\" --admin-email ada@example.com --locale de_DE
  tenantctl --env dev provision --tenant-id 100000000001 --cpu 512 --memory 1024 --variable TZ=Europe/Berlin
  tenantctl --env dev provision --input events/provision-tenant.json --no-wait --output json")]
    Provision(Box<Provision>),
    /// Change the image, the size or the number of tasks of a tenant
    #[command(after_help = "\
What is not named stays as it is. If the deployment fails, the tenant goes back to what it was.

Examples:
  tenantctl --env dev update 100000000001 --image public.ecr.aws/docker/library/wordpress:7.1-php8.4-apache
  tenantctl --env dev update 100000000001 --cpu 512 --memory 1024 --desired-count 2
  tenantctl --env dev update 100000000001 --force-new-deployment
  tenantctl --env dev update 100000000001 --rollback")]
    Update(Update),
    /// Stop a tenant's tasks, and show a page that says so
    #[command(after_help = "\
Examples:
  tenantctl --env dev suspend 100000000001")]
    Suspend(OfTenant),
    /// Start a suspended tenant's tasks again
    #[command(after_help = "\
Examples:
  tenantctl --env dev resume 100000000001")]
    Resume(OfTenant),
    /// Remove a tenant, after the checklist
    #[command(after_help = "\
At a terminal, the items of the checklist that no option names are asked for. In prod, the tenant's id has to be typed
at a terminal, and --yes is refused.

Examples:
  tenantctl --env dev deprovision 100000000001
  tenantctl --env dev deprovision 100000000001 --owner-notified --data-backup completed --billing-finalized \\
    --approved-by \"Ada Lovelace\" --yes")]
    Deprovision(Deprovision),
    /// List the tenants
    #[command(after_help = "\
Examples:
  tenantctl --env dev list
  tenantctl --env dev list --status partial --status degraded
  tenantctl --env dev list --not active --output json")]
    List(List),
    /// Show everything about a tenant
    #[command(after_help = "\
Examples:
  tenantctl --env dev describe 100000000001
  tenantctl --env dev describe 100000000001 --output json")]
    Describe(Tenant),
    /// Show the log of a tenant's site
    #[command(after_help = "\
Examples:
  tenantctl --env dev logs 100000000001
  tenantctl --env dev logs 100000000001 --since 2h --filter Fatal
  tenantctl --env dev logs 100000000001 --follow")]
    Logs(Logs),
    /// Find a tenant in all environments
    #[command(after_help = "\
Examples:
  tenantctl --env dev locate 100000000001
  tenantctl --env dev locate 100000000001 --in dev --in sit")]
    Locate(Locate),
    /// Look at all tenants, and name the incomplete ones
    #[command(after_help = "\
Examples:
  tenantctl --env dev audit")]
    Audit(Waiting),
    /// Show how many more tenants fit into the environment
    #[command(after_help = "\
Examples:
  tenantctl --env dev capacity
  tenantctl --env dev capacity --output json")]
    Capacity,
    /// Show what a new tenant would be made of: network, file systems, listeners, database, defaults
    #[command(after_help = "\
Examples:
  tenantctl --env dev resolve")]
    Resolve,
    /// List the last executions, or show one of them
    #[command(after_help = "\
Examples:
  tenantctl --env dev executions
  tenantctl --env dev executions --tenant 100000000001
  tenantctl --env dev executions --machine provision-tenant --status failed --limit 5
  tenantctl --env dev executions 100000000001-20261125-101622-4f1c")]
    Executions(Executions),
    /// Follow an execution, or all that run
    #[command(after_help = "\
Without an execution, it follows all that run and all that start, until Ctrl-C. Whoever watches changes nothing.

Examples:
  tenantctl --env dev watch
  tenantctl --env dev watch --until-idle
  tenantctl --env dev watch 100000000001-20261125-101622-4f1c")]
    Watch(Watch),
    /// Say what an error means, and what to do
    #[command(after_help = "\
Examples:
  tenantctl explain
  tenantctl explain DeploymentFailed")]
    Explain(Explain),
    /// Print the completions of a shell
    #[command(after_help = "\
Examples:
  tenantctl completions bash > ~/.local/share/bash-completion/completions/tenantctl")]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the page docs/tenantctl.md
    #[command(hide = true)]
    Page,
}

/// A tenant.
#[derive(Clone, Debug, Args)]
pub struct Tenant {
    /// Id of the tenant: 12 digits
    #[arg(value_name = "TENANT")]
    pub tenant_id: String,
}

/// A tenant whose state machine has no further input.
#[derive(Clone, Debug, Args)]
pub struct OfTenant {
    /// The tenant.
    #[command(flatten)]
    pub tenant: Tenant,
    /// How to wait.
    #[command(flatten)]
    pub waiting: Waiting,
}

/// How to wait for an execution.
#[derive(Clone, Debug, Default, Args)]
pub struct Waiting {
    /// Start the execution and answer with its name, without waiting for its end
    #[arg(long, conflicts_with = "timeout")]
    pub no_wait: bool,
    /// Wait no longer than this, as in 90s, 15m, 1h. The execution goes on
    #[arg(long, value_name = "DURATION", value_parser = time::duration)]
    pub timeout: Option<Duration>,
    /// Name of the execution. With it, a start that is repeated starts nothing twice
    #[arg(long = "execution-name", value_name = "NAME")]
    pub name: Option<String>,
}

/// Options of `provision`.
#[derive(Clone, Debug, Args)]
pub struct Provision {
    /// Id of the new tenant: 12 digits [default: a new one]
    #[arg(long, value_name = "ID")]
    pub tenant_id: Option<String>,
    /// Id of the signup, which is copied into the result
    #[arg(long, value_name = "ID")]
    pub signup_id: Option<String>,
    /// Container image [default: the stack's]
    #[arg(long)]
    pub image: Option<String>,
    /// CPU units [default: the stack's]
    #[arg(long, value_name = "UNITS")]
    pub cpu: Option<u32>,
    /// Memory in MiB [default: the stack's]
    #[arg(long, value_name = "MIB")]
    pub memory: Option<u32>,
    /// Number of tasks [default: 1]
    #[arg(long, value_name = "NUMBER")]
    pub desired_count: Option<u32>,
    /// Title of the site
    #[arg(long)]
    pub title: Option<String>,
    /// The administrator's name
    #[arg(long, value_name = "NAME")]
    pub admin_user: Option<String>,
    /// The administrator's e-mail address
    #[arg(long, value_name = "ADDRESS")]
    pub admin_email: Option<String>,
    /// Language of the site, as in de_DE
    #[arg(long)]
    pub locale: Option<String>,
    /// A further environment variable of the container. Can be given several times. No secrets
    #[arg(long = "variable", value_name = "NAME=VALUE", value_parser = variable)]
    pub variables: Vec<(String, String)>,
    /// JSON file with the input of provision-tenant, or - for standard input. Options come before its fields
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// How to wait.
    #[command(flatten)]
    pub waiting: Waiting,
}

/// Options of `update`.
#[derive(Clone, Debug, Args)]
pub struct Update {
    /// The tenant.
    #[command(flatten)]
    pub tenant: Tenant,
    /// Container image
    #[arg(long)]
    pub image: Option<String>,
    /// CPU units
    #[arg(long, value_name = "UNITS")]
    pub cpu: Option<u32>,
    /// Memory in MiB
    #[arg(long, value_name = "MIB")]
    pub memory: Option<u32>,
    /// Number of tasks
    #[arg(long, value_name = "NUMBER")]
    pub desired_count: Option<u32>,
    /// Replace all tasks, even if nothing else changes
    #[arg(long)]
    pub force_new_deployment: bool,
    /// Take an image with an older WordPress than the one that changed the tables last
    #[arg(long)]
    pub allow_downgrade: bool,
    /// Mount only wp-content, as new tenants do, instead of the whole document root
    #[arg(long)]
    pub move_content: bool,
    /// With --move-content: the beginning of the tables' names, if the container does not have it
    #[arg(long, value_name = "PREFIX")]
    pub table_prefix: Option<String>,
    /// Image, CPU and memory of the last revision that had other ones. A second --rollback undoes the first
    #[arg(long, conflicts_with_all = ["image", "cpu", "memory", "move_content"])]
    pub rollback: bool,
    /// How to wait.
    #[command(flatten)]
    pub waiting: Waiting,
}

/// Options of `deprovision`.
#[derive(Clone, Debug, Args)]
pub struct Deprovision {
    /// The tenant.
    #[command(flatten)]
    pub tenant: Tenant,
    /// Checklist: the tenant's owner has been notified
    #[arg(long)]
    pub owner_notified: bool,
    /// Checklist: completed or not-required
    #[arg(long, value_name = "STATE")]
    pub data_backup: Option<String>,
    /// Checklist: the last bill has been written
    #[arg(long)]
    pub billing_finalized: bool,
    /// Who approved the deletion
    #[arg(long, value_name = "NAME")]
    pub approved_by: Option<String>,
    /// Delete the tenant's secrets at once. Nothing brings them back
    #[arg(long, conflicts_with = "secret_recovery_days")]
    pub force_delete_secret: bool,
    /// How many days the secrets can be recovered: 7 to 30 [default: 30]
    #[arg(long, value_name = "DAYS")]
    pub secret_recovery_days: Option<u32>,
    /// Keep the log group
    #[arg(long)]
    pub keep_log_group: bool,
    /// Delete the tenant's files as well. Nothing brings them back
    #[arg(long)]
    pub purge_files: bool,
    /// Do not ask before the deletion. Refused in prod
    #[arg(long, short)]
    pub yes: bool,
    /// How to wait.
    #[command(flatten)]
    pub waiting: Waiting,
}

/// Options of `list`.
#[derive(Clone, Debug, Args)]
pub struct List {
    /// Only tenants with this status. Can be given several times
    #[arg(long, value_name = "STATUS", conflicts_with = "not")]
    pub status: Vec<String>,
    /// Only tenants without this status. Can be given several times
    #[arg(long, value_name = "STATUS")]
    pub not: Vec<String>,
}

/// Options of `logs`.
#[derive(Clone, Debug, Args)]
pub struct Logs {
    /// The tenant.
    #[command(flatten)]
    pub tenant: Tenant,
    /// The earliest time: 15m, 1h, 2d, or a time as in 2026-11-25T10:00:00Z [default: 1h]
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only lines that match this filter pattern of CloudWatch Logs
    #[arg(long, value_name = "PATTERN")]
    pub filter: Option<String>,
    /// Maximum number of lines: 1 to 1000 [default: 100]
    #[arg(long, value_name = "NUMBER")]
    pub limit: Option<u32>,
    /// Go on with new lines until Ctrl-C
    #[arg(long, short)]
    pub follow: bool,
}

/// Options of `locate`.
#[derive(Clone, Debug, Args)]
pub struct Locate {
    /// The tenant.
    #[command(flatten)]
    pub tenant: Tenant,
    /// Look only in this environment. Can be given several times
    #[arg(long = "in", value_name = "ENVIRONMENT")]
    pub environments: Vec<String>,
}

/// Options of `executions`.
#[derive(Clone, Debug, Args)]
pub struct Executions {
    /// Name or ARN of an execution to show
    pub execution: Option<String>,
    /// Only those of this tenant: by their names, and by the inputs of the newest ones
    #[arg(long, value_name = "ID", conflicts_with = "execution")]
    pub tenant: Option<String>,
    /// Only those of this state machine, as in provision-tenant
    #[arg(long, conflicts_with = "execution")]
    pub machine: Option<String>,
    /// Only those with this status
    #[arg(long, value_enum, conflicts_with = "execution")]
    pub status: Option<ExecutionState>,
    /// Maximum number of executions
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub limit: u16,
}

/// The status of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExecutionState {
    /// It runs
    Running,
    /// It has succeeded
    Succeeded,
    /// It has failed
    Failed,
    /// It took longer than it may
    TimedOut,
    /// Somebody has stopped it
    Aborted,
}

/// Options of `watch`.
#[derive(Clone, Debug, Args)]
pub struct Watch {
    /// Name or ARN of the execution
    pub execution: Option<String>,
    /// End when nothing runs
    #[arg(long, conflicts_with = "execution")]
    pub until_idle: bool,
    /// Watch no longer than this, as in 90s, 15m, 1h
    #[arg(long, value_name = "DURATION", value_parser = time::duration)]
    pub timeout: Option<Duration>,
}

/// Options of `explain`.
#[derive(Clone, Debug, Args)]
pub struct Explain {
    /// Name of the error. Without it, all are named
    pub error: Option<String>,
}

fn environment(name: &str) -> Result<EnvironmentName, String> {
    EnvironmentName::try_from(name.to_owned())
}

fn variable(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} has no =: give NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// The words of a line of a shell, with quotes but without any other syntax.
    fn words(line: &str) -> Vec<String> {
        let pieces = line.split('"').enumerate();
        let mut words: Vec<String> = Vec::new();
        for (number, piece) in pieces {
            match number % 2 {
                0 => words.extend(piece.split_whitespace().map(str::to_owned)),
                _ => words.push(piece.to_owned()),
            }
        }
        words
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_examples_that_can_be_typed() {
        let command = Cli::command();
        for command in [&command].into_iter().chain(command.get_subcommands().filter(|command| !command.is_hide_set()))
        {
            let help = command.get_after_help().unwrap().to_string().replace("\\\n", " ");
            let examples: Vec<_> = help.lines().filter_map(|line| line.strip_prefix("  tenantctl ")).collect();
            assert!(!examples.is_empty(), "{}", command.get_name());
            for example in examples {
                let typed = words(example.split(" > ").next().unwrap());
                let typed: Vec<_> = typed.iter().map(String::as_str).collect();
                Cli::of_words(&typed).unwrap_or_else(|error| panic!("{example}: {error}"));
            }
        }
    }

    #[test]
    fn options_that_contradict_each_other_are_refused() {
        for line in [
            "update 100000000001 --rollback --image x",
            "provision --no-wait --timeout 5m",
            "list --status active --not active",
            "--env production list",
            "deprovision 100000000001 --force-delete-secret --secret-recovery-days 7",
        ] {
            assert!(Cli::of_words(&words(line).iter().map(String::as_str).collect::<Vec<_>>()).is_err(), "{line}");
        }
    }

    #[test]
    fn options_of_all_commands_may_stand_before_or_after_the_command() {
        for line in [["--env", "sit", "list"], ["list", "--env", "sit"]] {
            assert_eq!(Cli::of_words(&line).unwrap().global.env, Some(EnvironmentName::Sit));
        }
    }
}
