//! Stock git clones, fetches and pushes.

use std::path::PathBuf;

use tempfile::TempDir;
use vsts_mock::{MockServer, Profile, Seed};

use crate::git::{Git, SEED, filled, server, server_with};
use crate::running::Running;

#[tokio::test(flavor = "multi_thread")]
async fn clone_commit_push_and_clone_again() {
    let Running { server, dir } = server().await;
    let (alice, first) = filled(&server, &dir, "extra").await;
    let url = server.clone_url("acme", "iris", "extra");
    let bob = Git::of(dir.path(), "bobspat").clone_to(&url, "bob").await;
    assert_eq!(bob.run(&["rev-parse", "HEAD"]).await.ok().trim(), first);
    let second = alice.commit("file", b"two\n").await;
    alice.run(&["tag", "-a", "-m", "v1", "v1"]).await.ok();
    alice.run(&["push", "-q", "origin", "master", "v1"]).await.ok();
    bob.run(&["pull", "-q"]).await.ok();
    assert_eq!(bob.run(&["rev-parse", "HEAD", "v1^{}"]).await.ok(), format!("{second}\n{second}\n"));
    alice
        .run(&["push", "-q", "origin", "HEAD:refs/heads/deep/branch", "HEAD~1:refs/azureml/runs/x"])
        .await
        .ok();
    assert_eq!(
        bob.run(&["ls-remote", "origin", "refs/azureml/*"]).await.ok(),
        format!("{first}\trefs/azureml/runs/x\n")
    );
    let shallow = Git::of(dir.path(), "bobspat");
    shallow.run(&["clone", "-q", "--depth", "1", &url, "shallow"]).await.ok();
    assert_eq!(
        shallow.at(&dir.path().join("shallow")).run(&["rev-list", "--count", "HEAD"]).await.ok(),
        "1\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_folders_are_gits_own() {
    let Running { server, dir } = server().await;
    let (_, id) = filled(&server, &dir, "extra").await;
    server.stop().await;
    let mut with_master = 0;
    for entry in std::fs::read_dir(dir.path().join("data/repos")).expect("the folder is there") {
        let git = Git::of(&entry.expect("an entry").path(), "");
        git.run(&["fsck", "--strict"]).await.ok();
        let master = git.run(&["rev-parse", "--verify", "-q", "master"]).await;
        with_master += usize::from(master.out.trim() == id);
    }
    assert_eq!(with_master, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_push_and_clone_in_every_version_of_the_protocol() {
    let Running { server, dir } = server().await;
    let url = server.clone_url("acme", "iris", "extra");
    let alice = Git::of(dir.path(), "alicepat").set("http.postBuffer=65536").clone_to(&url, "alice").await;
    let noise: Vec<u8> = (0_u32..700_000)
        .flat_map(|n| n.wrapping_mul(2_654_435_761).rotate_left(n % 31).to_le_bytes())
        .collect();
    let id = alice.commit("noise", &noise).await;
    let pushed = alice.run(&["push", "origin", "master"]).await;
    assert!(pushed.is_ok(), "{}", pushed.err);
    for version in ["0", "1", "2"] {
        let git = Git::of(dir.path(), "bobspat").set(format!("protocol.version={version}"));
        let clone = git.clone_to(&url, &format!("clone-{version}")).await;
        assert_eq!(clone.run(&["rev-parse", "HEAD"]).await.ok().trim(), id, "version {version}");
        assert!(std::fs::read(clone.dir().join("noise")).expect("checked out") == noise);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pushes_of_many_at_once_all_arrive() {
    let Running { server, dir } = server().await;
    let (alice, _) = filled(&server, &dir, "extra").await;
    let mut pushes = Vec::new();
    for n in 0..6 {
        let clone = alice
            .at(dir.path())
            .clone_to(&server.clone_url("acme", "iris", "extra"), &format!("clone-{n}"))
            .await;
        clone.commit(&format!("file-{n}"), format!("{n}").as_bytes()).await;
        pushes.push(tokio::spawn(async move {
            clone.run(&["push", "-q", "origin", &format!("HEAD:refs/heads/branch-{n}")]).await.ok();
        }));
    }
    for push in pushes {
        push.await.expect("the push ends");
    }
    assert_eq!(alice.run(&["ls-remote", "origin", "refs/heads/branch-*"]).await.ok().lines().count(), 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_in_one_process_know_nothing_of_each_other() {
    let Running { server: one, dir } = server().await;
    let Running { server: other, dir: _other_dir } = server().await;
    filled(&one, &dir, "extra").await;
    let git = Git::of(dir.path(), "alicepat");
    assert_eq!(
        git.run(&["ls-remote", &one.clone_url("acme", "iris", "extra"), "refs/heads/*"])
            .await
            .ok()
            .lines()
            .count(),
        1
    );
    assert_eq!(git.run(&["ls-remote", &other.clone_url("acme", "iris", "extra")]).await.ok(), "");
    drop(one);
    git.run(&["ls-remote", &other.clone_url("acme", "iris", "extra")]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_brings_the_seed_back() {
    let Running { mut server, dir } = server().await;
    let (alice, _) = filled(&server, &dir, "extra").await;
    server.reset().await.expect("the reset");
    assert_eq!(alice.run(&["ls-remote", "origin"]).await.ok(), "", "the repository is empty again");
    alice.run(&["push", "-q", "origin", "master"]).await.ok();
    assert_eq!(alice.run(&["ls-remote", "origin", "refs/heads/*"]).await.ok().lines().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_are_imported_from_folders_and_bundles() {
    let dir = TempDir::new().expect("a folder");
    let source = dir.path().join("source");
    std::fs::create_dir(&source).expect("a folder");
    let git = Git::of(&source, "");
    git.run(&["init", "-q"]).await.ok();
    let id = git.commit("file", b"imported\n").await;
    git.run(&["branch", "other"]).await.ok();
    git.run(&["clone", "-q", "--bare", ".", "../bare.git"]).await.ok();
    git.run(&["bundle", "create", "-q", "../all.bundle", "--all"]).await.ok();
    std::fs::write(dir.path().join("not-a-bundle"), "hello\nworld\n").expect("a file");
    let seed = |import: &str| {
        let text = format!("{SEED}\n[[accounts.projects.repos]]\nname = \"imported\"\nimport = {import:?}\n");
        Seed { base: PathBuf::from(dir.path()), ..Seed::parse(&text).expect("a seed") }
    };
    for import in ["bare.git", "all.bundle", "source"] {
        let server = MockServer::builder().seed(seed(import)).start().await.expect("the server starts");
        let listed = Git::of(dir.path(), "alicepat")
            .run(&["ls-remote", "--symref", &server.clone_url("acme", "iris", "imported")])
            .await
            .ok();
        assert!(listed.starts_with("ref: refs/heads/master\tHEAD\n"), "{import}: {listed}");
        assert!(
            listed.ends_with(&format!("{id}\trefs/heads/master\n{id}\trefs/heads/other\n")),
            "{import}: {listed}"
        );
    }
    for (import, reason) in [("not-a-bundle", "bundle"), ("nowhere", "nowhere")] {
        let error =
            MockServer::builder().seed(seed(import)).start().await.expect_err("it cannot be imported");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn profiles_that_imitate_speak_the_first_protocol_only() {
    for (profile, expected) in
        [(Profile::Permissive, true), (Profile::Vsts, false), (Profile::AzureDevops, false)]
    {
        let Running { server, dir } = server_with(|builder| builder.profile(profile)).await;
        let head = "GET /acme/iris/_git/extra/info/refs?service=git-upload-pack HTTP/1.1\nHost: x\nConnection: close\n\
                    Authorization: Bearer alicepat\nGit-Protocol: version=2\n\n";
        let reply = crate::raw::send(server.url(), head, Vec::new()).await;
        assert_eq!((reply.status, reply.text().contains("version 2")), (200, expected), "{profile:?}");
        let url = server.clone_url("acme", "iris", "extra");
        let clone = Git::of(dir.path(), "alicepat").clone_to(&url, "clone").await;
        clone.commit("file", b"one\n").await;
        clone.run(&["push", "-q", "origin", "master"]).await.ok();
        let atomic = clone.run(&["push", "-q", "--atomic", "origin", "master:other"]).await;
        assert_eq!(atomic.is_ok(), profile == Profile::Permissive, "{profile:?}: {}", atomic.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_pushes_leave_few_packs_and_all_that_was_pushed() {
    const PUSHES: usize = 40;
    let Running { server, dir } = server().await;
    let (alice, _) = filled(&server, &dir, "extra").await;
    let mut newest = String::new();
    for at in 0..PUSHES {
        // Enough objects at once to stay the pack that they come in.
        for file in 0..100 {
            std::fs::write(alice.dir().join(format!("{file}")), format!("{at} {file}\n")).expect("a file");
        }
        newest = alice.commit("file", format!("{at}\n").as_bytes()).await;
        alice.run(&["push", "-q", "origin", "master"]).await.ok();
    }
    // Maintenance that is under way is waited for.
    server.stop().await;
    let mut packs = 0;
    for entry in std::fs::read_dir(dir.path().join("data/repos")).expect("the folder is there") {
        let folder = entry.expect("an entry").path();
        let git = Git::of(&folder, "");
        if git.run(&["rev-parse", "--verify", "-q", "master"]).await.out.trim() == newest {
            git.run(&["fsck", "--strict"]).await.ok();
            let files = std::fs::read_dir(folder.join("objects/pack")).expect("packs");
            packs = files
                .filter(|file| {
                    let path = file.as_ref().expect("an entry").path();
                    path.extension().is_some_and(|extension| extension == "pack")
                })
                .count();
        }
    }
    assert!((1..PUSHES / 2).contains(&packs), "{packs} packs");
}
