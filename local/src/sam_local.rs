//! What `sam local` needs to run functions in containers against this stack: `.local/sam`.
//!
//! - `template.json`: the functions of the first environment as they were deployed, already built.
//! - `env.json`: each function's variables as they were deployed, with credentials of its own role, and with the
//!   addresses at which a container reaches the stack. SAM CLI prefers them to whatever the shell has, so neither the
//!   shell's credentials nor its endpoints get into a container.
//! - `samconfig.toml`: SAM CLI's options, so that `sam local invoke CreateLogGroup` needs none.
//! - `env`: what the shell has to know. It leaves no AWS variable but the local stack's.
//! - `events/`: an input for each function, of real executions with two tenants made for the purpose.
//! - `code/`: what a container sees as `/var/task`: the function, and what Lambda would mount beside it.
//! - `debugger/`: the variables for a function that runs outside of a container.

mod code;
pub mod events;
mod functions;
pub mod image;
pub mod invoke;

use std::fs;
use std::path::PathBuf;

use serde_json::json;

use crate::database::write_private;
use crate::failure::{Doing, Result};
use crate::settings::{Environment, Settings};
use crate::{aws, say};

/// Later than any check for a newer SAM CLI, which asks PyPI: an invocation calls nothing but the local stack.
const NEVER_AGAIN: f64 = 4_102_444_800.0;

/// Writes `.local/sam` for the first environment, but for the events, which [`write_events`] writes.
///
/// # Errors
/// When the stack does not answer.
pub fn prepare(settings: &Settings) -> Result<()> {
    let environment = first(settings)?;
    let directory = directory(settings);
    fs::create_dir_all(directory.join("app")).doing(format!("making {}", directory.display()))?;
    let deployed = aws::block_on(functions::deployed(settings, environment))?;
    functions::write(settings, environment, &deployed)?;
    code::lay_out(settings, environment, &deployed)?;
    write_config(settings)?;
    write_private(&directory.join("env"), &shell(settings, environment))?;
    let app = json!({"telemetryEnabled": false, "lastVersionCheck": NEVER_AGAIN});
    write_private(&directory.join("app/metadata.json"), &app.to_string())
}

/// Writes an event for each function, out of executions with two tenants that it provisions, where `make invoke` can be
/// used. A stack without these events is up all the same.
pub fn offer_events(settings: &Settings) {
    let reason = if settings.bridge.is_none() {
        "no Docker daemon answers".to_owned()
    } else if settings.functions_endpoint.is_some() || settings.functions_mysql_endpoint.is_some() {
        "the functions call a proxy, which need not be there yet".to_owned()
    } else {
        match write_events(settings) {
            Ok(()) => return,
            Err(failure) => failure.to_string(),
        }
    };
    // Those of an earlier start would not fit this stack.
    let _ = fs::remove_dir_all(directory(settings).join("events"));
    say::progress(format!("no events for `make invoke`: {reason}"));
}

/// Writes an event for each function, unless they are there and fit the stack.
///
/// # Errors
/// When a tenant cannot be provisioned, updated or deprovisioned.
pub fn write_events(settings: &Settings) -> Result<()> {
    let environment = first(settings)?;
    aws::block_on(async {
        let deployed = functions::deployed(settings, environment).await?;
        let names: Vec<_> = deployed.iter().map(|function| function.name.as_str()).collect();
        events::refresh(settings, environment, &names).await
    })
}

fn first(settings: &Settings) -> Result<&Environment> {
    settings.environments.first().ok_or_else(|| "ENVIRONMENTS names no environment".into())
}

/// Where all of it lies.
pub fn directory(settings: &Settings) -> PathBuf {
    settings.path("sam")
}

/// Writes SAM CLI's options. They depend on which image is here.
fn write_config(settings: &Settings) -> Result<()> {
    let image = image::here().map(|image| format!("invoke_image = [\"{image}\"]\n")).unwrap_or_default();
    let common = format!("env_vars = \"env.json\"\nskip_pull_image = true\n{image}");
    let text = format!(
        "# Written by `make up`.\nversion = 0.1\n\n[default.local_invoke.parameters]\n{common}mount_symlinks = true\n\n\
         [default.local_start_lambda.parameters]\n{common}warm_containers = \"LAZY\"\n"
    );
    write_private(&directory(settings).join("samconfig.toml"), &text)
}

/// The file that a shell reads before it calls `sam local`.
fn shell(settings: &Settings, environment: &Environment) -> String {
    let tools = settings.tools();
    let app = directory(settings).join("app");
    let mut text = format!(
        "# Written by `make up`: SAM CLI and the local stack, and no other account.\n\
         for name in $(env | sed -n 's/^\\(AWS_[A-Z0-9_]*\\)=.*/\\1/p'); do unset \"$name\"; done\n\
         export PATH=\"{}:$PATH\"\n\
         export SAM_CLI_TELEMETRY=0 __SAM_CLI_APP_DIR='{}'\n",
        tools.display(),
        app.display()
    );
    for (name, value) in aws::only(settings, environment) {
        text.push_str(&format!("export {name}='{value}'\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::*;

    #[test]
    fn the_shell_keeps_no_variable_of_another_account() {
        let settings = Settings::new(Path::new("/checkout"), |_| None).unwrap();
        let mut sh = Command::new("sh");
        sh.args(["-c", &format!("{}\nenv", shell(&settings, &settings.environments[0]))]);
        sh.envs([
            ("AWS_PROFILE", "production"),
            ("AWS_SESSION_TOKEN", "token"),
            ("AWS_ENDPOINT_URL_STS", "https://sts.amazonaws.com"),
            ("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"),
        ]);
        let seen = String::from_utf8(sh.output().unwrap().stdout).unwrap();
        for gone in ["AWS_PROFILE=", "AWS_SESSION_TOKEN=", "AWS_ENDPOINT_URL_STS=", "AKIAIOSFODNN7EXAMPLE"] {
            assert!(!seen.contains(gone), "{gone}: {seen}");
        }
        assert!(seen.contains("AWS_ENDPOINT_URL=http://127.0.0.1:4566\n"), "{seen}");
        assert!(seen.contains("AWS_CONFIG_FILE=/dev/null\n"), "{seen}");
    }
}
