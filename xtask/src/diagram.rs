//! Draws the diagrams in docs/state-machines.md from the definitions of the state machines.

use std::fmt::Write;
use std::fs;

use serde_json::Value;

use local::failure::{Doing, Result};
use local::settings::Settings;

const MACHINES: [&str; 10] = [
    "provision-tenant",
    "update-tenant",
    "teardown-tenant",
    "deprovision-tenant",
    "deprovision-tenants",
    "deprovision-tenant-everywhere",
    "run-database-task",
    "run-tenant-job",
    "conclude-execution",
    "audit-tenants",
];
const PAGE: &str = "docs/state-machines.md";

/// Draws the diagrams into the page.
///
/// # Errors
/// When a definition or the page cannot be read or written.
pub fn draw(settings: &Settings) -> Result<()> {
    let file = settings.root.join(PAGE);
    let drawn = drawn(settings)?;
    fs::write(&file, drawn).doing(format!("writing {}", file.display()))
}

/// Checks that the page's diagrams fit the definitions.
///
/// # Errors
/// When they do not.
pub fn check(settings: &Settings) -> Result<()> {
    let file = settings.root.join(PAGE);
    let written = fs::read_to_string(&file).doing(format!("reading {}", file.display()))?;
    if drawn(settings)? == written {
        return Ok(());
    }
    Err(format!("the diagrams in {PAGE} do not fit the state machines: run make diagrams").into())
}

fn drawn(settings: &Settings) -> Result<String> {
    let file = settings.root.join(PAGE);
    let mut page = fs::read_to_string(&file).doing(format!("reading {}", file.display()))?;
    for machine in MACHINES {
        let file = settings.root.join(format!("statemachines/{machine}.asl.json"));
        let text = fs::read_to_string(&file).doing(format!("reading {}", file.display()))?;
        let definition: Value = serde_json::from_str(&text).doing(format!("reading {}", file.display()))?;
        page = placed(&page, machine, &mermaid(&definition))?;
    }
    Ok(page)
}

fn placed(page: &str, machine: &str, picture: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- diagram {machine} -->\n"), "<!-- end of diagram -->");
    let missing = || format!("{PAGE} has no place for the diagram of {machine}: a line {}", begin.trim());
    let (before, rest) = page.split_once(&begin).ok_or_else(missing)?;
    let (_, after) = rest.split_once(end).ok_or_else(missing)?;
    Ok(format!("{before}{begin}```mermaid\n{picture}```\n{end}{after}"))
}

/// A Mermaid flowchart. A caught error is a dotted arrow.
fn mermaid(machine: &Value) -> String {
    let mut picture = String::from("flowchart TD\n");
    draw_states(&mut picture, machine, "", 1);
    picture
}

fn draw_states(picture: &mut String, machine: &Value, prefix: &str, depth: usize) {
    let indent = "  ".repeat(depth);
    let Some(states) = machine["States"].as_object() else { return };
    let id = |name: &str| format!("{prefix}{}", name.replace(|letter: char| !letter.is_alphanumeric(), "_"));
    for (name, state) in states {
        let (this, kind) = (id(name), state["Type"].as_str().unwrap_or_default());
        if kind == "Parallel" || kind == "Map" {
            let _ = writeln!(picture, "{indent}subgraph {this}[\"{name}\"]");
            let branches = state["Branches"].as_array().into_iter().flatten().chain(state.get("ItemProcessor"));
            for (number, branch) in branches.enumerate() {
                draw_states(picture, branch, &format!("{this}_{number}_"), depth + 1);
            }
            let _ = writeln!(picture, "{indent}end");
        } else {
            let (open, close) = match kind {
                "Choice" => ("{", "}"),
                "Fail" | "Succeed" => ("([", "])"),
                "Wait" => ("[/", "/]"),
                _ => ("[", "]"),
            };
            let _ = writeln!(picture, "{indent}{this}{open}\"{name}\"{close}");
        }
        let next = state["Choices"].as_array().into_iter().flatten().map(|choice| &choice["Next"]);
        for target in next.chain([&state["Default"], &state["Next"]]).filter_map(Value::as_str) {
            let _ = writeln!(picture, "{indent}{this} --> {}", id(target));
        }
        for catch in state["Catch"].as_array().into_iter().flatten().filter_map(|catch| catch["Next"].as_str()) {
            let _ = writeln!(picture, "{indent}{this} -.-> {}", id(catch));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn states_and_arrows_are_drawn_and_caught_errors_are_dotted() {
        let machine = json!({"States": {
            "Look": {"Type": "Task", "Next": "Ready?", "Catch": [{"Next": "Fail"}]},
            "Ready?": {"Type": "Choice", "Choices": [{"Next": "Look"}], "Default": "Both"},
            "Both": {"Type": "Parallel", "Branches": [{"States": {"One": {"Type": "Pass"}}}]},
            "Each": {"Type": "Map", "ItemProcessor": {"States": {"Two": {"Type": "Pass"}}}},
            "Fail": {"Type": "Fail"},
        }});
        let picture = mermaid(&machine);
        for line in [
            "Look --> Ready_",
            "Look -.-> Fail",
            "Ready_{\"Ready?\"}",
            "Ready_ --> Both",
            "Both_0_One[\"One\"]",
            "Each_0_Two[\"Two\"]",
            "Fail([\"Fail\"])",
        ] {
            assert!(picture.contains(line), "{line} is not in\n{picture}");
        }
    }

    #[test]
    fn the_picture_replaces_the_one_before() {
        let page = "a\n<!-- diagram x -->\nold\n<!-- end of diagram -->\nb\n";
        let placed = placed(page, "x", "new\n").unwrap();
        assert_eq!(placed, "a\n<!-- diagram x -->\n```mermaid\nnew\n```\n<!-- end of diagram -->\nb\n");
        assert!(super::placed(page, "y", "").is_err());
    }
}
