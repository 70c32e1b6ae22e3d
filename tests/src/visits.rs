//! Visitors who ask a site for its first page all the while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::site::Site;

/// One visit.
#[derive(Debug)]
pub struct Visit {
    /// When the page was asked for.
    pub began: Instant,
    /// How long the answer took.
    pub took: Duration,
    /// The status of the answer; 0 if there was none.
    pub status: u16,
    /// The version of WordPress that the page names; empty if it names none.
    pub version: String,
}

/// Visitors who come again and again until they are told to stop.
pub struct Visits {
    is_over: Arc<AtomicBool>,
    visitors: Vec<JoinHandle<Vec<Visit>>>,
}

impl Visits {
    /// Lets `visitors` people ask for the first page, each of them with a pause after every answer.
    pub fn begin(site: &Site, visitors: usize, pause: Duration) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let visitors = (0..visitors).map(|_| tokio::spawn(visits(site.visitor(), pause, is_over.clone()))).collect();
        Self { is_over, visitors }
    }

    /// Waits for the last answers; returns all visits.
    ///
    /// # Panics
    /// When a visitor has panicked.
    pub async fn end(self) -> Vec<Visit> {
        self.is_over.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for visitor in self.visitors {
            all.extend(visitor.await.expect("visits"));
        }
        all
    }
}

async fn visits(visitor: local::visitor::Visitor, pause: Duration, is_over: Arc<AtomicBool>) -> Vec<Visit> {
    let mut visits = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let began = Instant::now();
        let page = visitor.get("/").await;
        let (status, text) = page.map_or_else(|_| (0, String::new()), |page| (page.status, page.text));
        visits.push(Visit { began, took: began.elapsed(), status, version: version(&text) });
        tokio::time::sleep(pause).await;
    }
    visits
}

/// The version of WordPress that a page names in its head.
fn version(page: &str) -> String {
    let after = page.split_once("content=\"WordPress ").map(|(_, after)| after);
    after.and_then(|after| after.split_once('"')).map_or_else(String::new, |(version, _)| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_names_the_version_in_its_head() {
        assert_eq!(version("<meta name=\"generator\" content=\"WordPress 6.1.10\" />"), "6.1.10");
        assert_eq!(version("This site is busy."), "");
    }
}
