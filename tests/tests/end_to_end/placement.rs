//! Tenants are spread over load balancers, because each has room for only a hundred.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use tests::Stack;
use tests::load_balancers::{LoadBalancer, QUOTA};
use tests::stack::{functions, new_tenant_id, text};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Provisions `count` tenants, `at_a_time` of them at once; returns their results.
async fn provisioned(stack: &'static Stack, count: usize, at_a_time: usize) -> Vec<Value> {
    let turns = Arc::new(Semaphore::new(at_a_time));
    let mut running = JoinSet::new();
    for _ in 0..count {
        let (tenant, turns) = (new_tenant_id(), turns.clone());
        running.spawn(async move {
            let _turn = turns.acquire_owned().await.unwrap();
            stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded()
        });
    }
    running.join_all().await
}

/// The number of tenants on each load balancer. Also checks that each tenant's DNS record points to the load balancer
/// that has its rule.
async fn spread(stack: &Stack, balancers: &[LoadBalancer], tenants: &[Value]) -> BTreeMap<String, usize> {
    let names: BTreeMap<_, _> = balancers.iter().map(|one| (one.listener.as_str(), one.dns_name.as_str())).collect();
    let mut spread = BTreeMap::new();
    for tenant in tenants {
        let listener = text(&tenant["listener_arn"]);
        let told = stack.invoke("describe-tenant", &json!({"tenant_id": tenant["tenant_id"]})).await.unwrap();
        assert_eq!(told["listener_rules"][0]["listener_arn"], listener, "{told:#}");
        assert_eq!(told["dns_records"][0]["alias_of"], names[listener.as_str()], "{told:#}");
        assert_eq!(told["dns_records"][0]["name"], tenant["host"], "{told:#}");
        *spread.entry(listener).or_default() += 1;
    }
    spread
}

async fn remove(stack: &Stack, tenants: &[Value]) {
    for tenant in tenants {
        let id = &tenant["tenant_id"];
        let input = json!({"tenant_id": id, "confirmation": id, "force_delete_secret": true});
        stack.run("teardown-tenant", input).await.succeeded();
        assert_eq!(stack.snapshot(&text(&tenant["tenant_id"])).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn tenants_go_where_most_room_is_and_none_is_refused_while_there_is_room() {
    let (stack, _alone) = Stack::alone_in(&["prod"]).await;
    let balancers = stack.more_load_balancers(3).await;
    for (balancer, room) in balancers.iter().zip([3, 5, 4]) {
        stack.leave_room(balancer, room).await;
    }
    let environment = stack.resolved().await;
    let listeners = environment["listeners"].as_array().unwrap();
    let used: Vec<_> = listeners.iter().map(|listener| &listener["listener_rules"]["used"]).collect();
    assert_eq!(used, [95, 96, 97], "{listeners:#?}");
    assert_eq!(environment["capacity"]["listener_rules"], json!({"used": 288, "limit": 300, "left": 12}));

    let mut tenants = provisioned(stack, 1, 1).await;
    assert_eq!(text(&tenants[0]["listener_arn"]), balancers[1].listener);
    // All of these see the same free room, and compete for it.
    tenants.extend(provisioned(stack, 11, 11).await);
    let spread = spread(stack, &balancers, &tenants).await;
    let expected = balancers.iter().zip([3, 5, 4]).map(|(balancer, room)| (balancer.listener.clone(), room));
    assert_eq!(spread, expected.collect());

    let late = new_tenant_id();
    let (error, cause) = stack.run("provision-tenant", json!({"tenant_id": late})).await.failed();
    assert_eq!(error, "QuotaExceeded", "{cause}");
    assert!(text(&cause["message"]).contains("100 of 100 listener rules"), "{cause}");
    assert_eq!(stack.snapshot(&late).await, Vec::<String>::new());
    let gone = tenants.pop().unwrap();
    remove(stack, std::slice::from_ref(&gone)).await;
    tenants.extend(provisioned(stack, 1, 1).await);
    assert_eq!(tenants.last().unwrap()["listener_arn"], gone["listener_arn"]);

    remove(stack, &tenants).await;
    stack.remove_load_balancers(&balancers).await;
}

#[tokio::test]
async fn if_the_stack_names_listeners_tenants_go_on_these_and_no_others() {
    let (stack, _alone) = Stack::alone_in(&["prod"]).await;
    let balancers = stack.more_load_balancers(3).await;
    let named = &balancers[1..];
    let arns: Vec<_> = named.iter().map(|one| one.listener.as_str()).collect();
    let originals = name_listeners(stack, &arns.join(",")).await;

    let tenants = provisioned(stack, 2, 1).await;
    let expected = named.iter().map(|balancer| (balancer.listener.clone(), 1));
    assert_eq!(spread(stack, named, &tenants).await, expected.collect());
    remove(stack, &tenants).await;
    for (function, variables) in originals {
        stack.set_variables(&function, variables).await;
    }
    stack.remove_load_balancers(&balancers).await;
}

/// Has the effect of the stack parameter `ListenerArns`; returns the functions' previous variables.
async fn name_listeners(stack: &Stack, arns: &str) -> Vec<(String, HashMap<String, String>)> {
    let mut originals = Vec::new();
    for function in functions() {
        let original = stack.variables(&function).await;
        if original.contains_key("LISTENER_ARNS") {
            let named = [("LISTENER_ARNS".to_owned(), arns.to_owned())];
            stack.set_variables(&function, original.clone().into_iter().chain(named).collect()).await;
            originals.push((function, original));
        }
    }
    originals
}

#[tokio::test]
async fn several_load_balancers_without_a_hosted_zone_are_refused() {
    let (stack, _alone) = Stack::alone_in(&["sit"]).await;
    let balancers = stack.more_load_balancers(2).await;
    let tenant = new_tenant_id();
    let (error, cause) = stack.run("provision-tenant", json!({"tenant_id": tenant})).await.failed();
    stack.remove_load_balancers(&balancers).await;
    assert_eq!(error, "EnvironmentNotReady", "{cause}");
    assert!(text(&cause["message"]).contains("HostedZoneId"), "{cause}");
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
}

#[tokio::test]
#[ignore = "takes long: make thousand"]
async fn a_thousand_tenants_fit_on_eleven_load_balancers() {
    let (stack, _alone) = Stack::alone_in(&["prod"]).await;
    let balancers = stack.more_load_balancers(11).await;
    let begin = Instant::now();
    let mut tenants = Vec::new();
    while tenants.len() < 1000 {
        tenants.extend(provisioned(stack, 100, 20).await);
        println!("{:5} s  {} tenants provisioned", begin.elapsed().as_secs(), tenants.len());
    }
    let spread = spread(stack, &balancers, &tenants).await;
    assert_eq!(spread.values().sum::<usize>(), 1000);
    assert!(spread.len() == 11 && spread.values().all(|count| *count <= QUOTA), "{spread:?}");
    println!("{:5} s  placed as follows: {:?}", begin.elapsed().as_secs(), spread.values());
    for two_hundred in tenants.chunks(200) {
        let of = |tenant: &Value| json!({"tenant_id": tenant["tenant_id"], "confirmation": tenant["tenant_id"]});
        let list: Vec<_> = two_hundred.iter().map(of).collect();
        let result = stack.run("deprovision-tenants", crate::bulk::request(json!(list))).await.succeeded();
        assert_eq!(result["totals"], json!({"tenants": 200, "deprovisioned": 200, "absent": 0, "failed": 0}));
        println!("{:5} s  200 tenants deprovisioned", begin.elapsed().as_secs());
    }
    stack.remove_load_balancers(&balancers).await;
}
