//! Package size, cold start and memory of each function.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use serde_json::Value;
use tests::Stack;
use tests::stack::variable;

use crate::directory;
use crate::runtime_api::Process;
use crate::statistics::{median, runs};

const KIB: f64 = 1024.0;

struct Measured {
    name: String,
    /// Size of the deployed package, in MiB.
    package: Option<f64>,
    /// Time from the start of the process to its first request for an event, in milliseconds.
    cold_start: f64,
    /// Memory before the first event, in MiB.
    idle: f64,
    /// Memory after one event, in MiB.
    after: f64,
}

/// Prints a table of all functions, of the smallest possible function, and of one in Python.
pub(crate) async fn measure(stack: &'static Stack) {
    println!(
        "\nEach function, as deployed: the package, from exec to the first poll, memory then and after one event\n"
    );
    let mut rows = vec![
        start(stack, "hello (the least)", hello(), None).await,
        start(stack, "create-secret in Python", python(), Some("create-secret")).await,
    ];
    for name in tests::stack::functions() {
        rows.push(start(stack, &name, Command::new(format!("../target/lambda/{name}/bootstrap")), Some(&name)).await);
    }
    let floor = rows[0].cold_start;
    let mut table = "| function | package, MiB | cold start, ms | of the least | idle, MiB | after, MiB |\n".to_owned();
    table += "|---|--:|--:|--:|--:|--:|\n";
    for Measured { name, package, cold_start, idle, after } in &rows {
        let package = package.map_or_else(|| "-".to_owned(), |package| format!("{package:.2}"));
        let ratio = cold_start / floor;
        writeln!(table, "| {name} | {package} | {cold_start:.1} | {ratio:.1} | {idle:.1} | {after:.1} |")
            .expect("a line");
    }
    println!("{table}");
    let of_ours = |number: fn(&Measured) -> f64| rows[2..].iter().map(number).fold(0.0, f64::max);
    println!(
        "The largest of ours: {:.2} MiB, {:.1} ms ({:.1} of the least, {:.0} times faster than Python), {:.1} MiB idle\n",
        of_ours(|row| row.package.unwrap_or_default()),
        of_ours(|row| row.cold_start),
        of_ours(|row| row.cold_start) / floor,
        rows[1].cold_start / of_ours(|row| row.cold_start),
        of_ours(|row| row.idle),
    );
    fs::write(directory().join("functions.md"), table).expect("a table");
}

/// The smallest possible function. Cargo has put it into the directory of this program.
fn hello() -> Command {
    let this = std::env::current_exe().expect("a program");
    Command::new(this.ancestors().nth(2).expect("a directory").join("examples/hello"))
}

fn python() -> Command {
    // The symbolic link is not resolved: its target is the system's Python, which does not find the installed packages.
    let mut python = Command::new(std::path::absolute("../.local/bench/venv/bin/python").expect("python"));
    python.args(["-m", "awslambdaric", "function.handler"]).current_dir("../local/bench");
    python
}

/// Starts a function several times. It gets the configuration and the sample event of the function `sample`.
async fn start(stack: &Stack, name: &str, mut command: Command, sample: Option<&str>) -> Measured {
    let mut variables = vec![
        ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
        ("AWS_REGION".to_owned(), stack.region.clone()),
        ("AWS_DEFAULT_REGION".to_owned(), stack.region.clone()),
        ("AWS_ACCESS_KEY_ID".to_owned(), stack.account.clone()),
        ("AWS_SECRET_ACCESS_KEY".to_owned(), "local".to_owned()),
        ("AWS_ENDPOINT_URL".to_owned(), variable("AWS_ENDPOINT_URL")),
        ("AWS_LAMBDA_FUNCTION_NAME".to_owned(), name.to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE".to_owned(), "256".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION".to_owned(), "$LATEST".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME".to_owned(), "bench".to_owned()),
        ("AWS_LAMBDA_LOG_STREAM_NAME".to_owned(), "bench".to_owned()),
        ("AWS_LAMBDA_LOG_FORMAT".to_owned(), "JSON".to_owned()),
    ];
    let (mut package, mut event) = (None, Value::Null);
    if let Some(function) = sample {
        let its_own = stack.variables(function).await;
        variables.extend(its_own.into_iter().filter(|(key, _)| key != "AWS_ENDPOINT_URL"));
        let deployed = stack.lambda.get_function_configuration().function_name(stack.named(function)).send().await;
        #[expect(clippy::cast_precision_loss, reason = "no package is that large")]
        let size = deployed.expect("a function").code_size() as f64;
        package = (function == name).then_some(size / KIB / KIB);
        let text = fs::read_to_string(format!("../events/{function}.json")).expect(function);
        event = serde_json::from_str(&text).expect(function);
    }
    let mut starts = Vec::new();
    let mut memory = Vec::new();
    for _ in 0..runs() {
        let process = Process::start(&mut command, &variables);
        starts.push(process.cold_start.as_secs_f64() * 1000.0);
        memory.push(process.memory());
    }
    let mut process = Process::start(&mut command, &variables);
    process.invoke(&event);
    let (cold_start, idle, after) = (median(starts), median(memory), process.memory());
    Measured { name: name.to_owned(), package, cold_start, idle, after }
}
