//! The table of the runs' results.

use std::collections::{BTreeMap, BTreeSet};
use std::{fmt, fs};

use tests::proxy::{Fault, Kind};

use crate::job::Ending;

/// For each job and kind of fault: its calls, and how the runs ended.
#[derive(Default)]
pub(crate) struct Table(BTreeMap<(String, Kind, bool), Row>);

#[derive(Default)]
struct Row {
    calls: BTreeSet<String>,
    endings: BTreeMap<Ending, usize>,
    failures: usize,
}

impl Table {
    /// Counts a run. A run without an ending went wrong.
    pub(crate) fn note(&mut self, job: &str, fault: &Fault, ending: Option<Ending>) {
        let row = self.0.entry((job.to_owned(), fault.kind, fault.lasting)).or_default();
        row.calls.insert(fault.call.to_string());
        match ending {
            Some(ending) => *row.endings.entry(ending).or_default() += 1,
            None => row.failures += 1,
        }
    }
}

impl Table {
    /// Replaces the table in a document.
    pub(crate) fn write_into(&self, file: &str) {
        const BEGIN: &str = "<!-- faults: written by `make faults` -->\n";
        const END: &str = "<!-- end of faults -->";
        let text = fs::read_to_string(file).expect(file);
        let (before, rest) = text.split_once(BEGIN).expect(BEGIN);
        let (_, after) = rest.split_once(END).expect(END);
        fs::write(file, format!("{before}{BEGIN}\n{self}\n{END}{after}")).expect(file);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "| job | fault | calls | survived | undone | named | not met | wrong |")?;
        writeln!(formatter, "|---|---|--:|--:|--:|--:|--:|--:|")?;
        for ((job, kind, lasting), row) in &self.0 {
            let of = |ending: Ending| row.endings.get(&ending).copied().unwrap_or_default();
            let kind = format!("{kind}, {}", if *lasting { "always" } else { "once" });
            let [survived, undone, named, not_met] =
                [Ending::Survived, Ending::Undone, Ending::Named, Ending::NotMet].map(of);
            let (calls, wrong) = (row.calls.len(), row.failures);
            writeln!(
                formatter,
                "| {job} | {kind} | {calls} | {survived} | {undone} | {named} | {not_met} | {wrong} |"
            )?;
        }
        Ok(())
    }
}
