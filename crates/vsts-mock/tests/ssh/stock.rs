//! Stock git over OpenSSH clones, fetches and pushes.

use vsts_mock::Profile;

use crate::testbed::{Testbed, make_key, noise};

/// Key types as ssh-keygen names them, and what else the client is told about signing.
const KEYS: [(&str, &[&str], &str); 6] = [
    ("ed25519", &["-t", "ed25519"], ""),
    ("nistp256", &["-t", "ecdsa", "-b", "256"], ""),
    ("nistp384", &["-t", "ecdsa", "-b", "384"], ""),
    ("nistp521", &["-t", "ecdsa", "-b", "521"], ""),
    ("rsa512", &["-t", "rsa", "-b", "2048"], "-o PubkeyAcceptedAlgorithms=rsa-sha2-512"),
    ("rsa256", &["-t", "rsa", "-b", "3072"], "-o PubkeyAcceptedAlgorithms=rsa-sha2-256"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_key_clones_fetches_and_pushes_in_every_version() {
    let testbed = Testbed::new().await;
    let (alice, _) = testbed.filled("extra").await;
    for (name, kind, option) in KEYS {
        let key = make_key(testbed.dir.path(), name, kind);
        let key = serde_json::json!({ "name": name, "key": key });
        testbed.admin("POST", "/users/carol/keys", &key.to_string()).await;
        for version in ["0", "1", "2"] {
            let person = testbed.person(name).ssh_option(option).speaking(version);
            let clone = person.clone_to(&testbed.url("extra"), &format!("{name}-{version}")).await;
            let id = clone.commit(&format!("{name}-{version}"), name.as_bytes()).await;
            clone.git(&["push", "-q", "origin", "master"]).await.ok();
            alice.git(&["pull", "-q", "--ff-only"]).await.ok();
            assert_eq!(alice.git(&["rev-parse", "HEAD"]).await.ok().trim(), id, "{name}, version {version}");
            alice.commit("file", format!("{name} {version}").as_bytes()).await;
            alice.git(&["push", "-q", "origin", "master"]).await.ok();
            clone.git(&["fetch", "-q"]).await.ok();
            let fetched = clone.git(&["rev-list", "--count", "master..origin/master"]).await.ok();
            assert_eq!(fetched.trim(), "1", "{name}, version {version}");
        }
    }
    let journal = testbed.admin("GET", "/journal", "").await;
    assert!(journal.contains(r#""kind":"ssh-request""#), "{journal}");
    for word in
        [r#""command":"git-receive-pack '/iris/_git/extra'""#, r#""user":"carol""#, r#""exit_status":0"#]
    {
        assert!(journal.contains(word), "{word} is not in {journal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rsa_with_sha1_is_refused() {
    let testbed = Testbed::new().await;
    let key = make_key(testbed.dir.path(), "rsa", &["-t", "rsa", "-b", "2048"]);
    let key = serde_json::json!({ "name": "rsa", "key": key });
    testbed.admin("POST", "/users/alice/keys", &key.to_string()).await;
    let old = testbed.person("rsa").ssh_option("-o PubkeyAcceptedAlgorithms=ssh-rsa");
    let output = old.git(&["ls-remote", &testbed.url("extra")]).await.fails();
    assert!(output.contains("Permission denied (publickey)"), "{output}");
    testbed.person("rsa").git(&["ls-remote", &testbed.url("extra")]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn much_goes_through_in_both_directions_with_keys_exchanged_in_between() {
    let testbed = Testbed::new().await;
    for cipher in
        ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr"]
    {
        let cipher_option = format!("-o Ciphers={cipher} -o RekeyLimit=1M");
        let alice = testbed.person("alice").ssh_option(&cipher_option);
        let alice = alice.clone_to(&testbed.url("extra"), &format!("alice-{cipher}")).await;
        let content = noise(6_000_000);
        let id = alice.commit("noise", &[content.as_slice(), cipher.as_bytes()].concat()).await;
        alice.git(&["push", "-q", "--force", "origin", "HEAD:master"]).await.ok();
        let bob = testbed.person("bob").ssh_option(&cipher_option);
        let bob = bob.clone_to(&testbed.url("extra"), &format!("bob-{cipher}")).await;
        assert_eq!(bob.git(&["rev-parse", "HEAD"]).await.ok().trim(), id, "{cipher}");
        let read = std::fs::read(bob.dir().join("noise")).expect("checked out");
        assert!(read.starts_with(&content), "{cipher}");
        bob.git(&["fsck", "--strict"]).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shallow_partial_tags_deletes_and_atomic_pushes() {
    let testbed = Testbed::new().await;
    let (alice, first) = testbed.filled("extra").await;
    alice.commit("file", b"two\n").await;
    alice.git(&["tag", "-a", "-m", "v1", "v1"]).await.ok();
    alice
        .git(&[
            "push",
            "-q",
            "--atomic",
            "origin",
            "master",
            "v1",
            "master:refs/azureml/runs/x",
            "master:gone",
        ])
        .await
        .ok();
    let listed = alice.git(&["ls-remote", "origin", "refs/azureml/*"]).await.ok();
    assert!(listed.ends_with("\trefs/azureml/runs/x\n"), "{listed}");
    alice.git(&["push", "-q", "origin", ":gone"]).await.ok();
    assert_eq!(alice.git(&["ls-remote", "origin", "refs/heads/gone"]).await.ok(), "");
    let bob = testbed.person("bob");
    bob.git(&["clone", "-q", "--depth", "1", &testbed.url("extra"), "shallow"]).await.ok();
    let shallow = bob.at(&testbed.path("shallow"));
    assert_eq!(shallow.git(&["rev-list", "--count", "HEAD"]).await.ok(), "1\n");
    shallow.git(&["fetch", "-q", "--unshallow"]).await.ok();
    assert_eq!(shallow.git(&["rev-list", "HEAD"]).await.ok().lines().last(), Some(first.as_str()));
    bob.git(&["clone", "-q", "--filter=blob:none", &testbed.url("extra"), "partial"]).await.ok();
    assert_eq!(std::fs::read(testbed.path("partial/file")).expect("fetched when it was needed"), b"two\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn profiles_that_imitate_speak_the_first_protocol_and_take_the_first_key() {
    for profile in [Profile::Vsts, Profile::AzureDevops] {
        let testbed = Testbed::with_profile(profile).await;
        let (alice, id) = testbed.filled("extra").await;
        assert_eq!(
            alice.git(&["ls-remote", "origin", "refs/heads/*"]).await.ok(),
            format!("{id}\trefs/heads/master\n")
        );
        let line = "git-upload-pack '/iris/_git/extra'";
        let output = alice.ssh(&testbed.port(), &["-o", "SetEnv=GIT_PROTOCOL=version=2"], Some(line)).await;
        assert!(
            output.out.contains("refs/heads/master") && !output.out.contains("version 2"),
            "{profile:?}: {output:?}"
        );
        // The service takes whichever key comes first, and says no to the command.
        let unknown =
            testbed.person("stranger").ssh_option(&format!("-i {}", testbed.path("stranger").display()));
        let output = unknown.git(&["ls-remote", &testbed.url("extra")]).await.fails();
        assert!(output.starts_with("remote: Public key authentication failed.\n"), "{profile:?}: {output}");
    }
}
