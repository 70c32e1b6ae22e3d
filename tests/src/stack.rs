//! The running stack and its AWS clients, from the variables that `.local/env` sets.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_config::{Region, SdkConfig};
use aws_sdk_lambda::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::Environment;
use serde_json::Value;

use crate::proxy;
use crate::turns::{self, Needs, Turn};

/// The environments, with their accounts and regions.
pub const ENVIRONMENTS: [(&str, &str, &str); 3] = [
    ("dev", "536580886816", "eu-west-1"),
    ("sit", "815856636111", "eu-west-1"),
    ("prod", "093646564004", "af-south-1"),
];

/// A running stack of one environment.
pub struct Stack {
    /// CloudFormation.
    pub cloudformation: aws_sdk_cloudformation::Client,
    /// ECS.
    pub ecs: aws_sdk_ecs::Client,
    /// EFS.
    pub efs: aws_sdk_efs::Client,
    /// Elastic Load Balancing.
    pub elb: aws_sdk_elasticloadbalancingv2::Client,
    /// EventBridge.
    pub events: aws_sdk_eventbridge::Client,
    /// IAM.
    pub iam: aws_sdk_iam::Client,
    /// Lambda.
    pub lambda: aws_sdk_lambda::Client,
    /// CloudWatch Logs.
    pub logs: aws_sdk_cloudwatchlogs::Client,
    /// Route 53.
    pub route53: aws_sdk_route53::Client,
    /// Secrets Manager.
    pub secrets: aws_sdk_secretsmanager::Client,
    /// Step Functions.
    pub sfn: aws_sdk_sfn::Client,
    /// SQS.
    pub sqs: aws_sdk_sqs::Client,
    /// S3.
    pub s3: aws_sdk_s3::Client,
    /// `dev`, `sit` or `prod`.
    pub environment: &'static str,
    /// The account, which is also the access key.
    pub account: String,
    /// The region.
    pub region: String,
    /// Domain of the tenants' hosts.
    pub domain: String,
}

/// A variable of `.local/env`.
///
/// # Panics
/// When it is not set.
pub fn variable(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run `make test`, or `make up` and `. .local/env`"))
}

impl Stack {
    /// The stack of an environment that `make up` has started. Each test creates its own clients, because connections
    /// belong to a tokio runtime, and each test has its own.
    ///
    /// # Panics
    /// When no stack is running.
    pub async fn of(environment: &'static str) -> &'static Self {
        // Checked first, so that the test fails with a clear message and not with a time-out against the real AWS.
        variable("AWS_ENDPOINT_URL");
        proxy::start();
        let (_, account, region) =
            ENVIRONMENTS.into_iter().find(|(name, ..)| *name == environment).expect("an environment");
        // In the emulator, an account's id is the access key of the account's root user.
        let credentials = Credentials::new(account, "local", None, None, "tests");
        let aws = shared::aws::from_process().into_builder();
        let aws = aws.region(Region::new(region)).credentials_provider(SharedCredentialsProvider::new(credentials));
        Box::leak(Box::new(Self::new(&aws.build(), environment, account, region)))
    }

    fn new(aws: &SdkConfig, environment: &'static str, account: &str, region: &str) -> Self {
        Self {
            cloudformation: aws_sdk_cloudformation::Client::new(aws),
            ecs: aws_sdk_ecs::Client::new(aws),
            efs: aws_sdk_efs::Client::new(aws),
            elb: aws_sdk_elasticloadbalancingv2::Client::new(aws),
            events: aws_sdk_eventbridge::Client::new(aws),
            iam: aws_sdk_iam::Client::new(aws),
            lambda: aws_sdk_lambda::Client::new(aws),
            logs: aws_sdk_cloudwatchlogs::Client::new(aws),
            route53: aws_sdk_route53::Client::new(aws),
            secrets: aws_sdk_secretsmanager::Client::new(aws),
            sfn: aws_sdk_sfn::Client::new(aws),
            sqs: aws_sdk_sqs::Client::new(aws),
            s3: aws_sdk_s3::Client::new(aws),
            environment,
            account: account.to_owned(),
            region: region.to_owned(),
            domain: variable("DOMAIN"),
        }
    }

    /// A function's environment variables.
    ///
    /// # Panics
    /// When Lambda does not answer.
    pub async fn variables(&self, function: &str) -> HashMap<String, String> {
        let configuration = self.lambda.get_function_configuration().function_name(self.named(function)).send().await;
        configuration.expect("a function").environment.and_then(|environment| environment.variables).unwrap_or_default()
    }

    /// Sets a function's environment variables.
    ///
    /// # Panics
    /// When Lambda refuses.
    pub async fn set_variables(&self, function: &str, variables: HashMap<String, String>) {
        let environment = Environment::builder().set_variables(Some(variables)).build();
        let update = self.lambda.update_function_configuration().function_name(self.named(function));
        update.environment(environment).send().await.expect("an updated function");
    }

    /// The name of a function, state machine or shared resource of the environment.
    pub fn named(&self, name: &str) -> String {
        format!("{}-{name}", self.environment)
    }

    /// The stack of dev, for a test that may run at the same time as others.
    pub async fn together() -> (&'static Self, Turn) {
        Self::together_in(&["dev"]).await
    }

    /// The stack of the first of these environments, for a test that uses all of them, and may run at the same time as
    /// others.
    pub async fn together_in(environments: &'static [&'static str]) -> (&'static Self, Turn) {
        Self::in_turn(Needs { environments, alone: false, sites: false }).await
    }

    /// As [`Stack::together`], for a test that visits real sites.
    pub async fn with_sites() -> (&'static Self, Turn) {
        Self::in_turn(Needs { environments: &["dev"], alone: false, sites: true }).await
    }

    /// The stack of dev, for a test that changes what others rely on there, and changes it back: roles, functions, or
    /// what all tenants share. No other test uses dev meanwhile.
    pub async fn alone() -> (&'static Self, Turn) {
        Self::alone_in(&["dev"]).await
    }

    /// The stack of the first of these environments, for a test that changes what others rely on in one of them. No
    /// other test uses any of them meanwhile.
    pub async fn alone_in(environments: &'static [&'static str]) -> (&'static Self, Turn) {
        Self::in_turn(Needs { environments, alone: true, sites: false }).await
    }

    async fn in_turn(needs: Needs) -> (&'static Self, Turn) {
        let turn = turns::take(needs);
        (Self::of(needs.environments[0]).await, turn)
    }

    /// Calls a function; returns its answer, or the error's name and message.
    ///
    /// # Panics
    /// When Lambda does not run it.
    pub async fn invoke(&self, function: &str, input: &Value) -> Result<Value, (String, String)> {
        let call = self.lambda.invoke().function_name(self.named(function)).payload(Blob::new(input.to_string()));
        let answer = call.send().await.unwrap_or_else(|error| panic!("invoking {function}: {error:?}"));
        let payload: Value = serde_json::from_slice(answer.payload().expect("an answer").as_ref()).expect("JSON");
        match answer.function_error() {
            None => Ok(payload),
            Some(_) => Err((text(&payload["errorType"]), text(&payload["errorMessage"]))),
        }
    }
}

/// The text of a JSON string. Empty for any other JSON value.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The names of all functions, which are the names of their binaries.
///
/// # Panics
/// Outside the checkout.
pub fn functions() -> BTreeSet<String> {
    let files = std::fs::read_dir("../functions/src/bin").expect("the functions' binaries");
    let names = files.map(|file| file.expect("a file").file_name().into_string().expect("a name"));
    names.map(|name| name.trim_end_matches(".rs").to_owned()).collect()
}

/// A tenant id that no other test uses, and no earlier run on the same stack.
///
/// # Panics
/// When the clock is before 1970, or after ten thousand ids.
pub fn new_tenant_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(number < 10_000, "a tenant id has twelve digits");
    format!("2{:07}{number:04}", seconds % 10_000_000)
}
