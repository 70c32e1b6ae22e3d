//! The container of a tenant's task: the image, how it starts, and how ECS sees whether it lives.
//!
//! WordPress comes from the image at each start. What the tenant has made, `wp-content`, is mounted. The container starts
//! with `prepare.sh`, which copies WordPress and lets the image's entry point make `wp-config.php`. Then `start.sh`
//! installs the site if that was never done (`install.php`), starts Apache, and asks for the login page once
//! (`probe.php`). Only then is there the file that the health checks look for. From then on they need neither database
//! nor plugins, so that no task is replaced because these fail.

use aws_sdk_ecs::types::{
    ContainerDefinition, HealthCheck, KeyValuePair, LogConfiguration, LogDriver, MountPoint, PortMapping, Secret,
    TaskDefinition, TransportProtocol,
};
use shared::{Error, FargateSize, Names, Result, Settings};

use super::{Register, VOLUME};
use crate::resources::secret::KEYS;

/// Name of the container; the service's load balancer refers to it.
pub const CONTAINER: &str = "wordpress";
/// Port of the container.
pub const PORT: i32 = 80;
/// Where the load balancer sees that a task is alive.
pub const ALIVE_PATH: &str = "/tenant-management/alive.txt";
/// The file that is shown there. `start.sh` makes the directory, and `probe.php` the file.
const ALIVE: &str = "/var/lib/tenant-management/alive.txt";

/// Seconds in which a start may last before failed health checks count, which is as long as ECS allows. The first start
/// copies themes and plugins to the file system. Source: the API reference of ECS, HealthCheck.
const START_SECONDS: i32 = 300;
const CHECK_INTERVAL_SECONDS: i32 = 10;
const CHECK_TIMEOUT_SECONDS: i32 = 5;
const CHECK_RETRIES: i32 = 3;
/// Seconds after a task's start in which ECS replaces no task because of its health: longer than a start may last, so
/// that a slow one is not cut off. Source: the API reference of ECS, CreateService, `healthCheckGracePeriodSeconds`.
pub const GRACE_SECONDS: i32 = START_SECONDS + (CHECK_RETRIES + 1) * (CHECK_INTERVAL_SECONDS + CHECK_TIMEOUT_SECONDS);

pub(super) const CONTENT: &str = "/var/www/html/wp-content";
const FILES: [(&str, &str); 2] =
    [("install.php", include_str!("container/install.php")), ("probe.php", include_str!("container/probe.php"))];
/// Makes WordPress ready to run, also for a job.
const PREPARE: &str = include_str!("container/prepare.sh");
const START: &str = include_str!("container/start.sh");
/// What `wp-config.php` of the official image does, beside what its variables say.
const CONFIG: &str = include_str!("container/config.php");
/// The variable with that.
pub(super) const CONFIG_VARIABLE: &str = "WORDPRESS_CONFIG_EXTRA";

/// There is so much memory in MiB for each request that runs WordPress.
const MEMORY_OF_A_REQUEST: u32 = 64;
/// How many requests run WordPress at a time at most. Each has a connection to the database, of which a tenant has 40
/// unless the stack says otherwise.
const MOST_REQUESTS: u32 = 32;
/// The variable with that number.
const REQUESTS: &str = "TENANT_REQUESTS";
/// The variable with the view that has the record of the site.
const RECORD: &str = "TENANT_SITE_RECORD";
/// The variable that lets an older WordPress start than the one that changed the tables last.
const ALLOW_DOWNGRADE: &str = "TENANT_ALLOW_DOWNGRADE";

/// Describes the container of a task of this size.
///
/// # Errors
/// `EnvironmentNotReady` when a setting of the stack is missing.
pub(super) fn describe(
    settings: &Settings,
    names: &Names,
    request: &Register,
    size: FargateSize,
) -> Result<ContainerDefinition> {
    let incomplete = |error| Error::internal(format!("describing container ({CONTAINER})")).with_source(error);
    let health_check = HealthCheck::builder()
        .command("CMD-SHELL")
        .command(format!("test -f {ALIVE}"))
        .interval(CHECK_INTERVAL_SECONDS)
        .timeout(CHECK_TIMEOUT_SECONDS)
        .retries(CHECK_RETRIES)
        .start_period(START_SECONDS)
        .build();
    let logs = LogConfiguration::builder()
        .log_driver(LogDriver::Awslogs)
        .options("awslogs-group", names.log_group())
        .options("awslogs-region", settings.required("AWS_REGION")?)
        .options("awslogs-stream-prefix", CONTAINER)
        .build();
    let secrets: Result<Vec<_>, _> = secrets(request)
        .into_iter()
        .map(|(variable, from)| Secret::builder().name(variable).value_from(from).build())
        .collect();
    let own = environment(settings, names, request, size)?;
    let own = own.iter().map(|(name, value)| (*name, value.as_str()));
    let variables = own.chain(request.environment_variables.iter());
    let variable = |(name, value): (&str, &str)| KeyValuePair::builder().name(name).value(value).build();
    Ok(ContainerDefinition::builder()
        .name(CONTAINER)
        .image(request.image.as_str())
        .essential(true)
        .set_command(Some(["sh", "-c", &start()].map(str::to_owned).to_vec()))
        .set_environment(Some(variables.map(variable).collect()))
        .set_secrets(Some(secrets.map_err(incomplete)?))
        .port_mappings(PortMapping::builder().container_port(PORT).protocol(TransportProtocol::Tcp).build())
        .mount_points(MountPoint::builder().source_volume(VOLUME).container_path(CONTENT).read_only(false).build())
        .health_check(health_check.map_err(incomplete)?)
        .log_configuration(logs.map_err(incomplete)?)
        .build())
}

/// The start command: it writes its files and goes on with `start.sh`.
fn start() -> String {
    let mut script = "set -eu\nmkdir -p /usr/local/lib/tenant-management\n".to_owned();
    for (name, text) in FILES {
        script += &format!("cat >/usr/local/lib/tenant-management/{name} <<'END OF FILE'\n{text}END OF FILE\n");
    }
    script + PREPARE + START
}

fn environment(
    settings: &Settings,
    names: &Names,
    request: &Register,
    size: FargateSize,
) -> Result<Vec<(&'static str, String)>> {
    let host = names.host(settings.required("DOMAIN")?);
    let title = request.site.title.as_ref().map_or_else(|| host.clone(), ToString::to_string);
    let locale = request.site.locale.as_ref().map_or_else(|| "en_US".to_owned(), ToString::to_string);
    Ok(vec![
        (CONFIG_VARIABLE, CONFIG.to_owned()),
        ("TENANT_URL", format!("{}://{host}", request.scheme.as_str())),
        ("TENANT_SITE_TITLE", title),
        ("TENANT_SITE_LOCALE", locale),
        (RECORD, format!("tenant_management.{}", names.site_record())),
        ("TENANT_DATABASE_TLS", settings.optional("DATABASE_TLS").unwrap_or("false").to_owned()),
        (REQUESTS, requests(size.memory()).to_string()),
    ])
}

/// Whether a definition's site has a record of its installation and versions: it was described here.
pub(crate) fn serves_a_record(definition: &TaskDefinition) -> bool {
    let container = super::site_container(definition);
    container.is_some_and(|it| it.environment().iter().any(|variable| variable.name() == Some(RECORD)))
}

/// The variables of the official image, and those of `install.php`. `arn:key::` selects one key of a secret's JSON.
fn secrets(request: &Register) -> Vec<(String, String)> {
    let database = |key: &str| format!("{}:{key}::", request.secret_arn);
    let mut secrets: Vec<_> = [
        ("WORDPRESS_DB_HOST", database("endpoint")),
        ("WORDPRESS_DB_USER", database("username")),
        ("WORDPRESS_DB_PASSWORD", database("password")),
        ("WORDPRESS_DB_NAME", database("database")),
    ]
    .map(|(variable, from)| (variable.to_owned(), from))
    .into();
    for (variable, key) in
        [("TENANT_ADMIN_USER", "username"), ("TENANT_ADMIN_PASSWORD", "password"), ("TENANT_ADMIN_EMAIL", "email")]
    {
        let from = request.admin_secret_arn.as_ref().map(|admin| format!("{admin}:{key}::"));
        secrets.extend(from.map(|from| (variable.to_owned(), from)));
    }
    secrets.extend(KEYS.map(|key| (format!("WORDPRESS_{}", key.to_uppercase()), database(key))));
    secrets
}

/// Requests at a time for this memory in MiB.
fn requests(memory: u32) -> u32 {
    (memory / MEMORY_OF_A_REQUEST).min(MOST_REQUESTS)
}

/// Changes what depends on the size of the task. A container that was not described here stays as it is.
pub(super) fn resize(container: &mut ContainerDefinition, memory: u32) {
    for variable in container.environment.iter_mut().flatten() {
        if variable.name() == Some(REQUESTS) {
            variable.value = Some(requests(memory).to_string());
        }
    }
}

/// Lets the container start an older WordPress than the one that changed the tables last, or no longer.
pub(super) fn set_allow_downgrade(container: &mut ContainerDefinition, allow: bool) {
    let variables = container.environment.get_or_insert_default();
    variables.retain(|variable| variable.name() != Some(ALLOW_DOWNGRADE));
    if allow {
        variables.push(KeyValuePair::builder().name(ALLOW_DOWNGRADE).value("true").build());
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;
    use shared::EnvironmentVariables;

    use super::super::Scheme;
    use super::*;
    use crate::testing::{owner, settings, tenant};

    fn container(site: serde_json::Value) -> ContainerDefinition {
        let settings = settings(&[("DOMAIN", "example.com"), ("DATABASE_TLS", "true")]);
        let request = Register {
            tenant_id: tenant(),
            owner: owner(),
            image: "wordpress:6".to_owned().try_into().unwrap(),
            cpu: Some(256),
            memory: Some(512),
            site: serde_json::from_value(site).unwrap(),
            environment_variables: serde_json::from_value(json!({"SHOP": "yes"})).unwrap(),
            scheme: Scheme::Https,
            secret_arn: "arn:secret".to_owned(),
            admin_secret_arn: Some("arn:admin".to_owned()),
            file_system_id: "fs-1".to_owned(),
            access_point_id: "fsap-1".to_owned(),
            task_role_arn: None,
        };
        describe(&settings, &settings.names(&tenant()), &request, FargateSize::new(256, 512).unwrap()).unwrap()
    }

    fn variables(container: &ContainerDefinition) -> BTreeMap<&str, &str> {
        container.environment().iter().map(|pair| (pair.name().unwrap(), pair.value().unwrap())).collect()
    }

    #[test]
    fn wordpress_is_the_images_and_only_the_content_is_mounted() {
        let container = container(json!({}));
        assert_eq!(container.mount_points()[0].container_path(), Some("/var/www/html/wp-content"));
        let [shell, option, script] = container.command() else { panic!("three words") };
        assert_eq!((shell.as_str(), option.as_str()), ("sh", "-c"));
        assert!(script.ends_with("exec docker-entrypoint.sh apache2-foreground\n"), "{script}");
        // A definition has at most 64 KiB. Source: the API reference of ECS, RegisterTaskDefinition.
        assert!(script.len() + CONFIG.len() < 32 * 1024);
    }

    #[test]
    fn every_password_and_key_comes_from_a_secret() {
        let container = container(json!({}));
        let secrets: BTreeMap<_, _> =
            container.secrets().iter().map(|secret| (secret.name(), secret.value_from())).collect();
        assert_eq!(secrets["WORDPRESS_DB_PASSWORD"], "arn:secret:password::");
        assert_eq!(secrets["WORDPRESS_DB_HOST"], "arn:secret:endpoint::");
        assert_eq!(secrets["WORDPRESS_LOGGED_IN_SALT"], "arn:secret:logged_in_salt::");
        assert_eq!(secrets["TENANT_ADMIN_PASSWORD"], "arn:admin:password::");
        assert_eq!(secrets.len(), 4 + 8 + 3);
        assert!(!variables(&container).keys().any(|name| name.contains("PASSWORD")));
    }

    #[test]
    fn the_site_is_at_the_tenants_host_with_the_title_that_was_asked_for() {
        let default = container(json!({}));
        assert_eq!(variables(&default)["TENANT_URL"], "https://123456789012.example.com");
        assert_eq!(variables(&default)["TENANT_SITE_TITLE"], "123456789012.example.com");
        assert_eq!(variables(&default)["TENANT_DATABASE_TLS"], "true");
        let asked = container(json!({"title": "Käse & Söhne", "locale": "de_DE"}));
        assert_eq!(variables(&asked)["TENANT_SITE_TITLE"], "Käse & Söhne");
        assert_eq!(variables(&asked)["TENANT_SITE_LOCALE"], "de_DE");
    }

    #[test]
    fn further_variables_are_beside_those_of_the_container() {
        let container = container(json!({}));
        assert_eq!(variables(&container)["SHOP"], "yes");
        assert!(variables(&container).contains_key("TENANT_URL"));
    }

    #[test]
    fn no_further_variable_can_take_the_place_of_the_containers() {
        let container = container(json!({}));
        let own = variables(&container).into_keys().filter(|name| *name != "SHOP");
        let secrets = container.secrets().iter().map(Secret::name);
        for name in own.chain(secrets) {
            assert!(serde_json::from_value::<EnvironmentVariables>(json!({name: "x"})).is_err(), "{name}");
        }
    }

    #[test]
    fn the_health_check_needs_nothing_but_a_shell_and_ends_before_the_grace_period() {
        let container = container(json!({}));
        let check = container.health_check().unwrap();
        assert_eq!(check.command(), ["CMD-SHELL", "test -f /var/lib/tenant-management/alive.txt"]);
        let longest = |value: Option<i32>| value.unwrap();
        let checked = longest(check.interval()) + longest(check.timeout());
        assert!(longest(check.start_period()) + longest(check.retries()) * checked < GRACE_SECONDS);
        assert!(FILES[1].1.contains(&format!("'{ALIVE}'")), "probe.php writes the same file");
    }

    #[test]
    fn more_memory_serves_more_requests() {
        let mut container = container(json!({}));
        assert_eq!(variables(&container)["TENANT_REQUESTS"], "8");
        resize(&mut container, 1024);
        assert_eq!(variables(&container)["TENANT_REQUESTS"], "16");
        resize(&mut container, 30_720);
        assert_eq!(variables(&container)["TENANT_REQUESTS"], "32");
    }
}
