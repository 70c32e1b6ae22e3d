//! Results of many runs, kept in a file, so that an interrupted test goes on where it was.
//!
//! The first line names the build whose runs these are. Each other line is one run's result, written when everything about
//! the run has been checked. Results of another build say nothing, so they are deleted.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::hash::{DefaultHasher, Hasher};
use std::io::{Result, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// The results in one file.
#[derive(Debug)]
pub struct Results {
    file: PathBuf,
    build: String,
    kept: BTreeMap<String, String>,
}

impl Results {
    /// Opens the results of `build` in the file, which need not exist.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn open(file: &Path, build: &str) -> Result<Self> {
        let text = if file.exists() { fs::read_to_string(file)? } else { String::new() };
        // The last line is incomplete if a run was interrupted while it was written: it is no JSON, and is left out.
        let mut lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let is_same = lines.next().is_some_and(|head| head["build"] == build);
        let pair = |line: Value| Some((line["run"].as_str()?.to_owned(), line["ending"].as_str()?.to_owned()));
        let kept = if is_same { lines.filter_map(pair).collect() } else { BTreeMap::new() };
        Ok(Self { file: file.to_owned(), build: build.to_owned(), kept })
    }

    /// The result of a run, if it is kept.
    pub fn of(&self, run: &str) -> Option<&str> {
        self.kept.get(run).map(String::as_str)
    }

    /// Number of results.
    pub fn count(&self) -> usize {
        self.kept.len()
    }

    /// Keeps more results, each with the name of its run.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn keep(&mut self, more: impl IntoIterator<Item = (String, String)>) -> Result<()> {
        // The file is replaced as a whole: an interruption leaves the old one or the new one.
        self.kept.extend(more);
        let lines = self.kept.iter().map(|(run, ending)| json!({"run": run, "ending": ending}));
        let lines: String =
            [json!({"build": self.build})].into_iter().chain(lines).map(|line| format!("{line}\n")).collect();
        if let Some(directory) = self.file.parent() {
            fs::create_dir_all(directory)?;
        }
        let beside = self.file.with_extension("new");
        let mut new = OpenOptions::new().create(true).truncate(true).write(true).open(&beside)?;
        new.write_all(lines.as_bytes())?;
        new.sync_all()?;
        fs::rename(beside, &self.file)
    }
}

/// A text that changes with any of these files; of a directory, with any file in it. Compiled Python is left out.
///
/// # Errors
/// When one cannot be read.
pub fn fingerprint(paths: &[PathBuf]) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    let mut rest = paths.to_vec();
    rest.reverse();
    while let Some(path) = rest.pop() {
        if path.is_dir() {
            let mut entries: Vec<_> = fs::read_dir(&path)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
            entries.sort();
            rest.extend(entries);
        } else if path.extension() != Some(OsStr::new("pyc")) {
            hasher.write(path.file_name().unwrap_or_default().as_encoded_bytes());
            hasher.write(&fs::read(&path)?);
        }
    }
    Ok(format!("{:016x}", hasher.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory that is deleted when the test ends.
    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("results-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).expect("a directory");
            Self(path)
        }

        fn file(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    fn pair(run: &str, ending: &str) -> (String, String) {
        (run.to_owned(), ending.to_owned())
    }

    #[test]
    fn what_was_kept_before_an_interruption_is_there_afterwards() {
        let directory = Directory::new("kept");
        let file = directory.file("below/provision.jsonl");
        let mut results = Results::open(&file, "a").expect("no results yet");
        assert_eq!(results.count(), 0);
        results.keep([pair("Reset at x", "Survived")]).expect("a file");
        results.keep([pair("Reset at y", "Undone")]).expect("a file");
        let results = Results::open(&file, "a").expect("results");
        assert_eq!((results.of("Reset at x"), results.of("Reset at y")), (Some("Survived"), Some("Undone")));
        assert_eq!((results.of("Reset at z"), results.count()), (None, 2));
    }

    #[test]
    fn results_of_another_build_are_deleted() {
        let directory = Directory::new("build");
        let file = directory.file("update.jsonl");
        Results::open(&file, "a").and_then(|mut old| old.keep([pair("x", "Survived")])).expect("a file");
        let mut results = Results::open(&file, "b").expect("results");
        assert_eq!(results.of("x"), None);
        results.keep([pair("y", "Undone")]).expect("a file");
        assert_eq!(Results::open(&file, "a").expect("results").count(), 0);
        assert_eq!(Results::open(&file, "b").expect("results").of("y"), Some("Undone"));
    }

    #[test]
    fn a_line_that_is_cut_off_is_no_result() {
        let directory = Directory::new("cut");
        let file = directory.file("move.jsonl");
        let whole = "{\"build\":\"a\"}\n{\"run\":\"x\",\"ending\":\"Survived\"}\n{\"run\":\"y\",\"end";
        for (length, count) in [(whole.len(), 1), (10, 0), (0, 0)] {
            fs::write(&file, &whole[..length]).expect("a file");
            assert_eq!(Results::open(&file, "a").expect("results").count(), count, "{length}");
        }
    }

    #[test]
    fn a_fingerprint_changes_with_a_file_and_with_its_name_and_not_with_compiled_python() {
        let directory = Directory::new("fingerprint");
        fs::create_dir_all(directory.file("a")).expect("a directory");
        fs::write(directory.file("a/one.py"), "1").expect("a file");
        let of = || fingerprint(std::slice::from_ref(&directory.0)).expect("a fingerprint");
        let first = of();
        fs::write(directory.file("a/one.pyc"), "compiled").expect("a file");
        assert_eq!(of(), first);
        fs::write(directory.file("a/one.py"), "2").expect("a file");
        let second = of();
        assert_ne!(second, first);
        fs::rename(directory.file("a/one.py"), directory.file("a/two.py")).expect("another name");
        assert_ne!(of(), second);
        assert!(fingerprint(&[directory.file("missing")]).is_err());
    }
}
