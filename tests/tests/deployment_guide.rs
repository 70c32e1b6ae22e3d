//! What DEPLOY.md says, held against what it deploys: no stack is needed.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

use std::collections::BTreeSet;
use std::fs;

fn read(name: &str) -> String {
    fs::read_to_string(format!("../{name}")).unwrap()
}

/// A section of the guide, from its heading to the next one.
fn section(heading: &str) -> String {
    let guide = read("DEPLOY.md");
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
        match line.strip_prefix("  ").filter(|line| !line.starts_with(' ')) {
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
fn every_parameter_in_the_guides_commands_is_one_of_the_stacks() {
    let known: BTreeSet<_> = parameters().into_iter().map(|(name, _)| name).collect();
    let guide = read("DEPLOY.md");
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
fn every_parameter_is_in_the_guide_and_what_has_no_default_in_the_commands() {
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
    // A mount is no call.
    let callers = functions.iter().filter(|(_, part)| !part.contains("FileSystemConfigs"));
    let needed: BTreeSet<_> = callers
        .flat_map(|(_, part)| part.split(|c: char| !c.is_ascii_alphanumeric() && c != ':').filter_map(service_of))
        .collect();
    let rows = section("### Endpoints for the functions");
    let rows = rows.lines().filter_map(|row| row.strip_prefix("| `")?.split_once('`'));
    assert_eq!(rows.map(|(service, _)| service.to_owned()).collect::<BTreeSet<_>>(), needed);
}

#[test]
fn the_guide_counts_what_the_stack_has_and_removes_it_by_its_name() {
    let (guide, template) = (read("DEPLOY.md"), read("template.yaml"));
    let count = |text: &str| template.matches(text).count();
    let (functions, machines) =
        (count("Type: AWS::Serverless::Function\n"), count("Type: AWS::Serverless::StateMachine\n"));
    let roles = functions + machines + count("Type: AWS::IAM::Role\n") - count("\n      Role: !GetAtt ");
    for (number, what) in [(functions, "functions"), (machines, "state machines"), (roles, "roles")] {
        assert!(guide.replace('\n', " ").contains(&format!("{number} {what}")), "{number} {what}");
    }
    assert!(read("LIMITS.md").contains(&format!("never by tenants: {roles} a stack")), "{roles} roles");
    assert!(guide.contains("sam delete --stack-name \"$ENV-tenant-management\" --region \"$AWS_REGION\""));
    for environment in ["dev", "sit", "prod"] {
        assert!(read("samconfig.toml").contains(&format!("stack_name = \"{environment}-tenant-management\"")));
    }
}
