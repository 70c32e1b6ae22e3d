use std::fs;
use std::os::unix::fs::symlink;

use super::*;
use crate::resources::files::purge::{Purge, Purged};
use crate::resources::files::quarantine::{Expire, Expired};
use crate::testing::{other_owner, owner, settings, tenant};

const TENANT: &str = "wordpress/123456789012";
const QUARANTINE: &str = "wordpress/.quarantine";

/// A file system with two tenants of the runbook, in a temporary directory that is deleted at the end.
struct FileSystem(PathBuf);

impl FileSystem {
    fn new(name: &str) -> Self {
        let files = Self::without_the_tenant(name);
        files.write(&format!("{TENANT}/wp-content/file"));
        files
    }

    fn without_the_tenant(name: &str) -> Self {
        let files = Self(std::env::temp_dir().join(format!("tenant-files-{}-{name}", std::process::id())));
        files.write("wordpress/123456789013/file");
        files.write("elsewhere/file");
        files
    }

    fn write(&self, path: &str) {
        fs::create_dir_all(self.0.join(path).parent().unwrap()).unwrap();
        fs::write(self.0.join(path), "text").unwrap();
    }

    fn settings(&self, mounted: &str) -> Settings {
        settings(&[("FILES_DIRECTORY", self.0.join(mounted).to_str().unwrap())])
    }

    async fn create(&self, owner: Owner) -> Result<Created> {
        create(&self.settings("wordpress"), Create { tenant_id: tenant(), owner }).await
    }

    async fn delete(&self, owner: Option<Owner>) -> Result<Removal> {
        delete(&self.settings("wordpress"), Teardown { owner, ..Teardown::of(tenant()) }).await
    }

    async fn find(&self) -> Vec<Found> {
        let settings = self.settings("wordpress");
        find(&settings, &settings.names(&tenant())).await.unwrap().unwrap()
    }

    async fn purge(&self, mounted: &str) -> Result<Purged> {
        purge::purge(&self.settings(mounted), Purge { tenant_id: tenant() }).await
    }

    async fn expire(&self, now: &str) -> Expired {
        let request = Expire { execution: owner() };
        quarantine::expire(&self.settings("wordpress"), now.parse().unwrap(), request).await.unwrap()
    }

    fn has(&self, path: &str) -> bool {
        self.0.join(path).symlink_metadata().is_ok()
    }

    fn names(&self, directory: &str) -> BTreeSet<String> {
        names_in(&self.0.join(directory)).unwrap().into_iter().collect()
    }
}

impl Drop for FileSystem {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn conflict(result: Result<Created>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceConflict, "{}", error.chain());
    error.chain()
}

#[tokio::test]
async fn a_new_directory_has_the_record_of_its_owner_and_a_second_run_finds_it() {
    let files = FileSystem::without_the_tenant("new");
    assert_eq!(files.find().await, []);
    for _ in 0..2 {
        let created = files.create(owner()).await.unwrap();
        assert_eq!(created.files_directory, "/wordpress/123456789012");
    }
    assert_eq!(files.find().await, [Found::present("/wordpress/123456789012", Some(owner()))]);
    assert_eq!(files.names(TENANT), ["owner.json".to_owned()].into());
    assert_eq!(files.names("wordpress"), ["123456789012", "123456789013"].map(str::to_owned).into());
}

#[tokio::test]
async fn anothers_directory_is_a_conflict_that_names_it_its_owner_and_the_remedy() {
    let files = FileSystem::new("conflict");
    let told = conflict(files.create(owner()).await);
    assert!(told.contains("/wordpress/123456789012") && told.contains("purge_files"), "{told}");
    assert_eq!(files.names(TENANT), ["wp-content".to_owned()].into(), "it is as it was");

    files.purge("wordpress").await.unwrap();
    files.create(other_owner()).await.unwrap();
    let told = conflict(files.create(owner()).await);
    assert!(told.contains(other_owner().as_str()), "{told}");
    assert_eq!(files.find().await[0].owner, Some(other_owner()));
}

#[tokio::test]
async fn an_empty_directory_is_nobodys_and_may_be_taken() {
    let files = FileSystem::without_the_tenant("empty");
    fs::create_dir(files.0.join(TENANT)).unwrap();
    assert_eq!(files.find().await, []);
    files.create(owner()).await.unwrap();
    assert_eq!(files.find().await[0].owner, Some(owner()));
}

#[tokio::test]
async fn a_link_or_a_file_at_the_tenants_place_is_somebodys_and_is_not_followed() {
    let files = FileSystem::without_the_tenant("link");
    fs::create_dir(files.0.join("empty")).unwrap();
    for make in [
        (|files: &FileSystem| symlink(files.0.join("empty"), files.0.join(TENANT)).unwrap()) as fn(&FileSystem),
        |files| files.write(TENANT),
    ] {
        make(&files);
        assert_eq!(files.find().await, [Found::present("/wordpress/123456789012", None)]);
        conflict(files.create(owner()).await);
        assert_eq!(files.delete(Some(owner())).await.unwrap().removed, [""; 0]);
        assert!(files.purge("wordpress").await.unwrap().removed);
    }
    assert_eq!(files.names("empty"), BTreeSet::new());
}

#[tokio::test]
async fn a_record_that_is_no_record_owns_nothing() {
    let files = FileSystem::new("garbled");
    files.write("elsewhere/owner.json");
    let record = files.0.join(TENANT).join("owner.json");
    let mine = serde_json::to_vec(&Record { owner: owner(), created_at: Timestamp::now() }).unwrap();
    fs::write(files.0.join("elsewhere/mine.json"), mine).unwrap();
    for make in [
        (|record: &Path| fs::write(record, "{").unwrap()) as fn(&Path),
        |record| fs::write(record, r#"{"owner": "me", "created_at": "2026-11-25T10:16:22Z"}"#).unwrap(),
        |record| fs::create_dir(record).unwrap(),
        |record| symlink("../../elsewhere/mine.json", record).unwrap(),
    ] {
        make(&record);
        conflict(files.create(owner()).await);
        let removal = files.delete(Some(owner())).await.unwrap();
        assert_eq!((removal.removed.len(), removal.kept[0].reason.as_str()), (0, "not made by tenant management"));
        assert!(files.has(&format!("{TENANT}/wp-content/file")));
        if record.is_dir() { fs::remove_dir(&record).unwrap() } else { fs::remove_file(&record).unwrap() }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_claims_at_once_exactly_one_succeeds() {
    let files = FileSystem::without_the_tenant("race");
    for _ in 0..20 {
        let claims: Vec<_> = (0..8)
            .map(|number| {
                let owner = Owner::try_from(format!("{}-{number}", owner().as_str())).unwrap();
                let settings = files.settings("wordpress");
                tokio::spawn(async move { create(&settings, Create { tenant_id: tenant(), owner }).await })
            })
            .collect();
        let mut won = 0;
        for claim in claims {
            match claim.await.unwrap() {
                Ok(_) => won += 1,
                Err(error) => assert_eq!(error.kind(), ErrorKind::ResourceConflict, "{}", error.chain()),
            }
        }
        assert_eq!(won, 1);
        assert_eq!(files.names("wordpress").len(), 2, "no temporary directory is left");
        files.purge("wordpress").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_owner_may_claim_the_directory_many_times_at_once() {
    let files = FileSystem::without_the_tenant("same");
    let claims: Vec<_> = (0..8)
        .map(|_| {
            let settings = files.settings("wordpress");
            tokio::spawn(async move { create(&settings, Create { tenant_id: tenant(), owner: owner() }).await })
        })
        .collect();
    for claim in claims {
        claim.await.unwrap().unwrap();
    }
    assert_eq!(files.names("wordpress").len(), 2, "no temporary directory is left");
}

#[tokio::test]
async fn a_rollback_moves_its_own_directory_into_the_quarantine_and_a_second_one_finds_nothing() {
    let files = FileSystem::without_the_tenant("rollback");
    files.create(owner()).await.unwrap();
    files.write(&format!("{TENANT}/wp-content/file"));
    assert_eq!(files.delete(Some(owner())).await.unwrap().removed, ["/wordpress/123456789012"]);
    assert_eq!(files.delete(Some(owner())).await.unwrap(), Removal::of(Kind::Files));
    assert!(!files.has(TENANT));
    let entries = files.names(QUARANTINE);
    let entry = entries.first().unwrap();
    assert!(entries.len() == 1 && entry.starts_with("123456789012-20"), "{entries:?}");
    assert!(files.has(&format!("{QUARANTINE}/{entry}/wp-content/file")));
}

#[tokio::test]
async fn a_rollback_keeps_the_directory_of_another_and_a_person_keeps_every_directory() {
    let files = FileSystem::new("kept");
    for (scope, reason) in [(Some(owner()), "not made by tenant management"), (None, STAY)] {
        let removal = files.delete(scope).await.unwrap();
        let kept = Left { identifier: "/wordpress/123456789012".to_owned(), reason: reason.to_owned() };
        assert_eq!((removal.removed, removal.kept), (Vec::new(), vec![kept]));
    }
    files.purge("wordpress").await.unwrap();
    files.create(other_owner()).await.unwrap();
    let removal = files.delete(Some(owner())).await.unwrap();
    assert!(removal.kept[0].reason.contains(other_owner().as_str()) && files.has(TENANT));
}

#[tokio::test]
async fn what_was_in_the_quarantine_for_14_days_is_removed_and_nothing_else() {
    let files = FileSystem::new("expired");
    let entries = ["123456789012-20261101T000000Z", "123456789012-20261101T000001Z", "notes", "1-20200101T000000Z"];
    for entry in entries {
        files.write(&format!("{QUARANTINE}/{entry}/file"));
    }
    let first = format!(".quarantine/{}", entries[0]);
    assert_eq!(files.expire("2026-11-15T00:00:01Z").await, Expired { removed: vec![first], more: 0 });
    assert_eq!(files.names(QUARANTINE), entries[1..].iter().map(|name| (*name).to_owned()).collect());
    assert!(files.has(TENANT) && files.has("wordpress/123456789013"));
}

#[tokio::test]
async fn a_temporary_directory_is_removed_when_it_is_old_and_a_run_removes_a_bounded_number() {
    let files = FileSystem::new("temporary");
    for number in 0..101 {
        files.write(&format!("wordpress/.new-{number}/owner.json"));
    }
    let now = Timestamp::now();
    let later = |hours: i64| (now + jiff::SignedDuration::from_hours(hours)).to_string();
    assert_eq!(files.expire(&later(23)).await, Expired { removed: Vec::new(), more: 0 });
    let expired = files.expire(&later(25)).await;
    assert_eq!((expired.removed.len(), expired.more), (100, 1));
    assert_eq!(files.expire(&later(25)).await.removed.len(), 1);
    assert_eq!(files.names("wordpress"), ["123456789012", "123456789013"].map(str::to_owned).into());
}

#[tokio::test]
async fn the_directories_of_tenants_are_listed() {
    let files = FileSystem::new("list");
    files.write("wordpress/.new-1/owner.json");
    files.write("wordpress/notes");
    let listed = list(&files.settings("wordpress")).await.unwrap();
    assert_eq!(listed.iter().map(TenantId::as_str).collect::<Vec<_>>(), ["123456789012", "123456789013"]);
}

#[tokio::test]
async fn without_a_mounted_file_system_nothing_is_known() {
    let unset = settings(&[]);
    assert_eq!(find(&unset, &unset.names(&tenant())).await.unwrap(), None);
    assert_eq!(list(&unset).await.unwrap(), BTreeSet::new());
    let error = create(&unset, Create { tenant_id: tenant(), owner: owner() }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::EnvironmentNotReady);
}

#[tokio::test]
async fn a_tenants_files_go_with_those_in_the_quarantine_and_its_neighbours_stay() {
    let files = FileSystem::new("neighbours");
    for entry in ["123456789012-20261101T000000Z", "123456789013-20261101T000000Z"] {
        files.write(&format!("{QUARANTINE}/{entry}/file"));
    }
    let purged = files.purge("wordpress").await.unwrap();
    assert_eq!(purged, Purged { directory: "/wordpress/123456789012".to_owned(), removed: true });
    assert!(!files.has(TENANT) && files.has("wordpress/123456789013/file"));
    assert_eq!(files.names(QUARANTINE), ["123456789013-20261101T000000Z".to_owned()].into());
    assert!(!files.purge("wordpress").await.unwrap().removed, "a second run finds nothing");
}

#[tokio::test]
async fn symbolic_links_are_removed_and_not_followed() {
    let files = FileSystem::new("links");
    symlink(files.0.join("elsewhere"), files.0.join(TENANT).join("wp-content/link")).unwrap();
    files.purge("wordpress").await.unwrap();
    assert!(!files.has(TENANT) && files.has("elsewhere/file"));

    symlink(files.0.join("elsewhere"), files.0.join(TENANT)).unwrap();
    files.purge("wordpress").await.unwrap();
    assert!(!files.has(TENANT) && files.has("elsewhere/file"));

    files.create(owner()).await.unwrap();
    symlink(files.0.join("elsewhere"), files.0.join(QUARANTINE)).unwrap();
    assert_eq!(files.delete(Some(owner())).await.unwrap_err().kind(), ErrorKind::Transient);
    assert!(files.has(TENANT) && files.names("elsewhere").len() == 1);
}

#[tokio::test]
async fn what_is_not_the_directory_of_the_tenants_is_refused() {
    let files = FileSystem::new("guard");
    for mounted in ["elsewhere", "missing", "wordpress/123456789012/wp-content/file", "/"] {
        assert_eq!(files.purge(mounted).await.unwrap_err().kind(), ErrorKind::EnvironmentNotReady, "{mounted}");
    }
    symlink("/", files.0.join("elsewhere/wordpress")).unwrap();
    let error = files.purge("elsewhere/wordpress").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::EnvironmentNotReady, "a link to / is / and is not called wordpress");
    let unset = purge::purge(&settings(&[]), Purge { tenant_id: tenant() }).await.unwrap_err();
    assert!(unset.chain().contains("FilesAccessPointArn"), "{}", unset.chain());
    assert!(files.has(&format!("{TENANT}/wp-content/file")));
}
