//! What exists of a tenant: as list-tenants reports it, and as AWS and MySQL report it.

use std::fs;
use std::path::PathBuf;

use aws_sdk_ecs::types::{ServiceField, TaskDefinitionField, TaskDefinitionStatus};
use serde_json::{Value, json};
use shared::{Kind, PerKind};

use crate::database;
use crate::stack::{Stack, text};

impl Stack {
    /// The tenants on every page of list-tenants.
    ///
    /// # Panics
    /// When the function fails, or lists another number of tenants than it reports.
    pub async fn listed(&self, mut input: Value) -> Vec<Value> {
        let mut all = Vec::new();
        loop {
            let page = self.invoke("list-tenants", &input).await.expect("a page");
            all.extend(page["tenants"].as_array().expect("tenants").clone());
            if page["next_token"].is_null() {
                // It is absent when a filter needed the health of more targets than a call reads.
                assert!(page["total"].is_null() || page["total"] == all.len(), "{page}");
                return all;
            }
            input["next_token"] = page["next_token"].clone();
        }
    }

    /// Makes the first resource of a tenant, its secret, as a provisioning does that then stops for ever.
    ///
    /// # Panics
    /// When it exists.
    pub async fn claim(&self, tenant: &str) {
        let secret = self.secrets.create_secret().name(self.named(&format!("{tenant}-db-credentials")));
        secret.secret_string("{}").send().await.expect("a new secret");
    }

    /// Checks that a deployment that failed was rolled back completely, except for the log, which the cause names.
    ///
    /// # Panics
    /// When something else is left, or the log is not.
    pub async fn only_its_log_is_left(&self, tenant: &str, cause: &Value) {
        let group = format!("/ecs/{}", self.named(tenant));
        assert_eq!((&cause["rolled_back"], &cause["leftovers"]), (&json!(true), &json!([])), "{cause}");
        assert_eq!(
            (text(&cause["kept"][0]["kind"]).as_str(), &cause["kept"][1]),
            ("log-group", &Value::Null),
            "{cause}"
        );
        assert!(text(&cause["kept"][0]["identifier"]).ends_with(&group), "{cause}");
        assert!(text(&cause["message"]).contains(&group), "{cause}");
        let pieces = self.pieces(tenant).await;
        let left: Vec<_> = pieces.iter().filter(|(_, pieces)| !pieces.is_empty()).map(|(kind, _)| kind).collect();
        assert_eq!(left, [Kind::LogGroup], "{cause}");
    }

    /// Everything that exists of a tenant, as text with settings and tags. If two snapshots are equal, nothing was
    /// touched in between. Files are left out, because they stay when a tenant is removed: see [`Stack::files`].
    ///
    /// # Panics
    /// When AWS does not answer.
    pub async fn snapshot(&self, tenant: &str) -> Vec<String> {
        let pieces = self.pieces(tenant).await;
        pieces.iter().flat_map(|(_, pieces)| pieces).map(|text| canonical(text)).collect()
    }

    /// What exists of each kind of resource. The entries of a database include its user, its grants and our records.
    async fn pieces(&self, tenant: &str) -> PerKind<Vec<String>> {
        PerKind {
            service: self.services(tenant).await,
            dns_record: self.dns_records(tenant).await,
            listener_rule: self.listener_rules(tenant).await,
            target_group: self.target_groups(tenant).await,
            task_definition: self.task_definitions(tenant).await,
            task_role: self.task_role(tenant).await.into_iter().collect(),
            access_point: self.access_points(tenant).await,
            database: database::of_tenant(self, tenant).await,
            log_group: self.log_groups(tenant).await,
            site_credentials: self.secret(&format!("{tenant}-site-credentials")).await.into_iter().collect(),
            files: Vec::new(),
            secret: self.secret(&format!("{tenant}-db-credentials")).await.into_iter().collect(),
        }
    }

    /// The directory of all tenants' files.
    ///
    /// # Panics
    /// When Lambda does not answer.
    pub async fn all_files(&self) -> PathBuf {
        PathBuf::from(&self.variables("create-files").await["FILES_DIRECTORY"])
    }

    /// Every directory and file of a tenant on the file system, below the directory of all tenants, and those in the
    /// quarantine.
    ///
    /// # Panics
    /// When the file system refuses.
    pub async fn files(&self, tenant: &str) -> Vec<String> {
        let root = self.all_files().await;
        let quarantined = fs::read_dir(root.join(".quarantine")).into_iter().flatten();
        let quarantined = quarantined.map(|entry| entry.expect("an entry").path());
        let mut places: Vec<_> = quarantined.filter(|path| path.display().to_string().contains(tenant)).collect();
        places.push(root.join(tenant));
        let mut all = Vec::new();
        while let Some(path) = places.pop() {
            places.extend(fs::read_dir(&path).into_iter().flatten().map(|entry| entry.expect("an entry").path()));
            if path.symlink_metadata().is_ok() {
                all.push(path.strip_prefix(&root).expect("a path below").display().to_string());
            }
        }
        all.sort();
        all
    }

    async fn secret(&self, name: &str) -> Option<String> {
        let name = self.named(name);
        let secret = self.secrets.describe_secret().secret_id(&name).send().await.ok()?;
        if let Some(deleted) = secret.deleted_date() {
            return Some(format!("secret {:?} deleted {deleted}", secret.arn()));
        }
        let value = self.secrets.get_secret_value().secret_id(&name).send().await.expect("a secret's value");
        Some(format!("secret {:?} {:?} {:?}", secret.arn(), value.secret_string(), secret.tags()))
    }

    async fn task_role(&self, tenant: &str) -> Option<String> {
        let name = self.named(&format!("{tenant}-task"));
        let role = self.iam.get_role().role_name(&name).send().await.ok()?.role?;
        let names = self.iam.list_role_policies().role_name(&name).send().await.expect("the role's policies");
        let mut policies = Vec::new();
        for policy in names.policy_names() {
            let policy = self.iam.get_role_policy().role_name(&name).policy_name(policy).send().await;
            policies.push(policy.expect("a policy").policy_document);
        }
        Some(format!("{role:?} {policies:?}"))
    }

    async fn access_points(&self, tenant: &str) -> Vec<String> {
        let all =
            self.efs.describe_access_points().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let all = all.expect("access points").into_iter();
        all.filter(|access_point| format!("{access_point:?}").contains(tenant))
            .map(|access_point| format!("{access_point:?}"))
            .collect()
    }

    async fn log_groups(&self, tenant: &str) -> Vec<String> {
        let name = format!("/ecs/{}", self.named(tenant));
        let groups = self.logs.describe_log_groups().log_group_name_prefix(name).send().await.expect("log groups");
        let mut all = Vec::new();
        for group in groups.log_groups() {
            let arn = group.arn().unwrap_or_default().trim_end_matches(":*");
            let tags = self.logs.list_tags_for_resource().resource_arn(arn).send().await.expect("tags");
            let mut tags: Vec<_> = tags.tags().into_iter().flatten().collect();
            tags.sort();
            all.push(format!("log group {arn} {:?} {tags:?}", group.retention_in_days()));
        }
        all
    }

    async fn target_groups(&self, tenant: &str) -> Vec<String> {
        let groups =
            self.elb.describe_target_groups().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let mut all = Vec::new();
        for group in groups.expect("target groups") {
            if group.target_group_name().is_some_and(|name| name.contains(tenant)) {
                let tags =
                    self.elb.describe_tags().resource_arns(group.target_group_arn().unwrap_or_default()).send().await;
                all.push(format!("{group:?} {:?}", tags.expect("tags").tag_descriptions()));
            }
        }
        all
    }

    async fn listener_rules(&self, tenant: &str) -> Vec<String> {
        let mut all = Vec::new();
        for rule in self.rules().await {
            if format!("{rule:?}").contains(tenant) {
                let tags = self.elb.describe_tags().resource_arns(rule.rule_arn().unwrap_or_default()).send().await;
                all.push(format!("{rule:?} {:?}", tags.expect("tags").tag_descriptions()));
            }
        }
        all
    }

    async fn dns_records(&self, tenant: &str) -> Vec<String> {
        let zone = self.hosted_zone().await;
        let listed = self.route53.list_resource_record_sets().hosted_zone_id(zone).max_items(300);
        let listed = listed.start_record_name(format!("{tenant}.{}", self.domain)).send().await.expect("records");
        let records = listed.resource_record_sets().iter().filter(|record| record.name().contains(tenant));
        records.map(|record| format!("{record:?}")).collect()
    }

    /// The id of the account's hosted zone.
    ///
    /// # Panics
    /// When AWS does not answer.
    pub async fn hosted_zone(&self) -> String {
        let zones = self.route53.list_hosted_zones().send().await.expect("hosted zones");
        zones.hosted_zones()[0].id().trim_start_matches("/hostedzone/").to_owned()
    }

    /// Every rule of every listener.
    ///
    /// # Panics
    /// When AWS does not answer.
    pub async fn rules(&self) -> Vec<aws_sdk_elasticloadbalancingv2::types::Rule> {
        let mut rules = Vec::new();
        for balancer in self.elb.describe_load_balancers().send().await.expect("load balancers").load_balancers() {
            let arn = balancer.load_balancer_arn().expect("an ARN");
            for listener in
                self.elb.describe_listeners().load_balancer_arn(arn).send().await.expect("listeners").listeners()
            {
                let arn = listener.listener_arn().expect("an ARN");
                rules.extend(
                    self.elb.describe_rules().listener_arn(arn).send().await.expect("rules").rules.unwrap_or_default(),
                );
            }
        }
        rules
    }

    async fn task_definitions(&self, tenant: &str) -> Vec<String> {
        let mut all = Vec::new();
        let families = [self.named(tenant), format!("{}-job", self.named(tenant))];
        let statuses = [TaskDefinitionStatus::Active, TaskDefinitionStatus::Inactive];
        for (family, status) in families.iter().flat_map(|family| statuses.clone().map(|status| (family, status))) {
            let listed = self.ecs.list_task_definitions().family_prefix(family).status(status);
            let listed = listed.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
            for arn in listed.expect("task definitions") {
                let definition =
                    self.ecs.describe_task_definition().task_definition(&arn).include(TaskDefinitionField::Tags);
                let definition = definition.send().await.expect("a task definition");
                all.push(format!("{:?} {:?}", definition.task_definition(), definition.tags()));
            }
        }
        all
    }

    async fn services(&self, tenant: &str) -> Vec<String> {
        let described = self.ecs.describe_services().cluster(self.named("cluster"));
        let described = described.services(self.named(&format!("{tenant}-service"))).include(ServiceField::Tags);
        let described = described.send().await.expect("services").services.unwrap_or_default();
        described
            .into_iter()
            .filter(|service| service.status() != Some("INACTIVE"))
            .map(|service| {
                format!(
                    "service {:?} {:?} {:?} {:?} {:?} {:?}",
                    service.service_arn(),
                    service.status(),
                    service.desired_count(),
                    service.task_definition(),
                    service.load_balancers(),
                    service.tags()
                )
            })
            .collect()
    }
}

/// The words of a text in sorted order, because maps print their entries in any order.
fn canonical(text: &str) -> String {
    let mut words: Vec<_> = text.split([',', ' ', '{', '}']).collect();
    words.sort_unstable();
    words.join(" ")
}
