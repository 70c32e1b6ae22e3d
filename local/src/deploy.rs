//! Builds and deploys the project, as for a real account.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{Capability, Output, Parameter};

use crate::database::{self, ADMIN, Database};
use crate::failure::{Doing, Result};
use crate::settings::{Environment, Settings};
use crate::tls::Certificates;
use crate::{aws, command};

const POLL: Duration = Duration::from_millis(100);
const POLLS: u32 = 600;

/// Creates what an environment must have, from `shared-infrastructure.yaml`; returns the outputs of that stack.
///
/// # Errors
/// When the stack cannot be created.
pub fn shared_infrastructure(
    settings: &Settings,
    environment: &Environment,
    database: &Database,
    certificates: &Certificates,
) -> Result<BTreeMap<String, String>> {
    let name = environment.named("shared-infrastructure");
    let doing = format!("deploying {name}");
    let file = settings.root.join("local/shared-infrastructure.yaml");
    let template = std::fs::read_to_string(&file).doing(format!("reading {}", file.display()))?;
    let parameter = |key: &str, value: &str| Parameter::builder().parameter_key(key).parameter_value(value).build();
    let parameters = [
        parameter("Environment", environment.name.as_str()),
        parameter("Domain", &settings.domain),
        parameter("CertificateArn", &certificate(environment)),
        parameter("DatabaseHost", &database_host(settings, environment, database)),
        parameter("DatabaseAdminUser", ADMIN),
        parameter("DatabaseCaBundle", &certificates.authority.display().to_string()),
        // This stack is not deployed with `sam deploy`, which takes parameters on its command line, where every user of
        // the machine can see them.
        parameter("DatabaseAdminPassword", &database.password),
    ];
    aws::block_on(async {
        let client = Client::new(&aws::config(settings, environment));
        let created = client
            .create_stack()
            .stack_name(&name)
            .template_body(&template)
            .capabilities(Capability::CapabilityNamedIam)
            .set_parameters(Some(parameters.to_vec()))
            .send()
            .await;
        match created {
            Ok(_) => {}
            Err(error) if error.code() == Some("AlreadyExistsException") => {
                let updated = client
                    .update_stack()
                    .stack_name(&name)
                    .template_body(&template)
                    .capabilities(Capability::CapabilityNamedIam)
                    .set_parameters(Some(parameters.to_vec()))
                    .send()
                    .await;
                match updated {
                    Ok(_) => {}
                    Err(error) if error.message().is_some_and(|text| text.contains("No updates")) => {}
                    Err(error) => return Err(error.into_service_error()).doing(&doing),
                }
            }
            Err(error) => return Err(error.into_service_error()).doing(&doing),
        }
        for _ in 0..POLLS {
            let answer = client.describe_stacks().stack_name(&name).send().await;
            let answer = answer.map_err(aws_sdk_cloudformation::error::SdkError::into_service_error).doing(&doing)?;
            let Some(stack) = answer.stacks().first() else { return Err(format!("{doing}: it is not there").into()) };
            let status = stack.stack_status().map(|status| status.as_str().to_owned()).unwrap_or_default();
            match status.as_str() {
                "CREATE_COMPLETE" | "UPDATE_COMPLETE" => {
                    let outputs = stack.outputs().iter();
                    let pair = |output: &Output| Some((output.output_key.clone()?, output.output_value.clone()?));
                    return Ok(outputs.filter_map(pair).collect());
                }
                status if status.ends_with("IN_PROGRESS") => tokio::time::sleep(POLL).await,
                status => {
                    return Err(
                        format!("{doing}: {status}: {}", stack.stack_status_reason().unwrap_or_default()).into()
                    );
                }
            }
        }
        Err(format!("{doing}: not done within {} s", (POLL * POLLS).as_secs()).into())
    })
}

/// The parameters, with each value of the form `@Name` replaced by the output `Name` of the shared infrastructure, as
/// in `HostedZoneId=@HostedZoneId`.
///
/// # Errors
/// When there is no such output.
pub fn resolved(parameters: &[(String, String)], shared: &BTreeMap<String, String>) -> Result<Vec<(String, String)>> {
    let value = |(name, value): &(String, String)| match value.strip_prefix('@') {
        None => Ok((name.clone(), value.clone())),
        Some(output) => match shared.get(output) {
            Some(value) => Ok((name.clone(), value.clone())),
            None => Err(format!("{name}={value}: shared-infrastructure.yaml has no output {output}").into()),
        },
    };
    parameters.iter().map(value).collect()
}

/// Host and port in one text, as the runbook has them in the secret's `host`.
fn database_host(settings: &Settings, environment: &Environment, database: &Database) -> String {
    let is_first = settings.environments.first() == Some(environment);
    let elsewhere = settings.functions_mysql_endpoint.clone().filter(|_| is_first);
    elsewhere.unwrap_or_else(|| format!("{}:{}", database::host(settings), database.port))
}

fn certificate(environment: &Environment) -> String {
    format!(
        "arn:aws:acm:{}:{}:certificate/00000000-0000-0000-0000-000000000000",
        environment.region, environment.account
    )
}

fn files_access_point(environment: &Environment) -> String {
    format!(
        "arn:aws:elasticfilesystem:{}:{}:access-point/fsap-00000000000000000",
        environment.region, environment.account
    )
}

/// Builds the functions. Cargo runs first, because it shows its progress; `sam build` then finds everything compiled.
///
/// # Errors
/// When the project does not compile or its template is wrong.
pub fn build(settings: &Settings) -> Result<()> {
    // cargo-lambda moves the linked files, so two builds at once would take them from each other.
    let _alone = command::alone("build of this checkout", &settings.root.join(".local/build.lock"))?;
    let mut cargo = tool(settings, "cargo-lambda")?;
    // The same arguments as `sam build` uses: no package, so that the features are the same, and the files are reused.
    cargo.args(["lambda", "build", "--release", "--bins"]);
    command::show("compiling the functions", &mut cargo)?;
    let mut sam = tool(settings, "sam")?;
    sam.arg("build")
        .arg("--template-file")
        .arg(settings.root.join("template.yaml"))
        .arg("--build-dir")
        .arg(build_directory(settings));
    sam.arg("--parameter-overrides").arg(format!("Architecture={}", architecture()));
    command::run("packing the functions (sam build)", &mut sam, &settings.path("log/sam-build.log"))
}

/// Puts the operators' command line, which was built with the functions, into the stack's directory.
///
/// # Errors
/// When it cannot be copied.
pub fn command_line(settings: &Settings) -> Result<()> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| settings.root.join("target"), PathBuf::from);
    // cargo-lambda moves all binaries to where those of functions have to be.
    let built = target.join("lambda/tenantctl/bootstrap");
    let (directory, program) = (commands(settings), commands(settings).join("tenantctl"));
    let doing = format!("copying {} to {}", built.display(), program.display());
    std::fs::create_dir_all(&directory).doing(&doing)?;
    // Replaced and not written over, because it may be running.
    let new = program.with_extension("new");
    std::fs::copy(&built, &new).doing(&doing)?;
    std::fs::rename(&new, &program).doing(&doing)
}

/// The directory of what people run on this stack. The `env` file puts it on the PATH.
pub fn commands(settings: &Settings) -> PathBuf {
    settings.path("bin")
}

/// Deploys the project to an environment.
///
/// # Errors
/// When `sam deploy` fails.
pub fn tenant_management(
    settings: &Settings,
    environment: &Environment,
    parameters: &[(String, String)],
    certificates: &Certificates,
) -> Result<()> {
    let name = environment.named("tenant-management");
    let files = files_directory(settings, environment);
    let mut sam = tool(settings, "sam")?;
    aws::point(&mut sam, settings, environment);
    sam.env("SAM_CLI_POLL_DELAY", "0.3");
    sam.args(["deploy", "--stack-name", &name, "--region", environment.region, "--resolve-s3", "--template-file"]);
    sam.arg(build_directory(settings).join("template.yaml"));
    sam.args(["--capabilities", "CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]);
    sam.args(["--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar", "--parameter-overrides"]);
    let given: BTreeMap<_, _> = parameters.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    // Subnet, security group and access point are made up: locally, functions are in no network, and find the files in a
    // directory of this machine. But the template lets only functions of a VPC mount them.
    let ours = BTreeMap::from([
        ("Environment", environment.name.to_string()),
        ("ExpectedAccount", environment.account.to_owned()),
        ("Domain", settings.domain.clone()),
        ("Architecture", architecture().to_owned()),
        ("AwsEndpointUrl", settings.functions_endpoint.clone().unwrap_or_else(|| settings.gateway())),
        ("DatabaseCaBundle", certificates.authority.display().to_string()),
        ("FilesAccessPointArn", files_access_point(environment)),
        ("LambdaSubnetIds", "subnet-00000000000000000".to_owned()),
        ("LambdaSecurityGroupIds", "sg-00000000000000000".to_owned()),
        ("FilesDirectory", files.display().to_string()),
    ]);
    sam.args(
        ours.into_iter().chain(given).collect::<BTreeMap<_, _>>().iter().map(|(name, value)| format!("{name}={value}")),
    );
    let log = settings.path("log").join(format!("sam-deploy-{}.log", environment.name));
    command::run(&format!("deploying {name} (sam deploy)"), &mut sam, &log)
}

/// Makes an environment's file system: a directory that is also found by the file system's id.
///
/// # Errors
/// When it cannot be made.
pub fn file_system(settings: &Settings, environment: &Environment, shared: &BTreeMap<String, String>) -> Result<()> {
    let files = files_directory(settings, environment);
    std::fs::create_dir_all(&files).doing(format!("making {}", files.display()))?;
    let id = shared.get("FileSystemId").ok_or("shared-infrastructure.yaml has no output FileSystemId")?;
    let link = settings.file_systems().join(id);
    match symlink(environment.name.as_str(), &link) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(error).doing(format!("making {}", link.display()))
        }
        _ => Ok(()),
    }
}

/// The directory that stands in for an environment's file system.
pub fn file_system_directory(settings: &Settings, environment: &Environment) -> PathBuf {
    settings.file_systems().join(environment.name.as_str())
}

/// The directory with the files of an environment's tenants. The functions are local processes, and find the file system
/// here and not mounted.
pub fn files_directory(settings: &Settings, environment: &Environment) -> PathBuf {
    file_system_directory(settings, environment).join("wordpress")
}

/// A tool of the Python environment. It runs in the checkout, with the other tools on its PATH.
fn tool(settings: &Settings, name: &str) -> Result<Command> {
    let mut path = OsString::from(settings.tools());
    if let Some(rest) = std::env::var_os("PATH") {
        path.push(":");
        path.push(rest);
    }
    let mut command = Command::new(settings.tools().join(name));
    command::outside_cargo(&mut command).current_dir(&settings.root).env("PATH", path).env("SAM_CLI_TELEMETRY", "0");
    // Use the machine's own compiler and linker, because the functions run on this machine.
    command.env("CARGO_LAMBDA_COMPILER", "cargo");
    Ok(command)
}

/// The directory of the built functions. Each has a subdirectory named by its logical id.
pub fn build_directory(settings: &Settings) -> PathBuf {
    settings.path("build")
}

/// Lambda's name for this machine's processor architecture.
pub fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }
}
