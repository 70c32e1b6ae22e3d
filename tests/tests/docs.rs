//! Checks of the documentation against the repository. They need no stack.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tests::stack::functions;

const ROOT: &str = "..";
const GUIDE: &str = "docs/deploying.md";
const ENVIRONMENTS: [&str; 3] = ["dev", "sit", "prod"];

/// The files and directories in which names are defined.
const SOURCES: [&str; 14] = [
    ".ci",
    "Cargo.toml",
    "Makefile",
    "events",
    "functions",
    "local",
    "network",
    "samconfig.toml",
    "shared",
    "statemachines",
    "template.yaml",
    "tenantctl",
    "tests",
    "xtask",
];

/// Parts of names that the pages use as examples. Such a name need not exist.
const EXAMPLES: [&str; 2] = ["archiv", "bucket"];

/// Names that are defined elsewhere.
const OTHERS: [&str; 13] = [
    // Names of AWS, MySQL, SAM CLI and the image of WordPress.
    "MYSQL_CLIENT_FLAGS",
    "MalformedPolicyDocument",
    "ROLLBACK_COMPLETE",
    "WARN",
    "aws-sam-cli-managed-default",
    "max_connections",
    "start-lambda",
    "start-time",
    "end-time",
    "xray",
    // The beginning of a name that the reader completes.
    "deployment-test",
    // A word that the style guide forbids in names, and one that is no name.
    "helper",
    "read-only",
];

/// A Python program that prints the operations of services, as the AWS CLI names them.
const OPERATIONS: &str = "
import sys
from botocore import session, xform_name
for service in sys.argv[1:]:
    model = session.get_session().get_service_model(service.replace('s3api', 's3'))
    for operation in model.operation_names:
        print(service, xform_name(operation, '-'))
";

fn read(name: &str) -> String {
    fs::read_to_string(format!("{ROOT}/{name}")).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The names of the files in a directory that end in `suffix`, without it.
fn files(directory: &str, suffix: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(format!("{ROOT}/{directory}")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| Some(name.strip_suffix(suffix)?.to_owned())).collect()
}

/// Every page, as its path in the repository and its text.
fn pages() -> Vec<(String, String)> {
    let root = files("", ".md").into_iter().map(|name| format!("{name}.md"));
    let docs = files("docs", ".md").into_iter().map(|name| format!("docs/{name}.md"));
    let pages: Vec<_> = root.chain(docs).map(|name| (name.clone(), read(&name))).collect();
    assert!(pages.len() > 10);
    pages
}

/// A page's text without its code blocks.
fn prose(page: &str) -> String {
    page.split("```").step_by(2).collect()
}

/// A page's code blocks.
fn blocks(page: &str) -> Vec<&str> {
    page.split("```").skip(1).step_by(2).collect()
}

/// The code spans in a page's prose.
fn spans(page: &str) -> Vec<&str> {
    page.split("```").step_by(2).flat_map(|prose| prose.split('`').skip(1).step_by(2)).collect()
}

fn is_an_example(name: &str) -> bool {
    EXAMPLES.iter().any(|example| name.to_lowercase().contains(example))
}

fn is_of_a_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '-' || letter == '_'
}

/// The words of a text that may be names.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter| !is_of_a_name(letter)).map(|word| word.trim_matches('-')).filter(|word| !word.is_empty())
}

/// The commands of a program on a page, each as the two words after the program's name.
fn commands<'a>(page: &'a str, program: &str) -> Vec<(&'a str, &'a str)> {
    let mut found = Vec::new();
    for code in blocks(page).into_iter().chain(spans(page)) {
        let words: Vec<_> = code.split([' ', '\n', '(', ';']).collect();
        let called = words.windows(2).enumerate().filter(|(_, pair)| pair[0] == program);
        found.extend(called.map(|(at, pair)| (pair[1], words.get(at + 2).copied().unwrap_or_default())));
    }
    found
}

/// The AWS operations that a page calls with the AWS CLI, each with its service.
fn aws_operations(page: &str) -> Vec<(String, String)> {
    let called = commands(page, "aws").into_iter().filter(|command| *command != ("sso", "login"));
    called.map(|(service, operation)| (service.to_owned(), operation.to_owned())).collect()
}

/// All words in the repository outside the documentation, including the names of files.
fn repository() -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    let mut paths: Vec<_> = SOURCES.iter().map(|path| PathBuf::from(ROOT).join(path)).collect();
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            paths.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.file_name().is_some_and(|name| name != "docs.rs") {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            known.extend([text, path.display().to_string()].iter().flat_map(|text| words(text)).map(str::to_owned));
        }
    }
    known
}

/// The anchor that GitHub makes for a heading.
fn anchor(heading: &str) -> String {
    let letters = heading.to_lowercase();
    letters.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>().replace(' ', "-")
}

/// The anchors of a page's headings.
fn anchors(page: &str) -> BTreeSet<String> {
    let text = prose(page);
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    headings.map(anchor).collect()
}

/// A section of the deployment guide, from its heading to the next one.
fn section(heading: &str) -> String {
    let guide = read(GUIDE);
    let (_, rest) = guide.split_once(&format!("\n{heading}\n")).unwrap();
    rest.split("\n#").next().unwrap().to_owned()
}

/// The stack's parameters, each with its part of the template.
fn parameters() -> Vec<(String, String)> {
    let template = read("template.yaml");
    let (_, rest) = template.split_once("\nParameters:\n").unwrap();
    let (parameters, _) = rest.split_once("\nMappings:\n").unwrap();
    let mut found: Vec<(String, String)> = Vec::new();
    for line in parameters.lines() {
        match line.strip_prefix("  ").filter(|line| !line.starts_with([' ', '#'])) {
            Some(name) => found.push((name.trim_end_matches(':').to_owned(), String::new())),
            None => found.last_mut().unwrap().1.push_str(&format!("{line}\n")),
        }
    }
    assert!(found.len() > 30);
    found
}

/// The functions that run in a VPC, each with its part of the template.
fn functions_in_the_vpc() -> Vec<(String, String)> {
    let template = read("template.yaml");
    let parts = template.split("BuildProperties: { Binary: ").skip(1).filter(|part| part.contains("VpcConfig: !If"));
    let functions: Vec<_> = parts.map(|part| (part.split(' ').next().unwrap().to_owned(), part.to_owned())).collect();
    assert!(functions.len() > 5);
    functions
}

/// The service of an action, as in `ecs:DescribeServices`.
fn service_of(word: &str) -> Option<String> {
    let (service, action) = word.split_once(':')?;
    let is_service = !service.is_empty() && service.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    (is_service && action.starts_with(|c: char| c.is_ascii_uppercase())).then(|| service.to_owned())
}

#[test]
fn every_parameter_in_the_guides_commands_is_in_the_template() {
    let known: BTreeSet<_> = parameters().into_iter().map(|(name, _)| name).collect();
    let guide = read(GUIDE);
    let words = guide.split(|c: char| c.is_whitespace() || "`\"'()".contains(c));
    let names = words.filter_map(|word| Some(word.split_once('=')?.0)).filter(|name| {
        name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.contains(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_alphanumeric())
    });
    let names: BTreeSet<_> = names.map(str::to_owned).collect();
    assert!(names.len() > 8, "{names:?}");
    assert_eq!(names.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn every_parameter_is_in_the_guide_and_one_without_default_is_in_its_commands() {
    let (commands, table) = (section("## 7. Build and deploy"), section("## 5. Parameters"));
    let guide = section("## 4. The network") + &commands + &table;
    for (name, text) in parameters() {
        assert!(guide.contains(&format!("`{name}`")) || guide.contains(&format!("{name}=")), "{name}");
        assert!(text.contains("    Default:") || commands.contains(&format!("\"{name}=")), "{name} has no default");
    }
}

#[test]
fn every_function_in_the_vpc_and_the_endpoints_that_it_needs_are_in_the_guide() {
    let functions = functions_in_the_vpc();
    let named = section("### Functions in the VPC");
    for (function, _) in &functions {
        assert!(named.contains(function.as_str()), "{function}");
    }
    // Functions that do nothing but mount a file system need no endpoint for it, since a mount is not an API call.
    let callers = functions.iter().filter(|(_, part)| !part.contains("VpcConfig: !If\n        - MountsFiles"));
    let needed: BTreeSet<_> = callers
        .flat_map(|(_, part)| part.split(|c: char| !c.is_ascii_alphanumeric() && c != ':').filter_map(service_of))
        .collect();
    let rows = section("### Endpoints for the functions");
    let rows = rows.lines().filter_map(|row| row.strip_prefix("| `")?.split_once('`'));
    assert_eq!(rows.map(|(service, _)| service.to_owned()).collect::<BTreeSet<_>>(), needed);
}

#[test]
fn the_guide_has_the_stacks_number_of_resources_and_its_name() {
    let (guide, template) = (read(GUIDE), read("template.yaml"));
    let count = |text: &str| template.matches(text).count();
    let (functions, machines) =
        (count("Type: AWS::Serverless::Function\n"), count("Type: AWS::Serverless::StateMachine\n"));
    let roles = functions + machines + count("Type: AWS::IAM::Role\n") - count("\n      Role: !GetAtt ");
    for (number, what) in [(functions, "functions"), (machines, "state machines"), (roles, "roles")] {
        assert!(guide.replace('\n', " ").contains(&format!("{number} {what}")), "{number} {what}");
    }
    assert!(read("docs/limits.md").contains(&format!("− {roles} a stack")), "{roles} roles");
    assert!(guide.contains("sam delete --stack-name \"$ENV-tenant-management\" --region \"$AWS_REGION\""));
    for environment in ENVIRONMENTS {
        assert!(read("samconfig.toml").contains(&format!("stack_name = \"{environment}-tenant-management\"")));
    }
}

#[test]
fn the_readme_fits_into_200_lines() {
    assert!(read("README.md").lines().count() <= 200);
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_exist() {
    for (name, page) in pages() {
        let text = prose(&page);
        let targets = text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
        for target in targets.filter(|target| !target.starts_with("https://")) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let directory = name.rsplit_once('/').map_or("", |(directory, _)| directory);
            let file = if file.is_empty() { name.clone() } else { format!("{directory}/{file}") };
            assert!(fs::exists(format!("{ROOT}/{file}")).unwrap(), "{name}: {target}: there is no such file");
            assert!(anchor.is_empty() || anchors(&read(&file)).contains(anchor), "{name}: {target}: no such heading");
        }
    }
}

#[test]
fn every_page_is_in_the_index() {
    let index = read("docs/README.md");
    for name in files("docs", ".md").iter().filter(|name| *name != "README") {
        assert!(index.contains(&format!("({name}.md)")), "docs/README.md has no link to {name}.md");
    }
}

#[test]
fn generated_pages_say_so_in_their_first_line() {
    for page in ["docs/state-machines.md", "docs/faults.md"] {
        let first = read(page).lines().next().unwrap().to_owned();
        assert!(first.starts_with("<!-- Generated: `make "), "{page}: {first}");
    }
}

#[test]
fn every_target_of_make_exists() {
    let makefile = read("Makefile");
    let targets: BTreeSet<_> =
        makefile.lines().filter_map(|line| line.strip_prefix(".PHONY: ")).flat_map(words).collect();
    for (name, page) in pages() {
        for (target, _) in commands(&page, "make") {
            assert!(targets.contains(target), "{name}: make {target}");
        }
    }
}

#[test]
fn every_operation_of_the_aws_cli_exists() {
    let called: BTreeSet<_> = pages().iter().flat_map(|(_, page)| aws_operations(page)).collect();
    assert!(called.len() > 20, "{called:?}");
    let services: BTreeSet<_> = called.iter().map(|(service, _)| service.as_str()).collect();
    let printed =
        Command::new(format!("{ROOT}/.local/venv/bin/python")).args(["-c", OPERATIONS]).args(services).output();
    let printed = printed.expect("the tools of `make setup`");
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    let printed = String::from_utf8(printed.stdout).unwrap();
    let known: BTreeSet<_> = printed.lines().filter_map(|line| line.split_once(' ')).collect();
    for (service, operation) in &called {
        assert!(known.contains(&(service.as_str(), operation.as_str())), "aws {service} {operation}");
    }
}

#[test]
fn every_name_in_the_documentation_exists() {
    let known = repository();
    let verbs: BTreeSet<_> = functions().iter().filter_map(|name| Some(name.split_once('-')?.0.to_owned())).collect();
    let of_a_function = |word: &str| word.split_once('-').is_some_and(|(verb, _)| verbs.contains(verb));
    for (name, page) in pages() {
        let operations: BTreeSet<_> = aws_operations(&page).into_iter().map(|(_, operation)| operation).collect();
        // Not options of commands, and not the codes of AWS quotas, which begin with `L-`.
        let is_a_name =
            |span: &&str| span.chars().all(is_of_a_name) && !span.starts_with('-') && !span.starts_with("L-");
        let shown = spans(&page).into_iter().filter(is_a_name).map(|span| span.trim_matches('-'));
        let functions = words(&page).filter(|word| of_a_function(word));
        for word in shown.chain(functions) {
            let word = ENVIRONMENTS.iter().fold(word, |word, environment| {
                word.strip_prefix(environment).and_then(|rest| rest.strip_prefix('-')).unwrap_or(word)
            });
            let is_known =
                known.contains(word) || operations.contains(word) || OTHERS.contains(&word) || is_an_example(word);
            assert!(is_known, "{name}: {word}");
        }
    }
}

#[test]
fn every_sample_event_exists() {
    for (name, page) in pages() {
        let samples = page.split("events/").skip(1).filter_map(|rest| Some(rest.split_once(".json")?.0));
        for sample in samples.filter(|sample| sample.chars().all(|c| is_of_a_name(c) || c == '/')) {
            let exists = fs::exists(format!("{ROOT}/events/{sample}.json")).unwrap();
            assert!(exists || is_an_example(sample), "{name}: events/{sample}.json");
        }
    }
}

#[test]
fn every_path_in_the_documentation_exists() {
    for (name, page) in pages() {
        let is_a_path = |span: &&str| {
            let is_of_a_path = |letter| is_of_a_name(letter) || letter == '/' || letter == '.';
            let first = span.split('/').next().unwrap();
            span.contains('/') && span.chars().all(is_of_a_path) && (first == "docs" || SOURCES.contains(&first))
        };
        for path in spans(&page).into_iter().filter(is_a_path) {
            assert!(fs::exists(format!("{ROOT}/{path}")).unwrap() || is_an_example(path), "{name}: {path}");
        }
    }
}
