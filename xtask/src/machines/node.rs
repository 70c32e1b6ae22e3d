//! JSON whose objects keep the order of their fields, read from YAML.

use local::failure::{Doing, Result};
use saphyr::{LoadableYamlNode, ScalarOwned, YamlOwned};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    Object(Vec<(String, Node)>),
    List(Vec<Node>),
    Text(String),
    Number(i64),
    Bool(bool),
    Null,
}

impl Node {
    /// Reads a text with one YAML document.
    ///
    /// # Errors
    /// When it is not YAML, or uses something that has no equivalent in JSON.
    pub(crate) fn from_yaml(text: &str) -> Result<Self> {
        let documents = YamlOwned::load_from_str(text).doing("reading YAML")?;
        let [document] = <[_; 1]>::try_from(documents).map_err(|all| format!("{} documents, not one", all.len()))?;
        Self::new(document)
    }

    fn new(yaml: YamlOwned) -> Result<Self> {
        Ok(match yaml {
            YamlOwned::Mapping(fields) => {
                let field = |(name, value)| match name {
                    YamlOwned::Value(ScalarOwned::String(name)) => Ok((name, Self::new(value)?)),
                    name => Err(format!("a name that is no text: {name:?}").into()),
                };
                Self::Object(fields.into_iter().map(field).collect::<Result<_>>()?)
            }
            YamlOwned::Sequence(items) => Self::List(items.into_iter().map(Self::new).collect::<Result<_>>()?),
            YamlOwned::Value(ScalarOwned::String(text)) => Self::Text(text),
            YamlOwned::Value(ScalarOwned::Integer(number)) => Self::Number(number),
            YamlOwned::Value(ScalarOwned::Boolean(value)) => Self::Bool(value),
            YamlOwned::Value(ScalarOwned::Null) => Self::Null,
            other => return Err(format!("a value that a state machine cannot have: {other:?}").into()),
        })
    }

    /// The field of an object.
    pub(crate) fn get(&self, field: &str) -> Option<&Self> {
        let Self::Object(fields) = self else { return None };
        fields.iter().find(|(name, _)| name == field).map(|(_, value)| value)
    }

    /// The text, if the value is a string.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The fields of an object.
    ///
    /// # Errors
    /// When the value is not an object.
    pub(crate) fn fields(&self) -> Result<&[(String, Self)]> {
        if let Self::Object(fields) = self { Ok(fields) } else { Err(format!("{self:?} has no fields").into()) }
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Object(fields) => {
                let mut object = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    object.serialize_entry(name, value)?;
                }
                object.end()
            }
            Self::List(items) => serializer.collect_seq(items),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Null => serializer.serialize_unit(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_becomes_json_in_the_same_order() {
        let node = Node::from_yaml("b: { y: 1, x: [true, null, -2] }\na: |-\n  {%\n  1\n  %}\n").unwrap();
        assert_eq!(serde_json::to_string(&node).unwrap(), r#"{"b":{"y":1,"x":[true,null,-2]},"a":"{%\n1\n%}"}"#);
    }

    #[test]
    fn yaml_that_has_no_equivalent_in_json_is_refused() {
        for text in ["a: 1\na: 2", "1: a", "a: 0.5", "a: 1\n---\nb: 1", "a: !sub b", ""] {
            assert!(Node::from_yaml(text).is_err(), "{text}");
        }
    }
}
