//! No function may do more than it does: every action that a policy allows has been called by the other tests.
//!
//! `make test` runs this after them, with the calls that they recorded in the file `CALLS`. That no function does more than
//! it may is IAM's business, which is enforced.

#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

use std::collections::BTreeSet;
use std::fs;

use tests::Stack;
use tests::stack::{functions, variable};

/// What AWS checks beside a call, and what Lambda does in the function's name.
const BESIDE: [&str; 13] = [
    "iam:PassRole",
    // Elastic Load Balancing looks at the VPC in the caller's name.
    "ec2:DescribeInternetGateways",
    "ec2:DescribeVpcs",
    "ecs:TagResource",
    "elasticfilesystem:ClientMount",
    "elasticfilesystem:ClientRootAccess",
    "elasticfilesystem:ClientWrite",
    "elasticfilesystem:TagResource",
    "elasticloadbalancing:AddTags",
    "logs:TagResource",
    // Who may not list is not told that an object is missing, but that he may not read it.
    "s3:ListBucket",
    "secretsmanager:TagResource",
    "sqs:SendMessage",
];

/// The action that a call needs, where that has another name.
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
