//! Access over SSH, and refusals: words on the error stream and an exit status.

use crate::client::Client;
use crate::testbed::{Testbed, make_key};

const NOT_FOUND: &str = "remote: TF401019: The Git repository with name or identifier extra does not exist or you do not have \
                         permissions for the operation you are attempting.\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_no_is_worded_as_the_service_words_it() {
    let testbed = Testbed::new().await;
    testbed.filled("extra").await;
    let may_not_push = "remote: TF401027: You need the Git 'GenericContribute' permission to perform this action. Details: \
                        identity 'bob', scope 'repository'.\n";
    let elsewhere = NOT_FOUND.replace("extra", "his");
    let rows = [
        ("alice", "git-upload-pack '/iris/_git/extra'", 0, ""),
        ("bob", "git-upload-pack '/iris/_git/extra'", 0, ""),
        ("bob", "git-receive-pack '/iris/_git/extra'", 1, may_not_push),
        ("carol", "git-receive-pack '/iris/_git/extra'", 0, ""),
        ("dave", "git-upload-pack '/iris/_git/extra'", 1, NOT_FOUND),
        ("dave", "git-receive-pack '/iris/_git/extra'", 1, NOT_FOUND),
        ("alice", "git-upload-pack '/nothing/_git/extra'", 1, NOT_FOUND),
        ("alice", "git-upload-pack 'v3/elsewhere/his/his'", 1, &elsewhere),
    ];
    for (who, line, code, words) in rows {
        let output = testbed.person(who).ssh(&testbed.port(), &[], Some(line)).await;
        assert_eq!((output.code, output.err.as_str()), (Some(code), words), "{who}: {line}");
        assert_eq!(output.out.is_empty(), code != 0, "{who}: {line}: {}", output.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn git_shows_the_words() {
    let testbed = Testbed::new().await;
    let (_, id) = testbed.filled("guarded").await;
    let output = testbed.person("dave").git(&["clone", "-q", &testbed.url("extra"), "x"]).await.fails();
    assert!(output.starts_with(NOT_FOUND), "{output}");
    let carol = testbed.person("carol").clone_to(&testbed.url("guarded"), "carols").await;
    carol.commit("file", b"carol's\n").await;
    let pushed = carol.git(&["push", "origin", "master", "master:refs/heads/hers"]).await;
    assert!(pushed.err.contains("TF401027"), "{}", pushed.err);
    let listed = carol.git(&["ls-remote", "origin", "refs/heads/*"]).await.ok();
    assert!(
        listed.contains("refs/heads/hers") && listed.contains(&format!("{id}\trefs/heads/master")),
        "{listed}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_nobody_registered_does_not_sign_in() {
    let testbed = Testbed::new().await;
    let output = testbed.person("stranger").git(&["ls-remote", &testbed.url("extra")]).await.fails();
    assert!(output.contains("Permission denied (publickey)"), "{output}");
    // Several keys are tried in turn until one is known.
    let with_both = testbed.person("bob").ssh_option(&format!("-i {}", testbed.path("stranger").display()));
    with_both.git(&["ls-remote", &testbed.url("extra")]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_name_is_not_the_identity() {
    let testbed = Testbed::new().await;
    let url = testbed.url("extra").replace("acme@", "alice@").replace("/iris/", "/acme/iris/");
    let bob = testbed.person("bob");
    bob.git(&["ls-remote", &url]).await.ok();
    let line = "git-receive-pack '/acme/iris/_git/extra'";
    let output = bob.ssh(&testbed.port(), &["-l", "alice"], Some(line)).await;
    assert!(output.err.contains("identity 'bob'"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_taken_away_works_no_longer_on_a_connection_that_is_open() {
    let testbed = Testbed::new().await;
    testbed.filled("extra").await;
    // A socket's path has to be short.
    let sockets = tempfile::Builder::new().prefix("mux").tempdir_in("/tmp").expect("a folder");
    let path = sockets.path().join("s").display().to_string();
    let bob = testbed.person("bob");
    let master = ["-f", "-N", "-M", "-S", &path];
    let quiet = ["-o", "LogLevel=QUIET", "-o", "StdinNull=yes"];
    bob.ssh_in_background(&testbed.port(), &[&master[..], &quiet[..]].concat()).await;
    let shared = bob.clone().ssh_option(&format!("-S {path}"));
    shared.git(&["ls-remote", &testbed.url("extra")]).await.ok();
    testbed.admin("DELETE", "/users/bob/keys/laptop", "").await;
    let output = shared.git(&["ls-remote", &testbed.url("extra")]).await.fails();
    assert!(output.starts_with("remote: Public key authentication failed.\n"), "{output}");
    let output = bob.git(&["ls-remote", &testbed.url("extra")]).await.fails();
    assert!(output.contains("Permission denied (publickey)"), "{output}");
    // Another key under the same name is another key.
    let key = make_key(testbed.dir.path(), "new", &["-t", "ed25519"]);
    let key = serde_json::json!({ "name": "laptop", "key": key });
    testbed.admin("POST", "/users/bob/keys", &key.to_string()).await;
    let output = shared.git(&["ls-remote", &testbed.url("extra")]).await.fails();
    assert!(output.starts_with("remote: Public key authentication failed.\n"), "{output}");
    testbed.person("new").git(&["ls-remote", &testbed.url("extra")]).await.ok();
    bob.ssh(&testbed.port(), &["-S", &path, "-O", "exit"], None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_taken_away_in_the_midst_of_a_push_changes_no_ref() {
    let testbed = Testbed::new().await;
    let (alice, id) = testbed.filled("extra").await;
    for what in ["/users/carol/keys/laptop", "/users/alice"] {
        let name = what.split('/').nth(2).expect("a name");
        let mut client = Client::connect(&testbed).await;
        assert!(client.sign_in("acme", &testbed.path(name)).await);
        let mut push = client.exec("git-receive-pack '/iris/_git/extra'").await;
        push.read_until("0000").await;
        testbed.admin("DELETE", what, "").await;
        let zero = "0".repeat(40);
        let command = format!("{id} {zero} refs/heads/master\0report-status");
        push.send(format!("{:04x}{command}0000", command.len() + 4).as_bytes()).await;
        let output = push.finish().await.out;
        assert!(output.contains("ng refs/heads/master TF400813"), "{what}: {output}");
    }
    let bob = alice.at(testbed.dir.path());
    assert!(bob.git(&["ls-remote", &testbed.url("extra")]).await.fails().contains("Permission denied"));
    let listed = testbed.person("bob").git(&["ls-remote", &testbed.url("extra"), "refs/heads/*"]).await.ok();
    assert_eq!(listed, format!("{id}\trefs/heads/master\n"));
}
