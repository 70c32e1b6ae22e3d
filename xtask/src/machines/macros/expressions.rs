//! Named JSONata expressions, and their expansion where they are used.

use local::failure::{Doing, Result};

/// Limit for the depth of nested expansions. Without it, an expression that uses itself would be expanded forever.
const DEEPEST: usize = 10;

/// A unit of an expression: a word, a string, a regular expression, or a single other character.
type Lexeme<'a> = &'a str;

struct Expression {
    name: String,
    parameters: Vec<String>,
    body: String,
}

pub(crate) struct Expressions(Vec<Expression>);

impl Expressions {
    /// Reads definitions such as `short(text): $substring($text, 0, 8000)`.
    ///
    /// # Errors
    /// When a definition does not have this form.
    pub(crate) fn new(fields: &[(String, super::Node)]) -> Result<Self> {
        let expression = |(head, body): &(String, super::Node)| {
            let (name, parameters) = head.strip_suffix(')').and_then(|head| head.split_once('('))?;
            let parameters = parameters.split(',').map(|name| name.trim().to_owned()).collect();
            Some(Expression { name: name.to_owned(), parameters, body: one_line(body.text()?) })
        };
        let read = |field: &(String, super::Node)| {
            expression(field).ok_or_else(|| format!("{}: not name(parameters): expression", field.0).into())
        };
        Ok(Self(fields.iter().map(read).collect::<Result<_>>()?))
    }

    /// Expands a text to ASL. Only a text in `{% %}` is an expression.
    ///
    /// # Errors
    /// When it uses an expression that is not defined, or uses one wrongly.
    pub(crate) fn expand(&self, text: &str) -> Result<String> {
        if text.starts_with("{%") && text.ends_with("%}") {
            self.expanded(&one_line(text), 0)
        } else {
            Ok(text.to_owned())
        }
    }

    fn expanded(&self, text: &str, depth: usize) -> Result<String> {
        if depth > DEEPEST {
            return Err(format!("{text}: expressions that use each other").into());
        }
        let (mut expanded, mut lexemes) = (String::new(), lexemes(text).into_iter());
        while let Some(lexeme) = lexemes.next() {
            if !(is_word(lexeme) && lexemes.as_slice().starts_with(&["!", "("])) {
                expanded.push_str(lexeme);
                continue;
            }
            let arguments = arguments(&mut lexemes).doing(lexeme)?;
            let expression = self.0.iter().find(|expression| expression.name == lexeme);
            let Expression { parameters, body, .. } =
                expression.ok_or_else(|| format!("there is no expression {lexeme}"))?;
            if parameters.len() != arguments.len() {
                return Err(format!("{lexeme} takes {}, not {}", parameters.len(), arguments.len()).into());
            }
            expanded.push('(');
            for (parameter, argument) in parameters.iter().zip(&arguments) {
                expanded.push_str(&format!("${parameter} := {}; ", self.expanded(argument, depth)?));
            }
            expanded.push_str(&self.expanded(body, depth + 1)?);
            expanded.push(')');
        }
        Ok(expanded)
    }
}

/// The arguments between `!(` and its `)`, separated by the commas outside brackets.
fn arguments(lexemes: &mut std::vec::IntoIter<Lexeme<'_>>) -> Result<Vec<String>> {
    let mut arguments = vec![String::new()];
    let mut open = 0;
    for lexeme in lexemes.skip(2) {
        match lexeme {
            ")" if open == 0 => return Ok(arguments.iter().map(|argument| argument.trim().to_owned()).collect()),
            "," if open == 0 => {
                arguments.push(String::new());
                continue;
            }
            "(" | "[" | "{" => open += 1,
            ")" | "]" | "}" => open -= 1,
            _ => {}
        }
        if let Some(argument) = arguments.last_mut() {
            argument.push_str(lexeme);
        }
    }
    Err("its brackets are not closed".into())
}

/// Joins the lines of an expression with spaces, but without a space after an opening or before a closing bracket.
fn one_line(text: &str) -> String {
    let mut joined = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if !(joined.is_empty() || joined.ends_with(['(', '[', '{']) || line.starts_with([')', ']', '}'])) {
            joined.push(' ');
        }
        joined.push_str(line);
    }
    joined
}

fn is_word(lexeme: Lexeme<'_>) -> bool {
    lexeme.starts_with(|letter: char| letter.is_ascii_alphabetic())
}

fn lexemes(text: &str) -> Vec<Lexeme<'_>> {
    let (mut all, mut rest, mut before) = (Vec::new(), text, ' ');
    while let Some(first) = rest.chars().next() {
        // A slash after a value is a division, and otherwise begins a regular expression.
        let is_regex = first == '/' && "(,:?=>[{;% ".contains(before);
        let length = match first {
            '\'' | '"' => literal(rest, first),
            '/' if is_regex => literal(rest, first),
            _ if is_of_a_word(first) => rest.find(|letter| !is_of_a_word(letter)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        let (lexeme, others) = rest.split_at(length);
        all.push(lexeme);
        rest = others;
        before = if first == ' ' { before } else { lexeme.chars().last().unwrap_or(first) };
    }
    all
}

fn is_of_a_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// The length of a literal that begins and ends with `delimiter`. A backslash escapes the next character.
fn literal(text: &str, delimiter: char) -> usize {
    let mut escaped = false;
    for (position, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == delimiter => return position + letter.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::super::super::node::Node;
    use super::*;

    fn expanded(text: &str) -> Result<String> {
        let macros = r#"
            short(text): $substring($text, 0, 9)
            both(a, b): "[short!($a), $b]"
            quote(text): |-
              $replace(
                $text,
                /["')]/, "it's )"
              )
            endless(a): endless!($a)
        "#;
        Expressions::new(Node::from_yaml(macros).unwrap().fields().unwrap()).unwrap().expand(text)
    }

    #[test]
    fn the_parameters_are_bound_and_expressions_may_use_others() {
        assert_eq!(expanded("{% 1 + short!($a.b) %}").unwrap(), "{% 1 + ($text := $a.b; $substring($text, 0, 9)) %}");
        assert_eq!(
            expanded("{% both!(short!(f(1, 2)), 'a, b)') %}").unwrap(),
            "{% ($a := ($text := f(1, 2); $substring($text, 0, 9)); $b := 'a, b)'; \
             [($text := $a; $substring($text, 0, 9)), $b]) %}"
        );
    }

    #[test]
    fn strings_regular_expressions_and_divisions_are_left_as_they_are() {
        for text in ["{% 'short!(1)' & \"short!(1)\" %}", "{% $a / 2 != '/' %}", "{% $contains(a, /short!(1)'/) %}"] {
            assert_eq!(expanded(text).unwrap(), text);
        }
        assert_eq!(expanded("{% quote!(1) %}").unwrap(), r#"{% ($text := 1; $replace($text, /["')]/, "it's )")) %}"#);
    }

    #[test]
    fn an_expression_is_one_line_in_json() {
        let broken = "{%\n(\n  $a := [\n    1,\n    2\n  ];\n  $a\n)\n%}";
        assert_eq!(expanded(broken).unwrap(), "{% ($a := [1, 2]; $a) %}");
        assert_eq!(expanded("no\nexpression").unwrap(), "no\nexpression");
    }

    #[test]
    fn a_wrong_use_is_an_error() {
        for text in ["{% other!(1) %}", "{% both!(1) %}", "{% short!(1 %}", "{% endless!(1) %}"] {
            assert!(expanded(text).is_err(), "{text}");
        }
    }
}
