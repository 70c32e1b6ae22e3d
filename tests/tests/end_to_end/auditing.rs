//! The audit reports tenants that stay incomplete, and changes nothing.

use serde_json::{Value, json};
use tests::Stack;
use tests::bus::fits_its_schema;
use tests::stack::new_tenant_id;

fn incomplete<'a>(audited: &'a Value, tenant: &str) -> Option<&'a Value> {
    audited["incomplete"].as_array().unwrap().iter().find(|incomplete| incomplete["tenant_id"] == tenant)
}

#[tokio::test]
async fn a_tenant_that_is_partial_in_two_audits_in_a_row_is_reported_and_left_alone() {
    let (stack, _alone) = Stack::alone().await;
    let (orphan, later, whole) = (new_tenant_id(), new_tenant_id(), new_tenant_id());
    stack.run("provision-tenant", json!({"tenant_id": whole})).await.succeeded();
    let mut ear = stack.announcements().await;
    stack.claim(&orphan).await;
    let first = stack.run("audit-tenants", json!({})).await.succeeded();
    assert!(incomplete(&first, &orphan).is_none(), "it may be on its way: {first}");
    assert!(first["statuses"]["partial"].as_u64().unwrap() >= 1 && first["statuses"]["active"].as_u64().unwrap() >= 1);

    stack.claim(&later).await;
    let before = [stack.snapshot(&orphan).await, stack.snapshot(&later).await, stack.snapshot(&whole).await];
    let outcome = stack.run("audit-tenants", json!({})).await;
    let execution = outcome.arn.clone();
    let second = outcome.succeeded();
    let told = incomplete(&second, &orphan).unwrap();
    assert_eq!(told["lacks"].as_array().unwrap().len(), 7, "{told}");
    assert!(incomplete(&second, &later).is_none() && incomplete(&second, &whole).is_none(), "{second}");
    let after = [stack.snapshot(&orphan).await, stack.snapshot(&later).await, stack.snapshot(&whole).await];
    assert_eq!(after, before);

    let events = ear.about(&execution).await;
    assert_eq!((events.len(), &events[0]["detail-type"]), (1, &json!("TenantsIncomplete")), "{events:#?}");
    assert_eq!(events[0]["detail"], second);
    fits_its_schema(&events[0]);
    ear.close().await;
    for tenant in [orphan, later, whole] {
        stack
            .run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true}))
            .await
            .succeeded();
    }
}
