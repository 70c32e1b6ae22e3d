//! A visitor of a tenant's site: a browser without a window. It speaks TLS with the stack's load balancer, and keeps
//! cookies.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{CONTENT_DISPOSITION, CONTENT_TYPE, LOCATION};
use reqwest::{Certificate, Client, RequestBuilder, redirect};
use serde_json::{Value, json};

use crate::failure::{Doing, Result};

const PATIENCE: Duration = Duration::from_secs(90);

/// A visitor, with the cookies that the site has set.
#[derive(Clone, Debug)]
pub struct Visitor {
    client: Client,
    site: String,
}

/// An answer of the site. Redirects are not followed.
#[derive(Debug)]
pub struct Page {
    /// Status code.
    pub status: u16,
    /// Where a redirect leads.
    pub location: Option<String>,
    /// The text.
    pub text: String,
}

impl Page {
    /// The title of an HTML page.
    pub fn title(&self) -> &str {
        let after = self.text.split_once("<title>").map(|(_, after)| after);
        after.and_then(|after| after.split_once("</title>")).map_or("", |(title, _)| title.trim())
    }
}

impl Visitor {
    /// A new visitor of the site at `url`, whose host is at `address`: host and port of the load balancers. `ca` is the
    /// file of the authority that signed their certificate.
    ///
    /// # Errors
    /// When one of these is malformed.
    pub fn new(url: &str, address: &str, ca: &Path) -> Result<Self> {
        let doing = format!("visiting {url}");
        let host = url.split_once("://").map(|(_, host)| host).ok_or_else(|| format!("{doing}: it is no URL"))?;
        let address: SocketAddr = address.parse().doing(&doing)?;
        let ca = std::fs::read(ca).doing(format!("reading {}", ca.display()))?;
        let client = Client::builder()
            .resolve(host, address)
            .tls_certs_only([Certificate::from_pem(&ca).doing(&doing)?])
            .redirect(redirect::Policy::none())
            .cookie_store(true)
            .timeout(PATIENCE)
            .build()
            .doing(&doing)?;
        Ok(Self { client, site: url.to_owned() })
    }

    /// Opens a page.
    ///
    /// # Errors
    /// When the load balancer does not answer.
    pub async fn get(&self, path: &str) -> Result<Page> {
        self.send(path, self.client.get(format!("{}{path}", self.site))).await
    }

    /// Sends a form.
    ///
    /// # Errors
    /// When the load balancer does not answer.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Result<Page> {
        self.send(path, self.client.post(format!("{}{path}", self.site)).form(fields)).await
    }

    /// Logs in, as with the login page; says whether the site accepts it.
    ///
    /// # Errors
    /// When the load balancer does not answer.
    pub async fn log_in(&self, user: &str, password: &str) -> Result<bool> {
        // WordPress wants its test cookie back.
        self.get("/wp-login.php").await?;
        let fields = [("log", user), ("pwd", password), ("testcookie", "1"), ("redirect_to", "/wp-admin/")];
        self.post("/wp-login.php", &fields).await?;
        Ok(self.get("/wp-admin/").await?.status == 200)
    }

    /// Publishes a post; returns the path of its page. Needs a login.
    ///
    /// # Errors
    /// When the site refuses it.
    pub async fn publish(&self, title: &str, content: &str) -> Result<String> {
        let post = json!({"title": title, "content": content, "status": "publish"});
        let request = self.client.post(format!("{}/?rest_route=/wp/v2/posts", self.site)).json(&post);
        self.created(request, "link").await
    }

    /// Uploads a picture; returns the path of its file. Needs a login.
    ///
    /// # Errors
    /// When the site refuses it.
    pub async fn upload(&self, name: &str, png: Vec<u8>) -> Result<String> {
        let request = self.client.post(format!("{}/?rest_route=/wp/v2/media", self.site)).body(png);
        let request = request.header(CONTENT_TYPE, "image/png");
        self.created(request.header(CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")), "source_url")
            .await
    }

    /// Sends a request of WordPress's own API; returns the path in a field of the answer that has a URL.
    async fn created(&self, request: RequestBuilder, field: &str) -> Result<String> {
        let nonce = self.get("/wp-admin/admin-ajax.php?action=rest-nonce").await?.text;
        let page = self.send("its API", request.header("X-WP-Nonce", nonce)).await?;
        let made: Value = serde_json::from_str(&page.text).unwrap_or_default();
        let path = made[field].as_str().and_then(|url| url.strip_prefix(&self.site)).map(str::to_owned);
        path.filter(|_| page.status == 201).ok_or_else(|| {
            format!("{} answers {} to what was to be made: {}", self.site, page.status, page.text).into()
        })
    }

    async fn send(&self, what: &str, request: RequestBuilder) -> Result<Page> {
        let doing = format!("asking {} for {what}", self.site);
        let answer = request.send().await.doing(&doing)?;
        let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Ok(Page { status: answer.status().as_u16(), location, text: answer.text().await.doing(&doing)? })
    }
}
