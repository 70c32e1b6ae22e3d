//! Taking a permission from a function, and giving it back.

use crate::stack::Stack;

const POLICY: &str = "taken-away-by-a-test";

impl Stack {
    /// Takes an action from a function's role until [`Stack::give_back`].
    ///
    /// # Panics
    /// When IAM refuses.
    pub async fn take_away(&self, function: &str, action: &str) {
        let document = format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Deny", "Action": "{action}", "Resource": "*"}}]}}"#
        );
        let role = self.role_of(function).await;
        let put = self.iam.put_role_policy().role_name(role).policy_name(POLICY).policy_document(document);
        put.send().await.expect("a denied action");
    }

    /// Gives back what [`Stack::take_away`] took.
    ///
    /// # Panics
    /// When IAM refuses.
    pub async fn give_back(&self, function: &str) {
        let role = self.role_of(function).await;
        self.iam.delete_role_policy().role_name(role).policy_name(POLICY).send().await.expect("an allowed action");
    }

    async fn role_of(&self, function: &str) -> String {
        let name = format!("dev-{function}");
        let configuration = self.lambda.get_function_configuration().function_name(name).send().await;
        let arn = configuration.expect("a function").role.expect("a role");
        arn.rsplit('/').next().expect("a role's name").to_owned()
    }
}
