//! Passwords stay in Secrets Manager.

use serde_json::{Value, json};
use tests::Stack;
use tests::logs;
use tests::stack::{new_tenant_id, variable};

#[tokio::test]
async fn no_password_is_in_a_history_an_output_or_a_log() {
    let (stack, _together) = Stack::together().await;
    let (tenant, failing) = (new_tenant_id(), new_tenant_id());
    let provisioned = stack.run("provision-tenant", json!({"tenant_id": tenant})).await;
    let secret =
        stack.secrets.get_secret_value().secret_id(format!("dev-{tenant}-db-credentials")).send().await.unwrap();
    let fields: Value = serde_json::from_str(secret.secret_string().unwrap()).unwrap();
    let passwords = [fields["password"].as_str().unwrap().to_owned(), variable("MYSQL_ADMIN_PASSWORD")];
    let failed =
        stack.run("provision-tenant", json!({"tenant_id": failing, "image": "pretend/wordpress:does-not-exist"})).await;
    let removed = stack.run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant})).await;
    stack.run("teardown-tenant", json!({"tenant_id": failing, "confirmation": failing})).await.succeeded();

    let mut texts = Vec::new();
    for outcome in [&provisioned, &failed, &removed] {
        texts.push(format!("{outcome:?}"));
        texts.extend(stack.written(&outcome.arn).await);
    }
    assert!(texts.iter().any(|text| text.contains("secret_arn")), "the histories were read");
    let lines = logs::of_functions(stack).await;
    assert!(lines.iter().any(|line| line.contains(&tenant)), "the functions' logs were read: {} lines", lines.len());
    texts.extend(lines);
    for password in passwords {
        assert!(password.len() >= 16);
        let leak = texts.iter().find(|text| text.contains(&password));
        assert_eq!(leak, None);
    }
}
