//! Permissions of functions and state machines: listing them, denying one, and allowing it again.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::stack::Stack;

const POLICY: &str = "taken-away-by-a-test";

impl Stack {
    /// The actions that the inline policies of a function's role allow, except those with which Lambda itself mounts a
    /// file system for the function.
    ///
    /// # Panics
    /// When IAM does not answer.
    pub async fn granted(&self, function: &str) -> BTreeSet<String> {
        let role = self.role_of(function).await;
        let policies = self.iam.list_role_policies().role_name(&role).send().await.expect("policies").policy_names;
        let mut actions = BTreeSet::new();
        for policy in policies {
            let policy =
                self.iam.get_role_policy().role_name(&role).policy_name(policy).send().await.expect("a policy");
            let document = percent_decode_str(policy.policy_document()).decode_utf8_lossy();
            let document: Value = serde_json::from_str(&document).expect("a policy document");
            for statement in document["Statement"].as_array().expect("statements") {
                let granted = &statement["Action"];
                actions.extend(granted.as_str().map(str::to_owned));
                actions.extend(granted.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
            }
        }
        actions.retain(|action| !action.starts_with("elasticfilesystem:Client"));
        actions
    }

    /// Denies a function's role an action, until [`Stack::give_back`].
    ///
    /// # Panics
    /// When IAM refuses.
    pub async fn take_away(&self, function: &str, action: &str) {
        self.take_away_on(function, action, "*").await;
    }

    /// Denies a function's role an action on one resource, until [`Stack::give_back`].
    ///
    /// # Panics
    /// When IAM refuses.
    pub async fn take_away_on(&self, function: &str, action: &str, resource: &str) {
        self.deny(self.role_of(function).await, action, resource).await;
    }

    /// Allows again what [`Stack::take_away`] has denied.
    ///
    /// # Panics
    /// When IAM refuses.
    pub async fn give_back(&self, function: &str) {
        self.allow(self.role_of(function).await).await;
    }

    /// As [`Stack::take_away`], for the role of a state machine.
    ///
    /// # Panics
    /// When IAM refuses.
    pub async fn take_away_from_machine(&self, machine: &str, action: &str) {
        self.deny(self.role_of_machine(machine).await, action, "*").await;
    }

    /// Allows again what [`Stack::take_away_from_machine`] has denied.
    ///
    /// # Panics
    /// When IAM refuses.
    pub async fn give_back_to_machine(&self, machine: &str) {
        self.allow(self.role_of_machine(machine).await).await;
    }

    async fn deny(&self, role: String, action: &str, resource: &str) {
        let document = format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Deny", "Action": "{action}", "Resource": "{resource}"}}]}}"#
        );
        let put = self.iam.put_role_policy().role_name(role).policy_name(POLICY).policy_document(document);
        put.send().await.expect("a denied action");
    }

    async fn allow(&self, role: String) {
        self.iam.delete_role_policy().role_name(role).policy_name(POLICY).send().await.expect("an allowed action");
    }

    async fn role_of_machine(&self, machine: &str) -> String {
        let arn = self.machine_arn(machine);
        let arn = self.sfn.describe_state_machine().state_machine_arn(arn).send().await.expect("a machine").role_arn;
        arn.rsplit('/').next().expect("a role's name").to_owned()
    }

    async fn role_of(&self, function: &str) -> String {
        let name = self.named(function);
        let configuration = self.lambda.get_function_configuration().function_name(name).send().await;
        let arn = configuration.expect("a function").role.expect("a role");
        arn.rsplit('/').next().expect("a role's name").to_owned()
    }
}
