use serde_json::{Value, json};

use super::*;
use crate::resources::state::Mounts;
use crate::testing::settings;

fn running(count: u32) -> State {
    State {
        task_definition_arn: "arn:1".to_owned(),
        image: "wordpress:6".to_owned(),
        cpu: 256,
        memory: 512,
        desired_count: count,
        resume_count: None,
        shows: Shows::Site,
        mounts: Mounts::Content,
        grace_seconds: None,
    }
}

fn suspended(resume_count: u32) -> State {
    State { desired_count: 0, resume_count: Some(resume_count), shows: Shows::SuspensionPage, ..running(0) }
}

fn parsed(request: Value) -> Result<UpdateRequest> {
    let mut whole = json!({"tenant_id": "123456789012"});
    for (field, value) in request.as_object().unwrap() {
        whole[field] = value.clone();
    }
    let request: UpdateRequest = input::parse(whole)?;
    request.check(&settings(&[]))?;
    Ok(request)
}

fn wanted(request: Value, previous: &State) -> Result<State> {
    parsed(request)?.wanted(previous)
}

#[test]
fn fields_that_the_request_leaves_out_stay_unchanged() {
    let state = wanted(json!({"image": "wordpress:7"}), &running(2)).unwrap();
    assert_eq!(state, State { image: "wordpress:7".to_owned(), ..running(2) });
    let state = wanted(json!({"memory": "1024"}), &running(2)).unwrap();
    assert_eq!(state, State { memory: 1024, ..running(2) });
    assert_eq!(wanted(json!({"force_new_deployment": true}), &suspended(2)).unwrap(), suspended(2));
}

#[test]
fn a_suspension_remembers_the_count_and_a_resumption_restores_it() {
    assert_eq!(wanted(json!({"suspended": true}), &running(2)).unwrap(), suspended(2));
    assert_eq!(wanted(json!({"suspended": false}), &suspended(2)).unwrap(), running(2));
    assert_eq!(wanted(json!({"suspended": false, "desired_count": 5}), &suspended(2)).unwrap(), running(5));
    assert_eq!(wanted(json!({"suspended": true, "desired_count": 5}), &running(2)).unwrap(), suspended(5));
    assert_eq!(wanted(json!({"desired_count": 3}), &suspended(2)).unwrap(), suspended(3), "it stays suspended");
    for (again, state) in [(json!({"suspended": true}), suspended(2)), (json!({"suspended": false}), running(2))] {
        assert!(wanted(again, &state).unwrap().changes_since(&state).is_empty());
    }
}

#[test]
fn a_service_that_somebody_scaled_to_0_is_scaled_up_or_resumed_with_one_task() {
    let stopped = running(0);
    assert_eq!(wanted(json!({"image": "wordpress:6"}), &stopped).unwrap(), stopped);
    assert_eq!(wanted(json!({"desired_count": 2}), &stopped).unwrap(), running(2));
    assert_eq!(wanted(json!({"suspended": false}), &stopped).unwrap(), running(1));
    let shown = State { shows: Shows::SuspensionPage, ..running(0) };
    assert_eq!(wanted(json!({"suspended": true}), &stopped).unwrap(), shown);
}

#[test]
fn the_changes_are_named() {
    let state = wanted(json!({"image": "wordpress:7", "cpu": 512, "memory": 1024, "suspended": true}), &running(2));
    assert_eq!(
        state.unwrap().changes_since(&running(2)),
        ["image", "cpu", "memory", "desired_count", "resume_count", "shows"]
    );
}

#[test]
fn a_wrong_request_is_refused_with_the_field_and_what_is_allowed() {
    for (request, named) in [
        (json!({}), &["at least one of image, cpu"][..]),
        (json!({"force_new_deployment": false}), &["at least one of"]),
        (json!({"tenant_id": "1", "image": "x"}), &["tenant_id", "12 digits"]),
        (json!({"desired_count": 0}), &["desired_count: 0", "1 to 50"]),
        (json!({"image": "not an image"}), &["image", "repository[:tag]"]),
        (json!({"cpu": 333, "memory": 512}), &["cpu: 333", "256, 512, 1024"]),
        (json!({"cpu": 256, "memory": 8192}), &["memory: 8192", "512, 1024, 2048"]),
        (json!({"cpu": 1024}), &["memory: 512", "2048, 3072", "now it has cpu 256 and memory 512"]),
        (json!({"suspended": "yes"}), &["suspended: \"yes\"", "true or false"]),
        (json!({"table_prefix": "old_", "image": "x"}), &["table_prefix", "move_content"]),
        (json!({"table_prefix": "a-b", "move_content": true}), &["a-b", "letters, digits and underscores"]),
        (json!({"move_content": "yes"}), &["move_content: \"yes\"", "true or false"]),
        (json!({"force": true}), &["`force`", "force_new_deployment"]),
    ] {
        let error = wanted(request, &running(1)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        for named in named {
            assert!(error.chain().contains(named), "{named}: {}", error.chain());
        }
    }
    let error = parsed(json!({"environment": "prod", "image": "x"})).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongEnvironment);
}
