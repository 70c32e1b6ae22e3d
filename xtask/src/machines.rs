//! Generates the state machines' definitions: `statemachines/*.asl.json`, which are deployed, are written from
//! `statemachines/src/*.yaml`, which people edit.
//!
//! A source has the same fields as ASL, but in YAML. Only what many states have in common is in `macros.yaml`.

mod macros;
mod node;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use local::failure::{Doing, Result};
use local::say;

use macros::Macros;
use node::Node;

const DEFINITIONS: &str = "statemachines";
const SOURCES: &str = "statemachines/src";
const MACROS: &str = "macros";
const REMEDY: &str = "run make machines";

/// Writes the definition of every machine.
///
/// # Errors
/// When a source cannot be read, or a definition cannot be written.
pub fn write(root: &Path) -> Result<()> {
    for (name, definition) in definitions(root)? {
        let file = root.join(&name);
        if fs::read_to_string(&file).is_ok_and(|written| written == definition) {
            continue;
        }
        fs::write(&file, definition).doing(format!("writing {}", file.display()))?;
        say::progress(format!("wrote {name}"));
    }
    Ok(())
}

/// Checks that the definitions are up to date with the sources.
///
/// # Errors
/// When a definition is not, or has no source.
pub fn check(root: &Path) -> Result<()> {
    let definitions = definitions(root)?;
    for (name, definition) in &definitions {
        if fs::read_to_string(root.join(name)).ok().as_ref() != Some(definition) {
            return Err(format!("{name} does not fit its source in {SOURCES}: {REMEDY}").into());
        }
    }
    for name in files(root, DEFINITIONS, ".asl.json")? {
        let name = definition_of(&name);
        if !definitions.contains_key(&name) {
            return Err(format!("{name} has no source in {SOURCES}: write one, or delete it").into());
        }
    }
    Ok(())
}

/// The text of each definition, by the name of its file.
fn definitions(root: &Path) -> Result<BTreeMap<String, String>> {
    let read = |name: &str| {
        let file = source_of(name);
        let text = fs::read_to_string(root.join(&file)).doing(format!("reading {file}"))?;
        Node::from_yaml(&text).doing(file)
    };
    let macros = Macros::new(&read(MACROS)?).doing(source_of(MACROS))?;
    let machines = files(root, SOURCES, ".yaml")?.into_iter().filter(|name| name != MACROS);
    machines
        .map(|name| {
            let source = source_of(&name);
            let definition = definition(&source, &read(&name)?, &macros).doing(&source)?;
            Ok((definition_of(&name), definition))
        })
        .collect()
}

fn definition(source: &str, machine: &Node, macros: &Macros) -> Result<String> {
    let Node::Object(mut fields) = macros.expand(machine)? else { return Err("it is not a state machine".into()) };
    let comment = fields.iter_mut().find(|(name, _)| name == "Comment");
    let Some((_, Node::Text(comment))) = comment else { return Err("the machine has no Comment".into()) };
    comment.push_str(&format!(" Generated from {source}: edit that, and {REMEDY}."));
    let text = serde_json::to_string_pretty(&Node::Object(fields)).doing("writing JSON")?;
    Ok(text + "\n")
}

fn source_of(name: &str) -> String {
    format!("{SOURCES}/{name}.yaml")
}

fn definition_of(name: &str) -> String {
    format!("{DEFINITIONS}/{name}.asl.json")
}

/// The names of a directory's files that end in `suffix`, without it.
fn files(root: &Path, directory: &str, suffix: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join(directory)).doing(format!("reading {directory}"))? {
        let name = entry.doing(format!("reading {directory}"))?.file_name();
        names.extend(name.to_string_lossy().strip_suffix(suffix).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_names_its_source_and_keeps_the_order_of_fields() {
        let macros = Macros::new(&Node::from_yaml("Retry: {}\nCatch: {}\nJSONata: {}").unwrap()).unwrap();
        let machine =
            Node::from_yaml("Comment: Does it.\nStartAt: B\nStates: { B: { Type: Pass, End: true } }").unwrap();
        let definition = definition("statemachines/src/x.yaml", &machine, &macros).unwrap();
        let expected = "{\n  \"Comment\": \"Does it. Generated from statemachines/src/x.yaml: edit that, and run make \
                        machines.\",\n  \"StartAt\": \"B\",\n  \"States\": {\n    \"B\": {\n      \"Type\": \"Pass\",\n      \
                        \"End\": true\n    }\n  }\n}\n";
        assert_eq!(definition, expected);
    }

    #[test]
    fn the_checked_in_definitions_are_those_of_the_sources() {
        check(Path::new("..")).unwrap();
    }
}
