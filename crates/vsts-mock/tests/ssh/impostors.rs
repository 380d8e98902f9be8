//! Those who would sign in as somebody else, or with something that is no key of theirs.

use crate::client::Client;
use crate::hostile::still_serves;
use crate::message::{Fields, Message, USERAUTH_FAILURE};
use crate::testbed::{Testbed, make_key};

/// After keys, before a signature: methods that are not there, and keys that do not fit.
#[tokio::test(flavor = "multi_thread")]
async fn signing_in_with_anything_but_ones_own_key() {
    let testbed = Testbed::new().await;
    testbed.filled("extra").await;
    let nonsense = Message::default().string("nonsense@example.com").string("x").0;
    let rows = [
        ("none", Client::auth_request("acme", "none")),
        ("a password", Client::auth_request("acme", "password").byte(0).string("alice-password")),
        ("a new password", Client::auth_request("acme", "password").byte(1).string("a").string("b")),
        (
            "a dialogue (russh #600)",
            Client::auth_request("acme", "keyboard-interactive").string("").string(""),
        ),
        (
            "a host's key",
            Client::auth_request("acme", "hostbased")
                .string("ssh-ed25519")
                .string("x")
                .string("h")
                .string("u")
                .string("s"),
        ),
        ("a method that is none", Client::auth_request("acme", "\u{1b}[2Jnonsense")),
        (
            "an algorithm that is none",
            Client::auth_request("acme", "publickey")
                .byte(0)
                .string("nonsense@example.com")
                .string(&nonsense),
        ),
    ];
    for (what, request) in rows {
        let mut client = Client::connect(&testbed).await;
        client.ask_for_auth().await;
        client.send(&request.0).await.expect("it is sent");
        let answer = client.wait_for(&[USERAUTH_FAILURE]).await;
        assert_eq!(Fields(&answer[1..]).string(), b"publickey", "{what}");
    }
    let path = |name: &str| testbed.path(name);
    // soft-serve CVE-2026-24058: the owner's key is offered without a signature, then another signs.
    let mut client = Client::connect(&testbed).await;
    client.ask_for_auth().await;
    assert!(client.offer_key("acme", &path("alice")).await);
    assert!(!client.sign_as("acme", &path("alice"), &path("bob")).await, "another's signature");
    assert!(client.offer_key("acme", &path("alice")).await);
    assert!(client.sign_as("acme", &path("bob"), &path("bob")).await);
    let output = client.exec("git-receive-pack '/iris/_git/extra'").await.ended().await;
    assert!(output.err.contains("identity 'bob'") && output.status == Some(1), "{output:?}");
    // A key that nobody registered is turned down whether it signs or not.
    let mut client = Client::connect(&testbed).await;
    client.ask_for_auth().await;
    assert!(!client.offer_key("acme", &path("stranger")).await);
    assert!(!client.sign_as("acme", &path("stranger"), &path("stranger")).await);
    // Whoever goes on trying is disconnected.
    let mut tries = 0;
    while client.send(&Client::auth_request("acme", "none").0).await.is_ok() && tries < 100 {
        tries += 1;
        match client.receive().await {
            Ok(answer) if answer[0] == USERAUTH_FAILURE => {}
            _ => break,
        }
    }
    assert!(tries < 10, "{tries} tries");
    still_serves(&testbed, "signing in").await;
}

/// The same with the stock client: it offers the owner's public key, which it cannot sign with, and then its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_public_key_that_lies_about_does_not_help() {
    let testbed = Testbed::new().await;
    std::fs::copy(testbed.path("alice.pub"), testbed.path("found.pub")).expect("a copy");
    let bob = testbed.person("bob").ssh_option(&format!("-i {}", testbed.path("found.pub").display()));
    let output = bob.ssh(&testbed.port(), &[], Some("git-receive-pack '/iris/_git/extra'")).await;
    assert!(output.err.contains("identity 'bob'"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_no_key() {
    let testbed = Testbed::new().await;
    make_key(testbed.dir.path(), "authority", &["-t", "ed25519"]);
    let mut sign = std::process::Command::new("ssh-keygen");
    sign.args(["-q", "-s", "authority", "-I", "alice", "-n", "acme,alice", "alice.pub"])
        .current_dir(testbed.dir.path());
    assert!(sign.status().expect("ssh-keygen starts").success());
    let alice = testbed.person("alice");
    let certified = alice.clone().ssh_option("-o PubkeyAcceptedAlgorithms=ssh-ed25519-cert-v01@openssh.com");
    let output = certified.git(&["ls-remote", &testbed.url("extra")]).await.fails();
    assert!(output.contains("Permission denied (publickey)"), "{output}");
    alice.git(&["ls-remote", &testbed.url("extra")]).await.ok();
}
