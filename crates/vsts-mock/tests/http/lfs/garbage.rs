//! Forks and imports bring large files along; what nothing refers to goes after its time of grace, and nothing sooner.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};
use vsts_mock::{Clock, SeedRepo};

use super::{EXTRA, Lfs, oid, value};
use crate::git::Git;

const DAY: i64 = 24 * 3600;

fn pointer(content: &[u8]) -> Vec<u8> {
    let (oid, size) = (oid(content), content.len());
    format!("version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n").into_bytes()
}

async fn get(lfs: &Lfs, repo: &str, oid: &str) -> u16 {
    lfs.send("GET", &format!("{repo}/info/lfs/objects/{oid}"), "Bearer alicepat", "", b"").await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_no_ref_reaches_is_swept_and_only_after_two_weeks() {
    let seconds = Arc::new(AtomicI64::new(1_780_000_000));
    let now = seconds.clone();
    let clock = Clock::new(move || jiff::Timestamp::from_second(now.load(Ordering::SeqCst)).expect("a time"));
    let lfs = Lfs::with(|builder| builder.clock(clock)).await;
    let (kept, loose, counted) = (
        lfs.upload(EXTRA, b"kept").await,
        lfs.upload(EXTRA, b"loose").await,
        lfs.upload(EXTRA, b"counted").await,
    );
    lfs.upload("/acme/iris/_git/guarded", b"loose").await;
    let url = lfs.server.clone_url("acme", "iris", "extra");
    let alice = Git::of(lfs.dir.path(), "alicepat").clone_to(&url, "alice").await;
    // The first branch becomes the default one.
    alice.commit("readme", b"small\n").await;
    alice.run(&["push", "-q", "origin", "HEAD:refs/heads/main"]).await.ok();
    // In an old version, below a folder, in a branch that is not the default one.
    std::fs::create_dir(alice.dir().join("deep")).expect("a folder");
    alice.commit("deep/model", &pointer(b"kept")).await;
    alice.commit("deep/model", b"small now\n").await;
    alice.run(&["push", "-q", "origin", "HEAD:refs/heads/topic"]).await.ok();
    let admin = lfs.server.admin();
    assert_eq!(admin.sweep_large_files().await.expect("a sweep"), (0, 0), "it is too soon");
    seconds.fetch_add(13 * DAY, Ordering::SeqCst);
    lfs.batch(EXTRA, "alicepat", "upload", &[(&counted, 7)]).await;
    seconds.fetch_add(2 * DAY, Ordering::SeqCst);
    assert_eq!(
        admin.sweep_large_files().await.expect("a sweep"),
        (2, 1),
        "in both repositories, stored once"
    );
    for (what, oid, status) in [("kept", &kept, 200), ("loose", &loose, 404), ("counted", &counted, 200)] {
        assert_eq!(get(&lfs, EXTRA, oid).await, status, "{what}");
    }
    assert_eq!(lfs.upload(EXTRA, b"loose").await, loose, "it may come back");
    alice.run(&["push", "-q", "origin", ":topic"]).await.ok();
    seconds.fetch_add(15 * DAY, Ordering::SeqCst);
    let authorization = format!("Bearer {}", lfs.server.admin_token());
    let reply = lfs.send("POST", "/_mock/lfs/sweep", &authorization, "", b"").await;
    assert_eq!(value(&reply), json!({ "objects": 3, "contents": 3 }));
    assert!(lfs.stored().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn contents_go_with_the_last_repository_that_has_them() {
    let lfs = Lfs::new().await;
    let shared = lfs.upload(EXTRA, b"shared").await;
    lfs.upload("/acme/iris/_git/guarded", b"shared").await;
    lfs.upload(EXTRA, b"alone").await;
    let admin = lfs.server.admin();
    admin.remove_repo("acme/iris/extra").await.expect("it is there");
    assert_eq!(admin.sweep_large_files().await.expect("a sweep"), (0, 1));
    assert_eq!(lfs.stored(), std::slice::from_ref(&shared));
    admin.add_repo("acme/iris", &SeedRepo::new("extra")).await.expect("a new one of that name");
    assert_eq!(get(&lfs, EXTRA, &shared).await, 404, "it has nothing of the old one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_has_what_its_refs_reach() {
    let lfs = Lfs::new().await;
    let (one, other) = (lfs.upload(EXTRA, b"one").await, lfs.upload(EXTRA, b"other").await);
    let url = lfs.server.clone_url("acme", "iris", "extra");
    let alice = Git::of(lfs.dir.path(), "alicepat").clone_to(&url, "alice").await;
    alice.commit("one", &pointer(b"one")).await;
    alice.run(&["push", "-q", "origin", "HEAD:master"]).await.ok();
    alice.commit("other", &pointer(b"other")).await;
    alice.run(&["push", "-q", "origin", "HEAD:topic"]).await.ok();
    let lines = "Content-Type: application/json\n";
    let found = lfs.send("GET", "/acme/iris/_apis/git/repositories/extra", "Bearer alicepat", "", b"").await;
    let found: Value = value(&found);
    for (name, query, expected) in [("all", "", 200), ("part", "&sourceRef=refs/heads/master", 404)] {
        let body =
            json!({ "name": name, "project": { "name": "iris" }, "parentRepository": { "id": found["id"] } });
        let path = format!("/acme/iris/_apis/git/repositories?api-version=5.0{query}");
        let reply = lfs.send("POST", &path, "Bearer alicepat", lines, body.to_string().as_bytes()).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        let fork = format!("/acme/iris/_git/{name}");
        assert_eq!((get(&lfs, &fork, &one).await, get(&lfs, &fork, &other).await), (200, expected), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_brings_the_large_files_that_are_what_their_names_say() {
    let lfs = Lfs::new().await;
    let source = lfs.dir.path().join("source");
    std::fs::create_dir(&source).expect("a folder");
    let git = Git::of(&source, "");
    git.run(&["init", "-q"]).await.ok();
    git.commit("large", &pointer(b"large")).await;
    let (right, wrong) = (oid(b"large"), oid(b"something else"));
    for (oid, content) in [(&right, "large"), (&wrong, "a lie")] {
        let folder = source.join(format!(".git/lfs/objects/{}/{}", &oid[..2], &oid[2..4]));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(oid), content).expect("a file");
    }
    let repo = SeedRepo::new("imported").import(&source);
    lfs.server.admin().add_repo("acme/iris", &repo).await.expect("it is imported");
    let imported = "/acme/iris/_git/imported";
    assert_eq!((get(&lfs, imported, &right).await, get(&lfs, imported, &wrong).await), (200, 404));
    assert_eq!(lfs.stored(), [right]);
    assert_eq!(lfs.server.admin().sweep_large_files().await.expect("a sweep"), (0, 0));
}
