//! The page docs/tenantctl.md: what `--help` says, so that both say the same.

use std::fmt::Write;

use clap::CommandFactory;

use crate::arguments::Cli;
use crate::status;

const HEAD: &str = include_str!("page.md");

/// The page.
pub fn text() -> String {
    let mut command = Cli::command();
    command.build();
    let mut page = HEAD.replace("@EXIT_STATUSES@", &exit_statuses());
    let main = command.render_long_help().to_string();
    section(&mut page, "tenantctl", &main);
    for command in command.get_subcommands_mut().filter(|command| !command.is_hide_set()) {
        let name = format!("tenantctl {}", command.get_name());
        let help = command.render_long_help().to_string();
        section(&mut page, &name, &help);
    }
    page
}

fn section(page: &mut String, name: &str, help: &str) {
    let help: Vec<_> = help.lines().map(str::trim_end).collect();
    // Writing to a string does not fail.
    let _ = write!(page, "\n### {name}\n\n```text\n{}\n```\n", help.join("\n").trim_end());
}

fn exit_statuses() -> String {
    let rows = status::ALL.iter().map(|(number, meaning)| {
        let mut errors: Vec<_> = status::errors(*number).iter().map(|error| format!("`{error}`")).collect();
        if *number == 1 {
            errors.push("all others".to_owned());
        }
        format!("| {number} | {meaning} | {} |", errors.join(", "))
    });
    let head = ["| status | meaning | errors |".to_owned(), "|---|---|---|".to_owned()];
    head.into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_in_the_documentation_is_what_the_program_says() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/tenantctl.md");
        let written = std::fs::read_to_string(file).unwrap_or_default();
        assert!(
            written.trim_end() == text().trim_end(),
            "docs/tenantctl.md is out of date: cargo run --release --bin tenantctl -- page > docs/tenantctl.md"
        );
    }
}
