//! How often a page asks the file system that the tenant's tasks mount. On AWS it is reached over the network.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde_json::json;
use tests::Stack;
use tests::site::{self, Site};

use crate::sites::{provision, remove};

/// At most so many calls for the first page, when PHP's caches are warm. Nearly all of them look for the theme's
/// templates and patterns: 196 with WordPress 6.1.9 and Twenty Twenty-Three, and 274 with 6.8.12 and Twenty
/// Twenty-Five. There were 1,476 when the core was on the mount too.
const MOST: usize = 300;
/// At most so many of them are for other files than the theme's.
const MOST_BESIDE_THE_THEME: usize = 30;

const CONTENT: &str = "\"/var/www/html/wp-content";
/// A link to a file on the mount.
const RULES: &str = "\"/var/www/html/.htaccess\"";

/// The processes of Apache in the site's tasks.
fn web_servers(site: &Site) -> Vec<String> {
    let variable = format!("TENANT_URL={}", site.url);
    let is_one = |process: &PathBuf| {
        let read = |file: &str| fs::read(process.join(file)).unwrap_or_default();
        read("comm") == b"apache2\n" && read("environ").split(|byte| *byte == 0).any(|set| set == variable.as_bytes())
    };
    let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    processes.filter(is_one).map(|process| process.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}

/// `strace` at the web servers of a site.
struct Tracer {
    process: Child,
    calls: PathBuf,
}

impl Tracer {
    /// Begins to trace; returns why that is impossible, if it is.
    fn begin(site: &Site) -> Result<Self, String> {
        let calls = std::env::temp_dir().join(format!("file-calls-{}", site.tenant));
        let servers = web_servers(site);
        assert!(!servers.is_empty(), "no Apache has the tenant's URL in its environment");
        let mut strace = Command::new("strace");
        strace.args(["-f", "-s", "4096", "-e", "trace=%file", "-o"]).arg(&calls);
        strace.args(servers.iter().flat_map(|server| ["-p", server]));
        let mut process =
            strace.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(|error| error.to_string())?;
        // It says of each process that it is attached.
        let mut said = BufReader::new(process.stderr.take().unwrap()).lines();
        for _ in &servers {
            match said.next() {
                Some(Ok(line)) if line.ends_with(" attached") => {}
                Some(Ok(line)) => return Err(line),
                _ => return Err("strace has ended".to_owned()),
            }
        }
        // What it says later must find a reader, or it would wait for one.
        std::thread::spawn(move || said.for_each(drop));
        Ok(Self { process, calls })
    }

    /// Ends tracing; returns the calls for files on the mount.
    fn end(mut self) -> Vec<String> {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", "INT", &pid]).status().unwrap().success());
        self.process.wait().unwrap();
        let calls = fs::read_to_string(&self.calls).unwrap();
        fs::remove_file(&self.calls).unwrap();
        let is_on_the_mount = |call: &&str| call.contains(CONTENT) || call.contains(RULES);
        calls.lines().filter(is_on_the_mount).map(str::to_owned).collect()
    }
}

/// Installs strace where it is missing; returns why that is impossible, if it is.
fn install() -> Result<(), String> {
    let settings = local::settings::Settings::from_process().map_err(|error| error.to_string())?;
    let _alone = local::setup::alone(&settings).map_err(|error| error.to_string())?;
    local::setup::install_packages(&settings, &[("strace", "strace")]).map_err(|error| error.to_string())
}

/// How often each file is asked for, the most frequent one first.
fn summary(calls: &[String]) -> String {
    let mut counts = BTreeMap::<&str, usize>::new();
    for call in calls {
        *counts.entry(call.split('"').nth(1).unwrap_or_default()).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.into_iter().take(40).map(|(file, count)| format!("{count:4} {file}\n")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[allow(clippy::print_stdout, reason = "whoever reads the tests' output has to know that this one did nothing")]
async fn one_page_makes_few_file_calls_on_the_mount() {
    if !site::can_be_served() {
        return;
    }
    if let Err(obstacle) = install() {
        println!("skipped, since strace is missing: {obstacle}");
        return;
    }
    let (stack, _together) = Stack::with_sites().await;
    let (site, _) = provision(stack, json!({})).await;
    let visitor = site.visitor();
    let visit = async || assert_eq!(visitor.get("/").await.unwrap().status, 200);
    // Each process of Apache has a cache of paths, and all have one of PHP's code.
    for _ in 0..20 {
        visit().await;
    }
    // In between, WordPress runs its scheduled jobs, and PHP looks whether programs have changed. So the page with the
    // fewest calls of three is the one that does nothing else.
    let mut fewest: Option<Vec<String>> = None;
    for _ in 0..3 {
        let tracer = match Tracer::begin(&site) {
            Ok(tracer) => tracer,
            Err(obstacle) => {
                println!("skipped, since strace cannot follow a process here: {obstacle}");
                remove(stack, &site).await;
                return;
            }
        };
        visit().await;
        let calls = tracer.end();
        if fewest.as_ref().is_none_or(|fewest| calls.len() < fewest.len()) {
            fewest = Some(calls);
        }
    }
    let calls = fewest.unwrap();
    let beside = calls.iter().filter(|call| !call.contains(&format!("{CONTENT}/themes/"))).count();
    println!("one page makes {} file calls on the mount, {beside} of them beside the theme", calls.len());
    assert!(beside > 0, "the tracer has seen nothing");
    assert!(calls.len() <= MOST, "{} file calls on the mount:\n{}", calls.len(), summary(&calls));
    assert!(beside <= MOST_BESIDE_THE_THEME, "{beside} of them beside the theme:\n{}", summary(&calls));
    remove(stack, &site).await;
}
