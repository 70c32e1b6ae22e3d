use aws_sdk_iam::operation::create_role::{CreateRoleError, CreateRoleOutput};
use aws_sdk_iam::operation::delete_role::{DeleteRoleError, DeleteRoleOutput};
use aws_sdk_iam::operation::delete_role_policy::{DeleteRolePolicyError, DeleteRolePolicyOutput};
use aws_sdk_iam::operation::get_role::{GetRoleError, GetRoleOutput};
use aws_sdk_iam::operation::list_roles::ListRolesOutput;
use aws_sdk_iam::operation::put_role_policy::{PutRolePolicyError, PutRolePolicyOutput};
use aws_sdk_iam::primitives::DateTime;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::error::ErrorMetadata;

use super::*;
use crate::testing::{other_owner, owner, settings, tenant};

const ARN: &str = "arn:aws:iam::536580886816:role/dev-123456789012-task";
const BOUNDARY: &str = "arn:aws:iam::536580886816:policy/dev-tenant-task-boundary";

fn code(code: &'static str) -> ErrorMetadata {
    ErrorMetadata::builder().code(code).build()
}

fn role(name: &str, owner: Option<Owner>) -> Role {
    let tag = owner.map(|owner| Tag::builder().key("tenant:execution").value(owner.as_str()).build().unwrap());
    let role = Role::builder().arn(ARN).role_name(name).role_id("AROA").path("/").create_date(DateTime::from_secs(0));
    role.set_tags(Some(tag.into_iter().collect())).build().unwrap()
}

fn absent() -> Rule {
    mock!(Client::get_role).then_error(|| GetRoleError::generic(code("NoSuchEntity")))
}

fn present(owner: Option<Owner>) -> Rule {
    mock!(Client::get_role)
        .match_requests(|request| request.role_name() == Some("dev-123456789012-task"))
        .then_output(move || GetRoleOutput::builder().role(role("dev-123456789012-task", owner.clone())).build())
}

fn creation() -> Rule {
    mock!(Client::create_role)
        .then_output(|| CreateRoleOutput::builder().role(role("dev-123456789012-task", None)).build())
}

fn exists() -> Rule {
    mock!(Client::create_role).then_error(|| CreateRoleError::generic(code("EntityAlreadyExists")))
}

fn written() -> Rule {
    mock!(Client::put_role_policy)
        .match_requests(|request| request.role_name() == Some("dev-123456789012-task"))
        .then_output(|| PutRolePolicyOutput::builder().build())
}

fn access_point(id: &str) -> String {
    format!("arn:aws:elasticfilesystem:eu-west-1:536580886816:access-point/{id}")
}

async fn run(rules: &[&Rule], access_point_arns: Vec<String>) -> Result<Created> {
    let client = mock_client!(aws_sdk_iam, RuleMode::Sequential, rules);
    let file_system_id = "fs-1".to_owned();
    let request = Create { tenant_id: tenant(), owner: owner(), file_system_id, access_point_arns };
    create(&client, &settings(&[("TASK_BOUNDARY_ARN", BOUNDARY)]), request).await
}

async fn run_create(rules: &[&Rule]) -> Result<Created> {
    run(rules, vec![access_point("fsap-1")]).await
}

#[tokio::test]
async fn it_is_made_for_ecs_within_the_boundary_and_with_its_owner() {
    let creation = mock!(Client::create_role)
        .match_requests(|request| {
            assert_eq!(request.role_name(), Some("dev-123456789012-task"));
            assert_eq!(request.permissions_boundary(), Some(BOUNDARY));
            let trust: Value = serde_json::from_str(request.assume_role_policy_document().unwrap()).unwrap();
            let trust = &trust["Statement"][0];
            assert_eq!(trust["Principal"], json!({"Service": "ecs-tasks.amazonaws.com"}));
            assert_eq!(trust["Condition"]["StringEquals"], json!({"aws:SourceAccount": "536580886816"}));
            let source = json!({"aws:SourceArn": "arn:aws:ecs:eu-west-1:536580886816:*"});
            assert_eq!(trust["Condition"]["ArnLike"], source);
            let owners = request.tags().iter().filter(|tag| tag.key() == "tenant:execution");
            owners.map(Tag::value).eq([owner().as_str()])
        })
        .then_output(|| CreateRoleOutput::builder().role(role("dev-123456789012-task", None)).build());
    assert_eq!(run_create(&[&absent(), &creation, &written()]).await.unwrap().task_role_arn, ARN);
}

#[tokio::test]
async fn it_may_mount_the_tenants_access_points_and_is_denied_all_others() {
    let own = || vec![access_point("fsap-1"), access_point("fsap-2")];
    let written = mock!(Client::put_role_policy)
        .match_requests(move |request| {
            let policy: Value = serde_json::from_str(request.policy_document().unwrap()).unwrap();
            let [allow, deny] = &policy["Statement"].as_array().unwrap()[..] else { panic!("{policy}") };
            assert_eq!(allow["Effect"], "Allow");
            assert_eq!(allow["Action"], json!(["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]));
            assert_eq!(allow["Resource"], "arn:aws:elasticfilesystem:eu-west-1:536580886816:file-system/fs-1");
            let own = json!({"elasticfilesystem:AccessPointArn": own()});
            assert_eq!(allow["Condition"], json!({"StringEquals": own}));
            assert_eq!((&deny["Effect"], &deny["Resource"]), (&json!("Deny"), &json!("*")));
            deny["Condition"] == json!({"StringNotEquals": own})
        })
        .then_output(|| PutRolePolicyOutput::builder().build());
    run(&[&absent(), &creation(), &written], own()).await.unwrap();
}

#[tokio::test]
async fn a_second_run_writes_the_policy_that_the_first_may_have_missed() {
    assert_eq!(run_create(&[&present(Some(owner())), &written()]).await.unwrap().task_role_arn, ARN);
}

#[tokio::test]
async fn a_foreign_one_is_a_conflict_also_when_it_was_made_meanwhile() {
    for other in [None, Some(other_owner())] {
        let found = run_create(&[&present(other.clone())]).await.unwrap_err();
        let meanwhile = run_create(&[&absent(), &exists(), &present(other)]).await.unwrap_err();
        assert_eq!([found.kind(), meanwhile.kind()], [ErrorKind::ResourceConflict; 2]);
    }
    let ours = run_create(&[&absent(), &exists(), &present(Some(owner())), &written()]).await.unwrap();
    assert_eq!(ours.task_role_arn, ARN);
}

#[tokio::test]
async fn a_role_that_iam_does_not_show_everywhere_yet_is_worth_a_retry() {
    assert_eq!(run_create(&[&absent(), &exists(), &absent()]).await.unwrap_err().kind(), ErrorKind::Transient);
    let unseen = mock!(Client::put_role_policy).then_error(|| PutRolePolicyError::generic(code("NoSuchEntity")));
    assert_eq!(run_create(&[&absent(), &creation(), &unseen]).await.unwrap_err().kind(), ErrorKind::Transient);
}

#[tokio::test]
async fn an_account_that_has_no_room_for_a_role_has_a_full_quota() {
    let full = mock!(Client::create_role).then_error(|| CreateRoleError::generic(code("LimitExceeded")));
    assert_eq!(run_create(&[&absent(), &full]).await.unwrap_err().kind(), ErrorKind::QuotaExceeded);
}

#[tokio::test]
async fn what_is_no_access_point_is_refused_before_iam_is_asked() {
    let elsewhere = access_point("fsap-2").replace("eu-west-1", "af-south-1");
    for wrong in [
        vec![],
        vec![String::new()],
        vec!["fsap-1".to_owned()],
        vec![access_point("fsap-*")],
        vec![access_point("fs-1")],
        vec![access_point("fsap-1"), elsewhere],
        vec![access_point("fsap-1"); 21],
    ] {
        let error = run(&[], wrong.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{wrong:?}");
    }
}

#[tokio::test]
async fn only_roles_of_exactly_this_name_belong_to_tenants_and_none_does_where_they_share_one() {
    let listing =
        mock!(Client::list_roles).match_requests(|request| request.max_items() == Some(1000)).then_output(|| {
            let names =
                ["dev-123456789012-task", "dev-123456789012-task-old", "sit-123456789012-task", "dev-ecs-task-role"];
            let roles = names.iter().map(|name| role(name, None)).collect();
            ListRolesOutput::builder().set_roles(Some(roles)).is_truncated(false).build().unwrap()
        });
    let client = mock_client!(aws_sdk_iam, RuleMode::Sequential, [&listing]);
    let listed = list(&client, &settings(&[("TASK_ROLES", "per-tenant")])).await.unwrap();
    assert_eq!(listed, Some([tenant()].into()));
    assert_eq!(list(&client, &settings(&[("TASK_ROLES", "shared")])).await.unwrap(), None);
}

#[tokio::test]
async fn a_teardown_deletes_it_with_its_policy_and_a_rollback_only_its_own() {
    let without_policy = || {
        mock!(Client::delete_role_policy)
            .match_requests(|request| request.policy_name() == Some("use-files"))
            .then_output(|| DeleteRolePolicyOutput::builder().build())
    };
    let deleted = || mock!(Client::delete_role).then_output(|| DeleteRoleOutput::builder().build());
    let run = async |rules: &[&Rule], request: Teardown| {
        delete(&mock_client!(aws_sdk_iam, RuleMode::Sequential, rules), &settings(&[]), request).await
    };
    let teardown = run(&[&present(None), &without_policy(), &deleted()], Teardown::of(tenant())).await.unwrap();
    assert_eq!(teardown.removed, [ARN]);
    assert!(run(&[&absent()], Teardown::of(tenant())).await.unwrap().removed.is_empty());
    let rollback = || Teardown { owner: Some(owner()), ..Teardown::of(tenant()) };
    let ours = run(&[&present(Some(owner())), &without_policy(), &deleted()], rollback()).await.unwrap();
    assert_eq!(ours.removed, [ARN]);
    let theirs = run(&[&present(Some(other_owner()))], rollback()).await.unwrap();
    assert_eq!((theirs.removed.len(), theirs.kept.len()), (0, 1));
}

#[tokio::test]
async fn a_role_that_vanishes_is_gone_and_one_with_further_policies_stays() {
    let ended = async |refusal: &'static str| {
        let no_policy =
            mock!(Client::delete_role_policy).then_error(|| DeleteRolePolicyError::generic(code("NoSuchEntity")));
        let refused = mock!(Client::delete_role).then_error(move || DeleteRoleError::generic(code(refusal)));
        let client = mock_client!(aws_sdk_iam, RuleMode::Sequential, [&present(None), &no_policy, &refused]);
        delete(&client, &settings(&[]), Teardown::of(tenant())).await
    };
    assert!(ended("NoSuchEntity").await.unwrap().removed.is_empty());
    let conflict = ended("DeleteConflict").await.unwrap_err();
    assert_eq!(conflict.kind(), ErrorKind::ResourceConflict);
    assert!(conflict.chain().contains("dev-123456789012-task"), "{}", conflict.chain());
}
