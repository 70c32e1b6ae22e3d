//! The rate limits of AWS's APIs, per account. The emulator has none.
//!
//! Sources: Elastic Load Balancing user guide, "Request throttling for the Elastic Load Balancing API"; Amazon ECS API
//! reference, "Request throttling"; Secrets Manager user guide, "Quotas"; CloudWatch Logs user guide, "Quotas"; Route 53
//! developer guide, "Quotas".

use std::collections::HashMap;
use std::time::Instant;

/// The token buckets: the operations that share one, by the beginnings of their names; its capacity; and the tokens
/// that are added per second.
const BUCKETS: [(&[&str], f64, f64); 10] = [
    (&["elasticloadbalancing:Describe"], 40.0, 10.0),
    (&["ecs:DescribeClusters"], 50.0, 20.0),
    (&["ecs:CreateService", "ecs:UpdateService", "ecs:DeleteService"], 50.0, 5.0),
    (&["ecs:DescribeServices", "ecs:ListServices"], 100.0, 20.0),
    (&["ecs:DescribeTasks", "ecs:ListTasks"], 100.0, 20.0),
    (&["ecs:RegisterTaskDefinition", "ecs:DeregisterTaskDefinition", "ecs:DeleteTaskDefinitions"], 20.0, 1.0),
    (&["ecs:DescribeTaskDefinition", "ecs:ListTaskDefinition"], 50.0, 20.0),
    (&["secretsmanager:CreateSecret", "secretsmanager:DeleteSecret"], 50.0, 50.0),
    (&["logs:CreateLogGroup"], 10.0, 10.0),
    (&["route53:"], 5.0, 5.0),
];

/// The buckets of all accounts.
#[derive(Debug)]
pub(super) struct Rates {
    /// How many seconds at AWS correspond to one here. Waits are shortened by the same factor.
    speed: f64,
    levels: HashMap<(String, usize), (f64, Instant)>,
}

impl Rates {
    /// All buckets, full.
    pub(super) fn new(speed: f64) -> Self {
        Self { speed, levels: HashMap::new() }
    }

    /// Takes a token for a call in `environment` at `now`. Returns whether there was one.
    pub(super) fn allow(&mut self, environment: &str, operation: &str, now: Instant) -> bool {
        let shares = |names: &[&str]| names.iter().any(|name| operation.starts_with(name));
        let Some(index) = BUCKETS.iter().position(|(names, ..)| shares(names)) else { return true };
        let (_, capacity, refill) = BUCKETS[index];
        let (level, since) = self.levels.entry((environment.to_owned(), index)).or_insert((capacity, now));
        *level = (*level + now.duration_since(*since).as_secs_f64() * refill * self.speed).min(capacity);
        *since = now;
        let allowed = *level >= 1.0;
        if allowed {
            *level -= 1.0;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_bucket_is_refilled_as_fast_as_time_passes() {
        let begin = Instant::now();
        let mut rates = Rates::new(10.0);
        let describe = |rates: &mut Rates, now| rates.allow("dev", "elasticloadbalancing:DescribeRules", now);
        assert_eq!((0..50).filter(|_| describe(&mut rates, begin)).count(), 40);
        let later = begin + Duration::from_millis(100);
        assert_eq!((0..50).filter(|_| describe(&mut rates, later)).count(), 10);
        assert!(rates.allow("sit", "elasticloadbalancing:DescribeRules", begin), "another account has its own");
        assert!(rates.allow("dev", "ec2:DescribeVpcs", begin), "this operation has no limit");
    }
}
