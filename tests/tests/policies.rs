//! No policy allows more than its function uses: the other tests have called every action that a policy allows.
//!
//! `make test` runs this test after the others, with the calls that they have recorded in the file `CALLS`. The
//! opposite, that a function calls nothing that its policy does not allow, is enforced by the emulator's IAM.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

use std::collections::BTreeSet;
use std::fs;

use tests::Stack;
use tests::stack::{functions, variable};

/// Actions that no function calls itself: AWS checks them along with another call, or Lambda calls them in the
/// function's name.
const BESIDE: [&str; 11] = [
    "iam:PassRole",
    // Elastic Load Balancing reads the VPC in the caller's name.
    "ec2:DescribeInternetGateways",
    "ec2:DescribeVpcs",
    "ecs:TagResource",
    "elasticfilesystem:TagResource",
    "elasticloadbalancing:AddTags",
    "iam:TagRole",
    "logs:TagResource",
    // Without it, S3 answers "access denied" instead of "not found" for a missing object.
    "s3:ListBucket",
    "secretsmanager:TagResource",
    "sqs:SendMessage",
];

/// The action that a call needs. It usually has the name of the call.
fn action(call: &str) -> String {
    let (function, operation) = call.split_once(' ').unwrap();
    let action = match operation {
        "lambda:Invoke" => "lambda:InvokeFunction",
        "s3:HeadObject" => "s3:GetObject",
        "s3:ListObjectsV2" => "s3:ListBucket",
        operation => operation,
    };
    format!("{function} {action}")
}

#[tokio::test]
async fn every_action_that_a_policy_allows_was_called() {
    let stack = Stack::of("dev").await;
    let calls = fs::read_to_string(variable("CALLS")).unwrap();
    let called: BTreeSet<_> = calls.lines().map(action).collect();
    let mut never = Vec::new();
    for function in functions() {
        let granted = stack.granted(&function).await.into_iter().filter(|action| !BESIDE.contains(&action.as_str()));
        never.extend(granted.map(|action| format!("{function} {action}")).filter(|action| !called.contains(action)));
    }
    assert_eq!(never, [""; 0]);
}
