//! Finds everything of a tenant that exists, whoever made it.
//!
//! This answers four questions: whether an id is free, what remains after a deletion, what a tenant consists of, and in
//! which environment it is.

use aws_config::SdkConfig;
use serde::Serialize;
use shared::{EnvironmentName, Kind, Names, Owner, PerKind, Result, Settings, TenantId};

use crate::load_balancing::listeners;
use crate::resources::teardown::Teardown;
use crate::resources::{Found, taken};
use crate::resources::{
    access_point, database, dns_record, files, listener_rule, log_group, secret, service, site_credentials,
    target_group, task_definition, task_role,
};

/// The clients of functions that read all kinds of resources.
#[derive(Debug)]
pub struct Clients {
    /// ECS.
    pub ecs: aws_sdk_ecs::Client,
    /// Elastic Load Balancing.
    pub elb: aws_sdk_elasticloadbalancingv2::Client,
    /// EFS.
    pub efs: aws_sdk_efs::Client,
    /// IAM.
    pub iam: aws_sdk_iam::Client,
    /// CloudWatch Logs.
    pub logs: aws_sdk_cloudwatchlogs::Client,
    /// Route 53.
    pub route53: aws_sdk_route53::Client,
    /// Secrets Manager.
    pub secrets: aws_sdk_secretsmanager::Client,
}

impl Clients {
    /// The clients of a function.
    pub fn new(aws: &SdkConfig) -> Self {
        Self {
            ecs: aws_sdk_ecs::Client::new(aws),
            elb: aws_sdk_elasticloadbalancingv2::Client::new(aws),
            efs: aws_sdk_efs::Client::new(aws),
            iam: aws_sdk_iam::Client::new(aws),
            logs: aws_sdk_cloudwatchlogs::Client::new(aws),
            route53: aws_sdk_route53::Client::new(aws),
            secrets: aws_sdk_secretsmanager::Client::new(aws),
        }
    }
}

/// Output of inventory-tenant.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Inventory {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The environment.
    pub environment: EnvironmentName,
    /// A resource exists, even if it is being deleted. Files alone, which a removed tenant leaves, do not count.
    pub exists: bool,
    /// The resources of each kind; DNS records only where the stack has a hosted zone, and task roles only where each
    /// tenant has its own.
    pub resources: PerKind<Option<Resource>>,
    /// What `owner` made (without an owner: everything), except what is being deleted or kept on request.
    pub leftovers: Vec<Leftover>,
    /// The kinds of which another owner than `owner` made a resource.
    pub foreign: Vec<Kind>,
    /// Why the id is taken by what another owner than `owner` made, and what to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken: Option<String>,
}

/// The resources of one kind.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Resource {
    /// Absent, present, going, or unchecked.
    pub status: Status,
    /// What was found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<Found>,
}

impl Resource {
    /// Nothing was read.
    const UNCHECKED: Self = Self { status: Status::Unchecked, found: Vec::new() };

    fn of(found: Vec<Found>) -> Self {
        let status = if found.is_empty() {
            Status::Absent
        } else if found.iter().all(|found| found.going) {
            Status::Going
        } else {
            Status::Present
        };
        Self { status, found }
    }
}

/// Whether there is a resource of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// There is none.
    Absent,
    /// There is one.
    Present,
    /// There are only resources that are being deleted.
    Going,
    /// Unknown: only an ECS task can reach the database, or functions do not mount the file system.
    Unchecked,
}

/// A resource that should have been removed.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// The kind of resource.
    pub kind: Kind,
    /// ARN, or name where there is no ARN.
    pub identifier: String,
}

/// Takes the inventory of a tenant. When the request names an `owner`, what that owner made is told apart from the
/// rest.
///
/// # Errors
/// `WrongEnvironment`, or when a call to one of the services fails.
pub async fn take(clients: &Clients, settings: &Settings, request: Teardown) -> Result<Inventory> {
    let names = request.names(settings)?;
    let (
        services,
        records,
        (rules, groups),
        definitions,
        roles,
        access_points,
        databases,
        log_groups,
        sites,
        files,
        secrets,
    ) = tokio::try_join!(
        service::find(&clients.ecs, &names),
        dns_record::find(&clients.route53, settings, &names),
        rules_and_target_groups(&clients.elb, settings, &names, request.owner.as_ref()),
        task_definition::find(&clients.ecs, &names),
        task_roles(&clients.iam, settings, &names),
        access_point::find(&clients.efs, &names),
        databases(clients, settings, &names),
        log_group::find(&clients.logs, &names),
        site_credentials::find(&clients.secrets, &names),
        files::find(settings, &names),
        secret::find(&clients.secrets, &names),
    )?;
    let resources = PerKind {
        service: Some(Resource::of(services)),
        dns_record: settings.optional("HOSTED_ZONE_ID").map(|_| Resource::of(records)),
        listener_rule: Some(Resource::of(rules)),
        target_group: Some(Resource::of(groups)),
        task_definition: Some(Resource::of(definitions)),
        task_role: roles.map(Resource::of),
        access_point: Some(Resource::of(access_points)),
        database: Some(databases.map_or(Resource::UNCHECKED, Resource::of)),
        log_group: Some(Resource::of(log_groups)),
        site_credentials: Some(Resource::of(sites)),
        files: Some(files.map_or(Resource::UNCHECKED, Resource::of)),
        secret: Some(Resource::of(secrets)),
    };
    if request.before_deletions {
        request.confirmed(settings.environment(), &at_stake(&resources))?;
    }
    Ok(summed_up(request, &names, resources))
}

/// What a customer would lose: the database, the files, and the site that is served. A database that only an ECS task
/// reaches may be there.
fn at_stake(resources: &PerKind<Option<Resource>>) -> Vec<String> {
    let kinds = [(Kind::Database, "database"), (Kind::Files, "files"), (Kind::Service, "service")];
    let named = |(kind, name): (Kind, &str)| match resources.get(kind).as_ref()?.status {
        Status::Present => {
            let found = &resources.get(kind).as_ref()?.found;
            let there: Vec<_> = found.iter().filter(|found| !found.going).map(|found| &*found.identifier).collect();
            Some(format!("{name} {}", there.join(", ")))
        }
        Status::Unchecked if kind == Kind::Database => {
            Some("perhaps a database, which only an ECS task sees".to_owned())
        }
        _ => None,
    };
    kinds.into_iter().filter_map(named).collect()
}

/// When an execution reads what it made itself, there is mostly no target group: it has not been made yet, or has been
/// deleted. Listeners are then read without waiting for the target group. For any other inventory, the target group
/// says which load balancer has the rules.
async fn rules_and_target_groups(
    elb: &aws_sdk_elasticloadbalancingv2::Client,
    settings: &Settings,
    names: &Names,
    owner: Option<&Owner>,
) -> Result<(Vec<Found>, Vec<Found>)> {
    let group = target_group::describe(elb, names);
    let (group, listeners) = if owner.is_some() {
        listeners::target_group_and_listeners(elb, settings, group).await?
    } else {
        let group = group.await?;
        let listeners = listeners::listeners_of_tenant(elb, settings, group.as_ref()).await?;
        (group, listeners)
    };
    let groups = async {
        match &group {
            Some(group) => target_group::found(elb, names, group).await,
            None => Ok(Vec::new()),
        }
    };
    tokio::try_join!(listener_rule::find(elb, settings, names, &listeners), groups)
}

/// `None` where all tenants share a role.
async fn task_roles(iam: &aws_sdk_iam::Client, settings: &Settings, names: &Names) -> Result<Option<Vec<Found>>> {
    if !task_role::are_per_tenant(settings) {
        return Ok(None);
    }
    task_role::find(iam, names).await.map(Some)
}

/// `None` when only an ECS task can reach the database.
async fn databases(clients: &Clients, settings: &Settings, names: &Names) -> Result<Option<Vec<Found>>> {
    if database::only_a_task_reaches_it(settings) {
        return Ok(None);
    }
    let mut connection = database::connect(&clients.secrets, settings).await?;
    let found = database::find(&mut connection, names).await;
    connection.close().await;
    found.map(Some)
}

fn summed_up(request: Teardown, names: &Names, resources: PerKind<Option<Resource>>) -> Inventory {
    let owner = request.owner.as_ref();
    let (mut exists, mut leftovers, mut foreign) = (false, Vec::new(), Vec::new());
    for (kind, resource) in resources.iter() {
        let Some(Resource { found, .. }) = resource else { continue };
        exists |= kind != Kind::Files && !found.is_empty();
        let is_left = |found: &&Found| {
            let kept = match kind {
                Kind::LogGroup => request.keep_log_group,
                Kind::Files => owner.is_none(),
                _ => false,
            };
            !found.going && !kept && found.is_in(owner)
        };
        let left = found.iter().filter(is_left);
        leftovers.extend(left.map(|found| Leftover { kind, identifier: found.identifier.clone() }));
        if found.iter().any(|found| !found.is_in(owner)) {
            foreign.push(kind);
        }
    }
    let taken = taken(names, &resources, owner);
    let environment = names.environment();
    Inventory { tenant_id: request.tenant_id, environment, exists, resources, leftovers, foreign, taken }
}

/// Why the id is taken for a new tenant of this owner.
fn taken(names: &Names, resources: &PerKind<Option<Resource>>, owner: Option<&Owner>) -> Option<String> {
    // Without an owner, nobody asks for the id.
    let owner = Some(owner?);
    let others = PerKind::from_fn(|kind| {
        let found = resources.get(kind).iter().flat_map(|resource| &resource.found);
        found.filter(|found| !found.is_in(owner)).collect::<Vec<_>>()
    });
    let is_missing = |kind: Kind| {
        let is_optional = matches!(kind, Kind::DnsRecord | Kind::SiteCredentials | Kind::Files);
        let status = resources.get(kind).as_ref().map(|resource| resource.status);
        !is_optional && matches!(status, Some(Status::Absent | Status::Going))
    };
    taken::taken(names, &others, is_missing)
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticloadbalancingv2::Client;
    use aws_sdk_elasticloadbalancingv2::operation::describe_listeners::DescribeListenersOutput;
    use aws_sdk_elasticloadbalancingv2::operation::describe_load_balancers::DescribeLoadBalancersOutput;
    use aws_sdk_elasticloadbalancingv2::operation::describe_tags::DescribeTagsOutput;
    use aws_sdk_elasticloadbalancingv2::operation::describe_target_groups::DescribeTargetGroupsOutput;
    use aws_sdk_elasticloadbalancingv2::types::TargetGroup;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use serde_json::json;

    use super::*;
    use crate::testing::{other_owner, owner, settings, tenant};

    #[tokio::test]
    async fn only_an_inventory_with_an_owner_lists_load_balancers_at_once() {
        for (owner, listings) in [(None, 0), (Some(owner()), 1)] {
            let group = mock!(Client::describe_target_groups).then_output(|| {
                let group = TargetGroup::builder().target_group_arn("arn:tg").load_balancer_arns("arn:lb").build();
                DescribeTargetGroupsOutput::builder().target_groups(group).build()
            });
            let balancers =
                mock!(Client::describe_load_balancers).then_output(|| DescribeLoadBalancersOutput::builder().build());
            let listeners =
                mock!(Client::describe_listeners).then_output(|| DescribeListenersOutput::builder().build());
            let tags = mock!(Client::describe_tags).then_output(|| DescribeTagsOutput::builder().build());
            let rules = [&group, &balancers, &listeners, &tags];
            let elb = mock_client!(aws_sdk_elasticloadbalancingv2, RuleMode::MatchAny, rules);
            let settings = settings(&[]);
            let names = settings.names(&tenant());
            let (_, groups) = rules_and_target_groups(&elb, &settings, &names, owner.as_ref()).await.unwrap();
            assert_eq!((groups.len(), balancers.num_calls()), (1, listings));
        }
    }

    fn present(identifier: &str, owner: Option<Owner>) -> Option<Resource> {
        Some(Resource::of(vec![Found::present(identifier, owner)]))
    }

    fn inventory(owner: Option<&Owner>, resources: PerKind<Option<Resource>>) -> Inventory {
        let request = Teardown { owner: owner.cloned(), ..Teardown::of(tenant()) };
        summed_up(request, &names(), resources)
    }

    fn names() -> Names {
        settings(&[]).names(&tenant())
    }

    #[test]
    fn a_log_group_that_is_kept_on_request_is_no_leftover() {
        let request = Teardown { keep_log_group: true, ..Teardown::of(tenant()) };
        let resources = PerKind { log_group: present("arn", None), secret: present("arn", None), ..PerKind::default() };
        let inventory = summed_up(request, &names(), resources);
        assert_eq!(inventory.leftovers, [Leftover { kind: Kind::Secret, identifier: "arn".to_owned() }]);
    }

    #[test]
    fn files_alone_are_no_tenant_and_a_leftover_only_of_their_owner() {
        let resources = |owner| PerKind { files: present("/wordpress/123456789012", owner), ..PerKind::default() };
        let all = inventory(None, resources(Some(owner())));
        assert!(!all.exists && all.leftovers.is_empty() && all.foreign.is_empty());
        let ours = inventory(Some(&owner()), resources(Some(owner())));
        assert_eq!((ours.leftovers[0].kind, ours.foreign.len()), (Kind::Files, 0));
        for foreign in [Some(other_owner()), None] {
            let theirs = inventory(Some(&owner()), resources(foreign));
            assert_eq!((theirs.leftovers.len(), theirs.foreign), (0, vec![Kind::Files]));
        }
    }

    #[test]
    fn a_kind_without_resources_is_absent() {
        let inventory = inventory(None, PerKind::from_fn(|_| Some(Resource::of(Vec::new()))));
        assert!(!inventory.exists && inventory.leftovers.is_empty());
        assert_eq!(inventory.resources.secret.unwrap().status, Status::Absent);
    }

    #[test]
    fn what_is_going_exists_and_is_no_leftover() {
        let going = Found::going("arn:secret", Some(owner()), "scheduled for deletion");
        let going = Some(Resource::of(vec![going]));
        let inventory = inventory(None, PerKind { secret: going, ..PerKind::default() });
        assert!(inventory.exists && inventory.leftovers.is_empty());
        assert_eq!(inventory.resources.secret.unwrap().status, Status::Going);
    }

    #[test]
    fn with_an_owner_what_others_made_is_foreign() {
        let resources = || PerKind {
            secret: present("arn:secret", Some(owner())),
            target_group: present("arn:tg", Some(other_owner())),
            database: present("123456789012_db", None),
            ..PerKind::default()
        };
        let ours = inventory(Some(&owner()), resources());
        assert_eq!(ours.leftovers, [Leftover { kind: Kind::Secret, identifier: "arn:secret".to_owned() }]);
        assert_eq!(ours.foreign, [Kind::TargetGroup, Kind::Database]);
        assert!(ours.taken.unwrap().contains("take another id"), "a new tenant cannot have it");
        let all = inventory(None, resources());
        assert_eq!((all.leftovers.len(), all.foreign.len(), all.taken), (3, 0, None));
    }

    #[test]
    fn database_files_and_service_are_at_stake_and_nothing_else() {
        let all = PerKind::from_fn(|kind| present(kind.name(), None));
        assert_eq!(at_stake(&all), ["database database", "files files", "service service"]);
        let service = Some(Resource::of(vec![Found::going("arn:service", None, "draining")]));
        let rest = PerKind { database: None, files: Some(Resource::UNCHECKED), service, ..all };
        assert_eq!(at_stake(&rest), Vec::<String>::new());
        let unseen = PerKind { database: Some(Resource::UNCHECKED), ..PerKind::default() };
        assert_eq!(at_stake(&unseen).len(), 1, "nobody knows");
    }

    #[test]
    fn a_person_can_read_it() {
        let secret = Some(Resource::of(Vec::new()));
        let resources = PerKind { target_group: present("arn:tg", None), secret, ..PerKind::default() };
        let inventory = inventory(None, resources);
        assert_eq!(
            serde_json::to_value(inventory).unwrap(),
            json!({
                "tenant_id": "123456789012",
                "environment": "dev",
                "exists": true,
                "resources": {
                    "target-group": {"status": "present", "found": [{"identifier": "arn:tg", "going": false}]},
                    "secret": {"status": "absent"}
                },
                "leftovers": [{"kind": "target-group", "identifier": "arn:tg"}],
                "foreign": []
            })
        );
    }
}
