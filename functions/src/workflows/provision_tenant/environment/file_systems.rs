//! The EFS file systems for tenants' files, and the number of access points on each.

use std::cmp::Reverse;

use aws_sdk_efs::Client;
use aws_sdk_efs::types::{FileSystemDescription, Tag};
use futures_util::future::try_join_all;
use serde::Serialize;
use shared::owner::TAG_ENVIRONMENT;
use shared::{Error, Result, Settings};

use crate::load_balancing::room::Room;
use crate::resources::access_point::LISTED_PER_CALL;
use shared::candidate::{Candidate, exactly_one};

/// A file system on which a tenant's access point may be made.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct FileSystem {
    /// Its id.
    pub file_system_id: String,
    /// Access points on it.
    pub access_points: Room,
}

/// The environment's file systems, those with the most room first: those that the stack names; else those with the tag
/// `tenant:environment`; else the only one whose name contains the environment.
///
/// # Errors
/// `EnvironmentNotReady` when there is none, or when the choice is ambiguous.
pub(super) async fn file_systems(efs: &Client, settings: &Settings) -> Result<Vec<FileSystem>> {
    let ids = ids(efs, settings).await?;
    let mut systems = try_join_all(ids.into_iter().map(|id| with_room(efs, settings, id))).await?;
    systems.sort_by_key(|system| Reverse(system.access_points.left()));
    Ok(systems)
}

async fn ids(efs: &Client, settings: &Settings) -> Result<Vec<String>> {
    let environment = settings.environment().as_str();
    let all = efs.describe_file_systems().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let all = all.map_err(|error| Error::aws("listing file systems", error))?;
    let given = settings.list("FILE_SYSTEM_IDS");
    if let Some(unknown) = given.iter().find(|id| !all.iter().any(|system| system.file_system_id() == **id)) {
        return Err(Error::not_ready(format!("stack parameter FileSystemIds: there is no file system {unknown}")));
    }
    if !given.is_empty() {
        return Ok(given.into_iter().map(str::to_owned).collect());
    }
    let ids = |systems: Vec<&FileSystemDescription>| {
        systems.iter().map(|system| system.file_system_id().to_owned()).collect::<Vec<_>>()
    };
    let tagged: Vec<_> = all.iter().filter(|system| tag(system, TAG_ENVIRONMENT) == Some(environment)).collect();
    if !tagged.is_empty() {
        return Ok(ids(tagged));
    }
    let named = all.iter().filter(|system| tag(system, "Name").is_some_and(|name| name.contains(environment)));
    let candidates = named.map(|system| Candidate::new(Some(system.file_system_id()), tag(system, "Name")));
    let rule = format!("tag Name contains {environment:?}");
    Ok(vec![exactly_one("file system", &rule, "FileSystemIds", candidates.collect())?])
}

fn tag<'a>(system: &'a FileSystemDescription, key: &str) -> Option<&'a str> {
    system.tags().iter().find(|tag| tag.key() == key).map(Tag::value)
}

async fn with_room(efs: &Client, settings: &Settings, id: String) -> Result<FileSystem> {
    let access_points = efs.describe_access_points().file_system_id(&id).into_paginator();
    let access_points = access_points.page_size(LISTED_PER_CALL).items().send().collect::<Result<Vec<_>, _>>().await;
    let access_points = access_points.map_err(|error| Error::aws(format!("listing access points of {id}"), error))?;
    let access_points = Room::new(access_points.len(), settings, "MAX_ACCESS_POINTS")?;
    Ok(FileSystem { file_system_id: id, access_points })
}
