//! The sample events are valid inputs.

use serde_json::{Value, json};
use tests::Stack;
use tokio::sync::Mutex;

/// The samples' tenants have fixed ids, so only one test at a time may have them.
static TENANTS: Mutex<()> = Mutex::const_new(());

/// Frees the ids of the samples: a secret can be recovered for some time, and files stay when a tenant is removed.
async fn free(stack: &Stack) {
    for name in ["provision-tenant", "provision-tenant-2"] {
        let tenant = sample(name)["tenant_id"].clone();
        let removal = json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true});
        stack.run("teardown-tenant", removal).await.succeeded();
        stack.invoke("purge-files", &json!({"tenant_id": tenant})).await.unwrap();
        assert_eq!(stack.snapshot(tenant.as_str().unwrap()).await, Vec::<String>::new());
    }
}

fn sample(name: &str) -> Value {
    let text = std::fs::read_to_string(format!("../events/{name}.json")).expect(name);
    serde_json::from_str(&text).expect(name)
}

#[tokio::test]
async fn the_samples_of_the_state_machines_provision_two_tenants_and_remove_one() {
    let (stack, _together) = Stack::together().await;
    let _mine = TENANTS.lock().await;
    free(stack).await;
    let (first, second) = (sample("provision-tenant"), sample("provision-tenant-2"));
    let executions = [stack.start("provision-tenant", &first).await, stack.start("provision-tenant", &second).await];
    for arn in executions {
        stack.ended(&arn).await.succeeded();
    }
    stack.run("teardown-tenant", sample("teardown-tenant")).await.succeeded();
    free(stack).await;
}

#[tokio::test]
async fn every_function_accepts_its_sample_event() {
    let (stack, _together) = Stack::together_in(&["dev", "sit", "prod"]).await;
    let _mine = TENANTS.lock().await;
    free(stack).await;
    for function in tests::stack::functions() {
        // The ids in a sample are made up, so the step may fail, but not because of the input's form.
        match stack.invoke(&function, &sample(&function)).await {
            Err((error, message)) => assert_ne!(error, "InvalidRequest", "{function}: {message}"),
            Ok(answer) if ["start-provisioning", "start-deprovisioning"].contains(&function.as_str()) => {
                let ended = stack.ended(answer["execution_arn"].as_str().unwrap()).await;
                if let Some(made) = ended.output.get("tenant_id") {
                    let removal = json!({"tenant_id": made, "confirmation": made, "force_delete_secret": true});
                    stack.run("teardown-tenant", removal).await.succeeded();
                }
            }
            Ok(_) => {}
        }
    }
    stack.run("teardown-tenant", sample("teardown-tenant")).await.succeeded();
    free(stack).await;
}
