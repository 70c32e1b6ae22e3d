//! The executions that are concluded: those of three of this environment's state machines.

use shared::input::invalid;
use shared::{Result, Settings, owner};

/// Step Functions allows 80 characters in an execution's name. Source: the API reference of StartExecution.
const LONGEST_NAME: usize = 80;
/// How many hexadecimal digits make the name of a conclusion unique: 80 bits.
const UNIQUE: usize = 20;

shared::checked_text! {
    /// The ARN of an execution. Unlike an owner, it need not fit into a tag: an execution with a longer ARN is
    /// concluded, too.
    ExecutionArn, check
}

impl ExecutionArn {
    /// The state machine of the execution.
    ///
    /// # Errors
    /// `InvalidRequest` when its executions are not concluded, or when it belongs to another environment.
    pub(super) fn machine(&self, settings: &Settings) -> Result<Machine> {
        let name = self.0.split(':').nth(6).unwrap_or_default();
        let ours = name.strip_prefix(settings.environment().as_str()).and_then(|name| name.strip_prefix('-'));
        let known = Machine::ALL.into_iter().find(|machine| ours == Some(machine.name()));
        known.ok_or_else(|| {
            let names = Machine::ALL.map(|machine| format!("{}-{}", settings.environment(), machine.name()));
            invalid(format!("{self} is no execution that is concluded: those are of {}", names.join(", ")))
        })
    }

    /// The name of the execution that concludes this one. It begins with this one's name, so that a search for that
    /// finds both. A redriven execution ends again, and each end gets its own name.
    pub(super) fn name_of_conclusion(&self, redrives: u32) -> String {
        let mut token = owner::token(&self.0, &format!("conclusion/{redrives}"));
        token.retain(|letter| letter != '-');
        // A name with other characters may have no logs.
        let allowed = |letter: char| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' };
        let name = self.0.rsplit(':').next().unwrap_or_default();
        let name: String = name.chars().take(LONGEST_NAME - 1 - UNIQUE).map(allowed).collect();
        format!("{name}-{}", &token[..UNIQUE])
    }
}

fn check(arn: &str) -> Result<(), String> {
    match arn.split(':').collect::<Vec<_>>()[..] {
        ["arn", _, "states", _, _, "execution", machine, name] if !machine.is_empty() && !name.is_empty() => Ok(()),
        _ => Err(format!(
            "{arn:?} is no execution: allowed is arn:aws:states:<region>:<account>:execution:<machine>:<name>"
        )),
    }
}

/// A state machine whose executions are concluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Machine {
    Provision,
    Update,
    Deprovision,
}

impl Machine {
    const ALL: [Self; 3] = [Self::Provision, Self::Update, Self::Deprovision];

    fn name(self) -> &'static str {
        match self {
            Self::Provision => "provision-tenant",
            Self::Update => "update-tenant",
            Self::Deprovision => "deprovision-tenant",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use shared::ErrorKind;

    use super::*;
    use crate::testing::settings;

    fn arn(machine: &str) -> ExecutionArn {
        ExecutionArn::try_from(format!("arn:aws:states:eu-west-1:536580886816:execution:{machine}:x(1)")).unwrap()
    }

    #[test]
    fn executions_of_the_three_machines_of_this_environment_are_concluded_and_no_others() {
        let settings = settings(&[]);
        assert_eq!(arn("dev-provision-tenant").machine(&settings).unwrap(), Machine::Provision);
        assert_eq!(arn("dev-update-tenant").machine(&settings).unwrap(), Machine::Update);
        assert_eq!(arn("dev-deprovision-tenant").machine(&settings).unwrap(), Machine::Deprovision);
        for other in
            ["dev-teardown-tenant", "dev-conclude-execution", "dev-deprovision-tenants", "prod-provision-tenant"]
        {
            assert_eq!(arn(other).machine(&settings).unwrap_err().kind(), ErrorKind::InvalidRequest, "{other}");
        }
    }

    #[test]
    fn each_end_has_its_own_conclusion_and_a_repeat_the_same_one() {
        let (first, second) = (arn("dev-provision-tenant"), arn("dev-update-tenant"));
        let names = [(&first, 0), (&first, 1), (&first, 2), (&second, 0)];
        let names: BTreeSet<_> = names.map(|(arn, redrives)| arn.name_of_conclusion(redrives)).into();
        assert_eq!(names.len(), 4);
        assert!(names.contains(&first.name_of_conclusion(1)));
    }

    #[test]
    fn a_conclusion_is_found_by_the_name_of_what_it_concludes() {
        let name = |name: &str| {
            let arn = format!("arn:aws:states:eu-west-1:536580886816:execution:dev-update-tenant:{name}");
            ExecutionArn::try_from(arn).unwrap().name_of_conclusion(0)
        };
        assert!(name("100000000001-evening").starts_with("100000000001-evening-"));
        assert!(name("ä (1)").starts_with("---1--"), "{}", name("ä (1)"));
        let longest = name(&"x".repeat(80));
        assert_eq!(longest.len(), 80);
        assert_ne!(longest, name(&"x".repeat(79)), "the rest of the name is told apart as well");
    }

    #[test]
    fn what_is_no_execution_is_refused() {
        for wrong in ["", "x", "arn:aws:states:eu-west-1:1:stateMachine:m", "arn:aws:states:eu-west-1:1:execution:m:"] {
            assert!(ExecutionArn::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
