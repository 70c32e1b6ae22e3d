//! Expands the abbreviations of the sources, which `statemachines/src/macros.yaml` defines.
//!
//! - `Retry: functions` is the list of retriers of that name.
//! - `Catch: { keep: Roll back }` is the catcher of that name, with `Roll back` as its `Next`. It may also stand in a
//!   list. Fields of ASL beside it replace those of the catcher. Other fields fill its `<placeholders>`; `<step>` is
//!   the function that the state calls.
//! - `message!($failure.Cause)` in an expression is the expression of that name, with its parameters bound.
//! - An expression may be broken into lines. In JSON it is one line.

mod expressions;

use std::collections::BTreeMap;

use local::failure::{Doing, Failure, Result};

use super::node::Node;
use expressions::Expressions;

const NAME_OF_A_FUNCTION: &str = "${Environment}-";

pub(crate) struct Macros {
    retriers: Node,
    catchers: Node,
    expressions: Expressions,
}

impl Macros {
    /// # Errors
    /// When a section is missing, or an expression cannot be read.
    pub(crate) fn new(source: &Node) -> Result<Self> {
        let section = |name: &str| source.get(name).ok_or_else(|| Failure::from(format!("there is no section {name}")));
        let expressions = Expressions::new(section("JSONata")?.fields()?).doing("JSONata")?;
        Ok(Self { retriers: section("Retry")?.clone(), catchers: section("Catch")?.clone(), expressions })
    }

    /// Expands a machine, or a part of one, to ASL.
    ///
    /// # Errors
    /// When it uses a name that is not defined. The error begins with the path to the place.
    pub(crate) fn expand(&self, node: &Node) -> Result<Node> {
        Ok(match node {
            Node::Object(fields) => {
                let expand = |(name, value): &(String, Node)| {
                    let value = match (name.as_str(), value) {
                        ("Retry", Node::Text(retriers)) => self.retriers(retriers),
                        ("Catch", Node::List(catchers)) => self.catchers(node, catchers),
                        ("Catch", catcher) => self.catchers(node, std::slice::from_ref(catcher)),
                        (_, value) => self.expand(value),
                    };
                    Ok((name.clone(), value.doing(name)?))
                };
                Node::Object(fields.iter().map(expand).collect::<Result<_>>()?)
            }
            Node::List(items) => Node::List(items.iter().map(|item| self.expand(item)).collect::<Result<_>>()?),
            Node::Text(text) => Node::Text(self.expressions.expand(text)?),
            other => other.clone(),
        })
    }

    fn retriers(&self, name: &str) -> Result<Node> {
        self.retriers.get(name).cloned().ok_or_else(|| format!("there are no retriers of the name {name}").into())
    }

    fn catchers(&self, state: &Node, catchers: &[Node]) -> Result<Node> {
        let catchers = catchers.iter().map(|catcher| self.expand(&self.catcher(state, catcher)?));
        Ok(Node::List(catchers.collect::<Result<_>>()?))
    }

    fn catcher(&self, state: &Node, short: &Node) -> Result<Node> {
        let (own, others): (Vec<_>, Vec<_>) = short.fields()?.iter().cloned().partition(|(name, _)| is_of_asl(name));
        let Some((next, template)) = others.iter().find_map(|(name, next)| Some((next, self.catchers.get(name)?)))
        else {
            let unknown = others.first();
            return unknown.map_or(Ok(short.clone()), |(name, _)| Err(format!("there is no catcher {name}").into()));
        };
        let mut values: BTreeMap<_, _> =
            others.iter().filter_map(|(name, value)| Some((name.as_str(), value.text()?))).collect();
        if let Some(step) = step_of(state) {
            values.entry("step").or_insert(step);
        }
        let mut catcher = filled(template, &values)?.fields()?.to_vec();
        for (name, value) in own {
            match catcher.iter_mut().find(|(field, _)| *field == name) {
                Some((_, field)) => *field = value,
                None => catcher.push((name, value)),
            }
        }
        catcher.push(("Next".to_owned(), next.clone()));
        Ok(Node::Object(catcher))
    }
}

/// ASL's own fields begin with a capital letter.
fn is_of_asl(field: &str) -> bool {
    field.starts_with(|letter: char| letter.is_ascii_uppercase())
}

fn step_of(state: &Node) -> Option<&str> {
    state.get("Arguments")?.get("FunctionName")?.text()?.strip_prefix(NAME_OF_A_FUNCTION)
}

/// The template with its `<placeholders>` replaced.
fn filled(template: &Node, values: &BTreeMap<&str, &str>) -> Result<Node> {
    Ok(match template {
        Node::Object(fields) => {
            let filled = |(name, value): &(String, Node)| Ok((name.clone(), filled(value, values)?));
            Node::Object(fields.iter().map(filled).collect::<Result<_>>()?)
        }
        Node::List(items) => Node::List(items.iter().map(|item| filled(item, values)).collect::<Result<_>>()?),
        Node::Text(text) => {
            let mut parts = text.split('<');
            let mut filled = parts.next().unwrap_or_default().to_owned();
            for part in parts {
                let (name, rest) = part.split_once('>').ok_or_else(|| format!("{text}: a < without >"))?;
                let value = values.get(name).ok_or_else(|| format!("it does not say which {name}"))?;
                filled.push_str(value);
                filled.push_str(rest);
            }
            Node::Text(filled)
        }
        other => other.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACROS: &str = "
        Retry:
          some: [{ ErrorEquals: [A], MaxAttempts: 2 }]
        Catch:
          keep:
            ErrorEquals: [States.ALL]
            Assign: { failure: \"{% note!('<step>') %}\" }
          collect:
            ErrorEquals: [States.ALL]
            Output: <kind>
        JSONata:
          note(step): \"{'step': $step}\"
    ";

    fn expanded(state: &str) -> Result<String> {
        let macros = Macros::new(&Node::from_yaml(MACROS).unwrap()).unwrap();
        Ok(serde_json::to_string(&macros.expand(&Node::from_yaml(state).unwrap())?).unwrap())
    }

    #[test]
    fn retriers_and_catchers_are_named() {
        let state = "
            Arguments: { FunctionName: \"${Environment}-do-it\" }
            Retry: some
            Catch: { keep: Roll back }
            End: true
        ";
        let expected = r#"{"Arguments":{"FunctionName":"${Environment}-do-it"},"#.to_owned()
            + r#""Retry":[{"ErrorEquals":["A"],"MaxAttempts":2}],"#
            + r#""Catch":[{"ErrorEquals":["States.ALL"],"#
            + r#""Assign":{"failure":"{% ($step := 'do-it'; {'step': $step}) %}"},"Next":"Roll back"}],"End":true}"#;
        assert_eq!(expanded(state).unwrap(), expected);
    }

    #[test]
    fn a_catcher_may_name_its_errors_and_precede_one_in_plain_asl() {
        let state = "Catch: [{ ErrorEquals: [A], collect: B, kind: c, Comment: D }, { ErrorEquals: [E], Next: F }]";
        let expected = r#"{"Catch":[{"ErrorEquals":["A"],"Output":"c","Comment":"D","Next":"B"},"#.to_owned()
            + r#"{"ErrorEquals":["E"],"Next":"F"}]}"#;
        assert_eq!(expanded(state).unwrap(), expected);
    }

    #[test]
    fn an_unknown_name_is_reported_with_its_place() {
        let refused = |state| expanded(state).unwrap_err().to_string();
        assert_eq!(refused("A: { Retry: other }"), "A: Retry: there are no retriers of the name other");
        assert_eq!(refused("A: { Catch: { kep: B } }"), "A: Catch: there is no catcher kep");
        assert_eq!(refused("A: { Catch: { collect: B } }"), "A: Catch: it does not say which kind");
        assert_eq!(refused("A: { B: \"{% other!(1) %}\" }"), "A: B: there is no expression other");
    }
}
