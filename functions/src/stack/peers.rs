//! The other environments. Each is an account and region of its own, which is reached by a role there.

use std::str::FromStr;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_config::{Region, SdkConfig};
use aws_sdk_lambda::Client as Lambda;
use aws_sdk_lambda::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_sfn::Client as StepFunctions;
use aws_sdk_sts::Client as Sts;
use shared::input::invalid;
use shared::{EnvironmentName, Error, Result, Settings};

const ROLE: &str = "-tenant-management-peer";

/// The region whose endpoint is used to assume roles, whichever region the stack is in. Every account has this region
/// enabled, and its credentials are valid in every region. The endpoint of an opt-in region such as af-south-1 would
/// need that region to be enabled in both accounts. Source: the IAM guide, "Manage AWS STS in an AWS Region".
const REGION_OF_STS: &str = "eu-west-1";

/// Maximum duration of a call to a function of another environment; less than this function's own timeout of 60 s.
const LOOK: Duration = Duration::from_secs(45);

/// The client that assumes roles.
pub fn sts(aws: &SdkConfig) -> Sts {
    let region = Region::new(REGION_OF_STS);
    Sts::from_conf(aws_sdk_sts::config::Builder::from(aws).region(region).build())
}

/// Another environment, and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The environment.
    pub(crate) environment: EnvironmentName,
    /// Its AWS account.
    pub(crate) account: String,
    /// Its AWS region.
    pub(crate) region: String,
    role: String,
}

impl Peer {
    /// The peer of this name, read from the stack's parameters.
    ///
    /// # Errors
    /// `EnvironmentNotReady` when there is none, or when its parameter is not valid.
    pub fn of(settings: &Settings, environment: EnvironmentName) -> Result<Self> {
        let peers = all(settings)?;
        let names: Vec<_> = peers.iter().map(|peer| peer.environment.as_str()).collect();
        let missing = format!(
            "the stack's parameters name no peer {environment}, only: {}; set the one of {environment} to <account>:<region>",
            names.join(", ")
        );
        peers.into_iter().find(|peer| peer.environment == environment).ok_or_else(|| Error::not_ready(missing))
    }

    fn role_arn(&self) -> String {
        format!("arn:aws:iam::{}:role/{}", self.account, self.role)
    }

    /// The ARN of its state machine of this name.
    pub(crate) fn state_machine_arn(&self, machine: &str) -> String {
        format!("arn:aws:states:{}:{}:stateMachine:{}-{machine}", self.region, self.account, self.environment)
    }

    /// The ARN of an execution of this state machine.
    pub(crate) fn execution_arn(&self, machine: &str, name: &str) -> String {
        format!("arn:aws:states:{}:{}:execution:{}-{machine}:{name}", self.region, self.account, self.environment)
    }

    /// A client of Step Functions in the peer's account and region.
    ///
    /// # Errors
    /// `AccessDenied` when the role cannot be assumed.
    pub(crate) async fn step_functions(&self, sts: &Sts, aws: &SdkConfig) -> Result<StepFunctions> {
        Ok(StepFunctions::new(&self.config(sts, aws).await?))
    }

    /// A client of Lambda in the peer's account and region.
    ///
    /// # Errors
    /// Those of [`Peer::step_functions`].
    pub(crate) async fn lambda(&self, sts: &Sts, aws: &SdkConfig) -> Result<Lambda> {
        let config = self.config(sts, aws).await?;
        Ok(Lambda::from_conf(patient(&config)))
    }

    async fn config(&self, sts: &Sts, aws: &SdkConfig) -> Result<SdkConfig> {
        let doing = format!("assuming role {} of {}", self.role_arn(), self.environment);
        let assumed = sts.assume_role().role_arn(self.role_arn()).role_session_name("tenant-management").send().await;
        let assumed = assumed.map_err(|error| Error::aws(&doing, error))?;
        let given = assumed.credentials().ok_or_else(|| Error::internal(format!("{doing}: no credentials came")))?;
        let credentials = Credentials::new(
            given.access_key_id(),
            given.secret_access_key(),
            Some(given.session_token().to_owned()),
            None,
            "peer role",
        );
        let aws = aws.to_builder().region(Region::new(self.region.clone()));
        Ok(aws.credentials_provider(SharedCredentialsProvider::new(credentials)).build())
    }
}

/// Waits as long as [`LOOK`], because a function may need all of that before it reports what it could not reach.
fn patient(config: &SdkConfig) -> aws_sdk_lambda::Config {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(LOOK).operation_timeout(LOOK).build();
    aws_sdk_lambda::config::Builder::from(config).timeout_config(timeouts).build()
}

impl FromStr for Peer {
    type Err = String;

    /// Parses `<environment>:<account>:<region>`, optionally with `:<role>`.
    fn from_str(text: &str) -> Result<Self, String> {
        let fields: Vec<_> = text.trim().split(':').collect();
        let (environment, account, region, role) = match fields[..] {
            [environment, account, region] => (environment, account, region, None),
            [environment, account, region, role] if !role.is_empty() => (environment, account, region, Some(role)),
            _ => return Err(format!("{text:?} is not <environment>:<account>:<region> or …:<role>")),
        };
        let environment = EnvironmentName::try_from(environment.to_owned())?;
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("{text:?} has no account of 12 digits"));
        }
        let letter_or_digit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if region.split('-').count() < 3 || !region.bytes().all(letter_or_digit) {
            return Err(format!("{text:?} has no region, as in eu-west-1"));
        }
        // The functions may only assume roles whose name has this ending.
        let role = role.map_or_else(|| format!("{environment}{ROLE}"), str::to_owned);
        if !role.ends_with(ROLE) {
            return Err(format!("{text:?} has a role whose name does not end in {ROLE}"));
        }
        Ok(Self { environment, account: account.to_owned(), region: region.to_owned(), role })
    }
}

/// Every peer, in the order dev, sit, prod.
///
/// # Errors
/// `EnvironmentNotReady` when a parameter is not valid.
pub fn all(settings: &Settings) -> Result<Vec<Peer>> {
    let wrong = |reason: String| Error::not_ready(format!("stack parameters of the peers: {reason}"));
    let is_named = |peer: &&str| peer.split_once(':').is_none_or(|(_, place)| !place.is_empty());
    let peers =
        settings.required("PEERS")?.split(',').filter(is_named).map(Peer::from_str).collect::<Result<Vec<_>, _>>();
    let mut peers = peers.map_err(wrong)?;
    peers.sort_by_key(|peer| peer.environment);
    if let Some(pair) = peers.windows(2).find(|pair| pair[0].environment == pair[1].environment) {
        return Err(wrong(format!("{} is there twice", pair[0].environment)));
    }
    Ok(peers)
}

/// The peers that the request names, each once; every peer when it names none. In the order dev, sit, prod.
///
/// # Errors
/// `InvalidRequest` for an empty list; `EnvironmentNotReady` when one is not a peer, or when a parameter is not valid.
pub fn chosen(settings: &Settings, environments: Option<Vec<EnvironmentName>>) -> Result<Vec<Peer>> {
    let Some(mut environments) = environments else { return all(settings) };
    if environments.is_empty() {
        return Err(invalid("environments: the list is empty: name some, or leave it out for all of them"));
    }
    environments.sort_unstable();
    environments.dedup();
    environments.into_iter().map(|environment| Peer::of(settings, environment)).collect()
}

#[cfg(test)]
mod tests {
    use shared::ErrorKind;

    use super::*;
    use crate::testing::settings;

    #[test]
    fn a_call_to_a_peers_function_may_take_the_whole_time_allowed() {
        let config = patient(&shared::aws::from_process());
        let timeouts = config.timeout_config().unwrap();
        assert_eq!((timeouts.operation_attempt_timeout(), timeouts.operation_timeout()), (Some(LOOK), Some(LOOK)));
    }

    #[test]
    fn peers_come_in_the_order_of_their_environments_and_have_a_role() {
        let peers = all(&settings(&[(
            "PEERS",
            "prod:093646564004:af-south-1:x-tenant-management-peer, dev:536580886816:eu-west-1",
        )]))
        .unwrap();
        assert_eq!(
            peers.iter().map(Peer::role_arn).collect::<Vec<_>>(),
            [
                "arn:aws:iam::536580886816:role/dev-tenant-management-peer",
                "arn:aws:iam::093646564004:role/x-tenant-management-peer"
            ]
        );
        assert_eq!(
            peers[1].state_machine_arn("deprovision-tenant"),
            "arn:aws:states:af-south-1:093646564004:stateMachine:prod-deprovision-tenant"
        );
    }

    #[test]
    fn an_invalid_peer_is_named() {
        for (peers, named) in [
            ("", "PEERS"),
            ("dev", "\"dev\""),
            ("staging:536580886816:eu-west-1", "staging"),
            ("dev:5365:eu-west-1", "12 digits"),
            ("dev:536580886816:", "no region"),
            ("dev:536580886816:Ireland", "no region"),
            ("dev:536580886816:eu-west-1:", "<role>"),
            ("dev:536580886816:eu-west-1:admin", "-tenant-management-peer"),
            ("dev:536580886816:eu-west-1,dev:815856636111:eu-west-1", "dev is there twice"),
        ] {
            let error = all(&settings(&[("PEERS", peers)])).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::EnvironmentNotReady);
            assert!(error.chain().contains(named), "{peers}: {}", error.chain());
        }
    }

    #[test]
    fn roles_are_assumed_in_a_region_that_every_account_has() {
        let region = aws_config::Region::new("af-south-1");
        let aws = SdkConfig::builder().region(region).behavior_version(aws_config::BehaviorVersion::latest()).build();
        assert_eq!(sts(&aws).config().region().unwrap().as_ref(), REGION_OF_STS);
    }

    #[test]
    fn the_named_peers_are_chosen_or_all_of_them() {
        use EnvironmentName::{Dev, Prod, Sit};
        let settings = settings(&[("PEERS", "sit:815856636111:eu-west-1,dev:536580886816:eu-west-1,prod:")]);
        let chosen = |environments| chosen(&settings, environments);
        let names = |peers: Vec<Peer>| peers.iter().map(|peer| peer.environment).collect::<Vec<_>>();
        assert_eq!(names(chosen(None).unwrap()), [Dev, Sit]);
        assert_eq!(names(chosen(Some(vec![Sit, Dev, Sit])).unwrap()), [Dev, Sit]);
        assert_eq!(chosen(Some(vec![])).unwrap_err().kind(), ErrorKind::InvalidRequest);
        let error = chosen(Some(vec![Sit, Prod])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::EnvironmentNotReady);
        assert!(error.chain().contains("no peer prod, only: dev, sit"), "{}", error.chain());
    }

    #[test]
    fn a_missing_peer_is_named_with_what_to_add() {
        let error = Peer::of(&settings(&[("PEERS", "dev:536580886816:eu-west-1")]), EnvironmentName::Sit).unwrap_err();
        assert!(error.chain().contains("the one of sit to <account>:<region>"), "{}", error.chain());
    }
}
