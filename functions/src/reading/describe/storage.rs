//! What a tenant stores: its files, credentials, data and logs.

use aws_sdk_cloudwatchlogs::primitives::DateTime;
use aws_sdk_efs::types::{AccessPointDescription, LifeCycleState};
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use serde::Serialize;
use shared::mysql::Connection;
use shared::{Error, ErrorKind, Names, Result, Settings};

use crate::reading::{MOST, cut};
use crate::resources::{access_point, database, inventory};

/// An EFS access point.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct AccessPoint {
    /// Id.
    pub id: String,
    /// ARN.
    pub arn: String,
    /// The file system that it is on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_system_id: Option<String>,
    /// Directory on the file system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// `creating`, `available`, `updating`, `deleting`, `deleted` or `error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

impl AccessPoint {
    pub(super) fn is_usable(&self) -> bool {
        let going = [LifeCycleState::Deleting, LifeCycleState::Deleted];
        !going.iter().any(|state| self.state.as_deref() == Some(state.as_str()))
    }
}

/// A secret without its value.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Secret {
    /// ARN.
    pub arn: String,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// When it or its value was last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_changed_at: Option<String>,
    /// The end of its recovery window, if it is scheduled for deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_date: Option<String>,
}

impl Secret {
    /// A secret that is scheduled for deletion cannot be read, so no task starts with it.
    pub(super) fn is_usable(&self) -> bool {
        self.deletion_date.is_none()
    }
}

/// A MySQL database and its user.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Database {
    /// The server was queried.
    Checked {
        /// Name of the database.
        name: String,
        /// The database exists.
        exists: bool,
        /// The user exists.
        user_exists: bool,
        /// Size of data and indexes in bytes, as the server estimates it. MySQL 8 updates the estimate once a day.
        #[serde(skip_serializing_if = "Option::is_none")]
        size_bytes: Option<u64>,
        /// Connections that the user has open.
        #[serde(skip_serializing_if = "Option::is_none")]
        connections: Option<u64>,
        /// The version of WordPress that serves the site, as its tasks have recorded it at their start.
        #[serde(skip_serializing_if = "Option::is_none")]
        wordpress_version: Option<String>,
    },
    /// Only an ECS task reaches the server.
    Unchecked {
        /// `unchecked`.
        status: inventory::Status,
    },
    /// The server does not answer, or refuses the connection.
    Unreachable {
        /// `unreachable`.
        status: &'static str,
        /// Why, in the server's words.
        reason: String,
    },
}

impl Database {
    /// Whether both the database and the user exist; `None` when the server was not queried.
    pub(super) fn is_complete(&self) -> Option<bool> {
        match self {
            Self::Checked { exists, user_exists, .. } => Some(*exists && *user_exists),
            Self::Unchecked { .. } | Self::Unreachable { .. } => None,
        }
    }
}

/// A CloudWatch log group.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct LogGroup {
    /// Name.
    pub name: String,
    /// Its retention in days; absent when events are kept for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<i32>,
    /// Its size in bytes, which CloudWatch updates from time to time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored_bytes: Option<i64>,
    /// When it was created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
}

/// The tenant's access points.
///
/// # Errors
/// When a call to EFS fails.
pub(super) async fn access_points(efs: &aws_sdk_efs::Client, names: &Names) -> Result<Vec<AccessPoint>> {
    Ok(access_point::list_of(efs, names).await?.iter().take(MOST).map(AccessPoint::from).collect())
}

impl From<&AccessPointDescription> for AccessPoint {
    fn from(description: &AccessPointDescription) -> Self {
        let path = description.root_directory().and_then(|directory| directory.path());
        Self {
            id: description.access_point_id().unwrap_or_default().to_owned(),
            arn: description.access_point_arn().unwrap_or_default().to_owned(),
            file_system_id: description.file_system_id().map(str::to_owned),
            path: path.map(str::to_owned),
            state: description.life_cycle_state().map(|state| state.as_str().to_owned()),
        }
    }
}

/// The description of the tenant's secret, if there is one. The value is not read.
///
/// # Errors
/// When a call to Secrets Manager fails.
pub(super) async fn secret(secrets: &aws_sdk_secretsmanager::Client, name: String) -> Result<Option<Secret>> {
    match secrets.describe_secret().secret_id(&name).send().await {
        Ok(secret) => Ok(Some(Secret {
            arn: secret.arn().unwrap_or_default().to_owned(),
            created_at: secret.created_date().map(DateTime::to_string),
            last_changed_at: secret.last_changed_date().map(DateTime::to_string),
            deletion_date: secret.deleted_date().map(DateTime::to_string),
        })),
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(Error::aws(format!("reading secret ({name})"), error)),
    }
}

/// The tenant's database and user, if either exists or if the server cannot be reached.
///
/// # Errors
/// When the server or Secrets Manager refuses what this project needs.
pub(super) async fn database(
    secrets: &aws_sdk_secretsmanager::Client,
    settings: &Settings,
    names: &Names,
) -> Result<Option<Database>> {
    match checked(secrets, settings, names).await {
        // Why a site is down must be told above all when its database is.
        Err(error) if error.kind() == ErrorKind::Transient => {
            Ok(Some(Database::Unreachable { status: "unreachable", reason: cut(&error.chain()) }))
        }
        other => other,
    }
}

async fn checked(
    secrets: &aws_sdk_secretsmanager::Client,
    settings: &Settings,
    names: &Names,
) -> Result<Option<Database>> {
    if database::only_a_task_reaches_it(settings) {
        return Ok(Some(Database::Unchecked { status: inventory::Status::Unchecked }));
    }
    let mut connection = database::connect(secrets, settings).await?;
    let row = ask(&mut connection, names).await;
    let version = database::wordpress_version(&mut connection, names).await;
    connection.close().await;
    Ok(described(names, row?, version?))
}

/// Whether the database exists, whether its user does, its size in bytes, and the user's connections.
type Row = (bool, bool, u64, u64);

async fn ask(connection: &mut Connection, names: &Names) -> Result<Row> {
    let (database, user) = (names.database(), names.user());
    let row: Option<Row> = connection
        .first(
            &format!("reading database ({database})"),
            "SELECT EXISTS (SELECT 1 FROM information_schema.schemata WHERE schema_name = ?), \
                    EXISTS (SELECT 1 FROM mysql.user WHERE user = ? AND host = '%'), \
                    (SELECT CAST(COALESCE(SUM(data_length + index_length), 0) AS UNSIGNED) \
                       FROM information_schema.tables WHERE table_schema = ?), \
                    (SELECT COUNT(*) FROM information_schema.processlist WHERE user = ?)",
            vec![&database, &user, &database, &user],
        )
        .await?;
    Ok(row.unwrap_or_default())
}

fn described(
    names: &Names,
    (exists, user_exists, size, connections): Row,
    wordpress_version: Option<String>,
) -> Option<Database> {
    (exists || user_exists).then(|| Database::Checked {
        name: names.database(),
        exists,
        user_exists,
        size_bytes: exists.then_some(size),
        connections: user_exists.then_some(connections),
        wordpress_version,
    })
}

/// The tenant's log group, if there is one.
///
/// # Errors
/// When a call to CloudWatch Logs fails.
pub(super) async fn log_group(logs: &aws_sdk_cloudwatchlogs::Client, names: &Names) -> Result<Option<LogGroup>> {
    let name = names.log_group();
    // CloudWatch can only search by prefix. The list is sorted by name, so the exact name comes first.
    let groups = logs.describe_log_groups().log_group_name_prefix(&name).limit(1).send().await;
    let groups = groups.map_err(|error| Error::aws(format!("reading log group ({name})"), error))?;
    let group = groups.log_groups().iter().find(|group| group.log_group_name() == Some(&name));
    Ok(group.map(|group| LogGroup {
        name: name.clone(),
        retention_days: group.retention_in_days(),
        stored_bytes: group.stored_bytes(),
        created_at: group.creation_time().map(|millis| DateTime::from_millis(millis).to_string()),
    }))
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatchlogs::operation::describe_log_groups::DescribeLogGroupsOutput;
    use aws_sdk_efs::types::RootDirectory;
    use aws_smithy_mocks::{mock, mock_client};
    use serde_json::{json, to_value};

    use super::*;
    use crate::testing::{settings, tenant};

    fn names() -> Names {
        settings(&[]).names(&tenant())
    }

    #[test]
    fn an_access_point_that_is_being_deleted_is_shown_and_not_usable() {
        let access_point = |state: LifeCycleState| {
            let description = AccessPointDescription::builder()
                .access_point_id("fsap-1")
                .access_point_arn("arn:fsap-1")
                .root_directory(RootDirectory::builder().path("/wordpress/123456789012").build())
                .life_cycle_state(state);
            AccessPoint::from(&description.build())
        };
        let available = access_point(LifeCycleState::Available);
        assert!(available.is_usable() && !access_point(LifeCycleState::Deleting).is_usable());
        assert_eq!(
            to_value(available).unwrap(),
            json!({"id": "fsap-1", "arn": "arn:fsap-1", "path": "/wordpress/123456789012", "state": "available"})
        );
    }

    #[test]
    fn a_database_is_described_as_far_as_it_exists() {
        let described = |row: Row| to_value(described(&names(), row, None)).unwrap();
        assert_eq!(
            described((true, true, 4096, 3)),
            json!({"name": "123456789012_db", "exists": true, "user_exists": true, "size_bytes": 4096, "connections": 3})
        );
        assert_eq!(
            described((false, true, 0, 0)),
            json!({"name": "123456789012_db", "exists": false, "user_exists": true, "connections": 0})
        );
        assert_eq!(
            described((true, false, 0, 0)),
            json!({"name": "123456789012_db", "exists": true, "user_exists": false, "size_bytes": 0})
        );
        assert_eq!(described((false, false, 0, 0)), json!(null));
        let unchecked = Database::Unchecked { status: inventory::Status::Unchecked };
        assert_eq!(to_value(unchecked).unwrap(), json!({"status": "unchecked"}));
    }

    #[test]
    fn half_a_database_is_not_complete() {
        for row in [(true, false, 0, 0), (false, true, 0, 0)] {
            assert_eq!(described(&names(), row, None).unwrap().is_complete(), Some(false));
        }
        assert_eq!(described(&names(), (true, true, 0, 0), None).unwrap().is_complete(), Some(true));
    }

    #[tokio::test]
    async fn only_the_log_group_of_exactly_this_name_is_the_tenants() {
        let run = async |name: &'static str| {
            let groups = mock!(aws_sdk_cloudwatchlogs::Client::describe_log_groups).then_output(move || {
                let group = aws_sdk_cloudwatchlogs::types::LogGroup::builder()
                    .log_group_name(name)
                    .retention_in_days(30)
                    .stored_bytes(512)
                    .creation_time(1_768_557_600_123);
                DescribeLogGroupsOutput::builder().log_groups(group.build()).build()
            });
            to_value(log_group(&mock_client!(aws_sdk_cloudwatchlogs, [&groups]), &names()).await.unwrap()).unwrap()
        };
        assert_eq!(
            run("/ecs/dev-123456789012").await,
            json!({"name": "/ecs/dev-123456789012", "retention_days": 30, "stored_bytes": 512,
                   "created_at": "2026-01-16T10:00:00.123Z"})
        );
        assert_eq!(run("/ecs/dev-123456789012-old").await, json!(null));
    }
}
