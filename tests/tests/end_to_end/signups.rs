//! Tenants sign up and cancel by events on the bus.

use serde_json::{Value, json};
use tests::Stack;
use tests::events::delivered;
use tests::stack::{new_tenant_id, text};

const SIGNED_UP: &str = "TenantSignedUp";
const CANCELLED: &str = "TenantCancelled";

fn new_signup_id() -> String {
    format!("signup-{}", new_tenant_id())
}

async fn remove(stack: &Stack, provisioned: &Value) {
    let id = &provisioned["tenant_id"];
    let input = json!({"tenant_id": id, "confirmation": id, "force_delete_secret": true});
    stack.run("teardown-tenant", input).await.succeeded();
}

#[tokio::test]
async fn one_event_gives_one_tenant() {
    let (stack, _together) = Stack::together().await;
    let signup = new_signup_id();
    let detail = json!({"signup_id": signup, "environment": "dev", "image": "pretend/wordpress:6.4", "cpu": 512, "memory": 1024, "desired_count": 2});
    let event = stack.put(SIGNED_UP, &detail).await;
    let execution = stack.started("provision-tenant", &signup, 1).await.remove(0);
    let result = stack.ended(&execution).await.succeeded();
    assert_eq!((&result["signup_id"], &result["event_id"]), (&json!(signup), &json!(event)), "{result}");
    assert_eq!((&result["image"], &result["desired_count"]), (&json!("pretend/wordpress:6.4"), &json!(2)), "{result}");
    assert!(!stack.snapshot(&text(&result["tenant_id"])).await.is_empty());

    let again = stack.invoke("start-provisioning", &delivered(&event, SIGNED_UP, &detail)).await.unwrap();
    assert_eq!(
        again,
        json!({"status": "provisioned", "signup_id": signup, "environment": "dev", "execution_arn": execution, "attempt": 1})
    );
    remove(stack, &result).await;
}

#[tokio::test]
async fn ten_equal_events_at_once_give_one_tenant() {
    let (stack, _together) = Stack::together().await;
    // An id of the greatest length, so that the execution's name has only a part of it.
    let signup = format!("{:x<64}", new_signup_id());
    let detail = json!({"signup_id": signup});
    let events = stack.put_times(10, SIGNED_UP, &detail).await;
    let executions = stack.started("provision-tenant", &signup[..28], 1).await;
    let same = delivered(&events[0], SIGNED_UP, &detail);
    let (a, b, c) = tokio::join!(
        stack.invoke("start-provisioning", &same),
        stack.invoke("start-provisioning", &same),
        stack.invoke("start-provisioning", &same)
    );
    for answer in [a, b, c].map(Result::unwrap) {
        assert_eq!((&answer["execution_arn"], &answer["attempt"]), (&json!(executions[0]), &json!(1)), "{answer}");
    }
    let result = stack.ended(&executions[0]).await.succeeded();
    assert_eq!(stack.executions("provision-tenant", &signup[..28]).await, executions);
    remove(stack, &result).await;
}

#[tokio::test]
async fn an_event_for_another_environment_is_left_alone() {
    let (stack, _together) = Stack::together().await;
    let (foreign, ours) = (new_signup_id(), new_signup_id());
    let detail = json!({"signup_id": foreign, "environment": "sit"});
    let event = stack.put(SIGNED_UP, &detail).await;
    stack.put(SIGNED_UP, &json!({"signup_id": ours})).await;
    let execution = stack.started("provision-tenant", &ours, 1).await.remove(0);
    let result = stack.ended(&execution).await.succeeded();
    remove(stack, &result).await;
    assert_eq!(stack.executions("provision-tenant", &foreign).await, Vec::<String>::new());

    // The rule leaves the event out, and the function would ignore it as well.
    let rule = stack.events.describe_rule().name("dev-start-provisioning").send().await.unwrap();
    for (environment, delivers) in [("dev", true), ("sit", false), ("prod", false), ("staging", true)] {
        let event = delivered("e", SIGNED_UP, &json!({"signup_id": foreign, "environment": environment}));
        let test = stack.events.test_event_pattern().event_pattern(rule.event_pattern().unwrap());
        let matches = test.event(event.to_string()).send().await.unwrap().result();
        assert_eq!(matches, delivers, "{environment}");
    }
    let answer = stack.invoke("start-provisioning", &delivered(&event, SIGNED_UP, &detail)).await.unwrap();
    assert_eq!((&answer["status"], answer.get("execution_arn")), (&json!("ignored"), None), "{answer}");
    assert_eq!(stack.executions("provision-tenant", &foreign).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_malformed_event_is_in_the_queue_with_the_reason() {
    let (stack, _together) = Stack::together().await;
    let signup = new_signup_id();
    let mut sent = Vec::new();
    for (detail, named) in [
        (json!({"environment": "dev"}), "signup_id"),
        (json!({"signup_id": "no id"}), "\"no id\""),
        (json!({"signup_id": signup, "plan": "gold"}), "`plan`"),
        (json!({"signup_id": signup, "image": "No Image"}), "\"No Image\""),
        (json!({"signup_id": signup, "environment": "staging"}), "\"staging\""),
        (json!({"signup_id": signup, "desired_count": 1000}), "1 to 50"),
    ] {
        sent.push((stack.put_malformed(SIGNED_UP, &detail).await, detail, named));
    }
    // This event fits the schema, but Fargate does not offer this pair of CPU and memory.
    let detail = json!({"signup_id": signup, "cpu": 256, "memory": 8192});
    sent.push((stack.put(SIGNED_UP, &detail).await, detail, "memory: 8192"));
    for (event, detail, named) in sent {
        let told = stack.unhandled(&event).await.body;
        assert_eq!(told["requestPayload"]["detail"], detail, "{told}");
        assert_eq!(told["responsePayload"]["errorType"], "InvalidRequest", "{told}");
        assert!(text(&told["responsePayload"]["errorMessage"]).contains(named), "{named}: {told}");
        assert_eq!(told["requestContext"]["approximateInvokeCount"], 3, "{told}");
    }
    assert_eq!(stack.executions("provision-tenant", &signup).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_signup_that_failed_is_tried_again_when_it_is_sent_again_and_not_when_it_is_delivered_again() {
    let (stack, _together) = Stack::together().await;
    let signup = new_signup_id();
    let broken = json!({"signup_id": signup, "image": "pretend/wordpress:does-not-exist"});
    let event = stack.put(SIGNED_UP, &broken).await;
    let first = stack.started("provision-tenant", &signup, 1).await.remove(0);
    let (error, cause) = stack.ended(&first).await.failed();
    assert_eq!(error, "DeploymentFailed", "{cause}");
    stack
        .run("teardown-tenant", json!({"tenant_id": cause["tenant_id"], "confirmation": cause["tenant_id"]}))
        .await
        .succeeded();
    let late = stack.invoke("start-provisioning", &delivered(&event, SIGNED_UP, &broken)).await.unwrap();
    assert_eq!((&late["status"], &late["execution_arn"]), (&json!("failed"), &json!(first)), "{late}");

    let mended = json!({"signup_id": signup});
    let event = stack.put(SIGNED_UP, &mended).await;
    let executions = stack.started("provision-tenant", &signup, 2).await;
    assert!(executions[1].ends_with("-2"), "{executions:?}");
    let result = stack.ended(&executions[1]).await.succeeded();
    assert_eq!((&result["signup_id"], &result["event_id"]), (&json!(signup), &json!(event)), "{result}");
    let late = stack.invoke("start-provisioning", &delivered("another", SIGNED_UP, &mended)).await.unwrap();
    assert_eq!((&late["status"], &late["attempt"]), (&json!("provisioned"), &json!(2)), "{late}");
    remove(stack, &result).await;
}

#[tokio::test]
async fn a_cancellation_removes_the_tenant_once() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    let detail = crate::deprovisioning::request(&tenant);
    let event = stack.put(CANCELLED, &detail).await;
    let execution = stack.started("deprovision-tenant", &tenant, 1).await.remove(0);
    let result = stack.ended(&execution).await.succeeded();
    assert_eq!((&result["status"], &result["approved_by"]), (&json!("deprovisioned"), &json!("Ada")), "{result}");
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());

    let again = stack.invoke("start-deprovisioning", &delivered(&event, CANCELLED, &detail)).await.unwrap();
    assert_eq!(
        again,
        json!({"status": "deprovisioned", "tenant_id": tenant, "environment": "dev", "execution_arn": execution})
    );
    assert_eq!(stack.executions("deprovision-tenant", &tenant).await, [execution]);
}

#[tokio::test]
async fn a_cancellation_with_open_items_or_a_wrong_confirmation_is_in_the_queue_and_touches_nothing() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    let before = stack.snapshot(&tenant).await;
    let mut open = crate::deprovisioning::request(&tenant);
    open["checklist"]["billing_finalized"] = json!(false);
    let open = stack.put_malformed(CANCELLED, &open).await;
    let mut mistaken = crate::deprovisioning::request(&tenant);
    mistaken["confirmation"] = json!("100000000009");
    let mistaken = stack.put(CANCELLED, &mistaken).await;
    for (event, error, named) in
        [(open, "ChecklistIncomplete", "billing_finalized"), (mistaken, "ConfirmationMismatch", "100000000009")]
    {
        let told = stack.unhandled(&event).await.body["responsePayload"].clone();
        assert_eq!(told["errorType"], error, "{told}");
        assert!(text(&told["errorMessage"]).contains(named), "{told}");
    }
    assert_eq!(stack.executions("deprovision-tenant", &tenant).await, Vec::<String>::new());
    assert_eq!(stack.snapshot(&tenant).await, before);
    remove(stack, &json!({"tenant_id": tenant})).await;
}

#[tokio::test]
async fn an_event_that_eventbridge_may_not_deliver_is_in_the_queue_with_the_reason() {
    let (stack, _alone) = Stack::alone().await;
    let function = "dev-start-provisioning";
    let policy = stack.lambda.get_policy().function_name(function).send().await.unwrap().policy.unwrap();
    let policy: Value = serde_json::from_str(&policy).unwrap();
    let (id, rule) = (&policy["Statement"][0]["Sid"], &policy["Statement"][0]["Condition"]["ArnLike"]["AWS:SourceArn"]);
    stack.lambda.remove_permission().function_name(function).statement_id(text(id)).send().await.unwrap();
    let detail = json!({"signup_id": new_signup_id()});
    let event = stack.put(SIGNED_UP, &detail).await;
    let permission = stack.lambda.add_permission().function_name(function).statement_id(text(id));
    let permission = permission.action("lambda:InvokeFunction").principal("events.amazonaws.com");
    permission.source_arn(text(rule)).send().await.unwrap();
    let told = stack.unhandled(&event).await;
    assert_eq!((&told.body["detail"], &told.attributes["RULE_ARN"]), (&detail, &text(rule)), "{told:?}");
    assert_eq!(told.attributes["ERROR_CODE"], "NO_PERMISSIONS", "{told:?}");
}
