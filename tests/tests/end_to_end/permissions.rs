//! Each function has the permissions that it needs.

use serde_json::json;
use tests::Stack;
use tests::stack::{new_tenant_id, text};

#[tokio::test]
async fn a_check_that_is_not_permitted_fails_before_anything_is_made() {
    let (stack, _alone) = Stack::alone().await;
    for (function, action) in [
        ("resolve-environment", "ec2:DescribeVpcs"),
        ("resolve-environment", "elasticloadbalancing:DescribeListeners"),
        ("inventory-tenant", "ecs:ListTaskDefinitions"),
        ("inventory-tenant", "secretsmanager:GetSecretValue"),
    ] {
        let tenant = new_tenant_id();
        stack.take_away(function, action).await;
        let outcome = stack.run("provision-tenant", json!({"tenant_id": tenant})).await;
        stack.give_back(function).await;
        let (error, cause) = outcome.failed();
        assert_eq!((error.as_str(), &cause["step"]), ("AccessDenied", &json!(function)), "{cause}");
        assert!(text(&cause["message"]).contains(action), "{cause}");
        assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
    }
}
