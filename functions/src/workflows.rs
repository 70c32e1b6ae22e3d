//! One module for each state machine, with its request and its report, and what several state machines share.

pub mod conclude_execution;
pub mod deprovision_tenant;
pub mod deprovision_tenant_everywhere;
pub mod deprovision_tenants;
pub mod ecs_task;
pub mod events;
pub mod failure;
pub mod lock;
pub mod provision_tenant;
pub mod run_database_task;
pub mod run_tenant_job;
pub mod update_tenant;

/// Number of seconds after an execution's end in which a function that it started may still run, because Lambda does
/// not stop the function with the execution. Functions that change something may take 60 seconds, and their states time
/// out after 75.
const SECONDS_OF_A_FUNCTION: u32 = 75;

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::Value;

    use super::SECONDS_OF_A_FUNCTION;

    /// The timeouts of all states that call a function, including those in branches.
    fn waits(machine: &Value) -> Vec<u64> {
        let states = machine["States"].as_object().unwrap().values();
        let waits = states.flat_map(|state| {
            let calls_a_function = state["Resource"] == "arn:aws:states:::lambda:invoke";
            let own = calls_a_function.then(|| state["TimeoutSeconds"].as_u64().unwrap());
            let branches = state["Branches"].as_array().into_iter().flatten();
            own.into_iter().chain(branches.flat_map(waits)).collect::<Vec<_>>()
        });
        waits.collect()
    }

    #[test]
    fn no_state_of_a_provisioning_or_an_update_waits_longer_for_a_function() {
        for machine in ["provision-tenant", "update-tenant"] {
            let text = fs::read_to_string(format!("../statemachines/{machine}.asl.json")).unwrap();
            let waits = waits(&serde_json::from_str(&text).unwrap());
            assert_eq!(waits.into_iter().max(), Some(u64::from(SECONDS_OF_A_FUNCTION)), "{machine}");
        }
    }
}
