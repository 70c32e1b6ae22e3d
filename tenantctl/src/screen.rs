//! What is written where: the answer on standard output, everything else on standard error.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::Instant;

use serde_json::Value;

use crate::failure::Failure;
use crate::table::{Colour, Table};
use crate::watch::Passage;

/// The terminal, or the program that reads.
#[derive(Debug)]
pub(crate) struct Screen {
    /// Whether the answer is JSON. Progress is then not shown.
    pub(crate) is_json: bool,
    colours_the_answer: bool,
    colours_progress: bool,
    /// Whether a line on standard error can be written over.
    rewrites: bool,
    /// Whether such a line is there now.
    has_live_line: bool,
    start: Instant,
}

impl Screen {
    /// The screen of this process.
    pub(crate) fn new(is_json: bool) -> Self {
        let coloured = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let rewrites = !is_json && stderr().is_terminal();
        Self {
            is_json,
            colours_the_answer: coloured && stdout().is_terminal(),
            colours_progress: coloured && rewrites,
            rewrites,
            has_live_line: false,
            start: Instant::now(),
        }
    }

    /// The answer: the value for a program, the text for a person.
    pub(crate) fn answer(&mut self, value: &Value, text: impl FnOnce() -> String) {
        let line = if self.is_json { value.to_string() } else { text() };
        self.line(&line);
    }

    /// As [`Screen::answer`], with a table for a person.
    pub(crate) fn table(&mut self, value: &Value, table: &Table) {
        let coloured = self.colours_the_answer;
        self.answer(value, || table.text(coloured));
    }

    /// A line of the answer.
    pub(crate) fn line(&mut self, line: &str) {
        self.clear();
        // An error is ignored: whoever reads has seen enough.
        let _ = writeln!(stdout(), "{line}");
        let _ = stdout().flush();
    }

    /// A line of progress.
    pub(crate) fn progress(&mut self, text: &str) {
        if self.is_json {
            return;
        }
        self.clear();
        let _ = writeln!(stderr(), "[{:6.1} s] {text}", self.start.elapsed().as_secs_f64());
    }

    /// A passage of an execution.
    pub(crate) fn passage(&mut self, label: &str, passage: &Passage) {
        let colour = match passage {
            Passage::Passed { .. } => Colour::Green,
            Passage::Caught { .. } => Colour::Yellow,
            Passage::Failed { .. } => Colour::Red,
        };
        let text = passage.to_string();
        let text = if self.colours_progress { colour.paint(&text) } else { text };
        self.progress(&format!("{label}  {text}"));
    }

    /// A line that the next one replaces: what is being waited for. Only on a terminal.
    pub(crate) fn live(&mut self, text: &str) {
        if !self.rewrites || text.is_empty() {
            return;
        }
        // Longer ones would be broken, and then not be replaced.
        let text: String = text.chars().take(70).collect();
        let _ = write!(stderr(), "\r\x1b[2K[{:6.1} s] … {text}", self.start.elapsed().as_secs_f64());
        let _ = stderr().flush();
        self.has_live_line = true;
    }

    /// The failure with which the program ends.
    pub(crate) fn failed(&mut self, failure: &Failure) {
        self.clear();
        if self.is_json {
            let _ = writeln!(stderr(), "{}", failure.to_json());
            return;
        }
        let word = if self.colours_progress { Colour::Red.paint("FAILED") } else { "FAILED".to_owned() };
        let _ = writeln!(stderr(), "{word} {failure}");
    }

    /// A remark for a person.
    pub(crate) fn remark(&mut self, text: &str) {
        if !self.is_json {
            self.clear();
            let _ = writeln!(stderr(), "{text}");
        }
    }

    fn clear(&mut self) {
        if self.has_live_line {
            let _ = write!(stderr(), "\r\x1b[2K");
            self.has_live_line = false;
        }
    }
}
