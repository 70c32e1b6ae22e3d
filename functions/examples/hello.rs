//! The smallest possible function: the baseline of the benchmarks.

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let greet = |event: LambdaEvent<Value>| async move { Ok::<_, lambda_runtime::Error>(event.payload) };
    lambda_runtime::run(service_fn(greet)).await
}
