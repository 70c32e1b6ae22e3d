//! The demo's look at the tenants' sites, through the load balancer, as visitors and their administrators see them.

use aws_sdk_secretsmanager::Client;
use serde_json::{Value, json};

use super::{table, text};
use crate::failure::{Doing, Result};
use crate::settings::{Environment, Settings};
use crate::visitor::Visitor;
use crate::{aws, emulator, say, tls};

/// The sites of an environment.
pub(super) struct Sites<'a> {
    settings: &'a Settings,
    environment: &'a Environment,
    secrets: Client,
}

impl<'a> Sites<'a> {
    /// The sites; `None` on a machine that cannot run containers, and so has no sites.
    pub(super) fn of(settings: &'a Settings, environment: &'a Environment) -> Result<Option<Self>> {
        if let Some(obstacle) = emulator::obstacle_to_containers(settings)? {
            say::progress(format!("the sites are not shown: {obstacle}"));
            return Ok(None);
        }
        let secrets = Client::new(&aws::config(settings, environment));
        Ok(Some(Self { settings, environment, secrets }))
    }

    /// Opens the site that a provisioning has made. It must be installed.
    pub(super) async fn see(&self, provisioned: &Value) -> Result<()> {
        let visitor = self.visitor(provisioned)?;
        let home = visitor.get("/").await?;
        let installer = visitor.get("/wp-admin/install.php").await?;
        say::result(table(
            text(provisioned, "url").unwrap_or_default(),
            &json!({"status": home.status, "title": home.title(), "/wp-admin/install.php": installer.title()}),
        ));
        if home.status != 200 || installer.text.contains("<form") {
            return Err(format!("the site is not installed: it answers {}", home.status).into());
        }
        Ok(())
    }

    /// Logs in as the site's administrator and publishes a post; returns the path of its page.
    pub(super) async fn write_a_post(&self, provisioned: &Value) -> Result<String> {
        let credentials = self.credentials(provisioned).await?;
        let field = |name: &str| text(&credentials, name).unwrap_or_default();
        let visitor = self.visitor(provisioned)?;
        if visitor.log_in(field("username"), "a wrong password").await? {
            return Err("the site accepts a wrong password".into());
        }
        if !visitor.log_in(field("username"), field("password")).await? {
            return Err("the site refuses its administrator's password".into());
        }
        let page = visitor.publish("We are open", "Come in.").await?;
        say::progress(format!("{} has logged in and published {page}", field("username")));
        Ok(page)
    }

    /// Opens a post, which must be there.
    pub(super) async fn read_the_post(&self, provisioned: &Value, page: &str) -> Result<()> {
        let post = self.visitor(provisioned)?.get(page).await?;
        say::result(table(page, &json!({"status": post.status, "title": post.title()})));
        if post.status == 200 && post.text.contains("We are open") {
            return Ok(());
        }
        Err(format!("the post {page} is gone: the site answers {}", post.status).into())
    }

    /// Says how a person opens a site while the stack is up.
    pub(super) fn say_how_to_visit(&self) {
        let address = self.settings.sites_address(self.environment);
        let domain = &self.settings.domain;
        say::progress(format!(
            "to open a site while `make up` runs: . .local/env, and then\n  \
             curl --connect-to \"::$SITES_ADDRESS\" --cacert $SITES_CA https://<tenant id>.{domain}/\n  \
             chromium --ignore-certificate-errors --host-resolver-rules=\"MAP *.{domain}:443 {address}\" \
             https://<tenant id>.{domain}/"
        ));
    }

    fn visitor(&self, provisioned: &Value) -> Result<Visitor> {
        let url = text(provisioned, "url").ok_or("provision-tenant gave no url")?;
        let authority = tls::ensure(self.settings)?.authority;
        Visitor::new(url, &self.settings.sites_address(self.environment), &authority)
    }

    async fn credentials(&self, provisioned: &Value) -> Result<Value> {
        let arn = text(provisioned, "admin_secret_arn").ok_or("provision-tenant gave no admin_secret_arn")?;
        let secret = self.secrets.get_secret_value().secret_id(arn).send().await;
        let secret = secret.map_err(aws_sdk_secretsmanager::error::SdkError::into_service_error);
        let secret = secret.doing("reading the administrator's credentials")?;
        serde_json::from_str(secret.secret_string().unwrap_or_default())
            .doing("reading the administrator's credentials")
    }
}
