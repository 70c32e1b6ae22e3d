//! How a function connects to AWS.

use std::net::Ipv4Addr;
use std::sync::LazyLock;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sts::config::SharedCredentialsProvider;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use super::settings::Settings;
use crate::error::{Error, ErrorKind, Result};

/// The configuration of all of a function's clients. It is made when the first client needs it.
pub fn config() -> &'static SdkConfig {
    static CONFIG: LazyLock<SdkConfig> = LazyLock::new(from_process);
    &CONFIG
}

/// The configuration from the process's environment variables.
///
/// Lambda provides region and credentials there. No other source is searched.
///
/// The SDK makes up to four attempts when a call is throttled or its connection breaks. If the call still fails, the
/// function ends with `Throttled` or `Transient`, and the state machine retries. Every call has a timeout, well below
/// that of the function.
pub fn from_process() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(10))
        .operation_timeout(Duration::from_secs(25))
        .build();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .service_config(OfService)
        .retry_config(RetryConfig::standard().with_max_attempts(4))
        .timeout_config(timeouts);
    config.set_region(variable("AWS_REGION").map(Region::new)).set_endpoint_url(variable("AWS_ENDPOINT_URL"));
    config.build()
}

/// Refuses to run in a container of `sam local` that would call a real account.
///
/// SAM CLI gives such a container the shell's credentials. The endpoint is empty, and so a real one, unless it is set.
/// Every endpoint must therefore be on this machine or in a private network. Source of `AWS_SAM_LOCAL`: SAM CLI's
/// documentation.
///
/// # Errors
/// `EnvironmentNotReady` naming the variable and its value.
pub fn refuse_a_real_account_in_sam_local(settings: &Settings) -> Result<()> {
    if settings.optional("AWS_SAM_LOCAL").is_none() {
        return Ok(());
    }
    let refused = |what: String| {
        let remedy = "with this, the function would call a real AWS account: start the local stack by `make up`, and \
                      invoke the function by `make invoke`";
        Err(Error::new(ErrorKind::EnvironmentNotReady, format!("{what}: {remedy}")))
    };
    if settings.optional("AWS_ENDPOINT_URL").is_none() {
        return refused("AWS_ENDPOINT_URL is not set in this container of `sam local`".to_owned());
    }
    for (name, value) in settings.with_prefix("AWS_ENDPOINT_URL") {
        if !is_near(value) {
            return refused(format!("{name} is {value:?} in this container of `sam local`"));
        }
    }
    Ok(())
}

/// Whether an endpoint is on this machine or in a private network.
fn is_near(endpoint: &str) -> bool {
    let Some((_, rest)) = endpoint.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains('@') {
        return false;
    }
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    match host.parse::<Ipv4Addr>() {
        Ok(address) => address.is_loopback() || address.is_private(),
        Err(_) => ["localhost", "host.docker.internal", "[::1]"].contains(&host),
    }
}

/// The variables of single services, such as `AWS_ENDPOINT_URL_ROUTE_53`.
#[derive(Debug)]
struct OfService;

impl LoadServiceConfig for OfService {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_ascii_uppercase().replace([' ', '-'], "_");
        variable(&format!("{}_{service}", key.env()))
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(variables: &[(&str, &str)]) -> Result<()> {
        let variables = variables.iter().chain(&[("ENVIRONMENT", "dev")]);
        let variables = variables.map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        refuse_a_real_account_in_sam_local(&Settings::new(variables)?)
    }

    #[test]
    fn a_container_of_sam_local_reaches_no_real_account() {
        for endpoint in [
            "",
            "https://sts.eu-west-1.amazonaws.com",
            "http://54.239.28.85:4566",
            "http://host.docker.internal.example.com",
            "http://127.0.0.1@sts.amazonaws.com/",
            "sts.amazonaws.com",
        ] {
            let refused = checked(&[("AWS_SAM_LOCAL", "true"), ("AWS_ENDPOINT_URL", endpoint)]).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::EnvironmentNotReady);
            assert!(refused.chain().contains("AWS_ENDPOINT_URL") && refused.chain().contains("make up"), "{endpoint}");
        }
        let one_service = [("AWS_ENDPOINT_URL_ECS", "https://ecs.eu-west-1.amazonaws.com")];
        let near = [("AWS_SAM_LOCAL", "true"), ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")];
        assert!(checked(&[&near[..], &one_service].concat()).unwrap_err().chain().contains("AWS_ENDPOINT_URL_ECS"));
    }

    #[test]
    fn a_container_of_sam_local_may_call_the_local_stack_and_lambda_may_call_aws() {
        for endpoint in ["http://172.17.0.1:4566", "http://host.docker.internal:4566/", "http://localhost:4566"] {
            checked(&[("AWS_SAM_LOCAL", "true"), ("AWS_ENDPOINT_URL", endpoint)]).unwrap();
        }
        checked(&[]).unwrap();
        checked(&[("AWS_ENDPOINT_URL", "https://vpce-1.ecs.eu-west-1.vpce.amazonaws.com")]).unwrap();
    }
}
