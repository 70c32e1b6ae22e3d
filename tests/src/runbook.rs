//! Tenants that are made with the runbook's commands: with the same names, and with no tag except the access point's
//! Name.

use aws_sdk_ecs::types::{Compatibility, ContainerDefinition, NetworkMode};
use aws_sdk_efs::types::{CreationInfo, PosixUser, RootDirectory, Tag};
use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, ProtocolEnum, RuleCondition, TargetTypeEnum};
use mysql_async::prelude::Queryable;
use serde_json::{Value, json};

use crate::database;
use crate::stack::{Stack, text};

impl Stack {
    /// The environment's resources, as resolve-environment returns them.
    ///
    /// # Panics
    /// When the environment is not ready.
    pub async fn resolved(&self) -> Value {
        let environment = self.environment;
        self.invoke("resolve-environment", &json!({"environment": environment})).await.expect("ready")["environment"]
            .clone()
    }

    /// The listener on which [`Stack::make_by_the_runbook`] puts the tenant's rule.
    pub fn listener_of(&self, tenant: &str, environment: &Value) -> String {
        let listeners = environment["listeners"].as_array().expect("listeners");
        text(&listeners[usize::from(number_of(tenant)) % listeners.len()]["listener_arn"])
    }

    /// Makes a tenant with the calls of the runbook's section 1. `environment` is what [`Stack::resolved`] has
    /// returned.
    ///
    /// # Panics
    /// When AWS or MySQL refuses.
    pub async fn make_by_the_runbook(&self, tenant: &str, environment: &Value) {
        let found = |field: &str| text(&environment[field]);
        let mut administrator = database::administrator(self).await;
        for statement in [
            format!("CREATE DATABASE IF NOT EXISTS {tenant}_db"),
            format!("CREATE USER IF NOT EXISTS '{tenant}_user'@'%' IDENTIFIED BY 'made-by-hand'"),
            format!("GRANT ALL PRIVILEGES ON {tenant}_db.* TO '{tenant}_user'@'%'"),
        ] {
            administrator.query_drop(statement).await.expect("a statement");
        }
        administrator.disconnect().await.expect("a farewell");
        let secret = self.secrets.create_secret().name(self.named(&format!("{tenant}-db-credentials")));
        secret.secret_string("{}").send().await.expect("a secret");
        let creation = CreationInfo::builder().owner_uid(33).owner_gid(33).permissions("755").build();
        let root = RootDirectory::builder().path(format!("/wordpress/{tenant}"));
        let root = root.creation_info(creation.expect("a creation")).build();
        let name = Tag::builder().key("Name").value(self.named(&format!("{tenant}-ap"))).build();
        let file_system = text(&environment["file_systems"][0]["file_system_id"]);
        let access_point = self.efs.create_access_point().client_token(tenant).file_system_id(file_system);
        access_point
            .posix_user(PosixUser::builder().uid(33).gid(33).build().expect("a user"))
            .root_directory(root)
            .tags(name.expect("a tag"))
            .send()
            .await
            .expect("an access point");
        // Two revisions, as there are after the runbook's section 3. The runbook deregisters only the last one.
        for _ in 0..2 {
            let container =
                ContainerDefinition::builder().name("wordpress").image("pretend/wordpress:latest").essential(true);
            let definition = self.ecs.register_task_definition().family(self.named(tenant)).cpu("256").memory("512");
            let definition =
                definition.network_mode(NetworkMode::Awsvpc).requires_compatibilities(Compatibility::Fargate);
            definition.container_definitions(container.build()).send().await.expect("a task definition");
        }
        let group = self.elb.create_target_group().name(self.named(&format!("{tenant}-tg")));
        let group = group.protocol(ProtocolEnum::Http).port(80).vpc_id(found("vpc_id")).target_type(TargetTypeEnum::Ip);
        let group =
            group.send().await.expect("a target group").target_groups()[0].target_group_arn().map(str::to_owned);
        let host = format!("{tenant}.{}", self.domain);
        self.elb
            .create_rule()
            .listener_arn(self.listener_of(tenant, environment))
            .priority(i32::from(number_of(tenant)) + 20_000)
            .conditions(RuleCondition::builder().field("host-header").values(host).build())
            .actions(Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(group.expect("an ARN")).build())
            .send()
            .await
            .expect("a rule");
        let service = self.ecs.create_service().cluster(self.named("cluster"));
        let service = service.service_name(self.named(&format!("{tenant}-service")));
        service.task_definition(self.named(tenant)).desired_count(1).send().await.expect("a service");
    }
}

/// The last digits of a tenant's id.
fn number_of(tenant: &str) -> u16 {
    tenant[8..].parse().expect("digits")
}
