//! `update`, `suspend` and `resume`: start update-tenant.

use aws_sdk_ecs::Client as Ecs;
use aws_sdk_ecs::types::{SortOrder, TaskDefinition, TaskDefinitionStatus};
use serde_json::json;
use shared::Error;

use super::{Operator, flag, object, text};
use crate::arguments::{OfTenant, Update};
use crate::failure::{Failure, Result};
use crate::watch::Outcome;

/// The container that serves the site.
const CONTAINER: &str = "wordpress";
/// Number of revisions to look at. update-tenant keeps the last ten.
const REVISIONS: usize = 20;

impl Operator<'_> {
    pub(super) async fn update(&mut self, options: &Update) -> Result<()> {
        let tenant = &options.tenant.tenant_id;
        let mut input = object([
            ("tenant_id", json!(tenant)),
            ("environment", json!(self.environment.name)),
            ("image", json!(options.image)),
            ("cpu", json!(options.cpu)),
            ("memory", json!(options.memory)),
            ("desired_count", json!(options.desired_count)),
            ("force_new_deployment", flag(options.force_new_deployment)),
            ("allow_downgrade", flag(options.allow_downgrade)),
            ("move_content", flag(options.move_content)),
            ("table_prefix", json!(options.table_prefix)),
        ]);
        if options.rollback {
            let before = self.revision_before(tenant).await?;
            self.screen.progress(&format!("back to revision {}: {}", before.number, before.shown()));
            for (field, value) in
                [("image", json!(before.image)), ("cpu", json!(before.cpu)), ("memory", json!(before.memory))]
            {
                input[field] = value;
            }
        }
        self.execute("update-tenant", tenant, &input, &options.waiting, updated).await
    }

    pub(super) async fn suspend(&mut self, options: &OfTenant, suspended: bool) -> Result<()> {
        let tenant = &options.tenant.tenant_id;
        let input = json!({"tenant_id": tenant, "environment": self.environment.name, "suspended": suspended});
        self.execute("update-tenant", tenant, &input, &options.waiting, updated).await
    }

    /// The last revision before the tenant's own that has another image or size.
    async fn revision_before(&self, tenant: &str) -> Result<Revision> {
        let described = self.environment.call("describe-tenant", &json!({"tenant_id": tenant})).await?;
        let arn = described.get("task_definition").map(|definition| text(definition, "arn")).unwrap_or_default();
        if arn.is_empty() {
            let message = format!("tenant {tenant} has no task definition, so there is no revision to go back to");
            return Err(Failure::new("TenantNotFound", message));
        }
        let ecs = &self.environment.ecs;
        let now = revision(ecs, arn).await?;
        let family = self.environment.named(tenant);
        let listed = ecs.list_task_definitions().family_prefix(&family).status(TaskDefinitionStatus::Active);
        let mut listed = listed.sort(SortOrder::Desc).into_paginator().items().send();
        let mut looked_at = 0;
        while let Some(arn) = listed.next().await {
            let arn = arn.map_err(|error| Error::aws(format!("listing the revisions of {family}"), error))?;
            // Revisions after the tenant's own were tried and left.
            if number(&arn) >= now.number {
                continue;
            }
            let earlier = revision(ecs, &arn).await?;
            if !earlier.is_like(&now) {
                return Ok(earlier);
            }
            looked_at += 1;
            if looked_at == REVISIONS {
                break;
            }
        }
        Err(Failure::new(
            "ResourceConflict",
            format!(
                "no earlier revision of {family} has another image or size than revision {} ({}): give --image, --cpu \
                 or --memory",
                now.number,
                now.shown()
            ),
        ))
    }
}

fn updated(outcome: &Outcome) -> String {
    let (tenant, status) = (text(&outcome.output, "tenant_id"), text(&outcome.output, "status"));
    format!("Tenant {tenant} is {status}, in {:.0} s", outcome.took.as_secs_f64())
}

/// What a rollback takes from a revision.
#[derive(Debug, PartialEq, Eq)]
struct Revision {
    number: i32,
    image: String,
    cpu: u32,
    memory: u32,
}

impl Revision {
    fn of(definition: &TaskDefinition) -> Option<Self> {
        let containers = definition.container_definitions();
        let container =
            containers.iter().find(|container| container.name() == Some(CONTAINER)).or(containers.first())?;
        Some(Self {
            number: definition.revision(),
            image: container.image()?.to_owned(),
            cpu: definition.cpu()?.parse().ok()?,
            memory: definition.memory()?.parse().ok()?,
        })
    }

    fn is_like(&self, other: &Self) -> bool {
        (&self.image, self.cpu, self.memory) == (&other.image, other.cpu, other.memory)
    }

    fn shown(&self) -> String {
        format!("{}, cpu {}, memory {}", self.image, self.cpu, self.memory)
    }
}

async fn revision(ecs: &Ecs, arn: &str) -> Result<Revision> {
    let described = ecs.describe_task_definition().task_definition(arn).send().await;
    let described = described.map_err(|error| Error::aws(format!("reading task definition ({arn})"), error))?;
    let revision = described.task_definition().and_then(Revision::of);
    revision.ok_or_else(|| Failure::new("Internal", format!("task definition ({arn}) has no image, cpu or memory")))
}

/// The number of a revision, which is the end of its ARN.
fn number(arn: &str) -> i32 {
    arn.rsplit(':').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecs::types::ContainerDefinition;
    use serde_json::Value;

    use super::*;

    fn definition(container: &str, image: &str) -> TaskDefinition {
        let container = ContainerDefinition::builder().name(container).image(image).build();
        TaskDefinition::builder().revision(3).cpu("256").memory("512").container_definitions(container).build()
    }

    #[test]
    fn a_revision_has_the_sites_image_and_the_tasks_size() {
        let revision = Revision::of(&definition("wordpress", "a:1")).unwrap();
        assert_eq!(revision, Revision { number: 3, image: "a:1".to_owned(), cpu: 256, memory: 512 });
        assert_eq!(Revision::of(&TaskDefinition::builder().build()), None);
    }

    #[test]
    fn revisions_are_alike_whatever_their_numbers() {
        let (one, other) = (definition("wordpress", "a:1"), definition("wordpress", "a:2"));
        let (one, other) = (Revision::of(&one).unwrap(), Revision::of(&other).unwrap());
        assert!(one.is_like(&Revision { number: 9, ..Revision::of(&definition("wordpress", "a:1")).unwrap() }));
        assert!(!one.is_like(&other));
    }

    #[test]
    fn a_revisions_number_is_the_end_of_its_arn() {
        assert_eq!(number("arn:aws:ecs:eu-west-1:1:task-definition/dev-1:12"), 12);
    }

    #[test]
    fn the_output_says_what_became_of_the_tenant() {
        let output: Value = json!({"tenant_id": "1", "status": "unchanged"});
        let outcome = Outcome {
            status: aws_sdk_sfn::types::ExecutionStatus::Succeeded,
            output,
            error: String::new(),
            cause: Value::Null,
            took: std::time::Duration::from_secs(3),
        };
        assert_eq!(updated(&outcome), "Tenant 1 is unchanged, in 3 s");
    }
}
