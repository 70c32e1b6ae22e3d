//! The statements of a task. They do the same as [`crate::resources::database`], in a client that has no conditions.
//!
//! One session holds the tenant's lock from the first statement to the last, as in the Lambda functions. Each check
//! selects a row that says whether the session continues; if it does not, a statement that cannot be prepared ends it.
//! Owners consist of letters, digits and `+-=._:/@` (see [`Owner`]), and names contain digits, so both can be put
//! between quotes unchanged. `run.sh` replaces [`PASSWORD`] by the tenant's password, and [`ESCAPE`] by what this server
//! takes for an escape.
//!
//! The last row is the outcome: created, removed, absent, foreign (with the owner), locked, left.

use shared::{Names, Owner};

use crate::resources::database::{LOCK_WAIT, OWNERS, SITES, lock_name, site_record};

/// Placeholder of the password. It only occurs in statements whose passwords MySQL keeps out of its logs. Source: the
/// MySQL 8 manual, "Passwords and Logging".
const PASSWORD: &str = "@PASSWORD@";

/// Placeholder of the escape in a GRANT, which not every server understands.
const ESCAPE: &str = "@ESCAPE@";

pub(super) fn create(names: &Names, owner: &Owner, connections: u32) -> String {
    let (database, user) = (names.database(), names.user());
    // In GRANT an unescaped underscore matches any character, which would grant access to other databases as well.
    let pattern = database.replace('_', &format!("{ESCAPE}_"));
    let identified = format!("'{user}'@'%' IDENTIFIED BY '{PASSWORD}' WITH MAX_USER_CONNECTIONS {connections}");
    [
        looked(names),
        format!("SET @ours = NOT @found OR {};", owned(names, owner)),
        go_on("WHEN NOT @ours THEN CONCAT('foreign ', @owner)"),
        format!("DELETE FROM tenant_management.sites WHERE database_name = '{database}' AND NOT @found;"),
        format!("INSERT IGNORE INTO tenant_management.sites (database_name) VALUES ('{database}');"),
        format!("REPLACE INTO tenant_management.owners (database_name, owner) VALUES ('{database}', '{owner}');"),
        format!("CREATE DATABASE IF NOT EXISTS `{database}` CHARACTER SET utf8mb4;"),
        // IF NOT EXISTS keeps the password of an earlier run. ALTER USER sets the password from the secret.
        format!("CREATE USER IF NOT EXISTS {identified};"),
        format!("ALTER USER {identified};"),
        format!("GRANT ALL PRIVILEGES ON `{pattern}`.* TO '{user}'@'%';"),
        site_record(names).map(|statement| statement + ";").join("\n"),
        "SELECT 'created';".to_owned(),
    ]
    .join("\n")
}

pub(super) fn drop(names: &Names, scope: Option<&Owner>) -> String {
    let (database, user) = (names.database(), names.user());
    let forget = |condition: &str| {
        ["sites", "owners"]
            .map(|table| {
                let row = format!("tenant_management.{table} WHERE database_name = '{database}'");
                format!("DELETE FROM {row} AND @locked = 1 AND NOT @found{condition};")
            })
            .join("\n")
    };
    [
        looked(names),
        format!("SET @ours = {};", scope.map_or_else(|| "TRUE".to_owned(), |owner| owned(names, owner))),
        forget(" AND @ours"),
        go_on("WHEN NOT @found THEN 'absent' WHEN NOT @ours THEN CONCAT('foreign ', @owner)"),
        format!("DROP DATABASE IF EXISTS `{database}`;"),
        format!("DROP USER IF EXISTS '{user}'@'%';"),
        format!("DROP VIEW IF EXISTS tenant_management.{};", names.site_record()),
        format!("SET @found = {};", found(names)),
        forget(""),
        "SELECT IF(@found, 'left', 'removed');".to_owned(),
    ]
    .join("\n")
}

/// Takes the lock and reads what exists.
fn looked(names: &Names) -> String {
    let (lock, database) = (lock_name(names), names.database());
    [
        "CREATE DATABASE IF NOT EXISTS tenant_management;".to_owned(),
        format!("CREATE TABLE IF NOT EXISTS {OWNERS};"),
        format!("CREATE TABLE IF NOT EXISTS {SITES};"),
        format!("SET @locked = GET_LOCK('{lock}', {LOCK_WAIT});"),
        format!("SET @found = {};", found(names)),
        format!(
            "SET @owner = COALESCE((SELECT owner FROM tenant_management.owners WHERE database_name = '{database}'), '');"
        ),
    ]
    .join("\n")
}

/// Ends the session with an outcome if the lock is not held or if one of these cases applies.
fn go_on(cases: &str) -> String {
    format!(
        "SET @outcome = CASE WHEN NOT (@locked <=> 1) THEN 'locked' {cases} ELSE 'go on' END;\n\
         SELECT @outcome;\n\
         SET @gate = IF(@outcome = 'go on', 'DO 0', 'nothing more to do here');\n\
         PREPARE gate FROM @gate;"
    )
}

fn found(names: &Names) -> String {
    format!(
        "(EXISTS (SELECT 1 FROM information_schema.schemata WHERE schema_name = '{}') \
         OR EXISTS (SELECT 1 FROM mysql.user WHERE user = '{}' AND host = '%'))",
        names.database(),
        names.user()
    )
}

/// Compares byte by byte: owners that differ only in case are different, whatever the column's collation.
fn owned(names: &Names, owner: &Owner) -> String {
    let database = names.database();
    format!(
        "EXISTS (SELECT 1 FROM tenant_management.owners \
         WHERE database_name = '{database}' AND CAST(owner AS BINARY) = CAST('{owner}' AS BINARY))"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{owner, settings, tenant};

    #[test]
    fn names_are_quoted_and_the_grant_is_for_one_database() {
        let names = settings(&[]).names(&tenant());
        let created = create(&names, &owner(), 40);
        assert!(created.contains("ON `123456789012@ESCAPE@_db`.* TO '123456789012_user'@'%'"), "{created}");
        let dropped = drop(&names, Some(&owner()));
        assert!(dropped.contains(&format!("CAST('{}' AS BINARY)", owner())), "{dropped}");
    }

    #[test]
    fn the_password_is_only_where_mysql_keeps_it_out_of_its_logs() {
        let created = create(&settings(&[]).names(&tenant()), &owner(), 40);
        let with_password: Vec<_> = created.lines().filter(|line| line.contains(PASSWORD)).collect();
        assert_eq!(with_password.len(), 2);
        for (line, verb) in with_password.iter().zip(["CREATE USER", "ALTER USER"]) {
            assert!(line.starts_with(verb), "{line}");
        }
        assert!(include_str!("run.sh").contains(PASSWORD));
    }

    #[test]
    fn a_drop_without_an_owner_drops_what_anybody_made() {
        let names = settings(&[]).names(&tenant());
        assert!(drop(&names, None).contains("SET @ours = TRUE;"));
    }
}
