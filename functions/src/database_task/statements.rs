//! The statements of a task: those of [`crate::database`], for a client that cannot branch.
//!
//! One session holds the tenant's lock from the first look to the last, as the Lambda functions do. What depends on
//! what was found is prepared as a statement or as `DO 0`. Owners are letters, digits and `+-=._:/@` (see [`Owner`]),
//! and names are made of digits, so both are quoted as they are. The password is the session's variable `@password`.
//!
//! The last row begins with the outcome: created, removed, absent, foreign (and whose), locked, left.

use shared::{Names, Owner};

use crate::database::LOCK_WAIT;

pub(super) fn create(names: &Names, owner: &Owner, connections: u32) -> String {
    let (database, user) = (names.database(), names.user());
    // In GRANT an underscore stands for any character, and would grant more than one database.
    let pattern = database.replace('_', "\\_");
    let identified =
        format!("''{user}''@''%'' IDENTIFIED BY ', QUOTE(@password), ' WITH MAX_USER_CONNECTIONS {connections}");
    let mut statements = looked(names);
    statements += &format!(
        "SET @go = @locked = 1 AND (NOT @found OR {mine});\n\
         REPLACE INTO tenant_management.owners (database_name, owner) \
         SELECT '{database}', '{owner}' FROM DUAL WHERE @go AND NOT @found;\n",
        mine = owned(names, owner),
    );
    for statement in [
        format!("'CREATE DATABASE IF NOT EXISTS `{database}` CHARACTER SET utf8mb4'"),
        // IF NOT EXISTS keeps the password of an earlier run: ALTER USER sets the one in the secret.
        format!("CONCAT('CREATE USER IF NOT EXISTS {identified}')"),
        format!("CONCAT('ALTER USER {identified}')"),
        format!("'GRANT ALL PRIVILEGES ON `{pattern}`.* TO ''{user}''@''%'''"),
    ] {
        statements += &when_go(&statement);
    }
    statements
        + "SELECT CASE WHEN NOT (@locked <=> 1) THEN 'locked' WHEN NOT @go THEN CONCAT('foreign ', @owner) \
           ELSE 'created' END;\n"
}

pub(super) fn drop(names: &Names, scope: Option<&Owner>) -> String {
    let (database, user) = (names.database(), names.user());
    let ours = scope.map_or_else(|| "TRUE".to_owned(), |owner| owned(names, owner));
    let mut statements = looked(names);
    statements += &format!("SET @ours = {ours};\nSET @go = @locked = 1 AND @found AND @ours;\n");
    statements += &when_go(&format!("'DROP DATABASE IF EXISTS `{database}`'"));
    statements += &when_go(&format!("'DROP USER IF EXISTS ''{user}''@''%'''"));
    statements += &format!(
        "SET @left = {found};\n\
         DELETE FROM tenant_management.owners WHERE database_name = '{database}' AND @locked = 1 AND @ours AND NOT @left;\n\
         SELECT CASE WHEN NOT (@locked <=> 1) THEN 'locked' WHEN NOT @found THEN 'absent' \
         WHEN NOT @go THEN CONCAT('foreign ', @owner) WHEN @left THEN 'left' ELSE 'removed' END;\n",
        found = found(names),
    );
    statements
}

/// Takes the lock and looks what there is.
fn looked(names: &Names) -> String {
    format!(
        "CREATE DATABASE IF NOT EXISTS tenant_management;\n\
         CREATE TABLE IF NOT EXISTS {owners};\n\
         SET @locked = GET_LOCK('{lock}', {LOCK_WAIT});\n\
         SET @found = {found};\n\
         SET @owner = COALESCE((SELECT owner FROM tenant_management.owners WHERE database_name = '{database}'), '');\n",
        owners = crate::database::OWNERS,
        lock = crate::database::lock_name(names),
        found = found(names),
        database = names.database(),
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

fn owned(names: &Names, owner: &Owner) -> String {
    let database = names.database();
    format!("EXISTS (SELECT 1 FROM tenant_management.owners WHERE database_name = '{database}' AND owner = '{owner}')")
}

/// A statement, given as an SQL expression, that is run only when `@go` is true.
fn when_go(statement: &str) -> String {
    format!("SET @statement = IF(@go, {statement}, 'DO 0');\nPREPARE step FROM @statement;\nEXECUTE step;\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{owner, settings, tenant};

    #[test]
    fn names_are_quoted_and_the_grant_is_for_one_database() {
        let names = settings(&[]).names(&tenant());
        let created = create(&names, &owner(), 40);
        assert!(created.contains(r"ON `123456789012\_db`.* TO ''123456789012_user''@''%''"), "{created}");
        assert!(created.contains("QUOTE(@password), ' WITH MAX_USER_CONNECTIONS 40'"), "{created}");
        let dropped = drop(&names, Some(&owner()));
        assert!(dropped.contains(&format!("owner = '{}'", owner())), "{dropped}");
    }

    #[test]
    fn a_drop_without_an_owner_takes_what_anybody_made() {
        let names = settings(&[]).names(&tenant());
        assert!(drop(&names, None).contains("SET @ours = TRUE;"));
    }
}
