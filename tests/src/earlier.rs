//! Tenants as earlier versions made them: WordPress itself is on the file system, too, and no record says when the site
//! was installed. Their tasks share the environment's role.

use std::time::{Duration, Instant};

use aws_sdk_ecs::types::{
    ContainerDefinition, EfsAuthorizationConfig, EfsAuthorizationConfigIam, EfsTransitEncryption,
    EfsVolumeConfiguration, MountPoint, TaskDefinition, Volume,
};
use aws_sdk_efs::types::{CreationInfo, PosixUser, RootDirectory, Tag};
use aws_sdk_elasticloadbalancingv2::types::Matcher;
use mysql_async::prelude::Queryable;
use serde_json::{Value, json};

use crate::database;
use crate::kinds::KINDS;
use crate::stack::{Stack, text};

/// What the load balancer asked tasks of earlier versions for.
pub const INSTALLER: &str = "/wp-admin/install.php";
/// The grace period of their services.
pub const GRACE_SECONDS: i32 = 120;

impl Stack {
    /// Makes a tenant that was just provisioned what an earlier version would have made: one access point, for the whole
    /// document root; a container without start command, health check and keys, with the role that all tenants share;
    /// the installer's page as health check; no role of its own, no site credentials, and no record of the site.
    ///
    /// # Panics
    /// When AWS or MySQL refuses, or when the tasks do not start.
    pub async fn make_one_of_an_earlier_version(&self, tenant: &str) {
        let name = self.named(tenant);
        let definition = self.ecs.describe_task_definition().task_definition(&name).send().await;
        let definition = definition.expect("a task definition").task_definition.expect("a task definition");
        let volume = definition.volumes()[0].efs_volume_configuration().expect("a volume").clone();
        let file_system = volume.file_system_id();
        let own = volume.authorization_config().and_then(|it| it.access_point_id()).expect("an access point");
        let access_point = self.access_point_of_the_document_root(tenant, file_system).await;
        let arn = self.register_with_document_root(&definition, file_system, &access_point).await;
        self.check_the_installer(tenant).await;
        self.ecs
            .update_service()
            .cluster(self.named("cluster"))
            .service(format!("{name}-service"))
            .task_definition(&arn)
            .health_check_grace_period_seconds(GRACE_SECONDS)
            .send()
            .await
            .expect("an updated service");
        self.runs(tenant, &arn).await;
        let deleted = self.efs.delete_access_point().access_point_id(own).send().await;
        deleted.expect("no access point");
        let role =
            self.invoke(KINDS.task_role.delete, &json!({"tenant_id": tenant})).await.expect("no role of its own");
        assert_eq!(text(&role["kind"]), "task-role");
        self.forget_the_site(tenant).await;
    }

    async fn access_point_of_the_document_root(&self, tenant: &str, file_system: &str) -> String {
        let creation = CreationInfo::builder().owner_uid(33).owner_gid(33).permissions("755").build();
        let root = RootDirectory::builder().path(format!("/wordpress/{tenant}"));
        let name = Tag::builder().key("Name").value(self.named(&format!("{tenant}-ap"))).build();
        let made = self.efs.create_access_point().client_token(format!("earlier-{tenant}")).file_system_id(file_system);
        let made = made
            .posix_user(PosixUser::builder().uid(33).gid(33).build().expect("a user"))
            .root_directory(root.creation_info(creation.expect("a creation")).build())
            .tags(name.expect("a tag"))
            .send();
        made.await.expect("an access point").access_point_id.expect("an id")
    }

    async fn register_with_document_root(&self, now: &TaskDefinition, file_system: &str, access_point: &str) -> String {
        let authorization = EfsAuthorizationConfig::builder().access_point_id(access_point);
        let efs = EfsVolumeConfiguration::builder()
            .file_system_id(file_system)
            .transit_encryption(EfsTransitEncryption::Enabled)
            .authorization_config(authorization.iam(EfsAuthorizationConfigIam::Enabled).build());
        let volume = Volume::builder().name("wordpress-files").efs_volume_configuration(efs.build().expect("a volume"));
        let old = &now.container_definitions()[0];
        let secrets = old.secrets().iter().filter(|secret| secret.name().starts_with("WORDPRESS_DB_"));
        let mount = MountPoint::builder().source_volume("wordpress-files").container_path("/var/www/html").build();
        let container = ContainerDefinition::builder()
            .name("wordpress")
            .set_image(old.image.clone())
            .essential(true)
            .set_secrets(Some(secrets.cloned().collect()))
            .mount_points(mount)
            .set_port_mappings(old.port_mappings.clone())
            .set_log_configuration(old.log_configuration.clone());
        let registered = self.ecs.register_task_definition().family(now.family().expect("a family"));
        let registered = registered
            .set_cpu(now.cpu.clone())
            .set_memory(now.memory.clone())
            .set_network_mode(now.network_mode.clone())
            .set_requires_compatibilities(now.requires_compatibilities.clone())
            .set_runtime_platform(now.runtime_platform.clone())
            .set_execution_role_arn(now.execution_role_arn.clone())
            .task_role_arn(format!("arn:aws:iam::{}:role/{}", self.account, self.named("ecs-task-role")))
            .container_definitions(container.build())
            .volumes(volume.build())
            .send();
        let registered = registered.await.expect("a revision").task_definition.expect("a revision");
        registered.task_definition_arn.expect("an ARN")
    }

    async fn check_the_installer(&self, tenant: &str) {
        let group = self.named(&format!("{tenant}-tg"));
        let groups = self.elb.describe_target_groups().names(group).send().await.expect("a target group");
        self.elb
            .modify_target_group()
            .set_target_group_arn(groups.target_groups()[0].target_group_arn.clone())
            .health_check_path(INSTALLER)
            .health_check_timeout_seconds(5)
            .matcher(Matcher::builder().http_code("200-399").build())
            .send()
            .await
            .expect("a modified target group");
    }

    /// Waits until the tenant's service runs the revision.
    async fn runs(&self, tenant: &str, arn: &str) {
        let input = json!({"tenant_id": tenant, "task_definition_arn": arn});
        let (start, mut tick) = (Instant::now(), tokio::time::interval(Duration::from_millis(200)));
        loop {
            tick.tick().await;
            let checked = self.invoke("check-service-deployment", &input).await.expect("a deployment");
            if checked["steady"] == true {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(180), "{checked}");
        }
    }

    async fn forget_the_site(&self, tenant: &str) {
        let secret = self.named(&format!("{tenant}-db-credentials"));
        let value = self.secrets.get_secret_value().secret_id(&secret).send().await.expect("a secret");
        let mut fields: Value = serde_json::from_str(value.secret_string().expect("a text")).expect("JSON");
        let kept = ["username", "password", "host", "port", "database", "endpoint"];
        fields.as_object_mut().expect("an object").retain(|field, _| kept.contains(&field.as_str()));
        let put = self.secrets.put_secret_value().secret_id(&secret).secret_string(fields.to_string()).send().await;
        put.expect("a written secret");
        let credentials = json!({"tenant_id": tenant, "force_delete_secret": true});
        let deleted = self.invoke(KINDS.site_credentials.delete, &credentials).await.expect("no site credentials");
        assert_eq!(text(&deleted["kind"]), "site-credentials");
        let mut administrator = database::administrator(self).await;
        for statement in [
            format!("DROP VIEW tenant_management.site_{tenant}"),
            format!("DELETE FROM tenant_management.sites WHERE database_name = '{tenant}_db'"),
        ] {
            administrator.query_drop(statement).await.expect("a statement");
        }
        administrator.disconnect().await.expect("a farewell");
    }
}
