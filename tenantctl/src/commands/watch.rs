//! `watch`: follows an execution, or all that run.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::json;

use super::Operator;
use super::execution::PAUSE;
use crate::arguments::Watch;
use crate::failure::{Failure, Result};
use crate::watch::{Followed, Following, pause_after};

/// Pause between two searches for executions. AWS allows five lists per second in an account.
const SEARCH: Duration = Duration::from_secs(5);
/// Number of executions that are followed at a time, and of each state machine's newest ones that are looked at.
const MOST: usize = 50;

impl Operator<'_> {
    pub(super) async fn watch(&mut self, options: &Watch) -> Result<()> {
        let Some(name) = &options.execution else {
            return tokio::select! {
                watched = self.watch_all(options) => watched,
                // Whoever watches everything ends so. Nothing of it was started here.
                interrupted = tokio::signal::ctrl_c() => {
                    interrupted.map_err(|error| Failure::new("Internal", format!("waiting for Ctrl-C: {error}")))
                }
            };
        };
        let found = self.find(name).await?;
        let arn = found.execution_arn;
        let name = arn.rsplit(':').next().unwrap_or_default().to_owned();
        let execution = Followed { label: name.clone(), arn };
        let outcome = self.follow(&execution, &name, options.timeout).await?;
        let title = format!("{name} has succeeded, in {:.0} s", outcome.took.as_secs_f64());
        self.conclude(&execution, outcome, |_| title)
    }

    async fn watch_all(&mut self, options: &Watch) -> Result<()> {
        let start = Instant::now();
        let machines = self.machines().await?;
        let mut all: Vec<Following> = Vec::new();
        let mut searched: Option<Instant> = None;
        self.screen.progress(&format!("watching {}: Ctrl-C ends it", self.environment.place()));
        let mut known = self.ended(&machines).await?;
        loop {
            let looked = Instant::now();
            if searched.is_none_or(|searched| searched.elapsed() >= SEARCH) {
                searched = Some(looked);
                // Those that have ended in the meantime are new, too.
                let newest = self.listed(&machines, None, MOST).await?;
                let new = newest.iter().filter(|found| !known.contains(&found.arn));
                for found in new.take(MOST.saturating_sub(all.len())) {
                    let label = format!("{} {}", found.machine, found.name);
                    self.screen.progress(&format!("{label}  runs: {}", self.environment.console(&found.arn)));
                    all.push(Following::new(Followed { label, arn: found.arn.clone() }));
                }
                let followed = all.iter().map(|following| following.execution.arn.clone());
                known.retain(|arn| newest.iter().any(|found| found.arn == *arn));
                known.extend(followed);
            }
            for following in &mut all {
                match following.look(&self.environment.sfn, self.screen).await {
                    Ok(()) => {}
                    Err(failure) if failure.is_passing() => self.screen.progress(&failure.to_string()),
                    Err(failure) => return Err(failure),
                }
            }
            for ended in all.extract_if(.., |following| following.outcome.is_some()) {
                self.report(&ended);
            }
            if all.is_empty() {
                if options.until_idle {
                    return Ok(());
                }
                self.screen.live("nothing runs");
            }
            if let Some(bound) = options.timeout.filter(|bound| start.elapsed() > *bound) {
                self.screen.progress(&format!("watched for {} s", bound.as_secs()));
                return Ok(());
            }
            tokio::time::sleep(pause_after(looked, PAUSE)).await;
        }
    }

    /// Executions that have ended before: nobody wants to watch them.
    async fn ended(&self, machines: &[String]) -> Result<BTreeSet<String>> {
        let newest = self.listed(machines, None, MOST).await?;
        Ok(newest.into_iter().filter(|found| !found.runs()).map(|found| found.arn).collect())
    }

    fn report(&mut self, ended: &Following) {
        let Some(outcome) = &ended.outcome else { return };
        let (status, seconds) = (outcome.status.as_str(), outcome.took.as_secs_f64());
        let answer = json!({
            "execution_arn": ended.execution.arn, "status": status, "seconds": seconds, "error": outcome.error,
        });
        let label = &ended.execution.label;
        self.screen.answer(&answer, || format!("{label}  {status} {} after {seconds:.1} s", outcome.error));
    }
}
