//! Prepares the arguments of a task.

use aws_sdk_secretsmanager::Client as Secrets;
use shared::input::invalid;
use shared::{Names, Network, Result, Settings, names};

use super::{Action, CONTAINER, Request, statements};
use crate::resources::{database, secret};
use crate::workflows::ecs_task::{self, Program, RunTask, Variable};

/// The script that the container runs. It receives every value in an environment variable.
const SCRIPT: &str = include_str!("run.sh");

/// Prepares the arguments of a task. Changes nothing.
///
/// # Errors
/// `InvalidRequest`, `WrongEnvironment`; `EnvironmentNotReady` when the task's network or the database server cannot be
/// found.
pub async fn prepare(
    network: impl Future<Output = Result<Network>>,
    secrets: &Secrets,
    settings: &Settings,
    request: Request,
) -> Result<RunTask> {
    let names = request.names(settings)?;
    let statements = statements(&request, &names, settings)?;
    let (network, administrator) = tokio::try_join!(network, secret::read_master_credentials(secrets, settings))?;
    let tenant_secret = if request.action == Action::Create { names.secret() } else { String::new() };
    let allow_plaintext = settings.optional("DATABASE_ALLOW_PLAINTEXT").unwrap_or("false");
    let variable = |name, value: &str| Variable { name, value: value.to_owned() };
    let program = Program {
        name: CONTAINER,
        command: ["sh", "-c", SCRIPT],
        environment: vec![
            variable("DATABASE_HOST", &administrator.endpoint.host),
            variable("DATABASE_PORT", &administrator.endpoint.port.to_string()),
            variable("DATABASE_ALLOW_PLAINTEXT", allow_plaintext),
            variable("TENANT_SECRET", &tenant_secret),
            variable("STATEMENTS", &statements),
            variable("TENANT_USER", &names.user()),
            variable("TENANT_STATEMENTS", &database::uses(&names).map(|statement| statement + ";").join("\n")),
        ],
    };
    let network = ecs_task::Network {
        subnets: network.subnet_ids,
        security_groups: vec![network.security_group_id],
        assign_public_ip: "DISABLED".to_owned(),
    };
    RunTask::new(names.cluster(), names::database_task(settings.environment()), network, program)
}

fn statements(request: &Request, names: &Names, settings: &Settings) -> Result<String> {
    match (request.action, &request.owner) {
        (Action::Create, Some(owner)) => {
            Ok(statements::create(names, owner, settings.parsed("DATABASE_MAX_USER_CONNECTIONS")?))
        }
        (Action::Create, None) => Err(invalid("owner: to create a database, the execution that creates it")),
        (Action::Drop, owner) => Ok(statements::drop(names, owner.as_ref())),
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
    use aws_smithy_mocks::{RuleMode, mock, mock_client};
    use serde_json::{Value, json};
    use shared::{ErrorKind, input};

    use super::*;
    use crate::testing::{owner, settings};

    async fn run(request: Value) -> Result<Value> {
        let network = async {
            let [vpc_id, subnet, security_group_id] = ["vpc-1", "subnet-1", "sg-1"].map(str::to_owned);
            Ok(Network { vpc_id, subnet_ids: vec![subnet], security_group_id })
        };
        let master = mock!(Secrets::get_secret_value).then_output(|| {
            let text = r#"{"username": "admin", "password": "hunter2", "host": "db.example.com:3307"}"#;
            GetSecretValueOutput::builder().secret_string(text).build()
        });
        let secrets = mock_client!(aws_sdk_secretsmanager, RuleMode::MatchAny, [&master]);
        let settings = settings(&[("DATABASE_MAX_USER_CONNECTIONS", "40")]);
        let prepared = prepare(network, &secrets, &settings, input::parse(request)?).await?;
        Ok(serde_json::to_value(prepared).unwrap())
    }

    fn variable(prepared: &Value, name: &str) -> String {
        let variables = prepared["Overrides"]["ContainerOverrides"][0]["Environment"].as_array().unwrap();
        variables.iter().find(|variable| variable["Name"] == name).unwrap()["Value"].as_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn the_task_gets_every_value_except_the_passwords() {
        let prepared =
            run(json!({"action": "create", "tenant_id": "123456789012", "owner": owner().as_str()})).await.unwrap();
        assert_eq!(
            (&prepared["Cluster"], &prepared["TaskDefinition"], &prepared["LaunchType"]),
            (&json!("dev-cluster"), &json!("dev-generic-db-init"), &json!("FARGATE"))
        );
        assert_eq!(
            prepared["NetworkConfiguration"]["AwsvpcConfiguration"],
            json!({"Subnets": ["subnet-1"], "SecurityGroups": ["sg-1"], "AssignPublicIp": "DISABLED"})
        );
        assert_eq!(variable(&prepared, "DATABASE_HOST"), "db.example.com");
        assert_eq!(variable(&prepared, "DATABASE_PORT"), "3307");
        assert_eq!(variable(&prepared, "TENANT_SECRET"), "dev-123456789012-db-credentials");
        let text = prepared.to_string();
        assert!(!text.contains("hunter2") && !text.contains("admin"), "{text}");
    }

    #[tokio::test]
    async fn a_drop_reads_no_tenants_secret() {
        let prepared = run(json!({"action": "drop", "tenant_id": "123456789012"})).await.unwrap();
        assert_eq!(variable(&prepared, "TENANT_SECRET"), "");
        assert!(variable(&prepared, "STATEMENTS").contains("DROP DATABASE IF EXISTS `123456789012_db`"));
    }

    #[tokio::test]
    async fn the_longest_owner_fits_into_the_overrides() {
        let longest = owner().to_string();
        let longest = format!("{longest}{}", "x".repeat(256 - longest.len()));
        for action in ["create", "drop"] {
            run(json!({"action": action, "tenant_id": "123456789012", "owner": longest})).await.unwrap();
        }
    }

    /// Runs the script of a prepared task with programs that stand in for the clients of MySQL and AWS. Returns what the
    /// clients of MySQL read, each with its user and password, and the exit status.
    fn run_script(prepared: &Value, partial_revokes: &str, fails_for: &str) -> (String, Option<i32>) {
        let directory = std::env::temp_dir().join(format!("run-database-task-{partial_revokes}{fails_for}"));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        for (name, script) in [
            ("aws", "echo '{\"password\": \"s3cret\"}'".to_owned()),
            (
                "mysql",
                format!(
                    "case $1 in --version) echo 'mysql  Ver 8.4.0'; exit ;; esac\n\
                     for user; do :; done; text=$(cat)\n\
                     case $text in SHOW*) printf 'partial_revokes\\t{partial_revokes}\\n'; exit ;; esac\n\
                     printf '%s %s\\n%s\\n' \"$user\" \"$MYSQL_PWD\" \"$text\" >>told\n\
                     if [ \"$user\" = \"--user={fails_for}\" ]; then exit 1; fi\n\
                     case $text in *created*) echo created ;; esac\n"
                ),
            ),
        ] {
            let file = directory.join(name);
            std::fs::write(&file, format!("#!/bin/sh\n{script}")).unwrap();
            std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        }
        let container = &prepared["Overrides"]["ContainerOverrides"][0];
        let command: Vec<_> =
            container["Command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        let variables = container["Environment"].as_array().unwrap().iter();
        let variables = variables.map(|pair| (pair["Name"].as_str().unwrap(), pair["Value"].as_str().unwrap()));
        let ended = std::process::Command::new(command[0])
            .args(&command[1..])
            .current_dir(&directory)
            .env("PATH", format!("{}:{}", directory.display(), std::env::var("PATH").unwrap()))
            .env("DATABASE_USER", "admin")
            .env("DATABASE_PASSWORD", "hunter2")
            .env("DATABASE_CA_BUNDLE", "/ca.pem")
            .envs(variables)
            .output()
            .unwrap();
        let told = std::fs::read_to_string(directory.join("told")).unwrap();
        std::fs::remove_dir_all(&directory).unwrap();
        (told, ended.status.code())
    }

    #[tokio::test]
    async fn the_grant_is_what_the_server_understands_and_the_tenants_user_tries_it() {
        let create = json!({"action": "create", "tenant_id": "123456789012", "owner": owner().as_str()});
        let prepared = run(create).await.unwrap();
        for (partial_revokes, pattern) in [("OFF", "`123456789012\\_db`"), ("ON", "`123456789012_db`")] {
            let (told, status) = run_script(&prepared, partial_revokes, "");
            assert!(told.starts_with("--user=admin hunter2\n"), "{told}");
            assert!(told.contains(&format!("GRANT ALL PRIVILEGES ON {pattern}.* TO")), "{told}");
            assert!(told.contains("IDENTIFIED BY 's3cret'") && !told.contains("@PASSWORD@"), "{told}");
            assert!(told.contains("--user=123456789012_user s3cret\nUSE `123456789012_db`;\nUPDATE"), "{told}");
            assert_eq!(status, Some(0), "{told}");
        }
        assert_eq!(run_script(&prepared, "OFF", "123456789012_user").1, Some(7));
    }

    #[tokio::test]
    async fn a_wrong_request_is_refused() {
        for (request, kind) in [
            (json!({"action": "create", "tenant_id": "123456789012"}), ErrorKind::InvalidRequest),
            (json!({"action": "look", "tenant_id": "123456789012"}), ErrorKind::InvalidRequest),
            (json!({"action": "drop", "tenant_id": "1"}), ErrorKind::InvalidRequest),
            (json!({"action": "drop", "tenant_id": "123456789012", "environment": "sit"}), ErrorKind::WrongEnvironment),
        ] {
            assert_eq!(run(request).await.unwrap_err().kind(), kind);
        }
    }
}
