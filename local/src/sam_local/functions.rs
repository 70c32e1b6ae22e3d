//! The deployed functions, in the files that SAM CLI reads.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_lambda::error::SdkError;
use aws_sdk_lambda::types::FunctionConfiguration;
use serde_json::{Map, Value, json};

use super::{code, directory};
use crate::database::write_private;
use crate::failure::{Doing, Result};
use crate::settings::{Environment, Settings};
use crate::{aws, emulator};

/// A function as it was deployed.
pub(super) struct Deployed {
    /// Its logical id in the template, such as `CreateLogGroup`.
    pub(super) logical_id: String,
    /// Its name without the environment, such as `create-log-group`.
    pub(super) name: String,
    /// Its configuration in Lambda.
    configuration: FunctionConfiguration,
    /// Credentials of a session of its role.
    credentials: BTreeMap<String, String>,
}

/// The functions of the stack, sorted by name.
///
/// # Errors
/// When the stack does not answer.
pub(super) async fn deployed(settings: &Settings, environment: &Environment) -> Result<Vec<Deployed>> {
    let config = aws::config(settings, environment);
    let stack = environment.named("tenant-management");
    let doing = format!("listing the functions of {stack}");
    let resources = aws_sdk_cloudformation::Client::new(&config).list_stack_resources().stack_name(&stack);
    let resources = resources.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>().await;
    let logical_ids: HashMap<_, _> = resources
        .map_err(aws_sdk_cloudformation::error::SdkError::into_service_error)
        .doing(&doing)?
        .into_iter()
        .filter(|resource| resource.resource_type() == Some("AWS::Lambda::Function"))
        .filter_map(|resource| Some((resource.physical_resource_id?, resource.logical_resource_id?)))
        .collect();
    let functions = aws_sdk_lambda::Client::new(&config).list_functions().into_paginator().items().send();
    let functions = functions.collect::<std::result::Result<Vec<_>, _>>().await;
    let functions = functions.map_err(SdkError::into_service_error).doing(&doing)?;
    let prefix = environment.named("");
    let mut deployed = Vec::new();
    for configuration in functions {
        let full_name = configuration.function_name().unwrap_or_default();
        let (Some(logical_id), Some(name)) = (logical_ids.get(full_name), full_name.strip_prefix(&prefix)) else {
            continue;
        };
        deployed.push(Deployed {
            logical_id: logical_id.clone(),
            name: name.to_owned(),
            credentials: credentials(settings, configuration.function_arn().unwrap_or_default())?,
            configuration,
        });
    }
    deployed.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(deployed)
}

fn credentials(settings: &Settings, arn: &str) -> Result<BTreeMap<String, String>> {
    let doing = || format!("asking for the credentials of {arn}");
    let answer = emulator::get(settings, &format!("/v2/credentials/function/{arn}")).doing(doing())?;
    serde_json::from_str(&answer).doing(doing())
}

impl Deployed {
    /// A variable that the stack sets for it.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.configuration.environment()?.variables()?.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// All its variables: those that the stack sets, those that Lambda sets, and its role's credentials. AWS is at
    /// `endpoint`.
    fn variables(&self, environment: &Environment, endpoint: &str) -> BTreeMap<String, String> {
        let of_the_stack = self.configuration.environment().and_then(|variables| variables.variables());
        let mut variables: BTreeMap<_, _> = of_the_stack.cloned().unwrap_or_default().into_iter().collect();
        variables.extend(self.credentials.clone());
        let memory = self.configuration.memory_size().unwrap_or_default().to_string();
        let of_lambda = [
            ("AWS_ENDPOINT_URL", endpoint),
            ("AWS_REGION", environment.region),
            ("AWS_DEFAULT_REGION", environment.region),
            ("AWS_ACCOUNT_ID", environment.account),
            ("AWS_LAMBDA_FUNCTION_NAME", self.configuration.function_name().unwrap_or_default()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ];
        variables.extend(of_lambda.map(|(name, value)| (name.to_owned(), value.to_owned())));
        variables
    }

    fn in_the_template(&self, variables: &BTreeMap<String, String>) -> Value {
        // SAM CLI passes only variables that the template names to a container. It takes their values from env.json.
        let mut names: Map<_, _> = variables.keys().map(|name| (name.clone(), json!(""))).collect();
        // The shell sets this variable, so env.json leaves it out.
        names.insert("AWS_LAMBDA_LOG_LEVEL".to_owned(), json!("INFO"));
        let architectures: Vec<_> = self.configuration.architectures().iter().map(|kind| kind.as_str()).collect();
        json!({
            "Type": "AWS::Serverless::Function",
            "Properties": {
                "FunctionName": self.configuration.function_name(),
                "CodeUri": format!("code/{}", self.logical_id),
                "Handler": self.configuration.handler(),
                "Runtime": self.configuration.runtime().map(|runtime| runtime.as_str()),
                "Architectures": architectures,
                "MemorySize": self.configuration.memory_size(),
                "Timeout": self.configuration.timeout(),
                "LoggingConfig": {"LogFormat": "JSON"},
                "Environment": {"Variables": names},
            },
        })
    }
}

/// Writes `template.json`, `env.json` and `debugger/`.
///
/// # Errors
/// When a file cannot be written.
pub(super) fn write(settings: &Settings, environment: &Environment, functions: &[Deployed]) -> Result<()> {
    let directory = directory(settings);
    let debugger = directory.join("debugger");
    std::fs::create_dir_all(&debugger).doing(format!("making {}", debugger.display()))?;
    let (mut resources, mut variables) = (Map::new(), Map::new());
    for function in functions {
        let endpoint = settings.bridge.map(|bridge| format!("http://{bridge}:{}", settings.gateway_port));
        let mut inside = function.variables(environment, &endpoint.unwrap_or_default());
        for (name, path) in code::mounts(function) {
            inside.insert(name.to_owned(), path.to_owned());
        }
        resources.insert(function.logical_id.clone(), function.in_the_template(&inside));
        variables.insert(function.logical_id.clone(), json!(inside));
        let outside = function.variables(environment, &settings.gateway());
        let exports = outside.iter().map(|(name, value)| format!("export {name}='{value}'\n"));
        write_private(&debugger.join(&function.name), &exports.collect::<String>())?;
    }
    let template = json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Description": "Written by `make up`: the functions as they were deployed",
        "Resources": resources,
    });
    write_private(&directory.join("template.json"), &format!("{template:#}\n"))?;
    write_private(&directory.join("env.json"), &format!("{:#}\n", Value::Object(variables)))
}
