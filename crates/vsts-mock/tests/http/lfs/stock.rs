//! Stock git-lfs pushes, clones, locks and resumes.

use std::path::Path;

use super::{EXTRA, Lfs};
use crate::git::{Git, Output};

impl Lfs {
    /// Somebody with git and git-lfs, who has its filters configured.
    pub(super) fn person(&self, token: &str) -> Git {
        let git = Git::of(self.dir.path(), token);
        [
            "filter.lfs.process=git-lfs filter-process",
            "filter.lfs.required=true",
            "filter.lfs.clean=git-lfs clean -- %f",
            "filter.lfs.smudge=git-lfs smudge -- %f",
            "lfs.concurrenttransfers=3",
        ]
        .into_iter()
        .fold(git, Git::set)
    }

    pub(super) fn url(&self) -> String {
        self.server.clone_url("acme", "iris", "extra")
    }
}

pub(super) fn noise(seed: u8, length: usize) -> Vec<u8> {
    let mut state = u32::from(seed) + 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..length).map(|_| next()).collect()
}

/// Commits files of which those that end in `.bin` are large, and pushes them.
pub(super) async fn push(git: &Git, files: &[(&str, Vec<u8>)]) -> Output {
    git.run(&["lfs", "install", "--local", "--skip-smudge"]).await.ok();
    git.run(&["lfs", "track", "*.bin"]).await.ok();
    for (name, content) in files {
        std::fs::write(git.dir().join(name), content).expect("a file is written");
    }
    git.run(&["add", "-A"]).await.ok();
    git.run(&["commit", "-q", "-m", "large files"]).await.ok();
    git.run(&["push", "-q", "origin", "HEAD:master"]).await
}

pub(super) fn read(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).expect("a file")
}

#[tokio::test(flavor = "multi_thread")]
async fn git_lfs_pushes_and_clones() {
    let lfs = Lfs::new().await;
    let alice = lfs.person("alicepat").clone_to(&lfs.url(), "alice").await;
    let files = [
        ("a.bin", noise(1, 300_000)),
        ("b.bin", noise(2, 10)),
        ("empty.bin", Vec::new()),
        ("c.txt", b"c\n".to_vec()),
    ];
    push(&alice, &files).await.ok();
    assert_eq!(lfs.stored().len(), 2, "the empty file is its own pointer");
    let bob = lfs.person("bobspat").clone_to(&lfs.url(), "bob").await;
    for (name, content) in &files {
        assert!(read(bob.dir(), name) == *content, "{name}");
    }
    assert_eq!(bob.run(&["status", "--porcelain"]).await.ok(), "");
    let stored = bob.run(&["cat-file", "-p", "HEAD:a.bin"]).await.ok();
    assert!(stored.starts_with("version https://git-lfs.github.com/spec/v1\n"), "{stored}");
    let fsck = bob.run(&["lfs", "fsck"]).await;
    assert!(fsck.is_ok(), "{fsck:?}");
    // A second push sends what is new alone.
    std::fs::write(alice.dir().join("d.bin"), noise(3, 1000)).expect("a file is written");
    alice.run(&["add", "-A"]).await.ok();
    alice.run(&["commit", "-q", "-m", "more"]).await.ok();
    alice.run(&["push", "-q", "origin", "HEAD:master"]).await.ok();
    bob.run(&["pull", "-q"]).await.ok();
    assert!(read(bob.dir(), "d.bin") == noise(3, 1000));
    let journal = lfs.server.admin().journal();
    let uploads = journal.iter().filter(|entry| {
        matches!(&entry.event, vsts_mock::JournalEvent::LfsObject { operation: "upload", .. })
    });
    assert_eq!(uploads.count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn git_lfs_pushes_and_clones_over_https() {
    let any_port = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let lfs = Lfs::with(|builder| builder.https(any_port)).await;
    let url = lfs.server.https_clone_url("acme", "iris", "extra").expect("it listens for HTTPS");
    let authority = lfs.dir.path().join("ca.pem");
    std::fs::write(&authority, lfs.server.ready().ca_pem.as_deref().expect("an authority")).expect("a file");
    let trusting = |git: Git| git.set(format!("http.sslCAInfo={}", authority.display()));
    let alice = trusting(lfs.person("alicepat")).clone_to(&url, "alice").await;
    push(&alice, &[("a.bin", noise(1, 100_000))]).await.ok();
    let bob = trusting(lfs.person("bobspat")).clone_to(&url, "bob").await;
    assert!(read(bob.dir(), "a.bin") == noise(1, 100_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn git_lfs_tells_who_may_not() {
    let lfs = Lfs::new().await;
    let alice = lfs.person("alicepat").clone_to(&lfs.url(), "alice").await;
    push(&alice, &[("a.bin", noise(1, 100))]).await.ok();
    let bob = lfs.person("bobspat").clone_to(&lfs.url(), "bob").await;
    let said = push(&bob, &[("b.bin", noise(2, 100))]).await.fails();
    assert!(said.contains("TF401027"), "{said}");
    assert_eq!(lfs.stored().len(), 1);
    let dave = lfs.person("davespat").run(&["clone", &lfs.url(), "dave"]).await.fails();
    assert!(dave.contains("TF401019"), "{dave}");
}

#[tokio::test(flavor = "multi_thread")]
async fn git_lfs_locks_and_unlocks() {
    let lfs = Lfs::new().await;
    let alice = lfs.person("alicepat").clone_to(&lfs.url(), "alice").await;
    push(&alice, &[("a.bin", noise(1, 100))]).await.ok();
    let carol = lfs.person("carolpat").clone_to(&lfs.url(), "carol").await;
    carol.run(&["lfs", "install", "--local"]).await.ok();
    let locked = carol.run(&["lfs", "lock", "a.bin"]).await.ok();
    assert!(locked.contains("Locked a.bin"), "{locked}");
    let listed = alice.run(&["lfs", "locks"]).await.ok();
    assert!(listed.contains("a.bin") && listed.contains("carol"), "{listed}");
    let twice = alice.run(&["lfs", "lock", "a.bin"]).await.fails();
    assert!(twice.contains("locked by carol"), "{twice}");
    // Who pushes a change of a path that somebody else has locked is stopped by git-lfs.
    std::fs::write(alice.dir().join("a.bin"), noise(9, 100)).expect("a file is written");
    alice.run(&["config", "lfs.locksverify", "true"]).await.ok();
    alice.run(&["commit", "-q", "-a", "-m", "change"]).await.ok();
    let stopped = alice.run(&["push", "-q", "origin", "HEAD:master"]).await;
    let said = format!("{}{}", stopped.out, stopped.err);
    assert!(!stopped.is_ok() && said.contains("a.bin") && said.contains("carol"), "{said}");
    let refused = alice.run(&["lfs", "unlock", "a.bin"]).await;
    assert!(!refused.is_ok(), "{refused:?}");
    alice.run(&["lfs", "unlock", "--force", "a.bin"]).await.ok();
    assert!(alice.run(&["lfs", "locks"]).await.ok().is_empty());
    alice.run(&["push", "-q", "origin", "HEAD:master"]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn git_lfs_resumes_a_download() {
    let lfs = Lfs::new().await;
    let alice = lfs.person("alicepat").clone_to(&lfs.url(), "alice").await;
    let content = noise(1, 500_000);
    push(&alice, &[("a.bin", content.clone())]).await.ok();
    let bob = lfs.person("bobspat");
    let bob = bob.set("filter.lfs.process=").set("filter.lfs.smudge=cat").set("filter.lfs.required=false");
    let bob = bob.clone_to(&lfs.url(), "bob").await;
    let oid = super::oid(&content);
    let incomplete = bob.dir().join(".git/lfs/incomplete");
    std::fs::create_dir_all(&incomplete).expect("a folder");
    std::fs::write(incomplete.join(format!("{oid}.part")), &content[..200_000]).expect("a file is written");
    bob.run(&["lfs", "fetch"]).await.ok();
    let path = format!(".git/lfs/objects/{}/{}/{oid}", &oid[..2], &oid[2..4]);
    assert!(read(bob.dir(), &path) == content);
    let journal = lfs.server.admin().journal();
    let partial = journal.iter().filter(|entry| {
        matches!(&entry.event, vsts_mock::JournalEvent::Request { status: Some(206), path, .. } if path.starts_with(EXTRA))
    });
    assert_eq!(partial.count(), 1, "{journal:?}");
}
