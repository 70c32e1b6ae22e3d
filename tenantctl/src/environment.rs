//! The environment that a command is for: its account and region, checked before anything else is done.

use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_lambda::error::ProvideErrorMetadata;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_sts::config::ProvideCredentials;
use serde_json::Value;
use shared::{EnvironmentName, Error};

use crate::arguments::Global;
use crate::failure::{Failure, Result};

/// The function whose settings have the account and region of the stack.
const FIRST_STEP: &str = "resolve-environment";
/// No function runs for longer. Source: `template.yaml`, and the most that Lambda allows to a synchronous call's client.
const LONGEST_CALL: Duration = Duration::from_secs(900);

/// An environment in which a stack is deployed, with the caller's own credentials.
#[derive(Debug)]
pub(crate) struct Environment {
    /// `dev`, `sit` or `prod`.
    pub(crate) name: EnvironmentName,
    /// AWS account.
    pub(crate) account: String,
    /// AWS region.
    pub(crate) region: String,
    /// ARN of whoever calls.
    pub(crate) caller: String,
    /// Step Functions.
    pub(crate) sfn: aws_sdk_sfn::Client,
    /// ECS.
    pub(crate) ecs: aws_sdk_ecs::Client,
    lambda: aws_sdk_lambda::Client,
    partition: String,
    endpoint: Option<String>,
}

impl Environment {
    /// Finds credentials and region as the AWS CLI does, and checks that the environment's stack is there.
    ///
    /// # Errors
    /// `InvalidCommand` without an environment or a region, `NoCredentials`, `WrongEnvironment` when the account and
    /// region have no stack of the environment, and `WrongAccount` when the stack is for another account or region.
    pub(crate) async fn connect(global: &Global, given: Option<&SdkConfig>) -> Result<Self> {
        let name = global.env.ok_or_else(|| {
            Failure::new("InvalidCommand", "no environment is given: give --env dev, sit or prod, or set TENANTCTL_ENV")
        })?;
        let aws = match given {
            Some(aws) => aws.clone(),
            None => load(global).await,
        };
        let region = aws.region().map(ToString::to_string).ok_or_else(|| {
            Failure::new(
                "InvalidCommand",
                "no region is given: give --region, set AWS_REGION, or take a profile that has one",
            )
        })?;
        let (account, caller) = caller(&aws).await?;
        let environment = Self {
            name,
            region,
            partition: caller.split(':').nth(1).unwrap_or("aws").to_owned(),
            account,
            caller,
            sfn: aws_sdk_sfn::Client::new(&aws),
            ecs: aws_sdk_ecs::Client::new(&aws),
            lambda: aws_sdk_lambda::Client::new(&aws),
            endpoint: aws.endpoint_url().map(str::to_owned),
        };
        environment.check().await?;
        Ok(environment)
    }

    /// The name of a function or state machine of the environment.
    pub(crate) fn named(&self, name: &str) -> String {
        format!("{}-{name}", self.name)
    }

    /// The ARN of a state machine of the environment.
    pub(crate) fn machine(&self, name: &str) -> String {
        let Self { partition, region, account, .. } = self;
        format!("arn:{partition}:states:{region}:{account}:stateMachine:{}", self.named(name))
    }

    /// Where the console shows an execution.
    pub(crate) fn console(&self, execution: &str) -> String {
        let region = &self.region;
        let host = match self.partition.as_str() {
            "aws-cn" => "console.amazonaws.cn",
            "aws-us-gov" => "console.amazonaws-us-gov.com",
            _ => "console.aws.amazon.com",
        };
        format!("https://{region}.{host}/states/home?region={region}#/v2/executions/details/{execution}")
    }

    /// Where a command works, as a person reads it.
    pub(crate) fn place(&self) -> String {
        let Self { name, account, region, caller, endpoint, .. } = self;
        let at = endpoint.as_ref().map(|endpoint| format!(" at {endpoint}")).unwrap_or_default();
        format!("{name}: account {account}, region {region}{at}, as {caller}")
    }

    /// Calls a function; returns its answer.
    ///
    /// # Errors
    /// The function's own error, or AWS's.
    pub(crate) async fn call(&self, function: &str, input: &Value) -> Result<Value> {
        let name = self.named(function);
        let answer = self.lambda.invoke().function_name(&name).payload(Blob::new(input.to_string())).send().await;
        let answer = answer.map_err(|error| Error::aws(format!("calling {name}"), error))?;
        let payload = answer.payload().map(Blob::as_ref).unwrap_or_default();
        let payload: Value = serde_json::from_slice(payload)
            .map_err(|_| Failure::new("Internal", format!("{name} gave an answer that is no JSON")))?;
        if answer.function_error().is_none() {
            return Ok(payload);
        }
        let field = |name: &str| payload.get(name).and_then(Value::as_str).map(str::to_owned);
        let error = field("errorType").unwrap_or_else(|| "Internal".to_owned());
        Err(Failure::new(error, field("errorMessage").unwrap_or_else(|| payload.to_string())))
    }

    async fn check(&self) -> Result<()> {
        let Self { name, account, region, caller, .. } = self;
        let function = self.named(FIRST_STEP);
        let read = self.lambda.get_function_configuration().function_name(&function).send().await;
        let configuration = match read {
            Ok(configuration) => configuration,
            Err(error) if error.code() == Some("ResourceNotFoundException") => {
                return Err(Failure::new(
                    "WrongEnvironment",
                    format!(
                        "account {account} has no stack of {name} in region {region} (you are {caller}): choose the \
                         account by --profile or AWS_PROFILE and the region by --region, or give another --env"
                    ),
                ));
            }
            Err(error) => return Err(Error::aws(format!("looking for the stack of {name} ({function})"), error).into()),
        };
        let variables = configuration.environment().and_then(|environment| environment.variables());
        let expected = |name: &str| variables.and_then(|variables| variables.get(name)).map(String::as_str);
        for (what, variable, is) in [("account", "EXPECTED_ACCOUNT", account), ("region", "EXPECTED_REGION", region)] {
            if let Some(expected) = expected(variable).filter(|expected| expected != is) {
                return Err(Failure::new(
                    "WrongAccount",
                    format!("the stack of {name} in {what} {is} is for {what} {expected}: choose {what} {expected}"),
                ));
            }
        }
        Ok(())
    }
}

/// The configuration as the AWS CLI would have it. A profile that the command line names comes before credentials in
/// environment variables, which the SDK alone would prefer.
async fn load(global: &Global) -> SdkConfig {
    let timeouts = TimeoutConfig::builder().operation_timeout(LONGEST_CALL).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(5))
        .timeout_config(timeouts);
    if let Some(region) = &global.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &global.profile {
        let credentials = ProfileFileCredentialsProvider::builder().profile_name(profile).build();
        loader = loader.profile_name(profile).credentials_provider(credentials);
    }
    loader.load().await
}

/// Account and ARN of whoever calls.
async fn caller(aws: &SdkConfig) -> Result<(String, String)> {
    let missing = |reason: String| {
        Failure::new("NoCredentials", reason).with_remedy(
            "log in (aws sso login --profile NAME), and give --profile NAME or set AWS_PROFILE; on the local stack: \
             . .local/env",
        )
    };
    let provider = aws.credentials_provider().ok_or_else(|| missing("there are no AWS credentials".to_owned()))?;
    // Asked for alone, so that it is told apart from a call that is refused.
    provider.provide_credentials().await.map_err(|error| missing(chain(&error)))?;
    let identity = aws_sdk_sts::Client::new(aws).get_caller_identity().send().await;
    let identity = identity.map_err(|error| {
        let has_expired =
            matches!(error.code(), Some("ExpiredToken" | "ExpiredTokenException" | "InvalidClientTokenId"));
        let error = Error::aws("asking who you are (sts:GetCallerIdentity)", error);
        if has_expired { missing(error.chain()) } else { error.into() }
    })?;
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    Ok((text(identity.account()), text(identity.arn())))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}
