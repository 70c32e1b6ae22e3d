//! Exit statuses, by kind of error. Scripts rely on them, so a number never changes its meaning.

use shared::ErrorKind;

/// Every exit status, with its meaning.
pub const ALL: [(u8, &str); 14] = [
    (0, "done"),
    (1, "an error that no other status is for"),
    (2, "the command line or the input is wrong; nothing was changed"),
    (3, "there is no such tenant, or no such execution"),
    (4, "the tenant exists already, somebody else made the resource, or another execution works on the tenant"),
    (5, "not approved: the checklist has open items, or the deletion was not confirmed; nothing was changed"),
    (6, "another environment or account than the one that was asked for; nothing was changed"),
    (7, "no credentials, or a permission is missing"),
    (8, "the site did not come up"),
    (9, "something is left after a deletion"),
    (10, "the environment is not ready, or has no room"),
    (11, "AWS was busy or had a fault: the same command may succeed later"),
    (12, "the execution goes on: `--timeout` is over"),
    (130, "the execution goes on: Ctrl-C was pressed"),
];

/// The status of errors that may pass.
pub const PASSING: u8 = 11;

/// Errors of this command line itself, with their status and what they mean.
pub const OF_THE_COMMAND: [(&str, u8, &str); 6] = [
    ("InvalidCommand", 2, "an option or a file that it names is wrong; nothing was started"),
    ("NoCredentials", 7, "no AWS credentials were found, or they have expired; nothing was started"),
    ("ExecutionNotFound", 3, "no state machine of the environment has an execution of that name"),
    ("NotConfirmed", 5, "the question before a deletion was not answered with yes; nothing was started"),
    ("StillRunning", 12, "`--timeout` is over, and the execution goes on"),
    ("Interrupted", 130, "Ctrl-C was pressed, and the execution goes on"),
];

/// The exit status of an error.
pub fn of(error: &str) -> u8 {
    let of_the_command = OF_THE_COMMAND.iter().find(|(name, ..)| *name == error).map(|(_, status, _)| *status);
    let kind = || ErrorKind::ALL.iter().find(|kind| kind.name() == error);
    of_the_command.or_else(|| kind().map(|kind| of_kind(*kind))).unwrap_or(1)
}

fn of_kind(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::InvalidRequest => 2,
        ErrorKind::TenantNotFound => 3,
        ErrorKind::TenantAlreadyExists | ErrorKind::ResourceConflict => 4,
        ErrorKind::ChecklistIncomplete | ErrorKind::ConfirmationMismatch => 5,
        ErrorKind::WrongEnvironment | ErrorKind::WrongAccount => 6,
        ErrorKind::AccessDenied => 7,
        ErrorKind::DeploymentFailed => 8,
        ErrorKind::TeardownIncomplete => 9,
        ErrorKind::EnvironmentNotReady | ErrorKind::QuotaExceeded => 10,
        ErrorKind::Throttled | ErrorKind::Transient => PASSING,
        ErrorKind::Internal => 1,
    }
}

/// The errors that have an exit status.
pub fn errors(status: u8) -> Vec<&'static str> {
    let kinds = ErrorKind::ALL.iter().filter(|kind| of_kind(**kind) == status).map(|kind| kind.name());
    let of_the_command = OF_THE_COMMAND.iter().filter(|(_, of, _)| *of == status).map(|(name, ..)| *name);
    kinds.chain(of_the_command).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_a_documented_status() {
        let documented: Vec<_> = ALL.iter().map(|(status, _)| *status).collect();
        for kind in ErrorKind::ALL {
            assert!(documented.contains(&of(kind.name())), "{kind}");
        }
        for (name, status, _) in OF_THE_COMMAND {
            assert!(documented.contains(&status) && of(name) == status, "{name}");
        }
    }

    #[test]
    fn an_error_of_aws_itself_is_a_failure_without_a_status_of_its_own() {
        assert_eq!(of("States.Timeout"), 1);
        assert_eq!(of("ABORTED"), 1);
    }

    #[test]
    fn every_status_but_success_says_which_errors_it_is_for() {
        for (status, meaning) in ALL {
            assert_eq!(errors(status).is_empty(), status == 0, "{status}: {meaning}");
        }
    }
}
