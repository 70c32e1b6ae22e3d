//! Finds what an environment must offer before a tenant is made in it.
//!
//! Everything is found by the runbook's conventions, or given by a stack parameter. Where the runbook takes the first
//! match, there must be exactly one here; the error names what is missing or ambiguous, with the candidates. There may
//! be several load balancers and file systems, if a parameter or a tag names them.

use aws_config::SdkConfig;
use serde::Serialize;
use shared::metrics;
use shared::{Error, ErrorKind, Network, Result, Settings};

use crate::load_balancing::placement::{self, Placement, Placements};
use crate::resources::secret;
use crate::workflows::provision_tenant::{Provision, ProvisionRequest};

mod capacity;
mod file_systems;
mod hosted_zone;

pub use capacity::Capacity;
pub use file_systems::FileSystem;

/// Maximum number of listeners, and of file systems, that the answer names. Step Functions passes at most 256 KiB from
/// state to state, and a listener takes about 500 bytes.
const NAMED: usize = 100;

/// The clients that resolve-environment needs.
#[derive(Debug)]
pub struct Clients {
    /// Security Token Service.
    pub sts: aws_sdk_sts::Client,
    /// EFS.
    pub efs: aws_sdk_efs::Client,
    /// IAM.
    pub iam: aws_sdk_iam::Client,
    /// Elastic Load Balancing.
    pub elb: aws_sdk_elasticloadbalancingv2::Client,
    /// ECS.
    pub ecs: aws_sdk_ecs::Client,
    /// Route 53.
    pub route53: aws_sdk_route53::Client,
    /// Secrets Manager.
    pub secrets: aws_sdk_secretsmanager::Client,
}

impl Clients {
    /// The clients of a function.
    pub fn new(aws: &SdkConfig) -> Self {
        Self {
            sts: aws_sdk_sts::Client::new(aws),
            efs: aws_sdk_efs::Client::new(aws),
            iam: aws_sdk_iam::Client::new(aws),
            elb: aws_sdk_elasticloadbalancingv2::Client::new(aws),
            ecs: aws_sdk_ecs::Client::new(aws),
            route53: aws_sdk_route53::Client::new(aws),
            secrets: aws_sdk_secretsmanager::Client::new(aws),
        }
    }
}

/// Output of resolve-environment.
#[derive(Debug, Serialize)]
pub struct Resolved {
    /// The request with the stack's defaults filled in.
    pub request: Provision,
    /// The environment in which the tenant is made.
    pub environment: Environment,
}

/// An environment that is ready for a new tenant.
#[derive(Debug, Serialize)]
pub struct Environment {
    /// `dev`, `sit` or `prod`.
    pub name: &'static str,
    /// AWS account.
    pub account: String,
    /// AWS region.
    pub region: String,
    /// Domain under which tenants have their hosts.
    pub domain: String,
    /// VPC.
    pub vpc_id: String,
    /// Private subnets of the VPC.
    pub subnet_ids: Vec<String>,
    /// Security group of the tasks.
    pub security_group_id: String,
    /// File systems of the tenants' files, those with the most room first: at most 100.
    pub file_systems: Vec<FileSystem>,
    /// Listeners for tenants' rules, each of a different load balancer, those with the most room first. If there are
    /// many load balancers, only those with the most room are described, and at most 100 are named.
    pub listeners: Vec<Placement>,
    /// Host of the database server.
    pub database_host: String,
    /// TCP port of the database server.
    pub database_port: u16,
    /// Room for tenants on all load balancers and file systems together.
    pub capacity: Capacity,
}

/// Checks the request, the account and everything that a new tenant needs. `network` is where its tasks are to run.
/// Changes nothing.
///
/// # Errors
/// `InvalidRequest`, `WrongEnvironment`, `WrongAccount`, `EnvironmentNotReady`, `QuotaExceeded`.
pub async fn resolve(
    clients: &Clients,
    settings: &Settings,
    request: ProvisionRequest,
    network: impl Future<Output = Result<Network>>,
) -> Result<Resolved> {
    let request = request.decide(settings)?;
    let (account, network, file_systems, placements, roles, zone, cluster, database) = tokio::join!(
        account(&clients.sts, settings),
        network,
        file_systems::file_systems(&clients.efs, settings),
        placement::placements(&clients.elb, settings),
        capacity::roles(&clients.iam, settings),
        hosted_zone::check(&clients.route53, settings),
        cluster(&clients.ecs, settings),
        secret::read_master_credentials(&clients.secrets, settings),
    );
    // In a wrong account, other errors would be misleading, so this one comes first.
    let (account, region) = account?;
    let (network, mut file_systems, database) = (network?, file_systems?, database?);
    let Placements { mut listeners, others } = placements?;
    let roles = roles?;
    zone?;
    cluster?;
    let capacity = Capacity::of(&listeners, &others, &file_systems, roles);
    // Written before a refusal, because the alarm has to see a full environment.
    metrics::room_left(settings.environment(), capacity.left()).write();
    capacity::suffices(settings, &listeners, &file_systems, roles)?;
    listeners.truncate(NAMED);
    file_systems.truncate(NAMED);
    Ok(Resolved {
        request,
        environment: Environment {
            name: settings.environment().as_str(),
            account,
            region,
            domain: settings.required("DOMAIN")?.to_owned(),
            vpc_id: network.vpc_id,
            subnet_ids: network.subnet_ids,
            security_group_id: network.security_group_id,
            file_systems,
            listeners,
            database_host: database.endpoint.host,
            database_port: database.endpoint.port,
            capacity,
        },
    })
}

async fn account(sts: &aws_sdk_sts::Client, settings: &Settings) -> Result<(String, String)> {
    let identity =
        sts.get_caller_identity().send().await.map_err(|error| Error::aws("asking for the AWS account", error))?;
    let here = (identity.account().unwrap_or_default(), settings.required("AWS_REGION")?);
    let expected = (settings.required("EXPECTED_ACCOUNT")?, settings.required("EXPECTED_REGION")?);
    if here == expected {
        return Ok((here.0.to_owned(), here.1.to_owned()));
    }
    Err(Error::new(
        ErrorKind::WrongAccount,
        format!(
            "this is account {} in {}, and {} is account {} in {}: deploy the stack there, or set the stack parameters ExpectedAccount and ExpectedRegion",
            here.0,
            here.1,
            settings.environment(),
            expected.0,
            expected.1
        ),
    ))
}

async fn cluster(ecs: &aws_sdk_ecs::Client, settings: &Settings) -> Result<()> {
    let name = shared::names::cluster(settings.environment());
    let clusters = ecs.describe_clusters().clusters(&name).send().await;
    let clusters = clusters.map_err(|error| Error::aws(format!("reading cluster ({name})"), error))?;
    match clusters.clusters().first().and_then(|cluster| cluster.status()) {
        Some("ACTIVE") => Ok(()),
        Some(status) => Err(Error::not_ready(format!("cluster {name} is {status}, not ACTIVE"))),
        None => Err(Error::not_ready(format!("there is no cluster {name}"))),
    }
}

#[cfg(test)]
mod tests;
