//! AWS clients for the local stack. They call as the root user of an environment's account.

use std::process::Command;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sfn::config::{Credentials, SharedCredentialsProvider};

use crate::settings::{Environment, Settings};

/// MiniStack accepts any secret key.
const SECRET_ACCESS_KEY: &str = "local";

/// The configuration of clients for an environment.
pub fn config(settings: &Settings, environment: &Environment) -> SdkConfig {
    let credentials = Credentials::new(environment.account, SECRET_ACCESS_KEY, None, None, "local stack");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(settings.gateway())
        .region(Region::new(environment.region))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::standard())
        .timeout_config(TimeoutConfig::builder().operation_timeout(Duration::from_secs(90)).build())
        .build()
}

/// The variables that point AWS's own tools to an environment of the local stack.
pub fn variables(settings: &Settings, environment: &Environment) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ENDPOINT_URL", settings.gateway()),
        ("AWS_ACCESS_KEY_ID", environment.account.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.to_owned()),
        ("AWS_REGION", environment.region.to_owned()),
        ("AWS_DEFAULT_REGION", environment.region.to_owned()),
    ]
}

/// [`variables`], and those that keep AWS's own tools from finding credentials of another account.
pub fn only(settings: &Settings, environment: &Environment) -> Vec<(&'static str, String)> {
    let mut variables = variables(settings, environment);
    variables.extend([
        ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false".to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ]);
    variables
}

/// Points a program at the local stack only. Otherwise a profile or a configuration file of the user could lead it to a
/// real account.
pub fn point(command: &mut Command, settings: &Settings, environment: &Environment) {
    for name in
        ["AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"]
    {
        command.env_remove(name);
    }
    command.envs(only(settings, environment));
}

/// Runs asynchronous work to its end.
///
/// # Errors
/// The error of the work itself.
pub fn block_on<T>(work: impl Future<Output = crate::Result<T>>) -> crate::Result<T> {
    use crate::failure::Doing;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .doing("starting the asynchronous runtime")?
        .block_on(work)
}
