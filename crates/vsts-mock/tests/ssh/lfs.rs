//! Git LFS over SSH: stock git-lfs both ways, and what the protocol must not let through.

use std::os::unix::fs::PermissionsExt as _;

use sha2::{Digest as _, Sha256};
use vsts_mock::{JournalEvent, Profile};

use crate::client::Client;
use crate::testbed::{Person, Testbed, noise};

/// Commits a large file and pushes it.
async fn push(git: &Person, name: &str, content: &[u8]) -> crate::testbed::Output {
    git.git(&["lfs", "install", "--local"]).await.ok();
    git.git(&["lfs", "track", "*.bin"]).await.ok();
    git.commit(name, content).await;
    git.git(&["push", "-q", "origin", "HEAD:master"]).await
}

fn transfers(testbed: &Testbed) -> Vec<String> {
    let journal = testbed.server.admin().journal();
    let of = |event: &JournalEvent| match event {
        JournalEvent::SshRequest { service: Some(service), .. } if service.starts_with("git-lfs") => {
            Some(service.clone())
        }
        JournalEvent::Request { service: Some(service), .. } if service == "git-lfs" => {
            Some("http".to_owned())
        }
        _ => None,
    };
    let mut services: Vec<String> = journal.iter().filter_map(|entry| of(&entry.event)).collect();
    services.sort();
    services.dedup();
    services
}

#[tokio::test(flavor = "multi_thread")]
async fn git_lfs_pushes_clones_and_locks_over_ssh_alone() {
    let testbed = Testbed::new().await;
    let alice = testbed.person("alice").clone_to(&testbed.url("extra"), "alice-clone").await;
    let content = noise(300_000);
    push(&alice, "a.bin", &content).await.ok();
    let bob = testbed.person("bob").clone_to(&testbed.url("extra"), "bob-clone").await;
    bob.git(&["lfs", "install", "--local"]).await.ok();
    bob.git(&["lfs", "pull"]).await.ok();
    assert!(std::fs::read(bob.dir().join("a.bin")).expect("a file") == content);
    assert_eq!(transfers(&testbed), ["git-lfs-transfer"], "nothing goes over HTTP");

    let locked = alice.git(&["lfs", "lock", "a.bin"]).await.ok();
    assert!(locked.contains("Locked a.bin"), "{locked}");
    let listed = alice.git(&["lfs", "locks"]).await.ok();
    assert!(listed.contains("a.bin") && listed.contains("alice"), "{listed}");
    let verified = alice.git(&["lfs", "locks", "--verify"]).await.ok();
    assert!(verified.contains("a.bin"), "{verified}");
    let carol = testbed.person("carol").clone_to(&testbed.url("extra"), "carol-clone").await;
    let twice = carol.git(&["lfs", "lock", "a.bin"]).await.fails();
    assert!(twice.contains("alice"), "{twice}");
    alice.git(&["lfs", "unlock", "a.bin"]).await.ok();
    assert!(alice.git(&["lfs", "locks"]).await.ok().is_empty());
    let refused = push(&bob, "b.bin", b"bob's").await.fails();
    assert!(refused.contains("TF401027"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn git_lfs_gets_credentials_for_http_over_ssh() {
    let testbed = Testbed::new().await;
    // As clients do that know nothing of the newer way.
    let old = testbed.path("old-ssh");
    let script = "#!/bin/sh\ncase \"$*\" in *git-lfs-transfer*) exit 1 ;; esac\nexec ssh \"$@\"\n";
    std::fs::write(&old, script).expect("a file is written");
    std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o755)).expect("it may be run");
    let alice = testbed.person("alice").through(&old).clone_to(&testbed.url("extra"), "alice-clone").await;
    let content = noise(100_000);
    push(&alice, "a.bin", &content).await.ok();
    let bob = testbed.person("bob").through(&old).clone_to(&testbed.url("extra"), "bob-clone").await;
    bob.git(&["lfs", "install", "--local"]).await.ok();
    bob.git(&["lfs", "pull"]).await.ok();
    assert!(std::fs::read(bob.dir().join("a.bin")).expect("a file") == content);
    let used = transfers(&testbed);
    assert!(
        used.contains(&"git-lfs-authenticate".to_owned()) && used.contains(&"http".to_owned()),
        "{used:?}"
    );

    let told =
        alice.ssh(&testbed.port(), &[], Some("git-lfs-authenticate /iris/_git/extra download")).await.ok();
    let told: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    let href = format!("{}/acme/iris/_git/extra/info/lfs", testbed.server.url());
    assert_eq!((told["href"].as_str(), told["expires_in"].as_u64()), (Some(href.as_str()), Some(600)));
    for (key, operation, code) in [("bob", "upload", 1), ("dave", "download", 1), ("bob", "download", 0)] {
        let line = format!("git-lfs-authenticate '/iris/_git/extra' '{operation}'");
        let output = testbed.person(key).ssh(&testbed.port(), &[], Some(&line)).await;
        assert_eq!(output.code, Some(code), "{key} {operation}: {output:?}");
        assert_eq!(output.out.is_empty(), code != 0, "{key} {operation}: {output:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_profiles_refuse_in_the_services_words() {
    for profile in [Profile::Vsts, Profile::AzureDevops] {
        let testbed = Testbed::with_profile(profile).await;
        for program in ["git-lfs-authenticate", "git-lfs-transfer"] {
            let line = format!("{program} '/iris/_git/extra' 'download'");
            let output = testbed.person("alice").ssh(&testbed.port(), &[], Some(&line)).await;
            let words = format!("remote: Could not find a Command Extension for Command:{program}\n");
            assert_eq!((output.code, output.err, output.out), (Some(2), words, String::new()), "{profile:?}");
        }
    }
}

/// Packet lines; `0000` and `0001` stand for themselves.
fn lines(lines: &[&str]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for line in lines {
        if matches!(*line, "0000" | "0001") {
            encoded.extend(line.bytes());
        } else {
            encoded.extend(format!("{:04x}{line}\n", line.len() + 5).bytes());
        }
    }
    encoded
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_mean_no_good_are_refused_and_leave_nothing() {
    let testbed = Testbed::new().await;
    let right = lfs_wire::Oid::from_bytes(Sha256::digest(b"right").into()).to_string();
    let put = format!("put-object {right}");
    let rows: [(&str, &str, Vec<u8>, &str); 15] = [
        ("a wrong content", "upload", lines(&[&put, "size=6", "0001", "wrong", "0000"]), "status 422"),
        ("a short one", "upload", lines(&[&put, "size=9", "0001", "right", "0000"]), "status 422"),
        ("no size", "upload", lines(&[&put, "0001", "right", "0000"]), "status 400"),
        ("no data", "upload", lines(&[&put, "size=5", "0000"]), "status 400"),
        (
            "an upload in a download",
            "download",
            lines(&[&put, "size=6", "0001", "right", "0000"]),
            "status 422",
        ),
        ("a traversal", "download", lines(&["get-object ../../../etc/passwd", "0000"]), "status 400"),
        ("an absent object", "download", lines(&[&format!("get-object {right}"), "0000"]), "status 404"),
        (
            "an absent object",
            "upload",
            lines(&[&format!("verify-object {right}"), "size=5", "0000"]),
            "status 404",
        ),
        ("another version", "download", lines(&["version 2", "0000"]), "status 400"),
        ("no command", "download", lines(&["rm -rf /", "0001", "x", "0000"]), "status 400"),
        (
            "a size below zero",
            "upload",
            lines(&["batch", "0001", &format!("{right} -1"), "0000"]),
            "status 422",
        ),
        ("an id that is none", "upload", lines(&["batch", "0001", "abc 1", "0000"]), "status 422"),
        (
            "another hash",
            "upload",
            lines(&["batch", "hash-algo=sha1", "0001", &format!("{right} 1"), "0000"]),
            "status 409",
        ),
        ("a path outside", "upload", lines(&["lock", "path=../x", "0000"]), "status 422"),
        ("no lock", "upload", lines(&["unlock 7", "0000"]), "status 404"),
    ];
    for (what, operation, request, expected) in rows {
        let mut client = Client::signed_in(&testbed, "alice").await;
        let mut exec = client.exec(&format!("git-lfs-transfer /iris/_git/extra {operation}")).await;
        exec.read_until("000clocking\n0000").await;
        exec.send(&request).await;
        exec.send(&lines(&["quit", "0000"])).await;
        let ended = exec.finish().await;
        assert!(ended.out.contains(expected), "{what}: {ended:?}");
        assert!(ended.out.ends_with("000fstatus 200\n0000") && ended.status == Some(0), "{what}: {ended:?}");
    }
    for (what, request) in [
        ("more data than its size", lines(&[&put, "size=2", "0001", "right", "0000"])),
        ("no framing", b"zzzz".to_vec()),
        ("an end in the middle", lines(&[&put, "size=6", "0001", "rig"])),
        ("very many arguments", lines(&[vec!["batch"], vec!["a=b"; 200]].concat())),
    ] {
        let mut client = Client::signed_in(&testbed, "alice").await;
        let mut exec = client.exec("git-lfs-transfer /iris/_git/extra upload").await;
        exec.send(&request).await;
        let ended = exec.finish().await;
        assert_eq!(ended.status, Some(128), "{what}: {ended:?}");
    }
    let incoming = testbed.path("data").join("lfs/incoming");
    assert_eq!(std::fs::read_dir(incoming).expect("a folder").count(), 0);
    for (key, operation) in [("bob", "upload"), ("dave", "download"), ("dave", "upload")] {
        let mut client = Client::signed_in(&testbed, key).await;
        let ended =
            client.exec(&format!("git-lfs-transfer /iris/_git/extra {operation}")).await.finish().await;
        assert!(ended.out.is_empty() && ended.status == Some(1), "{key} {operation}: {ended:?}");
    }
}
