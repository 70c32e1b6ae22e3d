//! What an environment must offer before anything is made in it.
//!
//! Everything is found by the runbook's conventions, or given by a stack parameter. Where the runbook takes the
//! first match, exactly one is required here; whatever is missing or ambiguous is named with its candidates.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::Filter;
use aws_sdk_elasticloadbalancingv2::error::ProvideErrorMetadata;
use aws_sdk_elasticloadbalancingv2::types::{Listener, LoadBalancer, LoadBalancerTypeEnum, ProtocolEnum};
use serde::Serialize;
use shared::metrics::{self, RoomLeft};
use shared::{Error, ErrorKind, Result, Settings};

use crate::listener_rule;
use crate::request::{Provision, ProvisionRequest};
use crate::secret;

/// Source: the API reference of ECS, AwsVpcConfiguration, `subnets`.
const MOST_SUBNETS: usize = 16;

/// The clients that resolve-environment needs.
#[derive(Debug)]
pub struct Clients {
    /// Security Token Service.
    pub sts: aws_sdk_sts::Client,
    /// EC2.
    pub ec2: aws_sdk_ec2::Client,
    /// EFS.
    pub efs: aws_sdk_efs::Client,
    /// Elastic Load Balancing.
    pub elb: aws_sdk_elasticloadbalancingv2::Client,
    /// ECS.
    pub ecs: aws_sdk_ecs::Client,
    /// Secrets Manager.
    pub secrets: aws_sdk_secretsmanager::Client,
}

/// Output of resolve-environment.
#[derive(Debug, Serialize)]
pub struct Resolved {
    /// The request with the stack's defaults filled in.
    pub request: Provision,
    /// What the tenant is made in.
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
    /// `https` when the listener speaks it, else `http`.
    pub scheme: &'static str,
    /// VPC.
    pub vpc_id: String,
    /// Private subnets of the VPC.
    pub subnet_ids: Vec<String>,
    /// Security group of the tasks.
    pub security_group_id: String,
    /// File system of the tenants' files.
    pub file_system_id: String,
    /// Listener that tenants' rules are added to.
    pub listener_arn: String,
    /// Host of the database server.
    pub database_host: String,
    /// TCP port of the database server.
    pub database_port: u16,
    /// Room for tenants.
    pub capacity: Capacity,
}

/// Room for tenants.
#[derive(Debug, Serialize)]
pub struct Capacity {
    /// Rules on the load balancer.
    pub listener_rules: Room,
    /// Target groups on the load balancer.
    pub target_groups: Room,
    /// Access points on the file system.
    pub access_points: Room,
}

impl Capacity {
    /// What is left of each quota.
    fn left(&self) -> RoomLeft {
        let Self { listener_rules, target_groups, access_points } = self;
        let percent = [listener_rules, target_groups, access_points].map(Room::percent_left).into_iter().min();
        RoomLeft {
            listener_rules: listener_rules.left(),
            target_groups: target_groups.left(),
            access_points: access_points.left(),
            percent: percent.unwrap_or_default(),
        }
    }

    fn suffices(&self, settings: &Settings) -> Result<()> {
        let Self { listener_rules, target_groups, access_points } = self;
        listener_rules.suffices("listener rules", settings)?;
        target_groups.suffices("target groups", settings)?;
        access_points.suffices("access points", settings)
    }
}

/// How much of a quota is used.
#[derive(Debug, Serialize)]
pub struct Room {
    /// Used.
    pub used: usize,
    /// The quota.
    pub limit: usize,
}

impl Room {
    fn left(&self) -> usize {
        self.limit.saturating_sub(self.used)
    }

    /// Rounded down, so that 0 is reached no later than the quota.
    fn percent_left(&self) -> usize {
        self.left().saturating_mul(100).checked_div(self.limit).unwrap_or_default()
    }

    fn suffices(&self, what: &str, settings: &Settings) -> Result<()> {
        if self.left() > 0 {
            return Ok(());
        }
        let (Self { used, limit }, environment) = (self, settings.environment());
        Err(Error::new(
            ErrorKind::QuotaExceeded,
            format!("{used} of {limit} {what} are used in {environment}: there is no room for another tenant"),
        ))
    }
}

/// Checks the request, the account and everything that a new tenant needs. Changes nothing.
///
/// # Errors
/// `InvalidRequest`, `WrongEnvironment`, `WrongAccount`, `EnvironmentNotReady`, `QuotaExceeded`.
pub async fn resolve(clients: &Clients, settings: &Settings, request: ProvisionRequest) -> Result<Resolved> {
    let request = request.decide(settings)?;
    let (account, region) = account(&clients.sts, settings).await?;
    let (network, file_system, balancer, (), database) = tokio::try_join!(
        network(&clients.ec2, settings),
        file_system(&clients.efs, settings),
        balancer(&clients.elb, settings),
        cluster(&clients.ecs, settings),
        secret::read_master_credentials(&clients.secrets, settings),
    )?;
    let capacity = Capacity {
        listener_rules: room(balancer.rules, settings, "MAX_LISTENER_RULES")?,
        target_groups: room(balancer.target_groups, settings, "MAX_TARGET_GROUPS")?,
        access_points: room(file_system.access_points, settings, "MAX_ACCESS_POINTS")?,
    };
    // Before anything is refused: a full environment is what the alarm is there for.
    metrics::room_left(settings.environment(), capacity.left()).write();
    capacity.suffices(settings)?;
    Ok(Resolved {
        request,
        environment: Environment {
            name: settings.environment().as_str(),
            account,
            region,
            domain: settings.required("DOMAIN")?.to_owned(),
            scheme: balancer.scheme,
            vpc_id: network.vpc_id,
            subnet_ids: network.subnet_ids,
            security_group_id: network.security_group_id,
            file_system_id: file_system.id,
            listener_arn: balancer.listener_arn,
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

/// Where tasks run.
pub(crate) struct Network {
    pub(crate) vpc_id: String,
    pub(crate) subnet_ids: Vec<String>,
    pub(crate) security_group_id: String,
}

/// Finds where tasks run.
///
/// # Errors
/// `EnvironmentNotReady` when something of it is missing or ambiguous.
pub(crate) async fn network(ec2: &aws_sdk_ec2::Client, settings: &Settings) -> Result<Network> {
    let vpc_id = vpc(ec2, settings).await?;
    let (subnet_ids, security_group_id) =
        tokio::try_join!(private_subnets(ec2, settings, &vpc_id), security_group(ec2, settings, &vpc_id))?;
    Ok(Network { vpc_id, subnet_ids, security_group_id })
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

async fn vpc(ec2: &aws_sdk_ec2::Client, settings: &Settings) -> Result<String> {
    let environment = settings.environment();
    let wanted = match settings.optional("VPC_ID") {
        Some(id) => filter("vpc-id", id),
        None => filter("tag:Name", &format!("*{environment}*")),
    };
    let vpcs = ec2.describe_vpcs().filters(wanted).into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let vpcs = vpcs.map_err(|error| Error::aws("listing VPCs", error))?;
    let candidates = vpcs.iter().map(|vpc| Candidate::new(vpc.vpc_id(), name_tag(vpc.tags())));
    exactly_one("VPC", &format!("tag Name contains {environment:?}"), "VpcId", candidates.collect())
}

async fn private_subnets(ec2: &aws_sdk_ec2::Client, settings: &Settings, vpc_id: &str) -> Result<Vec<String>> {
    let subnets = ec2.describe_subnets().filters(filter("vpc-id", vpc_id)).into_paginator().items().send();
    let subnets = subnets
        .collect::<Result<Vec<_>, _>>()
        .await
        .map_err(|error| Error::aws(format!("listing subnets of {vpc_id}"), error))?;
    let ids: Vec<_> = match settings.optional("PRIVATE_SUBNET_IDS") {
        Some(given) => {
            let given: Vec<_> = given.split(',').map(str::trim).collect();
            let known = |id: &&&str| subnets.iter().any(|subnet| subnet.subnet_id() == Some(id));
            if let Some(unknown) = given.iter().find(|id| !known(id)) {
                return Err(not_ready(format!("stack parameter PrivateSubnetIds: {vpc_id} has no subnet {unknown}")));
            }
            given.into_iter().map(str::to_owned).collect()
        }
        None => subnets
            .iter()
            .filter(|subnet| name_tag(subnet.tags()).is_some_and(|name| name.contains("private")))
            .filter_map(|subnet| subnet.subnet_id().map(str::to_owned))
            .collect(),
    };
    if ids.len() > MOST_SUBNETS {
        let count = ids.len();
        return Err(not_ready(format!(
            "{count} subnets of {vpc_id} are private, and a service takes {MOST_SUBNETS}: set the stack parameter PrivateSubnetIds"
        )));
    }
    if ids.is_empty() {
        let all: Vec<_> = subnets
            .iter()
            .map(|subnet| Candidate::new(subnet.subnet_id(), name_tag(subnet.tags())).to_string())
            .collect();
        return Err(not_ready(format!(
            "no private subnet (tag Name contains \"private\") among those of {vpc_id}: {}; set the stack parameter PrivateSubnetIds",
            all.join(", ")
        )));
    }
    Ok(ids)
}

async fn security_group(ec2: &aws_sdk_ec2::Client, settings: &Settings, vpc_id: &str) -> Result<String> {
    let groups = ec2.describe_security_groups().filters(filter("vpc-id", vpc_id)).into_paginator().items().send();
    let groups = groups
        .collect::<Result<Vec<_>, _>>()
        .await
        .map_err(|error| Error::aws(format!("listing security groups of {vpc_id}"), error))?;
    let given = settings.optional("SECURITY_GROUP_ID");
    let matches = groups.iter().filter(|group| match given {
        Some(id) => group.group_id() == Some(id),
        None => group.group_name().is_some_and(|name| name.contains("ecs")),
    });
    let candidates = matches.map(|group| Candidate::new(group.group_id(), group.group_name()));
    exactly_one(
        &format!("security group of {vpc_id}"),
        "name contains \"ecs\"",
        "EcsSecurityGroupId",
        candidates.collect(),
    )
}

fn name_tag(tags: &[aws_sdk_ec2::types::Tag]) -> Option<&str> {
    tags.iter().find(|tag| tag.key() == Some("Name"))?.value()
}

struct FileSystem {
    id: String,
    access_points: usize,
}

async fn file_system(efs: &aws_sdk_efs::Client, settings: &Settings) -> Result<FileSystem> {
    let environment = settings.environment();
    let systems = efs.describe_file_systems().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let systems = systems.map_err(|error| Error::aws("listing file systems", error))?;
    let given = settings.optional("FILE_SYSTEM_ID");
    let name_of = |system: &aws_sdk_efs::types::FileSystemDescription| {
        system.tags().iter().find(|tag| tag.key() == "Name").map(|tag| tag.value().to_owned())
    };
    let matches = systems.iter().filter(|system| match given {
        Some(id) => system.file_system_id() == id,
        None => name_of(system).is_some_and(|name| name.contains(environment.as_str())),
    });
    let candidates = matches.map(|system| Candidate::new(Some(system.file_system_id()), name_of(system).as_deref()));
    let id = exactly_one(
        "file system",
        &format!("tag Name contains {environment:?}"),
        "FileSystemId",
        candidates.collect(),
    )?;
    let access_points = efs.describe_access_points().file_system_id(&id).into_paginator().items().send();
    let access_points = access_points.collect::<Result<Vec<_>, _>>().await;
    let access_points =
        access_points.map_err(|error| Error::aws(format!("listing access points of {id}"), error))?.len();
    Ok(FileSystem { id, access_points })
}

struct Balancer {
    listener_arn: String,
    scheme: &'static str,
    rules: usize,
    target_groups: usize,
}

async fn balancer(elb: &aws_sdk_elasticloadbalancingv2::Client, settings: &Settings) -> Result<Balancer> {
    let environment = settings.environment();
    let load_balancer_arn = match settings.optional("LISTENER_ARN") {
        Some(arn) => load_balancer_of(elb, arn).await?,
        None => {
            let candidates = load_balancers(elb, settings).await?;
            let candidates = candidates
                .iter()
                .map(|balancer| Candidate::new(balancer.load_balancer_arn(), balancer.load_balancer_name()));
            let rule = format!("application load balancer whose name contains {environment:?}");
            exactly_one("load balancer", &rule, "ListenerArn", candidates.collect())?
        }
    };
    let listeners = listeners_of(elb, &load_balancer_arn).await?;
    let Some(listener) = preferred(&listeners, settings) else {
        let ports: Vec<_> = listeners.iter().filter_map(Listener::port).map(|port| port.to_string()).collect();
        return Err(not_ready(format!(
            "{load_balancer_arn} has no listener on port 443 or 80, only on: {}; set the stack parameter ListenerArn",
            ports.join(", ")
        )));
    };
    // Both quotas are per load balancer, so rules and target groups of all its listeners count.
    let (mut rules, mut groups) = (0, BTreeSet::new());
    for arn in listeners.iter().filter_map(Listener::listener_arn) {
        let all = listener_rule::rules(elb, arn).await?;
        rules += all.iter().filter(|rule| rule.is_default() != Some(true)).count();
        groups.extend(all.iter().flat_map(listener_rule::target_groups).map(str::to_owned));
    }
    Ok(Balancer {
        listener_arn: listener.listener_arn().unwrap_or_default().to_owned(),
        scheme: scheme_of(listener),
        rules,
        target_groups: groups.len(),
    })
}

/// The listener that tenants' rules are added to: the one that the stack names, or else the one on 443, or on 80.
fn preferred<'a>(listeners: &'a [Listener], settings: &Settings) -> Option<&'a Listener> {
    let on = |port: i32| listeners.iter().find(|listener| listener.port() == Some(port));
    match settings.optional("LISTENER_ARN") {
        Some(arn) => listeners.iter().find(|listener| listener.listener_arn() == Some(arn)),
        None => on(443).or_else(|| on(80)),
    }
}

pub(crate) fn scheme_of(listener: &Listener) -> &'static str {
    if listener.protocol() == Some(&ProtocolEnum::Https) { "https" } else { "http" }
}

/// What tenants' hosts speak, if there is a listener that tenants' rules are added to.
pub(crate) fn scheme(listeners: &[Listener], settings: &Settings) -> Option<&'static str> {
    preferred(listeners, settings).map(scheme_of)
}

/// The ARNs of every listener that a tenant's rule may be on: the one that the stack names, or all of the
/// environment's load balancers. Nothing is an answer: a load balancer may be gone.
///
/// # Errors
/// When Elastic Load Balancing cannot be asked.
pub async fn listeners(elb: &aws_sdk_elasticloadbalancingv2::Client, settings: &Settings) -> Result<Vec<String>> {
    if let Some(arn) = settings.optional("LISTENER_ARN") {
        return Ok(vec![arn.to_owned()]);
    }
    let listeners = described_listeners(elb, settings).await?;
    Ok(listeners.iter().filter_map(Listener::listener_arn).map(str::to_owned).collect())
}

/// As [`listeners`], with what each of them speaks.
///
/// # Errors
/// When Elastic Load Balancing cannot be asked.
pub(crate) async fn described_listeners(
    elb: &aws_sdk_elasticloadbalancingv2::Client,
    settings: &Settings,
) -> Result<Vec<Listener>> {
    if let Some(arn) = settings.optional("LISTENER_ARN") {
        return Ok(listener(elb, arn).await?.into_iter().collect());
    }
    let mut listeners = Vec::new();
    for balancer in load_balancers(elb, settings).await? {
        listeners.extend(listeners_of(elb, balancer.load_balancer_arn().unwrap_or_default()).await?);
    }
    Ok(listeners)
}

async fn load_balancers(
    elb: &aws_sdk_elasticloadbalancingv2::Client,
    settings: &Settings,
) -> Result<Vec<LoadBalancer>> {
    let all = elb.describe_load_balancers().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let mut balancers = all.map_err(|error| Error::aws("listing load balancers", error))?;
    balancers.retain(|balancer| {
        balancer.r#type() == Some(&LoadBalancerTypeEnum::Application)
            && balancer.load_balancer_name().is_some_and(|name| name.contains(settings.environment().as_str()))
    });
    Ok(balancers)
}

async fn listeners_of(elb: &aws_sdk_elasticloadbalancingv2::Client, load_balancer_arn: &str) -> Result<Vec<Listener>> {
    let listeners = elb.describe_listeners().load_balancer_arn(load_balancer_arn).into_paginator().items().send();
    match listeners.collect::<Result<Vec<_>, _>>().await {
        Ok(listeners) => Ok(listeners),
        Err(error) if error.code() == Some("LoadBalancerNotFound") => Ok(Vec::new()),
        Err(error) => Err(Error::aws(format!("listing listeners of {load_balancer_arn}"), error)),
    }
}

async fn load_balancer_of(elb: &aws_sdk_elasticloadbalancingv2::Client, listener_arn: &str) -> Result<String> {
    let missing = || not_ready(format!("stack parameter ListenerArn: there is no listener {listener_arn}"));
    let listener = listener(elb, listener_arn).await?.ok_or_else(missing)?;
    listener.load_balancer_arn.ok_or_else(missing)
}

async fn listener(elb: &aws_sdk_elasticloadbalancingv2::Client, arn: &str) -> Result<Option<Listener>> {
    match elb.describe_listeners().listener_arns(arn).send().await {
        Ok(described) => Ok(described.listeners.unwrap_or_default().into_iter().next()),
        Err(error) if error.code() == Some("ListenerNotFound") => Ok(None),
        Err(error) => Err(Error::aws(format!("reading listener ({arn})"), error)),
    }
}

async fn cluster(ecs: &aws_sdk_ecs::Client, settings: &Settings) -> Result<()> {
    let name = shared::names::cluster(settings.environment());
    let clusters = ecs.describe_clusters().clusters(&name).send().await;
    let clusters = clusters.map_err(|error| Error::aws(format!("reading cluster ({name})"), error))?;
    match clusters.clusters().first().and_then(|cluster| cluster.status()) {
        Some("ACTIVE") => Ok(()),
        Some(status) => Err(not_ready(format!("cluster {name} is {status}, not ACTIVE"))),
        None => Err(not_ready(format!("there is no cluster {name}"))),
    }
}

fn room(used: usize, settings: &Settings, limit: &str) -> Result<Room> {
    Ok(Room { used, limit: settings.parsed(limit)? })
}

fn not_ready(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::EnvironmentNotReady, message)
}

struct Candidate {
    id: String,
    name: Option<String>,
}

impl Candidate {
    fn new(id: Option<&str>, name: Option<&str>) -> Self {
        Self { id: id.unwrap_or_default().to_owned(), name: name.map(str::to_owned) }
    }
}

impl std::fmt::Display for Candidate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.name {
            Some(name) => write!(formatter, "{} ({name})", self.id),
            None => formatter.write_str(&self.id),
        }
    }
}

fn exactly_one(what: &str, rule: &str, parameter: &str, mut candidates: Vec<Candidate>) -> Result<String> {
    if candidates.len() == 1 {
        return Ok(candidates.remove(0).id);
    }
    let found = match candidates.len() {
        0 => format!("no {what} matches"),
        count => {
            let names: Vec<_> = candidates.iter().map(Candidate::to_string).collect();
            format!("{count} match as {what}: {}", names.join(", "))
        }
    };
    Err(not_ready(format!("{found} (rule: {rule}): exactly one must, or set the stack parameter {parameter}")))
}

#[cfg(test)]
mod tests;
