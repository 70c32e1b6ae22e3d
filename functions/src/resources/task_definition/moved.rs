//! The task definition of a tenant that is moved: from a mount of the whole document root, as earlier versions made it,
//! to a mount of its `wp-content`. No file is copied or moved.
//!
//! Nothing of the old document root is mounted any more, `wp-config.php` included. So the container becomes that of a
//! new tenant. What people have added to the old one stays: variables and secrets of other names, its log, its limits.

use std::collections::BTreeSet;

use aws_sdk_ecs::types::{ContainerDefinition, KeyValuePair, TaskDefinition, Volume};
use serde::{Deserialize, Serialize};
use shared::input::invalid;
use shared::{
    EnvironmentVariables, Error, FargateSize, ImageReference, Names, Owner, Result, Settings, Site, TablePrefix,
};

use super::container::{self, CONFIG_VARIABLE, CONTAINER, CONTENT};
use super::{Register, Scheme, volume};
use crate::resources::state::{Mounts, State};

/// What the tasks of earlier versions mount.
const DOCUMENT_ROOT: &str = "/var/www/html";
/// The variable of the official image for the beginning of the tables' names.
const TABLE_PREFIX: &str = "WORDPRESS_TABLE_PREFIX";

/// What the tasks of a tenant that is moved are to mount, and what they need that `wp-config.php` had.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// The file system.
    pub file_system_id: String,
    /// The access point whose root is the tenant's `wp-content`.
    pub access_point_id: String,
    /// The tenant's secret, with all keys that a new tenant's has.
    pub secret_arn: String,
    /// How visitors reach the load balancer.
    pub scheme: Scheme,
    /// The beginning of the tables' names, if it is not the one that the old container has.
    #[serde(default)]
    pub table_prefix: Option<TablePrefix>,
}

impl Content {
    /// The registration of a new tenant with these files. The site has an administrator, so it gets no other.
    ///
    /// # Errors
    /// `InvalidRequest` when the image is none that a new tenant can have.
    pub(super) fn register(self, names: &Names, owner: &Owner, wanted: &State) -> Result<Moved> {
        let register = Register {
            tenant_id: names.tenant().clone(),
            owner: owner.clone(),
            image: ImageReference::try_from(wanted.image.clone()).map_err(invalid)?,
            cpu: Some(wanted.cpu),
            memory: Some(wanted.memory),
            site: Site::default(),
            environment_variables: EnvironmentVariables::default(),
            scheme: self.scheme,
            secret_arn: self.secret_arn,
            admin_secret_arn: None,
            file_system_id: self.file_system_id,
            access_point_id: self.access_point_id,
            // The tasks keep the role that they have.
            task_role_arn: None,
        };
        Ok(Moved { register, table_prefix: self.table_prefix })
    }
}

/// A registration as that of a new tenant.
pub(super) struct Moved {
    register: Register,
    table_prefix: Option<TablePrefix>,
}

/// The file system and the access point that tasks mount as their document root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct DocumentRoot {
    pub(crate) file_system_id: String,
    pub(crate) access_point_id: String,
}

/// The place of the container that serves the site: the one with the usual name, otherwise the first.
pub(super) fn place_of_site(definition: &TaskDefinition) -> usize {
    let containers = definition.container_definitions();
    containers.iter().position(|container| container.name() == Some(CONTAINER)).unwrap_or_default()
}

/// What the tasks mount of the tenant's files.
pub(crate) fn mounts(definition: &TaskDefinition) -> Mounts {
    let Some(site) = definition.container_definitions().get(place_of_site(definition)) else { return Mounts::Nothing };
    match site.mount_points() {
        [] => Mounts::Nothing,
        [mount] if mount.container_path() == Some(CONTENT) => Mounts::Content,
        _ if document_root(definition).is_some() => Mounts::DocumentRoot,
        _ => Mounts::Other,
    }
}

/// The document root on the file system, if that is the only thing that the site's container mounts, and no other
/// container mounts it.
pub(crate) fn document_root(definition: &TaskDefinition) -> Option<DocumentRoot> {
    let containers = definition.container_definitions();
    let [mount] = containers.get(place_of_site(definition))?.mount_points() else { return None };
    if mount.container_path()?.trim_end_matches('/') != DOCUMENT_ROOT {
        return None;
    }
    let name = mount.source_volume()?;
    let users = containers.iter().flat_map(ContainerDefinition::mount_points);
    if users.filter(|mount| mount.source_volume() == Some(name)).count() > 1 {
        return None;
    }
    let volume = definition.volumes().iter().find(|volume| volume.name() == Some(name))?;
    let configuration = volume.efs_volume_configuration()?;
    Some(DocumentRoot {
        file_system_id: configuration.file_system_id().to_owned(),
        access_point_id: configuration.authorization_config()?.access_point_id()?.to_owned(),
    })
}

/// Makes the container that serves the site that of a new tenant, which mounts the content only.
///
/// # Errors
/// `InvalidRequest` for a size that Fargate does not offer.
pub(super) fn mount_content(
    settings: &Settings,
    names: &Names,
    definition: &mut TaskDefinition,
    moved: Moved,
) -> Result<()> {
    let Moved { register, table_prefix } = moved;
    let size = FargateSize::new(register.cpu.unwrap_or_default(), register.memory.unwrap_or_default());
    let mut new = container::describe(settings, names, &register, size.map_err(invalid)?)?;
    let prefix = table_prefix.map(|prefix| KeyValuePair::builder().name(TABLE_PREFIX).value(prefix.as_str()).build());
    new.environment.get_or_insert_default().extend(prefix);

    let place = place_of_site(definition);
    let containers = definition.container_definitions.get_or_insert_default();
    let site = containers.get_mut(place).ok_or_else(|| Error::internal("the task definition has no container"))?;
    let mounted: Vec<_> = site.mount_points().iter().filter_map(|mount| mount.source_volume.clone()).collect();
    take_over(site, new);

    let volumes = definition.volumes.get_or_insert_default();
    let is_mounted = |volume: &Volume| volume.name().is_some_and(|name| mounted.iter().any(|other| other == name));
    volumes.retain(|volume| !is_mounted(volume));
    volumes.push(volume(&register));
    Ok(())
}

/// Gives the container what makes it one of a new tenant, and leaves it the rest.
fn take_over(site: &mut ContainerDefinition, mut new: ContainerDefinition) {
    let variables = new.environment().iter().filter_map(KeyValuePair::name);
    let secrets = new.secrets().iter().map(aws_sdk_ecs::types::Secret::name);
    let ours: BTreeSet<String> = variables.chain(secrets).map(str::to_owned).collect();
    // What somebody has added to wp-config.php by this variable comes first, so that it still decides.
    let is_config = |pair: &&KeyValuePair| pair.name() == Some(CONFIG_VARIABLE);
    let theirs = site.environment().iter().find(is_config).and_then(|pair| pair.value.clone());
    for pair in new.environment.iter_mut().flatten() {
        if let (true, Some(theirs), Some(ours)) = (is_config(&&*pair), &theirs, &mut pair.value) {
            *ours = format!("{theirs}\n{ours}");
        }
    }
    let is_theirs = |name: &str| !ours.contains(name);
    let variables = site.environment.take().unwrap_or_default();
    let variables = variables.into_iter().filter(|pair| pair.name().is_some_and(is_theirs));
    new.environment.get_or_insert_default().extend(variables);
    let secrets = site.secrets.take().unwrap_or_default();
    new.secrets.get_or_insert_default().extend(secrets.into_iter().filter(|secret| is_theirs(secret.name())));

    site.environment = new.environment;
    site.secrets = new.secrets;
    site.mount_points = new.mount_points;
    site.health_check = new.health_check;
    // The start command runs as root, in the image's own way, and writes into the document root.
    site.command = new.command;
    site.entry_point = None;
    site.working_directory = None;
    site.user = None;
    site.readonly_root_filesystem = None;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use aws_sdk_ecs::types::{EfsAuthorizationConfig, EfsVolumeConfiguration, HealthCheck, MountPoint, Secret};
    use serde_json::json;

    use super::*;
    use crate::resources::state::Shows;
    use crate::testing::{owner, settings, tenant};

    fn mount(volume: &str, path: &str) -> MountPoint {
        MountPoint::builder().source_volume(volume).container_path(path).build()
    }

    /// The container of an earlier version, to which people have added something.
    fn site(mounts: &[MountPoint]) -> ContainerDefinition {
        let variable = |name: &str, value: &str| KeyValuePair::builder().name(name).value(value).build();
        let secret = |name: &str| Secret::builder().name(name).value_from(format!("arn:{name}")).build().unwrap();
        ContainerDefinition::builder()
            .name("wordpress")
            .image("wordpress:6")
            .cpu(128)
            .set_mount_points(Some(mounts.to_vec()))
            .health_check(HealthCheck::builder().command("curl").build().unwrap())
            .entry_point("mine.sh")
            .environment(variable("WORDPRESS_CONFIG_EXTRA", "define('X', 1);"))
            .environment(variable("WORDPRESS_AUTH_KEY", "in-plain-text"))
            .environment(variable("WORDPRESS_TABLE_PREFIX", "old_"))
            .environment(variable("MAIL_HOST", "mail.example.com"))
            .secrets(secret("WORDPRESS_DB_PASSWORD"))
            .secrets(secret("LICENCE"))
            .build()
    }

    fn definition(containers: Vec<ContainerDefinition>, access_point: Option<&str>) -> TaskDefinition {
        let authorization = access_point.map(|id| EfsAuthorizationConfig::builder().access_point_id(id).build());
        let efs = EfsVolumeConfiguration::builder().file_system_id("fs-1").set_authorization_config(authorization);
        let files = Volume::builder().name("files").efs_volume_configuration(efs.build().unwrap()).build();
        let scratch = Volume::builder().name("scratch").build();
        TaskDefinition::builder().set_container_definitions(Some(containers)).volumes(files).volumes(scratch).build()
    }

    #[test]
    fn what_tasks_mount_is_recognized_by_the_path_and_only_an_earlier_versions_mount_can_be_moved() {
        let of = |mounts: &[MountPoint]| super::mounts(&definition(vec![site(mounts)], Some("fsap-1")));
        assert_eq!(of(&[mount("files", "/var/www/html/wp-content")]), Mounts::Content);
        assert_eq!(of(&[mount("files", "/var/www/html")]), Mounts::DocumentRoot);
        assert_eq!(of(&[mount("files", "/var/www/html/")]), Mounts::DocumentRoot);
        assert_eq!(of(&[]), Mounts::Nothing);
        assert_eq!(of(&[mount("files", "/bitnami")]), Mounts::Other);
        assert_eq!(of(&[mount("scratch", "/var/www/html")]), Mounts::Other, "it is no file system");
        let two = [mount("files", "/var/www/html"), mount("scratch", "/tmp")];
        assert_eq!(of(&two), Mounts::Other);
        let root = [mount("files", "/var/www/html")];
        let bare = definition(vec![site(&root)], None);
        assert_eq!(super::mounts(&bare), Mounts::Other, "it has no access point");
        let mut other = site(&root);
        other.name = Some("backup".to_owned());
        let shared = definition(vec![other, site(&root)], Some("fsap-1"));
        assert_eq!(super::mounts(&shared), Mounts::Other, "another container has the same files");
    }

    fn moved(table_prefix: Option<&str>) -> TaskDefinition {
        let mut sidecar = ContainerDefinition::builder().name("logs").image("fluentbit:1").build();
        sidecar.mount_points = Some(vec![mount("scratch", "/scratch")]);
        let old = vec![sidecar, site(&[mount("files", "/var/www/html")])];
        let mut definition = definition(old, Some("fsap-1"));
        let content: Content = serde_json::from_value(json!({
            "file_system_id": "fs-1", "access_point_id": "fsap-2", "secret_arn": "arn:secret", "scheme": "https",
            "table_prefix": table_prefix,
        }))
        .unwrap();
        let wanted = State {
            task_definition_arn: "arn:1".to_owned(),
            image: "wordpress:7".to_owned(),
            cpu: 256,
            memory: 1024,
            desired_count: 1,
            resume_count: None,
            shows: Shows::Site,
            mounts: Mounts::Content,
            grace_seconds: None,
        };
        let settings = settings(&[("DOMAIN", "example.com")]);
        let names = settings.names(&tenant());
        let content = content.register(&names, &owner(), &wanted).unwrap();
        mount_content(&settings, &names, &mut definition, content).unwrap();
        definition
    }

    #[test]
    fn the_sites_container_becomes_a_new_tenants_and_keeps_what_people_have_added() {
        let moved = moved(None);
        let [sidecar, site] = moved.container_definitions() else { panic!("two containers") };
        assert_eq!(sidecar.mount_points(), [mount("scratch", "/scratch")]);
        assert_eq!(super::mounts(&moved), Mounts::Content);
        let efs = moved.volumes().iter().filter_map(Volume::efs_volume_configuration);
        let points: Vec<_> = efs.filter_map(|efs| efs.authorization_config()?.access_point_id()).collect();
        assert_eq!((points, moved.volumes().len()), (vec!["fsap-2"], 2), "the whole tree is not mounted any more");
        assert_eq!((site.cpu(), site.entry_point(), site.command()[0].as_str()), (128, &[][..], "sh"));
        assert!(site.health_check().unwrap().command()[1].contains("alive.txt"));

        let secrets: BTreeMap<_, _> = site.secrets().iter().map(|it| (it.name(), it.value_from())).collect();
        assert_eq!(secrets["LICENCE"], "arn:LICENCE");
        assert_eq!(secrets["WORDPRESS_DB_PASSWORD"], "arn:secret:password::");
        assert_eq!(secrets["WORDPRESS_AUTH_KEY"], "arn:secret:auth_key::");
        assert!(!secrets.contains_key("TENANT_ADMIN_PASSWORD"), "the site has its administrator");
        let variables: BTreeMap<_, _> =
            site.environment().iter().map(|it| (it.name().unwrap(), it.value().unwrap())).collect();
        assert_eq!(variables["MAIL_HOST"], "mail.example.com");
        assert_eq!(variables["TENANT_REQUESTS"], "16");
        assert_eq!(variables["WORDPRESS_TABLE_PREFIX"], "old_");
        assert!(variables["WORDPRESS_CONFIG_EXTRA"].starts_with("define('X', 1);\n// The site is at"));
        let names = secrets.keys().chain(variables.keys()).count();
        assert_eq!(names, site.secrets().len() + site.environment().len(), "ECS refuses a name that is there twice");
        assert!(variables.keys().all(|name| !secrets.contains_key(name)));
    }

    #[test]
    fn a_table_prefix_that_is_asked_for_replaces_the_containers() {
        let moved = moved(Some("new_"));
        let prefixes = moved.container_definitions()[1].environment().iter();
        let prefixes: Vec<_> = prefixes.filter(|pair| pair.name() == Some(TABLE_PREFIX)).collect();
        assert_eq!(prefixes.len(), 1);
        assert_eq!(prefixes[0].value(), Some("new_"));
    }
}
