//! Finds where tenants' tasks run: VPC, private subnets, security group.
//!
//! EC2's part of the AWS SDK is larger than all others together. It is in a package of its own, because linking takes
//! most of a function's build time, and most functions do not need it.

pub use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, Tag};
use shared::candidate::{Candidate, exactly_one};
use shared::{Error, Network, Result, Settings};

/// Source: the API reference of ECS, AwsVpcConfiguration, `subnets`.
const MOST_SUBNETS: usize = 16;

/// Finds where tasks run.
///
/// # Errors
/// `EnvironmentNotReady` when a part of it is missing or ambiguous.
pub async fn find(ec2: &Client, settings: &Settings) -> Result<Network> {
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
        return Err(Error::not_ready(format!("stack parameter PrivateSubnetIds: {vpc_id} has no subnet {unknown}")));
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
        return Err(Error::not_ready(format!(
            "{count} subnets of {vpc_id} are private, and a service takes {MOST_SUBNETS}: set the stack parameter PrivateSubnetIds"
        )));
    }
    if ids.is_empty() {
        let all: Vec<_> = subnets
            .iter()
            .map(|subnet| Candidate::new(subnet.subnet_id(), name_tag(subnet.tags())).to_string())
            .collect();
        return Err(Error::not_ready(format!(
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

    use aws_sdk_ec2::operation::describe_security_groups::DescribeSecurityGroupsOutput;
    use aws_sdk_ec2::operation::describe_subnets::DescribeSubnetsOutput;
    use aws_sdk_ec2::operation::describe_vpcs::DescribeVpcsOutput;
    use aws_sdk_ec2::types::{SecurityGroup, Subnet, Vpc};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use shared::ErrorKind;

    use super::*;

    type Named = (&'static str, &'static str);

    /// What exists. Each test breaks one part of it.
    #[derive(Clone)]
    struct World {
        vpcs: Vec<Named>,
        subnets: Vec<Named>,
        groups: Vec<Named>,
    }

    fn world() -> World {
        World {
            vpcs: vec![("vpc-1", "dev-vpc")],
            subnets: vec![("subnet-1", "dev-public-a"), ("subnet-2", "dev-private-a"), ("subnet-3", "dev-private-b")],
            groups: vec![("sg-1", "default"), ("sg-2", "dev-ecs-tasks")],
        }
    }

    /// The first item, or the rest, so that every list has two pages.
    fn page<T>(items: impl Iterator<Item = T>, token: Option<&str>) -> (Vec<T>, Option<String>) {
        let mut items: Vec<_> = items.collect();
        match token {
            None if items.len() > 1 => {
                items.truncate(1);
                (items, Some("the rest".to_owned()))
            }
            None => (items, None),
            Some(_) => (items.split_off(1), None),
        }
    }

    fn tag(name: &str) -> Tag {
        Tag::builder().key("Name").value(name).build()
    }

    impl World {
        async fn find(self, parameters: &[Named]) -> Result<Network> {
            let Self { vpcs, subnets, groups } = self;
            let vpcs = mock!(Client::describe_vpcs).then_compute_output(move |request| {
                let vpcs = vpcs.iter().map(|(id, name)| Vpc::builder().vpc_id(*id).tags(tag(name)).build());
                let (page, next) = page(vpcs, request.next_token());
                DescribeVpcsOutput::builder().set_vpcs(Some(page)).set_next_token(next).build()
            });
            let subnets = mock!(Client::describe_subnets).then_compute_output(move |request| {
                let subnets = subnets.iter().map(|(id, name)| Subnet::builder().subnet_id(*id).tags(tag(name)).build());
                let (page, next) = page(subnets, request.next_token());
                DescribeSubnetsOutput::builder().set_subnets(Some(page)).set_next_token(next).build()
            });
            let groups = mock!(Client::describe_security_groups).then_compute_output(move |request| {
                let groups =
                    groups.iter().map(|(id, name)| SecurityGroup::builder().group_id(*id).group_name(*name).build());
                let (page, next) = page(groups, request.next_token());
                DescribeSecurityGroupsOutput::builder().set_security_groups(Some(page)).set_next_token(next).build()
            });
            let ec2 = mock_client!(aws_sdk_ec2, RuleMode::MatchAny, [&vpcs, &subnets, &groups]);
            let variables = [("ENVIRONMENT", "dev")].into_iter().chain(parameters.iter().copied());
            find(&ec2, &Settings::new(variables.map(|(key, value)| (key.to_owned(), value.to_owned()))).unwrap()).await
        }
    }

    #[tokio::test]
    async fn it_is_found_by_the_runbooks_conventions_or_by_parameters() {
        let network = world().find(&[]).await.unwrap();
        assert_eq!((network.vpc_id.as_str(), network.security_group_id.as_str()), ("vpc-1", "sg-2"));
        assert_eq!(network.subnet_ids, ["subnet-2", "subnet-3"]);
        let parameters = [("PRIVATE_SUBNET_IDS", "subnet-1, subnet-3"), ("SECURITY_GROUP_ID", "sg-1")];
        let network = world().find(&parameters).await.unwrap();
        assert_eq!(
            (network.subnet_ids, network.security_group_id.as_str()),
            (vec!["subnet-1".to_owned(), "subnet-3".to_owned()], "sg-1")
        );
    }

    #[tokio::test]
    async fn what_is_missing_or_ambiguous_is_named_with_its_candidates_and_its_parameter() {
        for (world, parameters, parameter, candidate) in [
            (World { vpcs: vec![], ..world() }, vec![], "VpcId", "no VPC"),
            (
                World { vpcs: vec![("vpc-1", "dev-vpc"), ("vpc-2", "devops")], ..world() },
                vec![],
                "VpcId",
                "vpc-2 (devops)",
            ),
            (
                World { subnets: vec![("subnet-1", "dev-public")], ..world() },
                vec![],
                "PrivateSubnetIds",
                "subnet-1 (dev-public)",
            ),
            (
                World { subnets: vec![("subnet-1", "dev-private"); 17], ..world() },
                vec![],
                "PrivateSubnetIds",
                "17 subnets",
            ),
            (world(), vec![("PRIVATE_SUBNET_IDS", "subnet-9")], "PrivateSubnetIds", "subnet-9"),
            (
                World { groups: vec![("sg-2", "dev-ecs"), ("sg-3", "dev-ecs-2")], ..world() },
                vec![],
                "EcsSecurityGroupId",
                "sg-3 (dev-ecs-2)",
            ),
        ] {
            let error = world.find(&parameters).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::EnvironmentNotReady, "{}", error.chain());
            assert!(error.chain().contains(parameter) && error.chain().contains(candidate), "{}", error.chain());
        }
    }
}
