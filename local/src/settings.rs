//! The tool's settings, from environment variables, and the paths that follow from them.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use shared::EnvironmentName;

use crate::docker;
use crate::failure::{Doing, Result};

/// How far the port of the first environment's sites is from MiniStack's. The test's proxies are in between.
const FIRST_SITES_PORT: usize = 10;

/// An environment, with the account and region that it is deployed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Its name.
    pub name: EnvironmentName,
    /// AWS account id. In MiniStack it is also the access key of the account's root user.
    pub account: &'static str,
    /// AWS region.
    pub region: &'static str,
}

impl Environment {
    /// The accounts and regions of the runbook.
    pub fn of(name: EnvironmentName) -> Self {
        let (account, region) = match name {
            EnvironmentName::Dev => ("536580886816", "eu-west-1"),
            EnvironmentName::Sit => ("815856636111", "eu-west-1"),
            EnvironmentName::Prod => ("093646564004", "af-south-1"),
        };
        Self { name, account, region }
    }

    /// The full name of a stack, function or state machine of the environment.
    pub fn named(&self, name: &str) -> String {
        format!("{}-{name}", self.name)
    }

    /// The ARN of one of the environment's state machines.
    pub fn state_machine(&self, name: &str) -> String {
        format!("arn:aws:states:{}:{}:stateMachine:{}", self.region, self.account, self.named(name))
    }
}

/// The tool's settings. See docs/local-stack.md for the variables.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Root of the checkout.
    pub root: PathBuf,
    /// `LOCAL_DIR`: the directory of everything that belongs to this stack. Absolute.
    pub directory: PathBuf,
    /// `ENVIRONMENTS`: at least one. The `env` file is for the first one.
    pub environments: Vec<Environment>,
    /// `GATEWAY_PORT`: MiniStack's port.
    pub gateway_port: u16,
    /// The address at which containers reach this machine, and at which the stack listens for them. None without
    /// Docker.
    pub bridge: Option<Ipv4Addr>,
    /// `FUNCTIONS_AWS_ENDPOINT_URL`: where functions call AWS. None: directly at MiniStack.
    pub functions_endpoint: Option<String>,
    /// `FUNCTIONS_MYSQL_ENDPOINT`: where functions of the first environment reach MySQL, as host:port. None: directly
    /// at its server.
    pub functions_mysql_endpoint: Option<String>,
    /// `IAM_ENFORCED`: whether MiniStack checks the permissions of calls.
    pub iam_enforced: bool,
    /// `WAIT_SCALE`: the factor by which the seconds of Wait states and retries are multiplied.
    pub wait_scale: f64,
    /// `RECORDINGS`: the directory of what the emulator records of all requests. Absolute. None: it records nothing.
    pub recordings: Option<PathBuf>,
    /// `DOMAIN`: the domain of the tenants' hosts.
    pub domain: String,
    /// `DEV_PARAMETERS`, `SIT_PARAMETERS`, `PROD_PARAMETERS`: stack parameters, as `Name=value`, for each of the
    /// environments.
    pub parameters: Vec<Vec<(String, String)>>,
}

impl Settings {
    /// The settings from the process's environment variables.
    ///
    /// # Errors
    /// When a variable has an invalid value, or the current directory is not in a checkout.
    pub fn from_process() -> Result<Self> {
        let here = std::env::current_dir().doing("finding the current directory")?;
        let root =
            here.ancestors().find(|directory| directory.join("local/requirements.txt").is_file()).ok_or_else(|| {
                format!("{} is not in a checkout of this project: run make in the checkout", here.display())
            })?;
        let settings = Self::new(root, |name| std::env::var(name).ok())?;
        Ok(Self { bridge: docker::bridge(), ..settings })
    }

    /// The settings for the checkout at `root`, with the values that `variable` returns, on a machine without Docker.
    ///
    /// # Errors
    /// When a variable has an invalid value.
    pub fn new(root: &Path, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let variable =
            |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let or = |name: &str, default: &str| variable(name).unwrap_or_else(|| default.to_owned());

        let mut environments: Vec<Environment> = Vec::new();
        for name in or("ENVIRONMENTS", "dev").split([' ', ',']).filter(|name| !name.is_empty()) {
            let environment = Environment::of(EnvironmentName::try_from(name.to_owned()).doing("ENVIRONMENTS")?);
            if !environments.contains(&environment) {
                environments.push(environment);
            }
        }
        if environments.is_empty() {
            return Err("ENVIRONMENTS names no environment: set it to \"dev\", or to \"dev sit prod\"".into());
        }
        let parameters = environments.iter().map(|environment| {
            let name = format!("{}_PARAMETERS", environment.name.as_str().to_uppercase());
            parameters(&name, &or(&name, ""))
        });
        let parameters = parameters.collect::<Result<_>>()?;
        let port = or("GATEWAY_PORT", "4566");
        let gateway_port = port.parse().ok().filter(|port| *port > 0);
        let iam = or("IAM_ENFORCED", "1");
        let scale = or("WAIT_SCALE", "0.1");
        Ok(Self {
            root: root.to_owned(),
            directory: root.join(or("LOCAL_DIR", ".local")),
            environments,
            parameters,
            gateway_port: gateway_port.ok_or_else(|| format!("GATEWAY_PORT is {port:?}: set it to a port number"))?,
            bridge: None,
            functions_endpoint: variable("FUNCTIONS_AWS_ENDPOINT_URL"),
            functions_mysql_endpoint: variable("FUNCTIONS_MYSQL_ENDPOINT"),
            iam_enforced: match iam.as_str() {
                "1" | "true" => true,
                "0" | "false" => false,
                _ => return Err(format!("IAM_ENFORCED is {iam:?}: set it to 1 or 0").into()),
            },
            wait_scale: scale
                .parse()
                .ok()
                .filter(|scale: &f64| (0.0..=10.0).contains(scale))
                .ok_or_else(|| format!("WAIT_SCALE is {scale:?}: set it to a number from 0 to 10"))?,
            recordings: variable("RECORDINGS").map(|directory| root.join(directory)),
            domain: or("DOMAIN", "tenants.localhost"),
        })
    }

    /// The same settings with the proxy in front of the database on Docker's bridge, if there is one, so that containers
    /// reach it, too.
    #[must_use]
    pub fn with_database_proxy_on_the_bridge(mut self) -> Self {
        if let (Some(bridge), Some(endpoint)) = (self.bridge, &mut self.functions_mysql_endpoint) {
            *endpoint = endpoint.replace("127.0.0.1:", &format!("{bridge}:"));
        }
        self
    }

    /// MiniStack's URL.
    pub fn gateway(&self) -> String {
        format!("http://127.0.0.1:{}", self.gateway_port)
    }

    /// Where visitors reach the sites of an environment: host and port of its load balancers, which speak TLS.
    pub fn sites_address(&self, environment: &Environment) -> String {
        let index = self.environments.iter().position(|other| other == environment).unwrap_or_default();
        format!("127.0.0.1:{}", usize::from(self.gateway_port) + FIRST_SITES_PORT + index)
    }

    /// The directory of the file systems' files, which stands in for EFS.
    pub fn file_systems(&self) -> PathBuf {
        self.path("efs")
    }

    /// The directory of the container images, which all stacks of the checkout share.
    pub fn images(&self) -> PathBuf {
        self.root.join(".local/images")
    }

    /// A path in the stack's directory.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.join(name)
    }

    /// The directory of the Python tools, which all stacks of the checkout share.
    pub fn tools(&self) -> PathBuf {
        self.root.join(".local/venv/bin")
    }
}

fn parameters(variable: &str, text: &str) -> Result<Vec<(String, String)>> {
    let pair = |word: &str| {
        let (name, value) = word.split_once('=').filter(|(name, _)| !name.is_empty())?;
        Some((name.to_owned(), value.to_owned()))
    };
    let pairs = text.split_whitespace().map(pair).collect::<Option<_>>();
    pairs.ok_or_else(|| format!("{variable} is {text:?}: set it to words of the form Name=value").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Result<Settings> {
        let find = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Settings::new(Path::new("/checkout"), find)
    }

    #[test]
    fn the_default_settings_are_as_documented() {
        let settings = settings(&[]).unwrap();
        assert_eq!(settings.environments, [Environment::of(EnvironmentName::Dev)]);
        assert_eq!(settings.gateway(), "http://127.0.0.1:4566");
        assert_eq!(settings.directory, Path::new("/checkout/.local"));
        assert!(settings.iam_enforced);
        assert_eq!(settings.wait_scale, 0.1);
        assert_eq!(settings.recordings, None);
    }

    #[test]
    fn an_environment_that_is_named_twice_counts_once() {
        let settings = settings(&[("ENVIRONMENTS", "prod dev  prod")]).unwrap();
        assert_eq!(
            settings.environments.iter().map(|environment| environment.name.as_str()).collect::<Vec<_>>(),
            ["prod", "dev"]
        );
    }

    #[test]
    fn a_wrong_value_is_named_with_its_variable() {
        for (name, value) in [
            ("ENVIRONMENTS", "staging"),
            ("GATEWAY_PORT", "http"),
            ("GATEWAY_PORT", "0"),
            ("IAM_ENFORCED", "yes"),
            ("WAIT_SCALE", "-1"),
            ("DEV_PARAMETERS", "DatabaseAccess"),
        ] {
            let failure = settings(&[(name, value)]).unwrap_err().to_string();
            assert!(failure.contains(name) && failure.contains(value), "{failure}");
        }
    }

    #[test]
    fn an_environment_has_the_parameters_that_it_is_given() {
        let settings =
            settings(&[("ENVIRONMENTS", "dev sit"), ("SIT_PARAMETERS", "DatabaseAccess=ecs-task BulkConcurrency=9")])
                .unwrap();
        assert!(settings.parameters[0].is_empty());
        assert_eq!(settings.parameters[1][1], ("BulkConcurrency".to_owned(), "9".to_owned()));
    }

    #[test]
    fn containers_reach_the_database_proxy_on_the_bridge() {
        let proxy = settings(&[("FUNCTIONS_MYSQL_ENDPOINT", "127.0.0.1:4668")]).unwrap();
        let endpoint = |bridge| {
            let proxy = Settings { bridge, ..proxy.clone() }.with_database_proxy_on_the_bridge();
            proxy.functions_mysql_endpoint.unwrap()
        };
        assert_eq!(endpoint(None), "127.0.0.1:4668");
        assert_eq!(endpoint(Some(Ipv4Addr::new(172, 17, 0, 1))), "172.17.0.1:4668");
    }

    #[test]
    fn another_stack_has_its_own_directory_and_the_same_tools() {
        let other = settings(&[("LOCAL_DIR", ".local/test")]).unwrap();
        assert_eq!(other.directory, Path::new("/checkout/.local/test"));
        assert_eq!(other.tools(), settings(&[]).unwrap().tools());
    }
}
