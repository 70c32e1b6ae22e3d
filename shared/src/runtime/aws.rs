//! How a function reaches AWS.

use std::sync::LazyLock;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sts::config::SharedCredentialsProvider;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use super::http;

/// The configuration that all of a function's clients share: made once, when the first of them is.
pub fn config() -> &'static SdkConfig {
    static CONFIG: LazyLock<SdkConfig> = LazyLock::new(from_process);
    &CONFIG
}

/// The configuration that the process's environment variables describe.
///
/// Lambda puts region and credentials there. The SDK's own search for them, in profiles, single sign-on and metadata
/// services, would be a good part of each function's size.
///
/// The SDK tries a throttled or broken call up to four times; what still fails leaves the function as `Throttled` or
/// `Transient`, and the state machine takes it from there. Every call is bounded, well below a function's own timeout.
pub fn from_process() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(Duration::from_secs(10))
        .operation_timeout(Duration::from_secs(25))
        .build();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http::client())
        .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
        .service_config(OfService)
        .retry_config(RetryConfig::standard().with_max_attempts(4))
        .timeout_config(timeouts);
    config.set_region(variable("AWS_REGION").map(Region::new)).set_endpoint_url(variable("AWS_ENDPOINT_URL"));
    config.build()
}

/// What variables say of a single service, as in `AWS_ENDPOINT_URL_ROUTE_53`.
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
