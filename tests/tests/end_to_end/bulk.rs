//! Many tenants are deprovisioned, a few at a time.

use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, RuleCondition};
use aws_sdk_s3::primitives::ByteStream;
use serde_json::{Value, json};
use tests::Stack;
use tests::load_balancers::QUOTA;
use tests::stack::{new_tenant_id, text};
use tokio::task::JoinSet;

pub(crate) fn request(tenants: Value) -> Value {
    let mut request = crate::deprovisioning::request("");
    request.as_object_mut().unwrap().remove("tenant_id");
    request["tenant_ids"] = tenants;
    request
}

fn entry<'a>(report: &'a Value, tenant: &str) -> &'a Value {
    report["tenants"].as_array().unwrap().iter().find(|entry| entry["tenant_id"] == tenant).unwrap()
}

/// The whole report, from the S3 address in the summary.
async fn whole_report(stack: &Stack, summary: &Value) -> Value {
    let address = text(&summary["report"]);
    let (bucket, key) = address.strip_prefix("s3://").unwrap().split_once('/').unwrap();
    let object = stack.s3.get_object().bucket(bucket).key(key).send().await.unwrap();
    serde_json::from_slice(&object.body.collect().await.unwrap().to_vec()).unwrap()
}

/// Creates a listener rule for another host, which keeps the tenant's target group in use.
async fn hold_the_target_group(stack: &Stack, environment: &Value, tenant: &str) -> String {
    let group = stack.elb.describe_target_groups().names(stack.named(&format!("{tenant}-tg"))).send().await.unwrap();
    let group = group.target_groups()[0].target_group_arn().unwrap().to_owned();
    let rule = stack.elb.create_rule().listener_arn(stack.listener_of(tenant, environment)).priority(49_999);
    let rule = rule
        .conditions(RuleCondition::builder().field("host-header").values("held.example.com").build())
        .actions(Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(group).build());
    rule.send().await.unwrap().rules()[0].rule_arn().unwrap().to_owned()
}

#[tokio::test]
async fn three_of_40_tenants_cannot_be_removed_and_are_reported_with_reasons_and_the_others_are_gone() {
    three_cannot_be_removed(40).await;
}

#[tokio::test]
#[ignore = "takes long: make bulk"]
async fn three_of_200_tenants_cannot_be_removed_and_are_reported_with_reasons_and_the_others_are_gone() {
    three_cannot_be_removed(200).await;
}

async fn three_cannot_be_removed(count: usize) {
    let (stack, _alone) = Stack::alone_in(&["prod"]).await;
    // One more than these tenants need, for the bystander.
    let balancers = stack.more_load_balancers(count.div_ceil(QUOTA) + 1).await;
    let environment = stack.resolved().await;
    let tenants: Vec<_> = (0..count).map(|_| new_tenant_id()).collect();
    let bystander = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": bystander})).await.succeeded();
    let before = stack.snapshot(&bystander).await;
    let mut making = JoinSet::new();
    for chunk in tenants.chunks(count.div_ceil(4)) {
        let (chunk, environment) = (chunk.to_vec(), environment.clone());
        making.spawn(async move {
            for tenant in chunk {
                stack.make_by_the_runbook(&tenant, &environment).await;
            }
        });
    }
    making.join_all().await;
    let [held, with_secret, with_logs] = [&tenants[7], &tenants[count / 2], &tenants[count - 1]];
    let rule = hold_the_target_group(stack, &environment, held).await;
    let secret = format!("arn:aws:secretsmanager:*:*:secret:prod-{with_secret}-*");
    stack.take_away_on("delete-secret", "secretsmanager:DeleteSecret", &secret).await;
    let log_group = stack.logs.create_log_group().log_group_name(format!("/ecs/prod-{with_logs}"));
    log_group.send().await.unwrap();
    let logs = format!("arn:aws:logs:*:*:log-group:/ecs/prod-{with_logs}*");
    stack.take_away_on("delete-log-group", "logs:DeleteLogGroup", &logs).await;

    let confirmed: Vec<_> = tenants.iter().map(|tenant| json!({"tenant_id": tenant, "confirmation": tenant})).collect();
    let outcome = stack.run("deprovision-tenants", request(json!(confirmed))).await;
    stack.elb.delete_rule().rule_arn(rule).send().await.unwrap();
    stack.give_back("delete-secret").await;
    stack.give_back("delete-log-group").await;

    let (error, cause) = outcome.failed();
    assert_eq!(error, "TeardownIncomplete");
    assert_eq!(
        cause["totals"],
        json!({"tenants": count, "deprovisioned": count - 3, "absent": 0, "failed": 3}),
        "{cause}"
    );
    for (tenant, kind, reason) in [
        (held, "target-group", "a listener rule refers to it"),
        (with_secret, "secret", "secretsmanager:DeleteSecret"),
        (with_logs, "log-group", "logs:DeleteLogGroup"),
    ] {
        let leftovers = entry(&cause, tenant)["leftovers"].as_array().unwrap();
        assert_eq!((leftovers.len(), text(&leftovers[0]["kind"]).as_str()), (1, kind), "{leftovers:?}");
        assert!(text(&leftovers[0]["reason"]).contains(reason), "{leftovers:?}");
    }
    let report = whole_report(stack, &cause).await;
    for (number, tenant) in tenants.iter().enumerate() {
        let failed = [held, with_secret, with_logs].contains(&tenant);
        let told = entry(&report, tenant);
        assert_eq!(told["status"], if failed { "failed" } else { "deprovisioned" });
        assert!(told["removed"].as_array().unwrap().len() >= 7, "{told}");
        // Take a snapshot only sometimes, since it takes long.
        if failed || number % 10 == 0 {
            assert_eq!(stack.snapshot(tenant).await.len(), usize::from(failed), "{tenant}");
        }
    }

    let again = stack.run("deprovision-tenants", request(json!(confirmed))).await.succeeded();
    assert_eq!(
        again["totals"],
        json!({"tenants": count, "deprovisioned": 3, "absent": count - 3, "failed": 0}),
        "{again}"
    );
    for tenant in [held, with_secret, with_logs] {
        assert_eq!(stack.snapshot(tenant).await, Vec::<String>::new());
    }
    assert_eq!(stack.snapshot(&bystander).await, before);
    stack
        .run("teardown-tenant", json!({"tenant_id": bystander, "confirmation": bystander, "force_delete_secret": true}))
        .await
        .succeeded();
    stack.remove_load_balancers(&balancers).await;
}

#[tokio::test]
async fn a_list_may_be_a_file_in_the_stacks_bucket() {
    let (stack, _together) = Stack::together().await;
    let (tenant, absent) = (new_tenant_id(), new_tenant_id());
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    let (bucket, key) = (stack.variables("check-deletions").await["BUCKET"].clone(), format!("lists/{tenant}.json"));
    let content = json!([tenant, absent, tenant]).to_string();
    stack.s3.put_object().bucket(&bucket).key(&key).body(ByteStream::from(content.into_bytes())).send().await.unwrap();
    let mut input = request(json!(null));
    input["tenant_ids_file"] = json!(format!("s3://{bucket}/{key}"));
    let result = stack.run("deprovision-tenants", input.clone()).await.succeeded();
    assert_eq!(result["totals"], json!({"tenants": 2, "deprovisioned": 1, "absent": 1, "failed": 0}), "{result}");
    assert_eq!((&result["duplicates"], &result["more"]), (&json!(1), &json!(0)));
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());

    input["tenant_ids_file"] = json!(format!("s3://{bucket}/lists/missing.json"));
    let (error, cause) = stack.run("deprovision-tenants", input).await.failed();
    assert_eq!(error, "InvalidRequest", "{cause}");
    assert!(text(&cause["message"]).contains("no such object"), "{cause}");
}

#[tokio::test]
async fn a_list_with_one_wrong_entry_is_refused_and_every_tenant_stays() {
    let (stack, _together) = Stack::together().await;
    let tenant = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    let before = stack.snapshot(&tenant).await;
    let mut unchecked = request(json!([tenant]));
    unchecked["checklist"]["billing_finalized"] = json!(false);
    for (input, error, named) in [
        (request(json!([tenant, "12"])), "InvalidRequest", "tenant_ids[1]"),
        (request(json!([{"tenant_id": tenant, "confirmation": "12"}])), "ConfirmationMismatch", "\"12\""),
        (unchecked, "ChecklistIncomplete", "billing_finalized"),
        (request(json!([])), "InvalidRequest", "1 to 200"),
        (json!({}), "InvalidRequest", "tenant_ids_file"),
    ] {
        let (name, cause) = stack.run("deprovision-tenants", input).await.failed();
        assert_eq!(name, error, "{cause}");
        assert!(text(&cause["message"]).contains(named), "{cause}");
    }
    assert_eq!(stack.snapshot(&tenant).await, before);
}
