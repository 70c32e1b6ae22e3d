//! Questions to the person at the terminal.

use std::io::{BufRead, IsTerminal, Write, stderr, stdin};

use crate::failure::{Failure, Result};

/// Somebody who can be asked.
#[derive(Debug)]
pub(crate) struct Person<R, W> {
    input: R,
    output: W,
}

impl Person<(), ()> {
    /// Whether there is somebody: both standard input and standard error are a terminal.
    pub(crate) fn is_there() -> bool {
        stdin().is_terminal() && stderr().is_terminal()
    }

    /// The person at this process's terminal.
    pub(crate) fn at_the_terminal() -> Person<impl BufRead, impl Write> {
        Person { input: stdin().lock(), output: stderr() }
    }
}

impl<R: BufRead, W: Write> Person<R, W> {
    /// Asks; returns the answer without the spaces around it.
    ///
    /// # Errors
    /// `NotConfirmed` when there is no answer.
    pub(crate) fn ask(&mut self, question: &str) -> Result<String> {
        let unanswered =
            |_| Failure::new("NotConfirmed", format!("{question:?} was not answered: nothing was started"));
        write!(self.output, "{question} ").and_then(|()| self.output.flush()).map_err(unanswered)?;
        let mut answer = String::new();
        match self.input.read_line(&mut answer).map_err(unanswered)? {
            0 => Err(Failure::new("NotConfirmed", format!("{question:?} was not answered: nothing was started"))),
            _ => Ok(answer.trim().to_owned()),
        }
    }

    /// Asks for yes or no. Everything but yes is no.
    ///
    /// # Errors
    /// As [`Person::ask`].
    pub(crate) fn agrees(&mut self, question: &str) -> Result<bool> {
        let answer = self.ask(&format!("{question} [y/N]"))?.to_lowercase();
        Ok(["y", "yes"].contains(&answer.as_str()))
    }
}

#[cfg(test)]
impl<'a> Person<&'a [u8], Vec<u8>> {
    /// Somebody who gives these answers.
    pub(crate) fn who_answers(answers: &'a str) -> Self {
        Self { input: answers.as_bytes(), output: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_yes_is_no() {
        for (answer, agrees) in [("y\n", true), ("Yes\n", true), ("\n", false), ("n\n", false), ("yeah\n", false)] {
            assert_eq!(Person::who_answers(answer).agrees("Sure?").unwrap(), agrees, "{answer:?}");
        }
    }

    #[test]
    fn an_end_of_the_input_is_no_answer() {
        let failure = Person::who_answers("").ask("Who approved it?").unwrap_err();
        assert_eq!(failure.error, "NotConfirmed");
        assert!(failure.message.contains("Who approved it?"));
    }
}
