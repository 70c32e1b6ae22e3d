//! The size of a tenant's tasks, and their number.

use serde::{Deserialize, Deserializer, Serialize};

/// CPU (units, 1024 = one vCPU) and memory (MiB) of a Fargate task. It always is a pair that Fargate accepts.
///
/// Source of the pairs: the API reference of RegisterTaskDefinition, parameters `cpu` and `memory`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FargateSize {
    cpu: u32,
    memory: u32,
}

impl FargateSize {
    /// # Errors
    /// A text with the wrong value and the allowed ones.
    pub fn new(cpu: u32, memory: u32) -> Result<Self, String> {
        let Some(allowed) = memory_for(cpu) else {
            return Err(format!(
                "cpu: {cpu} is not a Fargate size: allowed are 256, 512, 1024, 2048, 4096, 8192 and 16384"
            ));
        };
        if allowed.contains(&memory) {
            Ok(Self { cpu, memory })
        } else {
            let allowed: Vec<_> = allowed.iter().map(u32::to_string).collect();
            Err(format!("memory: {memory} is not allowed with cpu {cpu}: allowed are {}", allowed.join(", ")))
        }
    }

    /// CPU units.
    pub fn cpu(self) -> u32 {
        self.cpu
    }

    /// Memory in MiB.
    pub fn memory(self) -> u32 {
        self.memory
    }
}

fn memory_for(cpu: u32) -> Option<Vec<u32>> {
    let steps = |from: u32, to: u32, step: u32| (from..=to).step_by(step as usize).map(|gib| gib * 1024).collect();
    match cpu {
        256 => Some(vec![512, 1024, 2048]),
        512 => Some(steps(1, 4, 1)),
        1024 => Some(steps(2, 8, 1)),
        2048 => Some(steps(4, 16, 1)),
        4096 => Some(steps(8, 30, 1)),
        8192 => Some(steps(16, 60, 4)),
        16384 => Some(steps(32, 120, 8)),
        _ => None,
    }
}

/// Parses a number of CPU units or MiB: a number or, as in the runbook, a string of digits.
///
/// # Errors
/// When the value is neither.
pub fn units<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Units {
        Number(serde_json::Number),
        Text(String),
        Null(()),
    }
    let text = match Units::deserialize(deserializer) {
        Ok(Units::Number(number)) => number.to_string(),
        Ok(Units::Text(text)) => text,
        Ok(Units::Null(())) => return Ok(None),
        Err(_) => return Err(serde::de::Error::custom("allowed is a whole number, as in 256 or \"256\"")),
    };
    text.parse().map(Some).map_err(|_| {
        serde::de::Error::custom(format!("{text:?} is not a size: allowed is a whole number, as in 256 or \"256\""))
    })
}

/// The number of tasks of a tenant's service: 1 to 50.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "serde_json::Number", into = "u32")]
pub struct DesiredCount(u32);

impl DesiredCount {
    /// Maximum number of tasks of one tenant.
    pub const MAX: u32 = 50;
    /// One task.
    pub const ONE: Self = Self(1);

    /// The number of tasks.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<serde_json::Number> for DesiredCount {
    type Error = String;

    fn try_from(number: serde_json::Number) -> Result<Self, String> {
        number
            .as_u64()
            .and_then(|count| u32::try_from(count).ok())
            .filter(|count| (1..=Self::MAX).contains(count))
            .map(Self)
            .ok_or_else(|| {
                format!("{number} is not a desired count: allowed is a whole number from 1 to {}", Self::MAX)
            })
    }
}

impl From<DesiredCount> for u32 {
    fn from(count: DesiredCount) -> Self {
        count.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_that_fargate_accepts_is_a_size() {
        for (cpu, memory) in
            [(256, 512), (256, 2048), (512, 1024), (1024, 8192), (4096, 30720), (8192, 16384), (16384, 122_880)]
        {
            assert!(FargateSize::new(cpu, memory).is_ok(), "{cpu}/{memory}");
        }
    }

    #[test]
    fn an_impossible_pair_is_refused_with_what_is_allowed() {
        assert_eq!(
            FargateSize::new(256, 4096).unwrap_err(),
            "memory: 4096 is not allowed with cpu 256: allowed are 512, 1024, 2048"
        );
        assert!(FargateSize::new(300, 512).unwrap_err().contains("allowed are 256, 512"));
        assert!(FargateSize::new(8192, 17408).is_err(), "steps of 4 GiB");
    }

    #[test]
    fn desired_count_is_bounded() {
        let parse = |json: &str| serde_json::from_str::<DesiredCount>(json);
        assert_eq!(parse("1").unwrap().get(), 1);
        assert_eq!(parse("50").unwrap().get(), 50);
        for bad in ["0", "-1", "51", "1.5", "99999999999999999999", "1e9"] {
            let error = parse(bad).unwrap_err().to_string();
            assert!(error.contains("from 1 to 50"), "{bad}: {error}");
        }
    }

    #[test]
    fn units_are_read_as_number_or_text() {
        #[derive(Deserialize)]
        struct Size {
            #[serde(default, deserialize_with = "units")]
            cpu: Option<u32>,
        }
        let parse = |json: &str| serde_json::from_str::<Size>(json).map(|size| size.cpu);
        assert_eq!(parse(r#"{"cpu": 256}"#).unwrap(), Some(256));
        assert_eq!(parse(r#"{"cpu": "256"}"#).unwrap(), Some(256));
        assert_eq!(parse(r"{}").unwrap(), None);
        for bad in [r#"{"cpu": -1}"#, r#"{"cpu": "a lot"}"#, r#"{"cpu": []}"#, r#"{"cpu": 0.25}"#] {
            assert!(parse(bad).unwrap_err().to_string().contains("whole number"), "{bad}");
        }
    }
}
