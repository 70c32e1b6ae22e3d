//! Where tenants' tasks run: VPC, private subnets, security group.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, Tag};
use shared::{Error, Result, Settings};

use super::candidate::{Candidate, exactly_one};
use super::not_ready;

/// Source: the API reference of ECS, AwsVpcConfiguration, `subnets`.
const MOST_SUBNETS: usize = 16;

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
pub(crate) async fn network(ec2: &Client, settings: &Settings) -> Result<Network> {
    let vpc_id = vpc(ec2, settings).await?;
    let (subnet_ids, security_group_id) =
        tokio::try_join!(private_subnets(ec2, settings, &vpc_id), security_group(ec2, settings, &vpc_id))?;
    Ok(Network { vpc_id, subnet_ids, security_group_id })
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

async fn vpc(ec2: &Client, settings: &Settings) -> Result<String> {
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

async fn private_subnets(ec2: &Client, settings: &Settings, vpc_id: &str) -> Result<Vec<String>> {
    let subnets = ec2.describe_subnets().filters(filter("vpc-id", vpc_id)).into_paginator().items().send();
    let subnets = subnets
        .collect::<Result<Vec<_>, _>>()
        .await
        .map_err(|error| Error::aws(format!("listing subnets of {vpc_id}"), error))?;
    let given = settings.list("PRIVATE_SUBNET_IDS");
    let known = |id: &&&str| subnets.iter().any(|subnet| subnet.subnet_id() == Some(id));
    if let Some(unknown) = given.iter().find(|id| !known(id)) {
        return Err(not_ready(format!("stack parameter PrivateSubnetIds: {vpc_id} has no subnet {unknown}")));
    }
    let ids: Vec<_> = if given.is_empty() {
        subnets
            .iter()
            .filter(|subnet| name_tag(subnet.tags()).is_some_and(|name| name.contains("private")))
            .filter_map(|subnet| subnet.subnet_id().map(str::to_owned))
            .collect()
    } else {
        given.into_iter().map(str::to_owned).collect()
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

async fn security_group(ec2: &Client, settings: &Settings, vpc_id: &str) -> Result<String> {
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

fn name_tag(tags: &[Tag]) -> Option<&str> {
    tags.iter().find(|tag| tag.key() == Some("Name"))?.value()
}
