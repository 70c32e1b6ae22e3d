//! Whether a tenant whose whole document root is on the file system can be moved to the mount of new tenants, and what
//! the steps of the move have to know. Changes nothing.

use aws_sdk_ecs::types::{Service, TaskDefinition};
use aws_sdk_elasticloadbalancingv2::types::{Listener, Rule, TargetGroup};
use serde::Serialize;
use shared::{Error, ErrorKind, Names, Result, Settings, TablePrefix};

use super::Clients;
use crate::load_balancing::listeners::{listeners_of_tenant, scheme_of};
use crate::load_balancing::rules::hosts;
use crate::resources::access_point::directory_of;
use crate::resources::state::{Mounts, State};
use crate::resources::target_group::health_checks::HealthChecks;
use crate::resources::task_definition::container::GRACE_SECONDS;
use crate::resources::task_definition::moved::document_root;

/// What the steps of a move have to know.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Move {
    /// The file system that the tenant's files are on.
    pub file_system_id: String,
    /// `https` or `http`, as visitors reach the site.
    pub scheme: &'static str,
    /// The beginning of the tables' names, if the request gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table_prefix: Option<TablePrefix>,
    /// How the load balancer checks the tasks now, which is restored if the move fails.
    pub health_checks: HealthChecks,
}

/// The tenant as it is.
pub(super) struct Tenant<'a> {
    pub(super) names: &'a Names,
    pub(super) service: &'a Service,
    pub(super) definition: &'a TaskDefinition,
    pub(super) group: Option<&'a TargetGroup>,
    pub(super) rules: &'a [Rule],
}

/// Changes the states before and after the update to those before and after the move. `None` when the tenant has the
/// mount of new tenants already.
///
/// # Errors
/// `ResourceConflict` when the tenant cannot be moved, with what it has and what to do.
pub(super) async fn plan(
    clients: &Clients,
    settings: &Settings,
    tenant: &Tenant<'_>,
    table_prefix: Option<TablePrefix>,
    previous: &mut State,
    wanted: &mut State,
) -> Result<Option<Move>> {
    let Tenant { names, service, definition, group, rules } = *tenant;
    let refused = |why: String| {
        let message = format!("tenant {} cannot be moved: {why}", names.tenant());
        Error::new(ErrorKind::ResourceConflict, message)
    };
    if previous.mounts == Mounts::Content {
        return Ok(None);
    }
    let Some(root) = document_root(definition) else { return Err(refused(what_it_mounts(previous, names))) };
    if wanted.desired_count == 0 {
        let hint = "resume it by the same update (\"suspended\": false), or give a desired_count";
        return Err(refused(format!("no task would show whether its site is served: {hint}")));
    }
    let found = directory_of(&clients.efs, &root.access_point_id).await?;
    if found.as_deref() != Some(&names.directory()) {
        let directory = found.map_or("does not exist".to_owned(), |found| format!("leads to {found}"));
        return Err(refused(format!(
            "its tasks mount access point {}, which {directory}, and only files at {} can be moved: copy them there, \
             and register a revision that mounts them",
            root.access_point_id,
            names.directory()
        )));
    }
    let Some(group) = group.filter(|_| !service.load_balancers().is_empty()) else {
        let (service, group) = (names.service(), names.target_group());
        return Err(refused(format!("service ({service}) has no target group ({group}): attach it first")));
    };
    let host = names.host(settings.required("DOMAIN")?);
    let listeners = listeners_of_tenant(&clients.elb, settings, Some(group)).await?;
    let Some(scheme) = scheme_at(&listeners, rules, &host) else {
        return Err(refused(format!("no listener rule is for its host ({host}) alone: make one")));
    };
    let grace = service.health_check_grace_period_seconds().unwrap_or_default();
    previous.grace_seconds = Some(grace);
    wanted.grace_seconds = Some(grace.max(GRACE_SECONDS));
    wanted.mounts = Mounts::Content;
    Ok(Some(Move { file_system_id: root.file_system_id, scheme, table_prefix, health_checks: HealthChecks::of(group) }))
}

fn what_it_mounts(state: &State, names: &Names) -> String {
    let (arn, directory) = (&state.task_definition_arn, names.directory());
    match state.mounts {
        Mounts::Nothing => format!(
            "its task definition ({arn}) mounts no files, so they are on the disk of each task and are lost with it. Copy \
             them to {directory}, and register a revision that mounts an access point with this root at /var/www/html; or \
             export the site in WordPress, and import it into a new tenant"
        ),
        _ => format!(
            "its task definition ({arn}) mounts something else than an access point at /var/www/html, and nothing beside \
             it, in the one container that serves the site: register a revision that does"
        ),
    }
}

/// How visitors reach the host: `https` if one of its rules is on such a listener.
fn scheme_at(listeners: &[Listener], rules: &[Rule], host: &str) -> Option<&'static str> {
    let of_host =
        || rules.iter().filter(|rule| hosts(rule).iter().all(|other| *other == host)).filter_map(Rule::rule_arn);
    let has_one = |listener: &&Listener| {
        let arn = listener.listener_arn().unwrap_or_default().replace(":listener/", ":listener-rule/") + "/";
        of_host().any(|rule| rule.starts_with(&arn))
    };
    listeners.iter().filter(has_one).map(scheme_of).max()
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::{
        ContainerDefinition, EfsAuthorizationConfig, EfsVolumeConfiguration, LoadBalancer, MountPoint, Volume,
    };
    use aws_sdk_efs::operation::describe_access_points::DescribeAccessPointsOutput;
    use aws_sdk_efs::types::{AccessPointDescription, RootDirectory};
    use aws_sdk_elasticloadbalancingv2::operation::describe_listeners::DescribeListenersOutput;
    use aws_sdk_elasticloadbalancingv2::types::{ProtocolEnum, RuleCondition};
    use aws_smithy_mocks::{RuleMode, mock, mock_client};

    use super::*;
    use crate::resources::state::Shows;
    use crate::resources::task_definition::moved::mounts;
    use crate::testing::{settings, tenant};

    const HOST: &str = "123456789012.example.com";

    /// A tenant of an earlier version.
    struct Old {
        mounted_at: Option<&'static str>,
        directory: &'static str,
        host: &'static str,
        desired_count: u32,
        has_group: bool,
    }

    const OLD: Old = Old {
        mounted_at: Some("/var/www/html"),
        directory: "/wordpress/123456789012",
        host: HOST,
        desired_count: 1,
        has_group: true,
    };

    fn definition(mounted_at: Option<&str>) -> TaskDefinition {
        let mount = mounted_at.map(|path| MountPoint::builder().source_volume("files").container_path(path).build());
        let authorization = EfsAuthorizationConfig::builder().access_point_id("fsap-1").build();
        let efs = EfsVolumeConfiguration::builder().file_system_id("fs-1").authorization_config(authorization).build();
        let site = ContainerDefinition::builder().name("wordpress").set_mount_points(Some(mount.into_iter().collect()));
        let volume = Volume::builder().name("files").efs_volume_configuration(efs.unwrap()).build();
        TaskDefinition::builder().container_definitions(site.build()).volumes(volume).build()
    }

    async fn planned(old: Old) -> Result<(Option<Move>, State, State)> {
        let directory = old.directory;
        let point = mock!(aws_sdk_efs::Client::describe_access_points)
            .match_requests(|request| request.access_point_id() == Some("fsap-1"))
            .then_output(move || {
                let root = RootDirectory::builder().path(directory).build();
                let point = AccessPointDescription::builder().root_directory(root).build();
                DescribeAccessPointsOutput::builder().access_points(point).build()
            });
        let listeners = mock!(aws_sdk_elasticloadbalancingv2::Client::describe_listeners).then_output(|| {
            let on = |name: &str, protocol| {
                let arn = format!("arn:aws:elasticloadbalancing:x:1:listener/app/dev/1/{name}");
                Listener::builder().listener_arn(arn).protocol(protocol).build()
            };
            let listeners = DescribeListenersOutput::builder().listeners(on("80", ProtocolEnum::Http));
            listeners.listeners(on("443", ProtocolEnum::Https)).build()
        });
        let clients = Clients {
            ecs: mock_client!(aws_sdk_ecs, RuleMode::Sequential, []),
            efs: mock_client!(aws_sdk_efs, RuleMode::Sequential, [&point]),
            elb: mock_client!(aws_sdk_elasticloadbalancingv2, RuleMode::Sequential, [&listeners]),
            s3: mock_client!(aws_sdk_s3, RuleMode::Sequential, []),
            sfn: mock_client!(aws_sdk_sfn, RuleMode::Sequential, []),
        };
        let settings = settings(&[("DOMAIN", "example.com")]);
        let names = settings.names(&tenant());
        let definition = definition(old.mounted_at);
        let service = Service::builder().health_check_grace_period_seconds(120);
        let service = service.load_balancers(LoadBalancer::builder().build()).build();
        let group = TargetGroup::builder().load_balancer_arns("arn:lb").health_check_path("/wp-admin/install.php");
        let group = group.build();
        let rule = Rule::builder().rule_arn("arn:aws:elasticloadbalancing:x:1:listener-rule/app/dev/1/443/7");
        let rule = rule.conditions(RuleCondition::builder().field("host-header").values(old.host).build()).build();
        let mut previous = State {
            task_definition_arn: "arn:1".to_owned(),
            image: "wordpress:6".to_owned(),
            cpu: 256,
            memory: 512,
            desired_count: old.desired_count,
            resume_count: None,
            shows: Shows::Site,
            mounts: mounts(&definition),
            grace_seconds: None,
        };
        let mut wanted = previous.clone();
        let tenant = Tenant {
            names: &names,
            service: &service,
            definition: &definition,
            group: Some(&group).filter(|_| old.has_group),
            rules: &[rule],
        };
        let prefix = TablePrefix::try_from("old_".to_owned()).ok();
        let planned = plan(&clients, &settings, &tenant, prefix, &mut previous, &mut wanted).await?;
        Ok((planned, previous, wanted))
    }

    #[tokio::test]
    async fn a_move_changes_the_mount_and_the_grace_period_and_remembers_the_checks() {
        let (planned, previous, wanted) = planned(OLD).await.unwrap();
        let planned = planned.unwrap();
        assert_eq!((planned.file_system_id.as_str(), planned.scheme), ("fs-1", "https"));
        assert_eq!(planned.health_checks.path, "/wp-admin/install.php");
        assert_eq!(planned.table_prefix.unwrap().as_str(), "old_");
        assert_eq!((previous.mounts, wanted.mounts), (Mounts::DocumentRoot, Mounts::Content));
        assert_eq!((previous.grace_seconds, wanted.grace_seconds), (Some(120), Some(GRACE_SECONDS)));
        assert_eq!(wanted.changes_since(&previous), ["mounts"]);
        assert!(!wanted.has_the_tasks_of(&previous));
    }

    #[tokio::test]
    async fn a_tenant_with_the_new_mount_is_left_as_it_is() {
        let (planned, previous, wanted) =
            planned(Old { mounted_at: Some("/var/www/html/wp-content"), ..OLD }).await.unwrap();
        assert_eq!((planned, wanted.changes_since(&previous)), (None, Vec::new()));
    }

    #[tokio::test]
    async fn one_that_cannot_be_moved_is_refused_with_what_it_has_and_what_to_do() {
        for (old, named) in [
            (Old { mounted_at: None, ..OLD }, &["(arn:1) mounts no files", "Copy them to /wordpress/123456789012"][..]),
            (Old { mounted_at: Some("/bitnami"), ..OLD }, &["(arn:1) mounts something else", "register a revision"]),
            (Old { directory: "/shared", ..OLD }, &["fsap-1, which leads to /shared", "/wordpress/123456789012"]),
            (Old { desired_count: 0, ..OLD }, &["no task would show", "\"suspended\": false"]),
            (Old { has_group: false, ..OLD }, &["no target group (dev-123456789012-tg)"]),
            (Old { host: "123456789012.old.example", ..OLD }, &["no listener rule is for its host", HOST]),
        ] {
            let error = planned(old).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ResourceConflict);
            for named in named {
                assert!(error.chain().contains(named), "{named}: {}", error.chain());
            }
        }
    }
}
