//! Which end-to-end tests run at the same time.
//!
//! All tests start at once, and wait here for their turns: so it is known which tests are still to come, and they run
//! in an order that keeps the stack busy. (With a few threads, a test that has to run alone would wait for the longest of
//! the others, and the rest of them for it.) With fewer threads than tests, the order is worse, and the rules are the same:
//!
//! - A test that changes what others rely on in an environment is the only one there. It runs when no test waits that
//!   may share the environment. Environments are independent of each other: each has its account and its database.
//! - Of the others, only as many run at a time as two processors can serve.
//! - Tests with real sites are counted apart. They mostly wait for health checks, and take longest, so they begin first.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

/// Tests without a real site that run at a time. There can be more than processors, because they wait most of the time.
const AT_ONCE: usize = 6;
/// Tests with real sites that run at a time.
const WITH_SITES_AT_ONCE: usize = 3;

/// What a test needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// The environments that it uses.
    pub environments: &'static [&'static str],
    /// Whether no other test may use them meanwhile.
    pub alone: bool,
    /// Whether it visits real sites.
    pub sites: bool,
}

/// A test's turn, which lasts until this is dropped.
#[derive(Debug)]
pub struct Turn {
    number: u64,
    begun: Instant,
}

#[derive(Debug)]
struct Turns {
    next: u64,
    waiting: Vec<(u64, Needs)>,
    running: Vec<(u64, Needs)>,
}

static TURNS: Mutex<Turns> = Mutex::new(Turns { next: 0, waiting: Vec::new(), running: Vec::new() });
static CHANGED: Condvar = Condvar::new();

/// Waits for a turn. It blocks the thread: each test has its own, and does nothing else yet.
pub fn take(needs: Needs) -> Turn {
    let mut turns = locked();
    let number = turns.enter(needs);
    while !turns.begin(number) {
        turns = CHANGED.wait(turns).unwrap_or_else(PoisonError::into_inner);
    }
    // More than one may begin at a time, each when the one before it has.
    CHANGED.notify_all();
    Turn { number, begun: Instant::now() }
}

impl Drop for Turn {
    /// Also tells how long the test took, which the test runner does not.
    #[allow(clippy::print_stdout, reason = "whoever waits for the tests wants to know what takes long")]
    fn drop(&mut self) {
        locked().end(self.number);
        CHANGED.notify_all();
        println!("{:>5} s  {}", self.begun.elapsed().as_secs(), thread::current().name().unwrap_or_default());
    }
}

fn locked() -> MutexGuard<'static, Turns> {
    TURNS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Needs {
    fn meets(&self, other: &Self) -> bool {
        self.environments.iter().any(|environment| other.environments.contains(environment))
    }
}

impl Turns {
    fn enter(&mut self, needs: Needs) -> u64 {
        self.next += 1;
        self.waiting.push((self.next, needs));
        self.next
    }

    /// Begins the turn if it is the first of those that can begin.
    fn begin(&mut self, number: u64) -> bool {
        let Some(first) = self.waiting.iter().position(|(_, needs)| self.can_begin(needs)) else { return false };
        let is_first = self.waiting[first].0 == number;
        if is_first {
            let begun = self.waiting.remove(first);
            self.running.push(begun);
        }
        is_first
    }

    fn can_begin(&self, needs: &Needs) -> bool {
        let bound = if needs.sites { WITH_SITES_AT_ONCE } else { AT_ONCE };
        let same = self.running.iter().filter(|(_, other)| other.sites == needs.sites).count();
        let is_free = self.running.iter().all(|(_, other)| !other.meets(needs) || !(other.alone || needs.alone));
        let goes_first = |other: &Needs| !other.alone && other.meets(needs);
        let is_last = !needs.alone || !self.waiting.iter().any(|(_, other)| goes_first(other));
        same < bound && is_free && is_last
    }

    fn end(&mut self, number: u64) {
        self.running.retain(|(running, _)| *running != number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn needs(environments: &'static [&'static str], alone: bool, sites: bool) -> Needs {
        Needs { environments, alone, sites }
    }

    /// Enters the tests, and begins all that can begin; returns these.
    fn begun(turns: &mut Turns) -> Vec<u64> {
        let mut begun = Vec::new();
        while let Some(number) = turns.waiting.iter().map(|(number, _)| *number).find(|number| {
            let mut tried = Turns { next: turns.next, waiting: turns.waiting.clone(), running: turns.running.clone() };
            tried.begin(*number)
        }) {
            assert!(turns.begin(number));
            begun.push(number);
        }
        begun
    }

    fn turns(all: &[Needs]) -> Turns {
        let mut turns = Turns { next: 0, waiting: Vec::new(), running: Vec::new() };
        for needs in all {
            turns.enter(*needs);
        }
        turns
    }

    #[test]
    fn a_test_that_runs_alone_waits_for_those_that_share_its_environment_and_for_no_others() {
        let mut turns = turns(&[
            needs(&["dev"], true, false),
            needs(&["prod"], true, false),
            needs(&["dev"], false, false),
            needs(&["dev"], true, false),
            needs(&["dev", "sit"], false, true),
            needs(&["prod"], true, false),
        ]);
        assert_eq!(begun(&mut turns), [2, 3, 5], "shared ones first, and prod is another environment");
        turns.end(3);
        assert_eq!(begun(&mut turns), [0; 0], "one with sites still runs in dev");
        turns.end(5);
        assert_eq!(begun(&mut turns), [1], "one after the other");
        turns.end(1);
        turns.end(2);
        assert_eq!(begun(&mut turns), [4, 6]);
    }

    #[test]
    fn a_test_of_several_environments_alone_keeps_others_out_of_each() {
        let mut turns = turns(&[needs(&["dev", "sit", "prod"], true, false)]);
        assert_eq!(begun(&mut turns), [1]);
        turns.enter(needs(&["sit"], false, false));
        assert_eq!(begun(&mut turns), [0; 0]);
        turns.end(1);
        assert_eq!(begun(&mut turns), [2]);
    }

    #[test]
    fn no_more_run_at_a_time_than_the_processors_serve() {
        let mut turns = turns(&[needs(&["dev"], false, false); AT_ONCE + 2]);
        assert_eq!(begun(&mut turns).len(), AT_ONCE);
        for _ in 0..=WITH_SITES_AT_ONCE {
            turns.enter(needs(&["dev"], false, true));
        }
        assert_eq!(begun(&mut turns).len(), WITH_SITES_AT_ONCE, "they are counted apart");
        turns.end(1);
        assert_eq!(
            begun(&mut turns),
            [u64::try_from(AT_ONCE).unwrap_or_default() + 1],
            "in the order of their arrival"
        );
    }
}
