//! A tenant's EFS access point: the directory of its content on the file system, entered as uid and gid 33 (www-data).
//!
//! Access points have no unique name, and cannot be changed. They are found by their `Name` tag: an interruption leaves
//! at most one, which the next run finds. Deleting an access point does not delete the files.
//!
//! Earlier versions made the access point for the whole document root. A tenant that is moved gets a second one, for its
//! `wp-content`. Both bear the same name; they are told apart by their directories and owners.

use std::collections::BTreeSet;

use aws_sdk_efs::Client;
use aws_sdk_efs::error::ProvideErrorMetadata;
use aws_sdk_efs::types::{AccessPointDescription, CreationInfo, LifeCycleState, PosixUser, RootDirectory, Tag};
use serde::{Deserialize, Serialize};
use shared::owner::{owner_in, tags};
use shared::{Error, ErrorKind, Kind, Names, Owner, Result, Settings, TenantId};

use crate::resources::teardown::Teardown;
use crate::resources::{Found, Removal, ours, tenant_named};

/// User and group id of the web server in the WordPress image.
const WWW_DATA: i64 = 33;

/// DescribeAccessPoints returns 100 unless asked for more, and its model sets no upper limit. AWS's own CSI driver asks
/// for 10,000, which is the most that a file system can have. A page of 1,000 arrives well within a call's timeout.
pub(crate) const LISTED_PER_CALL: i32 = 1000;

/// Input of create-access-point.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The execution that creates it.
    pub owner: Owner,
    /// The file systems to choose from, the best first.
    pub file_system_ids: Vec<String>,
    /// The tenant has files and access points, and gets one more for its `wp-content`.
    #[serde(default)]
    pub beside_others: bool,
}

/// Output of create-access-point.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Created {
    /// The file system that it is on.
    pub file_system_id: String,
    /// Id of the access point.
    pub access_point_id: String,
    /// ARN of the access point.
    pub access_point_arn: String,
}

/// The tenant's access points on any file system: none or one; several when the tenant was moved, or when the answer to
/// a creation was lost.
///
/// # Errors
/// When a call to EFS fails.
pub async fn find(efs: &Client, names: &Names) -> Result<Vec<Found>> {
    Ok(list_of(efs, names).await?.iter().map(described).collect())
}

/// The tenants that have an access point which is not being deleted.
///
/// # Errors
/// When a call to EFS fails.
pub(crate) async fn list(efs: &Client, settings: &Settings) -> Result<BTreeSet<TenantId>> {
    let listing = efs.describe_access_points().into_paginator().page_size(LISTED_PER_CALL).items().send();
    let access_points = listing.collect::<Result<Vec<_>, _>>().await;
    let access_points = access_points.map_err(|error| Error::aws("listing access points", error))?;
    let staying = access_points.iter().filter(|access_point| !described(access_point).going);
    Ok(staying.filter_map(|staying| tenant_named(settings, name_of(staying)?, Names::access_point)).collect())
}

pub(crate) async fn list_of(efs: &Client, names: &Names) -> Result<Vec<AccessPointDescription>> {
    let name = names.access_point();
    let listing = efs.describe_access_points().into_paginator().page_size(LISTED_PER_CALL).items().send();
    let all = listing.collect::<Result<Vec<_>, _>>().await;
    let all = all.map_err(|error| Error::aws(format!("listing access points ({name})"), error))?;
    Ok(all.into_iter().filter(|access_point| name_of(access_point) == Some(&name)).collect())
}

/// The directory that an access point has as its root; `None` when there is no such access point.
///
/// # Errors
/// When a call to EFS fails.
pub(crate) async fn directory_of(efs: &Client, id: &str) -> Result<Option<String>> {
    match efs.describe_access_points().access_point_id(id).send().await {
        Ok(described) => {
            let found = described.access_points().iter().find(|access_point| !self::described(access_point).going);
            Ok(found.and_then(directory).map(str::to_owned))
        }
        Err(error) if error.code() == Some("AccessPointNotFound") => Ok(None),
        Err(error) => Err(Error::aws(format!("reading access point ({id})"), error)),
    }
}

fn directory(access_point: &AccessPointDescription) -> Option<&str> {
    access_point.root_directory()?.path()
}

fn name_of(access_point: &AccessPointDescription) -> Option<&str> {
    access_point.tags().iter().find(|tag| tag.key() == "Name").map(Tag::value)
}

fn described(access_point: &AccessPointDescription) -> Found {
    let owner = owner_in(access_point.tags().iter().map(|tag| (tag.key(), tag.value())));
    let arn = access_point.access_point_arn().unwrap_or_default();
    match access_point.life_cycle_state() {
        Some(LifeCycleState::Deleting | LifeCycleState::Deleted) => Found::going(arn, owner, "being deleted"),
        _ => Found::present(arn, owner),
    }
}

/// Creates the tenant's access point, on the first of the file systems that has room.
///
/// # Errors
/// `ResourceConflict` when one of that name exists and another owner made it; `QuotaExceeded` when no file system has
/// room.
pub async fn create(efs: &Client, settings: &Settings, request: Create) -> Result<Created> {
    let names = settings.names(&request.tenant_id);
    if let Some(created) = made_before(efs, &names, &request).await? {
        return Ok(created);
    }
    let mut refusal =
        Error::new(ErrorKind::InvalidRequest, "file_system_ids: [] names no file system: name at least one");
    for file_system in &request.file_system_ids {
        match create_on(efs, &names, &request, file_system).await {
            Err(full) if full.kind() == ErrorKind::QuotaExceeded => refusal = full,
            done => return done,
        }
    }
    Err(refusal)
}

/// The access point that an earlier run of this execution made, if there is one.
///
/// # Errors
/// `ResourceConflict` when another owner made it, unless others may be there.
async fn made_before(efs: &Client, names: &Names, request: &Create) -> Result<Option<Created>> {
    let owner = &request.owner;
    let mut all = list_of(efs, names).await?;
    all.retain(|access_point| !described(access_point).going);
    if request.beside_others {
        all.retain(|one| directory(one) == Some(&names.content_directory()) && described(one).is_in(Some(owner)));
    }
    let found = ours("access point", all.iter().map(described).collect(), owner)?;
    Ok(all.iter().find(|one| found.as_ref() == Some(&described(one))).map(|access_point| Created {
        file_system_id: access_point.file_system_id().unwrap_or_default().to_owned(),
        access_point_id: access_point.access_point_id().unwrap_or_default().to_owned(),
        access_point_arn: access_point.access_point_arn().unwrap_or_default().to_owned(),
    }))
}

async fn create_on(efs: &Client, names: &Names, request: &Create, file_system_id: &str) -> Result<Created> {
    let owner = &request.owner;
    let doing = || format!("creating access point ({}) on {file_system_id}", names.access_point());
    let creation = CreationInfo::builder().owner_uid(WWW_DATA).owner_gid(WWW_DATA).permissions("755").build();
    let creation = creation.map_err(|error| Error::internal(doing()).with_source(error))?;
    // The directory of a tenant that is moved exists. If it does not, the mount must fail: EFS would make an empty one,
    // and the site would have lost its files.
    let creation = Some(creation).filter(|_| !request.beside_others);
    let directory = RootDirectory::builder().path(names.content_directory()).set_creation_info(creation).build();
    let user = PosixUser::builder().uid(WWW_DATA).gid(WWW_DATA).build();
    let user = user.map_err(|error| Error::internal(doing()).with_source(error))?;
    let tags = tags(names.environment(), names.tenant(), owner);
    let tags = tags.into_iter().chain([("Name", names.access_point())]);
    let tags: Result<Vec<_>, _> = tags.map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    let access_point = efs
        .create_access_point()
        .client_token(owner.idempotency_token("access-point"))
        .file_system_id(file_system_id)
        .posix_user(user)
        .root_directory(directory)
        .set_tags(Some(tags.map_err(|error| Error::internal(doing()).with_source(error))?))
        .send()
        .await;
    match access_point {
        Ok(access_point) => Ok(Created {
            file_system_id: file_system_id.to_owned(),
            access_point_id: access_point.access_point_id().unwrap_or_default().to_owned(),
            access_point_arn: access_point.access_point_arn().unwrap_or_default().to_owned(),
        }),
        // An earlier run with this token made it. Its answer was lost, and the list did not show it yet.
        Err(error) if error.code() == Some("AccessPointAlreadyExists") => {
            let created = made_before(efs, names, request).await?;
            created.ok_or_else(|| Error::new(ErrorKind::Transient, Error::aws(doing(), error).chain()))
        }
        Err(error) => Err(Error::aws(doing(), error)),
    }
}

/// `fsap-…` in `arn:aws:elasticfilesystem:…:access-point/fsap-…`.
fn id_in(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// Deletes the tenant's access points. The files stay.
///
/// # Errors
/// When EFS refuses a call.
pub async fn delete(efs: &Client, settings: &Settings, request: Teardown) -> Result<Removal> {
    let names = request.names(settings)?;
    let mut removal = Removal::of(Kind::AccessPoint);
    let found = find(efs, &names).await?.into_iter().filter(|found| !found.going).collect();
    for access_point in removal.keep_foreign(found, request.owner.as_ref()) {
        let id = id_in(&access_point.identifier);
        match efs.delete_access_point().access_point_id(id).send().await {
            Ok(_) => removal.removed.push(access_point.identifier),
            Err(error) if error.code() == Some("AccessPointNotFound") => {}
            Err(error) => return Err(Error::aws(format!("deleting access point ({id})"), error)),
        }
    }
    Ok(removal)
}

#[cfg(test)]
mod tests {
    use aws_sdk_efs::operation::create_access_point::{CreateAccessPointError, CreateAccessPointOutput};
    use aws_sdk_efs::operation::delete_access_point::{DeleteAccessPointError, DeleteAccessPointOutput};
    use aws_sdk_efs::operation::describe_access_points::DescribeAccessPointsOutput;
    use aws_smithy_mocks::{Rule, RuleMode, mock, mock_client};
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;
    use crate::testing::{other_owner, owner, settings, tenant};

    fn access_point(id: &str, name: &str, owner: Option<Owner>) -> AccessPointDescription {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build().unwrap();
        let owner = owner.map(|owner| tag("tenant:execution", owner.as_str()));
        AccessPointDescription::builder()
            .access_point_id(id)
            .access_point_arn(format!("arn:aws:elasticfilesystem:eu-west-1:536580886816:access-point/{id}"))
            .set_tags(Some(owner.into_iter().chain([tag("Name", name)]).collect()))
            .build()
    }

    fn page(access_points: Vec<AccessPointDescription>, next: Option<&'static str>) -> Rule {
        mock!(Client::describe_access_points).then_output(move || {
            DescribeAccessPointsOutput::builder()
                .set_access_points(Some(access_points.clone()))
                .set_next_token(next.map(str::to_owned))
                .build()
        })
    }

    async fn run_create(rules: &[&Rule]) -> Result<Created> {
        run(rules, false).await
    }

    async fn run(rules: &[&Rule], beside_others: bool) -> Result<Created> {
        let client = mock_client!(aws_sdk_efs, RuleMode::Sequential, rules);
        let file_system_ids = ["fs-1", "fs-2"].map(str::to_owned).to_vec();
        let request = Create { tenant_id: tenant(), owner: owner(), file_system_ids, beside_others };
        create(&client, &settings(&[]), request).await
    }

    fn at(directory: &str, mut access_point: AccessPointDescription) -> AccessPointDescription {
        access_point.root_directory = Some(RootDirectory::builder().path(directory).build());
        access_point
    }

    #[tokio::test]
    async fn it_is_made_for_www_data_at_the_directory_of_the_tenants_content() {
        let creation = mock!(Client::create_access_point)
            .match_requests(|request| {
                let directory = request.root_directory().unwrap();
                assert_eq!(directory.path(), Some("/wordpress/123456789012/wp-content"));
                assert_eq!(directory.creation_info().unwrap().permissions(), "755");
                assert_eq!(request.posix_user().unwrap().uid(), 33);
                assert!(request.tags().iter().any(|tag| (tag.key(), tag.value()) == ("Name", "dev-123456789012-ap")));
                request.file_system_id() == Some("fs-1")
            })
            .then_output(|| CreateAccessPointOutput::builder().access_point_id("fsap-1").build());
        let created = run_create(&[&page(vec![], None), &creation]).await.unwrap();
        assert_eq!((created.access_point_id.as_str(), created.file_system_id.as_str()), ("fsap-1", "fs-1"));
    }

    #[tokio::test]
    async fn our_access_point_on_a_later_page_is_returned() {
        let first = page(vec![access_point("fsap-0", "dev-999999999999-ap", Some(owner()))], Some("next"));
        let second = page(vec![access_point("fsap-1", "dev-123456789012-ap", Some(owner()))], None);
        assert_eq!(run_create(&[&first, &second]).await.unwrap().access_point_id, "fsap-1");
    }

    #[tokio::test]
    async fn a_foreign_one_is_a_conflict() {
        for other in [None, Some(other_owner())] {
            let found = page(vec![access_point("fsap-1", "dev-123456789012-ap", other)], None);
            assert_eq!(run_create(&[&found]).await.unwrap_err().kind(), ErrorKind::ResourceConflict);
        }
    }

    #[tokio::test]
    async fn a_creation_whose_answer_was_lost_is_found_again() {
        let exists = mock!(Client::create_access_point).then_error(|| {
            CreateAccessPointError::generic(ErrorMetadata::builder().code("AccessPointAlreadyExists").build())
        });
        let found = page(vec![access_point("fsap-1", "dev-123456789012-ap", Some(owner()))], None);
        assert_eq!(run_create(&[&page(vec![], None), &exists, &found]).await.unwrap().access_point_id, "fsap-1");
    }

    #[tokio::test]
    async fn a_tenant_that_is_moved_gets_a_second_one_and_no_directory_is_made_for_it() {
        let name = "dev-123456789012-ap";
        let others = || {
            vec![
                at("/wordpress/123456789012", access_point("fsap-1", name, None)),
                // Another update made it, and could not delete it any more.
                at("/wordpress/123456789012/wp-content", access_point("fsap-2", name, Some(other_owner()))),
            ]
        };
        let creation = mock!(Client::create_access_point)
            .match_requests(|request| {
                let directory = request.root_directory().unwrap();
                assert_eq!(directory.path(), Some("/wordpress/123456789012/wp-content"));
                directory.creation_info().is_none()
            })
            .then_output(|| CreateAccessPointOutput::builder().access_point_id("fsap-3").build());
        let created = run(&[&page(others(), None), &creation], true).await.unwrap();
        assert_eq!(created.access_point_id, "fsap-3");
        let ours = at("/wordpress/123456789012/wp-content", access_point("fsap-3", name, Some(owner())));
        let all = page([others(), vec![ours]].concat(), None);
        assert_eq!(run(&[&all], true).await.unwrap().access_point_id, "fsap-3", "and only one");
    }

    #[tokio::test]
    async fn of_several_file_systems_the_first_that_is_not_full_is_taken() {
        let full = || {
            mock!(Client::create_access_point).then_error(|| {
                CreateAccessPointError::generic(ErrorMetadata::builder().code("AccessPointLimitExceeded").build())
            })
        };
        let created = mock!(Client::create_access_point)
            .match_requests(|request| request.file_system_id() == Some("fs-2"))
            .then_output(|| CreateAccessPointOutput::builder().access_point_id("fsap-1").build());
        let created = run_create(&[&page(vec![], None), &full(), &created]).await.unwrap();
        assert_eq!(created.file_system_id, "fs-2");
        let refused = run_create(&[&page(vec![], None), &full(), &full()]).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::QuotaExceeded);
    }

    #[tokio::test]
    async fn a_rollback_deletes_all_of_ours_and_nothing_else() {
        let found = page(
            vec![
                access_point("fsap-1", "dev-123456789012-ap", Some(owner())),
                access_point("fsap-2", "dev-123456789012-ap", Some(owner())),
                access_point("fsap-3", "dev-123456789012-ap", Some(other_owner())),
                access_point("fsap-4", "dev-1234567890123-ap", Some(owner())),
            ],
            None,
        );
        let deleted = mock!(Client::delete_access_point)
            .match_requests(|request| request.access_point_id() == Some("fsap-1"))
            .then_output(|| DeleteAccessPointOutput::builder().build());
        let gone = mock!(Client::delete_access_point)
            .match_requests(|request| request.access_point_id() == Some("fsap-2"))
            .then_error(|| {
                DeleteAccessPointError::generic(ErrorMetadata::builder().code("AccessPointNotFound").build())
            });
        let client = mock_client!(aws_sdk_efs, RuleMode::Sequential, [&found, &deleted, &gone]);
        let removal =
            delete(&client, &settings(&[]), Teardown { owner: Some(owner()), ..Teardown::of(tenant()) }).await.unwrap();
        assert_eq!(removal.removed.len(), 1);
        assert!(removal.kept[0].identifier.ends_with("fsap-3") && removal.kept.len() == 1);
    }
}
