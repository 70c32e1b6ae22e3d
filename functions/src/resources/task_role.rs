//! A tenant's own IAM role: what the programs in its containers may do at AWS, which is to use the tenant's files.
//!
//! Whatever runs in a container has the credentials of its task's role. With a role of its own, a tenant's task can mount
//! the tenant's access points and nothing else; and whatever somebody adds to the role, the stack's permissions boundary
//! allows no more than to use files. An interruption leaves a role without a policy, which may do nothing. The next run
//! finds the role by its name, and writes the policy.

use std::collections::BTreeSet;

use aws_sdk_iam::Client;
use aws_sdk_iam::error::ProvideErrorMetadata;
use aws_sdk_iam::types::{Role, Tag};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::input::invalid;
use shared::owner::{owner_in, tags};
use shared::{Error, ErrorKind, Kind, Names, Owner, Result, Settings, TenantId};

use crate::resources::teardown::Teardown;
use crate::resources::{Found, Removal, ours, tenant_named};

/// The only policy of a role.
const POLICY: &str = "use-files";
/// ListRoles returns at most 1,000. Source: its API reference.
const LISTED_PER_CALL: i32 = 1000;
/// A tenant has one access point, and a second one while it is moved. A role's policies have at most 10,240 characters.
const MOST_ACCESS_POINTS: usize = 20;

/// Input of create-task-role.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The execution that creates it.
    pub owner: Owner,
    /// The file system of the tenant's files.
    pub file_system_id: String,
    /// All access points of the tenant on it. The role may mount these, and no others.
    pub access_point_arns: Vec<String>,
}

/// Output of create-task-role.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Created {
    /// ARN of the role.
    pub task_role_arn: String,
}

/// Whether each tenant gets a role of its own. Otherwise all tenants' tasks share the environment's role, and no
/// function asks IAM. The stack parameter `TaskRoles` says so.
pub(crate) fn are_per_tenant(settings: &Settings) -> bool {
    settings.optional("TASK_ROLES") == Some("per-tenant")
}

/// The tenant's role, if there is one.
///
/// # Errors
/// When a call to IAM fails.
pub async fn find(iam: &Client, names: &Names) -> Result<Vec<Found>> {
    Ok(described(iam, names).await?.iter().map(found).collect())
}

/// The tenant's role as IAM describes it.
///
/// # Errors
/// When a call to IAM fails.
pub(crate) async fn described(iam: &Client, names: &Names) -> Result<Option<Role>> {
    let name = names.task_role();
    match iam.get_role().role_name(&name).send().await {
        Ok(described) => Ok(described.role),
        Err(error) if error.code() == Some("NoSuchEntity") => Ok(None),
        Err(error) => Err(Error::aws(format!("reading task role ({name})"), error)),
    }
}

fn found(role: &Role) -> Found {
    Found::present(role.arn(), owner_in(role.tags().iter().map(|tag| (tag.key(), tag.value()))))
}

/// The tenants that have a role; `None` where tenants share one.
///
/// # Errors
/// When a call to IAM fails.
pub(crate) async fn list(iam: &Client, settings: &Settings) -> Result<Option<BTreeSet<TenantId>>> {
    if !are_per_tenant(settings) {
        return Ok(None);
    }
    // IAM can search by path only. A path would be part of the ARN, and so of every policy that names these roles.
    let listing = iam.list_roles().into_paginator().page_size(LISTED_PER_CALL).items().send();
    let roles = listing.collect::<Result<Vec<_>, _>>().await;
    let roles = roles.map_err(|error| Error::aws("listing task roles", error))?;
    Ok(Some(roles.iter().filter_map(|role| tenant_named(settings, role.role_name(), Names::task_role)).collect()))
}

/// Creates the tenant's role with the stack's permissions boundary, and writes its policy.
///
/// # Errors
/// `ResourceConflict` when it exists and another owner made it; `InvalidRequest` for what is no access point.
pub async fn create(iam: &Client, settings: &Settings, request: Create) -> Result<Created> {
    let names = settings.names(&request.tenant_id);
    let place = Place::of(&request)?;
    let boundary = settings.required("TASK_BOUNDARY_ARN")?;
    let task_role_arn = match ours("task role", find(iam, &names).await?, &request.owner)? {
        Some(role) => role.identifier,
        None => create_new(iam, &names, &request.owner, &place, boundary).await?,
    };
    // The policy is also written for a role that was found, because an earlier run may have ended before this call, and
    // because the tenant may have other access points now.
    let policy = place.policy(&request).to_string();
    let written = iam.put_role_policy().role_name(names.task_role()).policy_name(POLICY).policy_document(policy);
    match written.send().await {
        Ok(_) => Ok(Created { task_role_arn }),
        // IAM may not show a new role everywhere yet.
        Err(error) if error.code() == Some("NoSuchEntity") => {
            Err(Error::new(ErrorKind::Transient, Error::aws(writing(&names), error).chain()))
        }
        Err(error) => Err(Error::aws(writing(&names), error)),
    }
}

fn writing(names: &Names) -> String {
    format!("writing the policy of task role ({})", names.task_role())
}

async fn create_new(iam: &Client, names: &Names, owner: &Owner, place: &Place<'_>, boundary: &str) -> Result<String> {
    let doing = || format!("creating task role ({})", names.task_role());
    let tags = tags(names.environment(), names.tenant(), owner);
    let tags: Result<Vec<_>, _> =
        tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let creation = iam
        .create_role()
        .role_name(names.task_role())
        .description(format!("Tasks of tenant {}", names.tenant()))
        .assume_role_policy_document(place.trust().to_string())
        .permissions_boundary(boundary)
        .set_tags(Some(tags.map_err(|error| Error::internal(doing()).with_source(error))?));
    match creation.send().await {
        Ok(created) => Ok(created.role().map(|role| role.arn().to_owned()).unwrap_or_default()),
        // Another execution made it meanwhile, or an earlier run whose answer was lost.
        Err(error) if error.code() == Some("EntityAlreadyExists") => {
            let found = ours("task role", find(iam, names).await?, owner)?;
            let found = found.ok_or_else(|| Error::new(ErrorKind::Transient, Error::aws(doing(), error).chain()))?;
            Ok(found.identifier)
        }
        Err(error) => Err(Error::aws(doing(), error)),
    }
}

/// Where the tenant's files are: `arn:aws:elasticfilesystem:eu-west-1:536580886816`, in parts.
struct Place<'a> {
    partition: &'a str,
    region: &'a str,
    account: &'a str,
}

impl<'a> Place<'a> {
    /// The place of a request's access points.
    fn of(request: &'a Create) -> Result<Self> {
        let arns = &request.access_point_arns;
        let allowed = format!("allowed are 1 to {MOST_ACCESS_POINTS} ARNs of access points of one account and region");
        if arns.is_empty() || arns.len() > MOST_ACCESS_POINTS {
            return Err(invalid(format!("access_point_arns: there are {}: {allowed}", arns.len())));
        }
        let places: Option<Vec<_>> = arns.iter().map(|arn| Self::in_arn(arn)).collect();
        let first = places.filter(|places| places.windows(2).all(|two| two[0].root() == two[1].root()));
        let first = first.and_then(|places| places.into_iter().next());
        first.ok_or_else(|| invalid(format!("access_point_arns: {}: {allowed}", arns.join(", "))))
    }

    fn in_arn(arn: &'a str) -> Option<Self> {
        let parts: Vec<_> = arn.split(':').collect();
        let ["arn", partition, "elasticfilesystem", region, account, resource] = parts[..] else { return None };
        let id = resource.strip_prefix("access-point/fsap-")?;
        // An asterisk would be a wildcard in a policy.
        let is_plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_plain.then_some(Self { partition, region, account })
    }

    fn root(&self) -> (&str, &str, &str) {
        (self.partition, self.region, self.account)
    }

    /// Only ECS, for tasks of this account, may assume the role.
    fn trust(&self) -> Value {
        let Self { partition, region, account } = self;
        json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": account},
                    "ArnLike": {"aws:SourceArn": format!("arn:{partition}:ecs:{region}:{account}:*")}
                }
            }]
        })
    }

    /// The role's policy. A file system's policy may allow a mount to everybody, as EFS's default does, so what is not the
    /// tenant's is denied. A negated condition also holds for a mount without an access point. AWS has no condition for
    /// the tags of an access point, only for its ARN. Source: the service authorization reference of EFS.
    fn policy(&self, request: &Create) -> Value {
        let Self { partition, region, account } = self;
        let file_system = &request.file_system_id;
        let own = json!({"elasticfilesystem:AccessPointArn": request.access_point_arns});
        json!({
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "UseOwnFiles",
                    "Effect": "Allow",
                    "Action": ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
                    "Resource": format!("arn:{partition}:elasticfilesystem:{region}:{account}:file-system/{file_system}"),
                    "Condition": {"StringEquals": own}
                },
                {
                    "Sid": "UseNoOthers",
                    "Effect": "Deny",
                    "Action": "elasticfilesystem:Client*",
                    "Resource": "*",
                    "Condition": {"StringNotEquals": own}
                }
            ]
        })
    }
}

/// Deletes the tenant's role.
///
/// # Errors
/// `ResourceConflict` when somebody has given the role further policies; or when IAM refuses a call.
pub async fn delete(iam: &Client, settings: &Settings, request: Teardown) -> Result<Removal> {
    let names = request.names(settings)?;
    let name = names.task_role();
    let mut removal = Removal::of(Kind::TaskRole);
    let found = find(iam, &names).await?;
    for role in removal.keep_foreign(found, request.owner.as_ref()) {
        match iam.delete_role_policy().role_name(&name).policy_name(POLICY).send().await {
            Ok(_) => {}
            Err(error) if error.code() == Some("NoSuchEntity") => {}
            Err(error) => return Err(Error::aws(format!("deleting the policy of task role ({name})"), error)),
        }
        match iam.delete_role().role_name(&name).send().await {
            Ok(_) => removal.removed.push(role.identifier),
            Err(error) if error.code() == Some("NoSuchEntity") => {}
            Err(error) if error.code() == Some("DeleteConflict") => {
                let message = format!(
                    "task role {name} has something that tenant management did not give it: remove it from the role, and \
                     run this again"
                );
                return Err(Error::new(ErrorKind::ResourceConflict, message).with_source(error));
            }
            Err(error) => return Err(Error::aws(format!("deleting task role ({name})"), error)),
        }
    }
    Ok(removal)
}

#[cfg(test)]
mod tests;
