use aws_sdk_route53::operation::change_resource_record_sets::{
    ChangeResourceRecordSetsError, ChangeResourceRecordSetsOutput,
};
use aws_sdk_route53::operation::list_resource_record_sets::ListResourceRecordSetsOutput;
use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
use aws_smithy_types::error::ErrorMetadata;

use super::*;
use crate::testing::{other_owner, owner, settings, tenant};

const MARK: &str = "aws:eu-west-1:536580886816:dev-provision-tenant:mine";

fn record(name: &str, r#type: RrType, mark: Option<&str>) -> ResourceRecordSet {
    ResourceRecordSet::builder().name(name).r#type(r#type).set_set_identifier(mark.map(str::to_owned)).build().unwrap()
}

fn of_host(mark: Option<&str>) -> ResourceRecordSet {
    record("123456789012.example.com.", RrType::A, mark)
}

fn listed(records: Vec<ResourceRecordSet>) -> Rule {
    mock!(Client::list_resource_record_sets)
        .match_requests(|request| {
            request.hosted_zone_id() == Some("Z1") && request.start_record_name() == Some("123456789012.example.com")
        })
        .then_output(move || {
            let output = ListResourceRecordSetsOutput::builder().set_resource_record_sets(Some(records.clone()));
            output.is_truncated(false).max_items(20).build().unwrap()
        })
}

fn change(action: ChangeAction) -> Rule {
    mock!(Client::change_resource_record_sets)
        .match_requests(move |request| {
            let change = &request.change_batch().unwrap().changes()[0];
            change.action() == &action && change.resource_record_set().unwrap().set_identifier() == Some(MARK)
        })
        .then_output(|| ChangeResourceRecordSetsOutput::builder().build())
}

fn refused(code: &'static str) -> Rule {
    mock!(Client::change_resource_record_sets)
        .then_error(move || ChangeResourceRecordSetsError::generic(ErrorMetadata::builder().code(code).build()))
}

fn zone() -> Settings {
    settings(&[("HOSTED_ZONE_ID", "Z1")])
}

async fn run_create(rules: &[&Rule]) -> Result<Created> {
    let client = mock_client!(aws_sdk_route53, RuleMode::Sequential, rules);
    let load_balancer = AliasTarget { dns_name: "alb.amazonaws.com".to_owned(), hosted_zone_id: "Z2".to_owned() };
    create(&client, &zone(), Create { tenant_id: tenant(), owner: owner(), load_balancer }).await
}

async fn run_delete(owner: Option<Owner>, rules: &[&Rule]) -> Result<Removal> {
    let client = mock_client!(aws_sdk_route53, RuleMode::Sequential, rules);
    delete(&client, &zone(), Teardown { owner, ..Teardown::of(tenant()) }).await
}

#[tokio::test]
async fn the_host_becomes_an_alias_that_bears_its_owner() {
    let created = mock!(Client::change_resource_record_sets)
        .match_requests(|request| {
            let change = &request.change_batch().unwrap().changes()[0];
            let record = change.resource_record_set().unwrap();
            assert_eq!((record.name(), record.r#type()), ("123456789012.example.com", &RrType::A));
            assert_eq!((record.set_identifier(), record.weight()), (Some(MARK), Some(1)));
            let target = record.alias_target().unwrap();
            assert_eq!((target.dns_name(), target.hosted_zone_id()), ("alb.amazonaws.com", "Z2"));
            change.action() == &ChangeAction::Create
        })
        .then_output(|| ChangeResourceRecordSetsOutput::builder().build());
    let created = run_create(&[&created]).await.unwrap();
    assert_eq!(created.dns_record, "123456789012.example.com");
}

#[tokio::test]
async fn a_second_run_returns_the_first_runs_record() {
    let found = listed(vec![of_host(Some(MARK)), record("200000000002.example.com.", RrType::A, None)]);
    run_create(&[&refused("InvalidChangeBatch"), &found]).await.unwrap();
}

#[tokio::test]
async fn another_owners_record_is_a_conflict() {
    for foreign in [
        of_host(None),
        of_host(Some("aws:eu-west-1:536580886816:dev-provision-tenant:theirs")),
        record("123456789012.example.com.", RrType::Cname, None),
    ] {
        let error = run_create(&[&refused("InvalidChangeBatch"), &listed(vec![foreign])]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceConflict);
    }
}

#[tokio::test]
async fn a_zone_that_is_being_changed_is_worth_a_retry() {
    // The clients in tests do not retry.
    let error = run_create(&[&refused("PriorRequestNotComplete")]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Throttled);
}

#[tokio::test]
async fn a_rollback_deletes_our_records_and_a_teardown_deletes_all() {
    let removal = run_delete(Some(owner()), &[&listed(vec![of_host(Some(MARK))]), &change(ChangeAction::Delete)]).await;
    assert_eq!(removal.unwrap().removed, ["A 123456789012.example.com"]);
    let kept = run_delete(Some(other_owner()), &[&listed(vec![of_host(Some(MARK)), of_host(None)])]).await.unwrap();
    assert_eq!((kept.removed.len(), kept.kept.len()), (0, 2));
    let all =
        mock!(Client::change_resource_record_sets).then_output(|| ChangeResourceRecordSetsOutput::builder().build());
    let removal = run_delete(None, &[&listed(vec![of_host(None)]), &all]).await.unwrap();
    assert_eq!(removal.removed.len(), 1);
}

#[tokio::test]
async fn a_record_that_vanishes_meanwhile_is_no_error_and_one_that_remains_is() {
    let found = || listed(vec![of_host(Some(MARK))]);
    let gone = run_delete(None, &[&found(), &refused("InvalidChangeBatch"), &listed(vec![])]).await.unwrap();
    assert!(gone.removed.is_empty());
    run_delete(None, &[&found(), &refused("InvalidChangeBatch"), &found()]).await.unwrap_err();
}

#[tokio::test]
async fn without_a_hosted_zone_there_is_nothing_to_find() {
    let nobody = mock_client!(aws_sdk_route53, RuleMode::Sequential, []);
    let names = settings(&[]).names(&tenant());
    assert!(find(&nobody, &settings(&[]), &names).await.unwrap().is_empty());
}

#[test]
fn an_owner_is_read_back_from_its_mark() {
    assert_eq!(mark(&owner()).unwrap(), MARK);
    assert_eq!(owner_of(MARK), Some(owner()));
    assert_eq!(owner_of("blue"), None);
    let long = Owner::try_from(format!("{}{}", owner(), "x".repeat(100))).unwrap();
    assert_eq!(mark(&long).unwrap_err().kind(), ErrorKind::InvalidRequest);
}
