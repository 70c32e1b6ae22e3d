//! A tenant's site, as its visitors see it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use local::settings::Settings;
use local::visitor::Visitor;
use serde_json::Value;

use crate::stack::{Stack, text, variable};

/// Whether this machine can run the tasks of sites. If not, says so.
///
/// # Panics
/// When the emulator cannot be asked.
#[allow(clippy::print_stdout, reason = "whoever reads the tests' output has to know that some did nothing")]
pub fn can_be_served() -> bool {
    let settings = Settings::from_process().expect("the settings");
    let obstacle = local::emulator::obstacle_to_containers(&settings).expect("an answer");
    if let Some(obstacle) = &obstacle {
        println!("skipped, since no site can be served here: {obstacle}");
    }
    obstacle.is_none()
}

/// A site of the first environment.
pub struct Site {
    stack: &'static Stack,
    /// The tenant.
    pub tenant: String,
    /// Its address.
    pub url: String,
    admin_secret: String,
}

impl Site {
    /// The site that a provisioning has made, by its result.
    pub fn of(stack: &'static Stack, provisioned: &Value) -> Self {
        Self {
            stack,
            tenant: text(&provisioned["tenant_id"]),
            url: text(&provisioned["url"]),
            admin_secret: text(&provisioned["admin_secret_arn"]),
        }
    }

    /// Somebody who has not been here before.
    ///
    /// # Panics
    /// When the stack says nothing about its sites.
    pub fn visitor(&self) -> Visitor {
        let ca = variable("SITES_CA");
        Visitor::new(&self.url, &variable("SITES_ADDRESS"), Path::new(&ca)).expect("a visitor")
    }

    /// User name and password of the administrator.
    ///
    /// # Panics
    /// When the secret cannot be read.
    pub async fn credentials(&self) -> (String, String) {
        let secret = self.stack.secrets.get_secret_value().secret_id(&self.admin_secret).send().await;
        let secret: Value =
            serde_json::from_str(secret.expect("a secret").secret_string().expect("a text")).expect("JSON");
        (text(&secret["username"]), text(&secret["password"]))
    }

    /// The administrator, logged in.
    ///
    /// # Panics
    /// When the site refuses the password.
    pub async fn administrator(&self) -> Visitor {
        let (user, password) = self.credentials().await;
        let visitor = self.visitor();
        assert!(visitor.log_in(&user, &password).await.expect("an answer"), "the password is refused");
        visitor
    }

    /// The directory of the site's content on the file system.
    pub fn content(&self) -> PathBuf {
        Path::new(&variable("FILES_DIRECTORY")).join(format!("wordpress/{}/wp-content", self.tenant))
    }

    /// The ARNs of the tasks that run.
    ///
    /// # Panics
    /// When ECS does not answer.
    pub async fn tasks(&self) -> BTreeSet<String> {
        let service = self.stack.named(&format!("{}-service", self.tenant));
        let tasks = self.stack.ecs.list_tasks().cluster(self.stack.named("cluster")).service_name(service).send().await;
        tasks.expect("tasks").task_arns().iter().cloned().collect()
    }

    /// Everything that the tasks have written.
    ///
    /// # Panics
    /// When CloudWatch does not answer.
    pub async fn log(&self) -> String {
        let group = format!("/ecs/{}", self.stack.named(&self.tenant));
        let events = self.stack.logs.filter_log_events().log_group_name(group).into_paginator().send();
        let pages = events.collect::<Result<Vec<_>, _>>().await.expect("events");
        let events = pages.iter().flat_map(|page| page.events());
        events.filter_map(|event| event.message()).collect::<Vec<_>>().join("\n")
    }

    /// How often the load balancer has checked the tasks, by what they have written.
    pub async fn health_checks(&self) -> usize {
        self.log().await.lines().filter(|line| line.contains("ELB-HealthChecker")).count()
    }

    /// Waits until `/` answers with this status.
    ///
    /// # Panics
    /// When that takes more than two minutes.
    pub async fn answers(&self, status: u16) {
        let (start, visitor) = (Instant::now(), self.visitor());
        let mut tick = tokio::time::interval(Duration::from_millis(200));
        loop {
            tick.tick().await;
            let page = visitor.get("/").await.expect("an answer");
            if page.status == status {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(120), "{} and not {status}: {}", page.status, page.text);
        }
    }
}
