//! Writes `.local/sam`: the files with which `sam local` runs functions in containers against this stack.
//!
//! - `template.json`: the functions of the first environment as they were deployed, already built.
//! - `env.json`: each function's variables as they were deployed, with credentials of its own role, and with addresses
//!   at which a container reaches the stack. SAM CLI prefers these variables to the shell's, so neither the shell's
//!   credentials nor its endpoints get into a container.
//! - `samconfig.toml`: SAM CLI's options, so that `sam local invoke CreateLogGroup` needs none.
//! - `env`: variables for the shell. It unsets all AWS variables except those of the local stack.
//! - `events/`: an input for each function, taken from real executions with two tenants that are provisioned for this.
//! - `code/`: the directory that a container has as `/var/task`: the function, and the files that Lambda would mount.
//! - `debugger/`: variables for a function that runs outside a container.

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

/// The time of SAM CLI's last check for a newer version, in the far future. Otherwise SAM CLI would ask PyPI, but an
/// invocation should call only the local stack.
const NEVER_AGAIN: f64 = 4_102_444_800.0;

/// Writes `.local/sam` for the first environment, except the events, which [`write_events`] writes.
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

/// Writes an event for each function, from executions with two tenants that it provisions, if `make invoke` can be
/// used. If it cannot, the stack works without these events.
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
    // The events of an earlier start would not fit this stack.
    let _ = fs::remove_dir_all(directory(settings).join("events"));
    say::progress(format!("no events for `make invoke`: {reason}"));
}

/// Writes an event for each function, unless the files exist and fit the stack.
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

/// The directory of all these files.
pub fn directory(settings: &Settings) -> PathBuf {
    settings.path("sam")
}

/// Writes SAM CLI's options. They depend on the image that this machine has.
fn write_config(settings: &Settings) -> Result<()> {
    let image = image::here().map(|image| format!("invoke_image = [\"{image}\"]\n")).unwrap_or_default();
    let common = format!("env_vars = \"env.json\"\nskip_pull_image = true\n{image}");
    let text = format!(
        "# Written by `make up`.\nversion = 0.1\n\n[default.local_invoke.parameters]\n{common}mount_symlinks = true\n\n\
         [default.local_start_lambda.parameters]\n{common}warm_containers = \"LAZY\"\n"
    );
    write_private(&directory(settings).join("samconfig.toml"), &text)
}

/// The text of `env`, which a shell reads before it calls `sam local`.
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
