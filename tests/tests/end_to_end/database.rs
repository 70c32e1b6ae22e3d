//! A tenant's credentials open the tenant's database and no other.

use mysql_async::prelude::Queryable;
use serde_json::{Value, json};
use tests::Stack;
use tests::database::{administrator, connect, of_tenant};
use tests::stack::new_tenant_id;

async fn password_of(stack: &Stack, tenant: &str) -> String {
    let value =
        stack.secrets.get_secret_value().secret_id(format!("dev-{tenant}-db-credentials")).send().await.unwrap();
    let fields: Value = serde_json::from_str(value.secret_string().unwrap()).unwrap();
    fields["password"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_secrets_credentials_open_the_tenants_database_and_no_other() {
    let (stack, _together) = Stack::together().await;
    let (tenant, other) = (new_tenant_id(), new_tenant_id());
    let executions = [&tenant, &other].map(|tenant| json!({"tenant_id": tenant}));
    let executions =
        [stack.start("provision-tenant", &executions[0]).await, stack.start("provision-tenant", &executions[1]).await];
    for arn in executions {
        stack.ended(&arn).await.succeeded();
    }
    // In GRANT, an underscore that is not escaped matches any character.
    let lookalike = format!("{tenant}Xdb");
    let mut admin = administrator(stack).await;
    admin.query_drop(format!("CREATE DATABASE `{lookalike}`")).await.unwrap();

    let password = password_of(stack, &tenant).await;
    let mut connection = connect(stack, &format!("{tenant}_user"), &password).await.unwrap();
    connection.query_drop(format!("CREATE TABLE `{tenant}_db`.posts (id INT)")).await.unwrap();
    for foreign in [format!("{other}_db"), lookalike.clone(), "mysql".to_owned(), "tenant_management".to_owned()] {
        let refused = connection.query_drop(format!("CREATE TABLE `{foreign}`.x (id INT)")).await;
        assert!(
            matches!(refused, Err(mysql_async::Error::Server(error)) if [1044, 1142].contains(&error.code)),
            "{foreign}"
        );
    }
    admin.query_drop(format!("DROP DATABASE `{lookalike}`")).await.unwrap();
    let user = of_tenant(stack, &tenant).await.into_iter().find(|line| line.starts_with("user")).unwrap();
    assert!(user.contains("at most 40"), "{user}");
    assert!(connect(stack, &format!("{tenant}_user"), "wrong").await.is_err());
}

#[tokio::test]
async fn plain_text_is_refused_unless_the_stack_allows_it_and_a_wrong_ca_is_refused() {
    let (stack, _alone) = Stack::alone().await;
    let function = "create-database";
    let original = stack.variables(function).await;
    assert!(!original["DATABASE_CA_BUNDLE"].is_empty(), "the local stack offers TLS");
    let with = |changes: &[(&str, &str)]| {
        let mut variables = original.clone();
        variables.extend(changes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        variables
    };
    let system_cas = "/etc/ssl/certs/ca-certificates.crt";
    for (changes, error) in [
        (vec![("DATABASE_CA_BUNDLE", "")], Some("EnvironmentNotReady")),
        (vec![("DATABASE_CA_BUNDLE", "/no/such/file.pem")], Some("EnvironmentNotReady")),
        (vec![("DATABASE_CA_BUNDLE", system_cas)], Some("EnvironmentNotReady")),
        (vec![("DATABASE_CA_BUNDLE", ""), ("DATABASE_ALLOW_PLAINTEXT", "true")], None),
    ] {
        let tenant = new_tenant_id();
        stack.set_variables(function, with(&changes)).await;
        let outcome = stack.run("provision-tenant", json!({"tenant_id": tenant})).await;
        stack.set_variables(function, original.clone()).await;
        match error {
            None => drop(outcome.succeeded()),
            Some(error) => {
                let (name, cause) = outcome.failed();
                assert_eq!((name.as_str(), &cause["step"]), (error, &json!("create-database")), "{changes:?}: {cause}");
                assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
            }
        }
    }
}
