//! Checks that no module uses a module of a higher floor, and that no modules use each other in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Each floor with the floors that it may use.
const FLOORS: [(&str, &[&str]); 5] = [
    ("stack", &[]),
    ("load_balancing", &["stack"]),
    ("resources", &["load_balancing", "stack"]),
    ("reading", &["resources", "load_balancing", "stack"]),
    ("workflows", &["resources", "load_balancing", "stack"]),
];

/// The source text of every module without its tests, by the module's path, such as `resources::secret`.
fn modules() -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for (floor, _) in FLOORS {
        read(Path::new("src"), "", floor, &mut all);
    }
    assert!(all.len() > 50);
    all
}

fn read(directory: &Path, parent: &str, name: &str, all: &mut BTreeMap<String, String>) {
    let module = if parent.is_empty() { name.to_owned() } else { format!("{parent}::{name}") };
    let text = fs::read_to_string(directory.join(name).with_extension("rs")).unwrap();
    let text = text.split("\n#[cfg(test)]\n").next().unwrap().to_owned();
    all.insert(module.clone(), text);
    for entry in fs::read_dir(directory.join(name)).into_iter().flatten() {
        let path = entry.unwrap().path();
        let child = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if path.extension().is_some_and(|extension| extension == "rs") && child != "tests" {
            read(&directory.join(name), &module, &child, all);
        }
    }
}

/// The paths in a module's text that begin with `crate::` or `super::`, as paths from the crate's root. Groups in
/// braces become single paths.
fn paths(module: &str, text: &str) -> Vec<String> {
    let parent = module.rsplit_once("::").map_or("", |(parent, _)| parent);
    let of_prefix = |prefix: &str, from: &str| -> Vec<String> {
        let uses = text.split(prefix).skip(1).flat_map(|rest| {
            let is_inside = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
            let end = rest.find(|letter: char| !is_inside(letter)).unwrap_or(rest.len());
            let (path, rest) = rest.split_at(end);
            match rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
                Some((group, _)) => group.split(',').map(|item| format!("{path}{}", item.trim())).collect(),
                None => vec![path.to_owned()],
            }
        });
        uses.map(|path| if from.is_empty() { path } else { format!("{from}::{path}") }).collect()
    };
    [of_prefix("crate::", ""), of_prefix("super::", parent)].concat()
}

/// The module that a path leads to: the longest beginning of the path that is a module.
fn module_of<'a>(path: &'a str, modules: &BTreeMap<String, String>) -> Option<&'a str> {
    let ends = path.match_indices("::").map(|(end, _)| end).chain([path.len()]);
    ends.map(|end| &path[..end]).filter(|beginning| modules.contains_key(*beginning)).last()
}

#[test]
fn no_module_uses_a_module_of_a_higher_floor() {
    for (module, text) in modules() {
        let (floor, allowed) = FLOORS.into_iter().find(|(floor, _)| module.split("::").next() == Some(*floor)).unwrap();
        for path in paths(&module, &text) {
            let used = path.split("::").next().unwrap();
            assert!(used == floor || allowed.contains(&used), "{module} uses {path}");
        }
    }
}

#[test]
fn no_modules_use_each_other_in_a_circle() {
    let modules = modules();
    let mut uses: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (module, text) in &modules {
        let used = paths(module, text);
        let used = used.iter().filter_map(|path| module_of(path, &modules)).filter(|used| used != module);
        uses.insert(module, used.map(str::to_owned).collect());
    }
    // In each round, remove the modules that use none of the remaining ones. In the end, only circles remain.
    loop {
        let left: BTreeSet<String> = uses.keys().map(|module| (*module).to_owned()).collect();
        uses.retain(|_, used| used.iter().any(|used| left.contains(used)));
        if uses.len() == left.len() {
            break;
        }
    }
    assert_eq!(uses, BTreeMap::new());
}
