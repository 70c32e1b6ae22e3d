//! A tenant's MySQL database and user.
//!
//! MySQL has no tags, so the owner of each database is stored in a table of this project, `tenant_management.owners`.
//! The row is written before the database is created and removed after it is dropped, so whatever an interruption
//! leaves has a row. A database without a row was not made by this project.
//!
//! A second table, `tenant_management.sites`, says when each site was installed, which WordPress serves it, and which one
//! changed its tables last. The
//! tenant's own tasks read and write that, in a view that has their row alone. A site is installed only while its row
//! says that it never was.
//!
//! MySQL commits every statement that defines something by itself, so each of them here may run twice.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_secretsmanager::Client as Secrets;
use serde::{Deserialize, Serialize};
use shared::mysql::{Connection, Credentials, Transport};
use shared::{Error, ErrorKind, Kind, Names, Owner, Result, Settings, TenantId};

use crate::resources::secret;
use crate::resources::teardown::Teardown;
use crate::resources::{Found, Removal, ours, tenant_named};

/// Maximum time to wait for another run on the same tenant, in seconds.
pub(crate) const LOCK_WAIT: u8 = 10;

/// The table of the databases' owners.
pub(crate) const OWNERS: &str = "tenant_management.owners (\
     database_name VARCHAR(64) NOT NULL PRIMARY KEY, owner VARCHAR(256) NOT NULL, \
     recorded_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)";

/// The table that says when the sites were installed, which version of WordPress serves them, and which one changed their
/// tables last.
pub(crate) const SITES: &str = "tenant_management.sites (\
     database_name VARCHAR(64) NOT NULL PRIMARY KEY, installed_at TIMESTAMP NULL DEFAULT NULL, \
     wordpress_version VARCHAR(32) NULL DEFAULT NULL, database_version VARCHAR(32) NULL DEFAULT NULL)";

/// Maximum length of a version in [`SITES`].
const LONGEST_VERSION: usize = 32;

/// In GRANT an unescaped underscore matches any character, which would grant access to other databases as well. With
/// this setting of MySQL 8, it stands for itself, and an escaped one is not understood. MariaDB has no such setting.
/// Source: the MySQL 8 manual, "Privilege Restriction Using Partial Revokes".
const PARTIAL_REVOKES: &str = "SHOW VARIABLES LIKE 'partial_revokes'";

/// Input of create-database.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The execution that creates it.
    pub owner: Owner,
}

/// Output of create-database.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Created {
    /// Name of the database.
    pub database: String,
    /// Name of the user.
    pub database_user: String,
}

/// The tenant's database and user, if either exists.
///
/// # Errors
/// When a query to the server fails.
pub async fn find(connection: &mut Connection, names: &Names) -> Result<Vec<Found>> {
    let exists: Option<(bool, bool)> = connection
        .first(
            &format!("looking for database ({})", names.database()),
            "SELECT EXISTS (SELECT 1 FROM information_schema.schemata WHERE schema_name = ?), \
                    EXISTS (SELECT 1 FROM mysql.user WHERE user = ? AND host = '%')",
            vec![&names.database(), &names.user()],
        )
        .await?;
    let identifier = match exists.unwrap_or_default() {
        (true, _) => names.database(),
        (false, true) => names.user(),
        (false, false) => return Ok(Vec::new()),
    };
    Ok(vec![Found::present(identifier, recorded_owner(connection, names).await?)])
}

/// The tenants that have a database.
///
/// # Errors
/// When a query to the server fails.
pub(crate) async fn list(connection: &mut Connection, settings: &Settings) -> Result<BTreeSet<TenantId>> {
    let query = "SELECT schema_name FROM information_schema.schemata WHERE RIGHT(schema_name, 3) = '_db'";
    let databases: Vec<String> = connection.all("listing databases", query).await?;
    Ok(databases.iter().filter_map(|name| tenant_named(settings, name, Names::database)).collect())
}

/// Creates the tenant's database, and its user with the password that is in the tenant's secret.
///
/// # Errors
/// `ResourceConflict` when the database or the user exists and another owner made it.
pub async fn create(secrets: &Secrets, settings: &Settings, request: Create) -> Result<Created> {
    let names = settings.names(&request.tenant_id);
    let connections: u32 = settings.parsed("DATABASE_MAX_USER_CONNECTIONS")?;
    let transport = Transport::from_settings(settings)?;
    let (password, administrator) =
        tokio::try_join!(secret::read_password(secrets, &names), secret::read_master_credentials(secrets, settings))?;
    let mut connection = Connection::open(&administrator, &transport).await?;
    let outcome = create_with(&mut connection, &names, &request.owner, &password, connections).await;
    connection.close().await;
    let created = outcome?;
    let tenant = administrator.of_user(&names.user(), &password);
    let used = use_database(&tenant, &transport, &names).await;
    // What a tenant's tasks cannot do is a fault of the server's settings, whatever code the server has for it.
    used.map_err(|error| match error.kind() {
        ErrorKind::Transient => error,
        _ => unusable(&names, &error.chain()),
    })?;
    Ok(created)
}

/// Logs in as the tenant's user and uses the database and the record of the site.
async fn use_database(tenant: &Credentials, transport: &Transport, names: &Names) -> Result<()> {
    let mut connection = Connection::open(tenant, transport).await?;
    let doing = format!("using database ({}) as user ({})", names.database(), names.user());
    let mut outcome = Ok(());
    for statement in uses(names) {
        if outcome.is_ok() {
            outcome = connection.run(&doing, &statement).await;
        }
    }
    connection.close().await;
    outcome
}

/// What WordPress does with its database and with the record of the site, without a change.
pub(crate) fn uses(names: &Names) -> [String; 2] {
    [
        format!("USE `{}`", names.database()),
        format!("UPDATE tenant_management.{} SET installed_at = installed_at", names.site_record()),
    ]
}

/// The error when the tenant's user cannot do that.
pub(crate) fn unusable(names: &Names, why: &str) -> Error {
    Error::not_ready(format!(
        "user {} cannot use its database as WordPress would: {why}. Look at the server's settings \
         (require_secure_transport, partial_revokes, the plugin for passwords)",
        names.user()
    ))
}

async fn create_with(
    connection: &mut Connection,
    names: &Names,
    owner: &Owner,
    password: &str,
    connections: u32,
) -> Result<Created> {
    lock(connection, names).await?;
    record_owner(connection, names, owner).await?;
    let (database, user) = (names.database(), names.user());
    let doing = format!("creating database ({database})");
    connection.run(&doing, &format!("CREATE DATABASE IF NOT EXISTS `{database}` CHARACTER SET utf8mb4")).await?;
    let doing = format!("creating user ({user})");
    // IF NOT EXISTS keeps the password of an earlier run. ALTER USER sets the password from the secret.
    for verb in ["CREATE USER IF NOT EXISTS", "ALTER USER"] {
        let statement =
            format!("{verb} '{user}'@'%' IDENTIFIED BY '{password}' WITH MAX_USER_CONNECTIONS {connections}");
        connection.run_secret(&doing, &statement).await?;
    }
    let doing = format!("granting database ({database}) to user ({user})");
    let pattern = match connection.first::<(String, String)>(&doing, PARTIAL_REVOKES, vec![]).await? {
        Some((_, value)) if value.eq_ignore_ascii_case("ON") => database.clone(),
        _ => database.replace('_', "\\_"),
    };
    connection.run(&doing, &format!("GRANT ALL PRIVILEGES ON `{pattern}`.* TO '{user}'@'%'")).await?;
    for statement in site_record(names) {
        connection.run(&format!("granting the record of the site to user ({user})"), &statement).await?;
    }
    Ok(Created { database, database_user: user })
}

/// Gives the tenant's user the view of its row in [`SITES`].
pub(crate) fn site_record(names: &Names) -> [String; 2] {
    let (view, database, user) = (names.site_record(), names.database(), names.user());
    [
        format!(
            "CREATE OR REPLACE SQL SECURITY DEFINER VIEW tenant_management.{view} AS \
             SELECT installed_at, wordpress_version, database_version FROM tenant_management.sites WHERE database_name = '{database}'"
        ),
        format!("GRANT SELECT, UPDATE ON tenant_management.{view} TO '{user}'@'%'"),
    ]
}

/// Drops the tenant's database and user.
///
/// # Errors
/// When the server refuses or cannot be reached.
pub async fn delete(secrets: &Secrets, settings: &Settings, request: Teardown) -> Result<Removal> {
    let names = request.names(settings)?;
    let mut connection = connect(secrets, settings).await?;
    let outcome = delete_with(&mut connection, &names, request.owner.as_ref()).await;
    connection.close().await;
    outcome
}

async fn delete_with(connection: &mut Connection, names: &Names, scope: Option<&Owner>) -> Result<Removal> {
    lock(connection, names).await?;
    let mut removal = Removal::of(Kind::Database);
    let found = find(connection, names).await?;
    let ours = removal.keep_foreign(found, scope);
    if !ours.is_empty() {
        let (database, user) = (names.database(), names.user());
        connection
            .run(&format!("dropping database ({database})"), &format!("DROP DATABASE IF EXISTS `{database}`"))
            .await?;
        connection.run(&format!("dropping user ({user})"), &format!("DROP USER IF EXISTS '{user}'@'%'")).await?;
        removal.removed.extend([database, user]);
    }
    if removal.kept.is_empty() {
        forget(connection, names, scope).await?;
    }
    Ok(removal)
}

/// Whether only an ECS task can reach the server. The stack's parameter says so.
pub(crate) fn only_a_task_reaches_it(settings: &Settings) -> bool {
    settings.optional("DATABASE_ACCESS") == Some("ecs-task")
}

/// Connects as the administrator.
///
/// # Errors
/// `EnvironmentNotReady` when a setting or the administrator's secret is missing, `Transient` when the server does not
/// answer.
pub async fn connect(secrets: &Secrets, settings: &Settings) -> Result<Connection> {
    let transport = Transport::from_settings(settings)?;
    let credentials = secret::read_master_credentials(secrets, settings).await?;
    Connection::open(&credentials, &transport).await
}

/// The name of a tenant's lock on the database server.
pub(crate) fn lock_name(names: &Names) -> String {
    format!("tenant-management.{}", names.tenant())
}

/// Makes a second run on the same tenant wait until this connection ends.
async fn lock(connection: &mut Connection, names: &Names) -> Result<()> {
    let name = lock_name(names);
    let doing = format!("locking tenant ({})", names.tenant());
    match connection.first::<Option<u8>>(&doing, &format!("SELECT GET_LOCK(?, {LOCK_WAIT})"), vec![&name]).await? {
        Some(Some(1)) => Ok(()),
        _ => {
            Err(Error::new(ErrorKind::Transient, format!("{doing}: another run holds it for more than {LOCK_WAIT} s")))
        }
    }
}

/// Whether the server has this table of ours. Before the first tenant is made, it has none.
async fn has_table(connection: &mut Connection, doing: &str, table: &str) -> Result<bool> {
    let query = "SELECT 1 FROM information_schema.tables WHERE table_schema = 'tenant_management' AND table_name = ?";
    Ok(connection.first::<u8>(doing, query, vec![table]).await?.is_some())
}

/// The version of WordPress that serves a tenant's site; `None` when none has served it yet, or when the tenant was made
/// without a record.
///
/// # Errors
/// When a query to the server fails.
pub(crate) async fn wordpress_version(connection: &mut Connection, names: &Names) -> Result<Option<String>> {
    let doing = format!("reading the record of the site of database ({})", names.database());
    if !has_table(connection, &doing, "sites").await? {
        return Ok(None);
    }
    let query = "SELECT wordpress_version FROM tenant_management.sites WHERE database_name = ?";
    let version = connection.first::<Option<String>>(&doing, query, vec![&names.database()]).await?.flatten();
    Ok(version.filter(|version| is_version(version)))
}

/// Whether a text is a version of WordPress. The tenant writes it, and people read it in their terminals.
pub(crate) fn is_version(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= LONGEST_VERSION
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".+-".contains(&byte))
}

/// The versions of WordPress that serve the tenants' sites.
///
/// # Errors
/// When a query to the server fails.
pub(crate) async fn wordpress_versions(
    connection: &mut Connection,
    settings: &Settings,
) -> Result<BTreeMap<TenantId, String>> {
    let doing = "reading the records of the sites";
    if !has_table(connection, doing, "sites").await? {
        return Ok(BTreeMap::new());
    }
    let query = "SELECT database_name, wordpress_version FROM tenant_management.sites \
                 WHERE wordpress_version IS NOT NULL";
    let rows: Vec<(String, String)> = connection.all(doing, query).await?;
    let of_tenant =
        |(name, version): (String, String)| Some((tenant_named(settings, &name, Names::database)?, version));
    Ok(rows.into_iter().filter(|(_, version)| is_version(version)).filter_map(of_tenant).collect())
}

async fn recorded_owner(connection: &mut Connection, names: &Names) -> Result<Option<Owner>> {
    let doing = format!("reading the owner of database ({})", names.database());
    if !has_table(connection, &doing, "owners").await? {
        return Ok(None);
    }
    let owner: Option<String> = connection
        .first(&doing, "SELECT owner FROM tenant_management.owners WHERE database_name = ?", vec![&names.database()])
        .await?;
    Ok(owner.and_then(|owner| Owner::try_from(owner).ok()))
}

/// Records the owner of the database that is about to be created, and that its site was never installed.
async fn record_owner(connection: &mut Connection, names: &Names, owner: &Owner) -> Result<()> {
    let found = find(connection, names).await?;
    if ours("database", found, owner)?.is_some() {
        return Ok(());
    }
    let doing = format!("recording the owner of database ({})", names.database());
    connection.run(&doing, "CREATE DATABASE IF NOT EXISTS tenant_management").await?;
    connection.run(&doing, &format!("CREATE TABLE IF NOT EXISTS {OWNERS}")).await?;
    connection.run(&doing, &format!("CREATE TABLE IF NOT EXISTS {SITES}")).await?;
    // Rows without a database remain from a database that was dropped by hand. This execution has claimed the tenant's
    // id, so it replaces them.
    let replace = "REPLACE INTO tenant_management.sites (database_name) VALUES (?)";
    connection.change(&doing, replace, vec![&names.database()]).await?;
    let replace = "REPLACE INTO tenant_management.owners (database_name, owner) VALUES (?, ?)";
    connection.change(&doing, replace, vec![&names.database(), owner.as_str()]).await?;
    Ok(())
}

async fn forget(connection: &mut Connection, names: &Names, scope: Option<&Owner>) -> Result<()> {
    if recorded_owner(connection, names).await?.is_some_and(|owner| scope.is_none_or(|scope| *scope == owner)) {
        let doing = format!("forgetting the owner of database ({})", names.database());
        let view = names.site_record();
        connection.run(&doing, &format!("DROP VIEW IF EXISTS tenant_management.{view}")).await?;
        // An environment whose tenants were all made without a record has no such table yet.
        connection.run(&doing, &format!("CREATE TABLE IF NOT EXISTS {SITES}")).await?;
        for table in ["sites", "owners"] {
            let delete = format!("DELETE FROM tenant_management.{table} WHERE database_name = ?");
            connection.change(&doing, &delete, vec![&names.database()]).await?;
        }
    }
    Ok(())
}
