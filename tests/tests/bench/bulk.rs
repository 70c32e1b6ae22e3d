//! Many tenants at once, within AWS's rate limits. The limits are raised by the factor by which waits are shortened
//! here.

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use tests::stack::{new_tenant_id, text};
use tests::{Stack, proxy};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::{directory, plot};

/// The longest list that deprovision-tenants accepts.
const LIST: usize = 200;
/// How many tenants are provisioned at once. With more, this machine would be the limit, and not AWS's rates.
const AT_ONCE: usize = 20;
/// How many tenants share a load balancer here.
const ON_A_LOAD_BALANCER: usize = 80;

/// Prints a table and draws a plot.
pub(crate) async fn measure(stack: &'static Stack) {
    let sizes = std::env::var("BENCH_BULK").unwrap_or_else(|_| "1 10 100 500".to_owned());
    println!("\nMany tenants at once\n");
    let mut table = "| tenants | provisioned, s | per s | throttled calls | failed | deprovisioned, s | per s | \
                     throttled calls | failed |\n|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n"
        .to_owned();
    let mut lines = [("provisioned", Vec::new()), ("deprovisioned", Vec::new())];
    for size in sizes.split_whitespace().map(|size| size.parse::<usize>().expect("BENCH_BULK")) {
        let balancers = stack.more_load_balancers(size.div_ceil(ON_A_LOAD_BALANCER)).await;
        let tenants: Vec<_> = (0..size).map(|_| new_tenant_id()).collect();
        let (begin, throttled) = (Instant::now(), proxy::throttled());
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        let mut running = JoinSet::new();
        for tenant in tenants.clone() {
            let turns = turns.clone();
            running.spawn(async move {
                let _turn = turns.acquire_owned().await.expect("a turn");
                stack.run("provision-tenant", json!({"tenant_id": tenant})).await
            });
        }
        let mut failed = 0;
        for outcome in running.join_all().await {
            if !outcome.error.is_empty() {
                failed += 1;
                println!("{}: {}", outcome.error, outcome.cause);
            }
        }
        let (made, refused) = (begin.elapsed().as_secs_f64(), proxy::throttled() - throttled);
        let (begin, throttled) = (Instant::now(), proxy::throttled());
        let mut kept = 0;
        for list in tenants.chunks(LIST) {
            let mut request = tests::deprovisioning::request("");
            request.as_object_mut().expect("an object").remove("tenant_id");
            request["tenant_ids"] = json!(list);
            let outcome = stack.run("deprovision-tenants", request).await;
            let report = if outcome.error.is_empty() { outcome.output } else { outcome.cause };
            kept += report["totals"]["failed"].as_u64().unwrap_or_else(|| panic!("no report: {report}"));
        }
        let (gone, hindered) = (begin.elapsed().as_secs_f64(), proxy::throttled() - throttled);
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        let count = size as f64;
        writeln!(
            table,
            "| {size} | {made:.1} | {:.2} | {refused} | {failed} | {gone:.1} | {:.2} | {hindered} | {kept} |",
            count / made,
            count / gone
        )
        .expect("a line");
        println!("{size} tenants were provisioned in {made:.0} s and deprovisioned in {gone:.0} s");
        lines[0].1.push((count, made));
        lines[1].1.push((count, gone));
        left(stack, &tenants).await;
        stack.remove_load_balancers(&balancers).await;
    }
    println!("{table}");
    fs::write(directory().join("bulk.md"), table).expect("a table");
    plot::lines(&directory().join("bulk.svg"), "Many tenants at once, in seconds", "tenants", &lines);
}

/// Checks that nothing of the tenants is left.
async fn left(stack: &Stack, tenants: &[String]) {
    let listed: Vec<_> = stack.listed(json!({"limit": 100})).await.iter().map(|one| text(&one["tenant_id"])).collect();
    let left: Vec<_> = tenants.iter().filter(|tenant| listed.contains(tenant)).collect();
    assert!(left.is_empty(), "{left:?}");
}
