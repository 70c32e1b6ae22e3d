//! The database server, as its administrator and as a tenant.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder};
use serde_json::Value;

use crate::stack::Stack;

/// The administrator's credentials, from the environment's secret.
///
/// # Panics
/// When it cannot be read.
pub async fn master(stack: &Stack) -> Value {
    let secret = stack.secrets.get_secret_value().secret_id(stack.named("rds-master-credentials")).send().await;
    serde_json::from_str(secret.expect("a secret").secret_string().expect("a text")).expect("JSON")
}

/// Connects with these credentials.
///
/// # Errors
/// The server's error.
///
/// # Panics
/// When the environment's secret does not say where the server is.
pub async fn connect(stack: &Stack, user: &str, password: &str) -> Result<Conn, mysql_async::Error> {
    let master = master(stack).await;
    let (host, port) = master["host"].as_str().expect("a host").split_once(':').expect("a port");
    let options = OptsBuilder::default()
        .ip_or_hostname(host)
        .tcp_port(port.parse().expect("a port"))
        .user(Some(user))
        .pass(Some(password))
        .prefer_socket(false);
    Conn::new(options).await
}

/// Connects as the administrator.
///
/// # Panics
/// When the server refuses.
pub async fn administrator(stack: &Stack) -> Conn {
    let master = master(stack).await;
    let field = |name: &str| master[name].as_str().expect("a text");
    connect(stack, field("username"), field("password")).await.expect("the administrator's connection")
}

/// Everything that a tenant has on the server: databases, users with their limits, grants, and our records of owner and
/// site with the view of the latter.
///
/// # Panics
/// When the server does not answer.
pub async fn of_tenant(stack: &Stack, tenant: &str) -> Vec<String> {
    let mut administrator = administrator(stack).await;
    let pattern = format!("{tenant}%");
    let mut all: Vec<String> = Vec::new();
    for query in [
        "SELECT CONCAT('database ', schema_name, ' ', default_character_set_name) FROM information_schema.schemata WHERE schema_name LIKE ?",
        "SELECT CONCAT('user ', user, '@', host, ' at most ', max_user_connections, ' ', authentication_string) FROM mysql.user WHERE user LIKE ?",
        "SELECT CONCAT('grant to ', user, ' on ', db) FROM mysql.db WHERE user LIKE ?",
        "SELECT CONCAT('view ', table_name) FROM information_schema.views WHERE table_schema = 'tenant_management' AND table_name LIKE CONCAT('site_', ?)",
        "SELECT CONCAT('grant to ', user, ' on ', table_name, ' ', table_priv) FROM mysql.tables_priv WHERE user LIKE ?",
        "SELECT CONCAT('owner of ', database_name, ' ', owner) FROM tenant_management.owners WHERE database_name LIKE ?",
        "SELECT CONCAT('site of ', database_name, ' ', IFNULL(installed_at, 'never'), ' ', IFNULL(wordpress_version, 'none')) FROM tenant_management.sites WHERE database_name LIKE ?",
    ] {
        match administrator.exec::<String, _, _>(query, (&pattern,)).await {
            Ok(rows) => all.extend(rows),
            // Our tables do not exist before the first tenant is provisioned.
            Err(mysql_async::Error::Server(error)) if error.code == 1146 => {}
            Err(error) => panic!("{query}: {error}"),
        }
    }
    administrator.disconnect().await.expect("a farewell");
    all
}
