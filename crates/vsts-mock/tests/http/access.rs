//! Access: the verdicts as people see them in git's output.

use tempfile::TempDir;

use crate::git::{Git, SEED, filled, server};
use crate::running::Running;

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_clones_but_cannot_push_and_reads_why() {
    let Running { server, dir } = server().await;
    filled(&server, &dir, "extra").await;
    let bob =
        Git::of(dir.path(), "bobspat").clone_to(&server.clone_url("acme", "iris", "extra"), "bob").await;
    bob.commit("file", b"bob's\n").await;
    let message = bob.run(&["push", "origin", "master"]).await.fails();
    let expected = "remote: TF401027: You need the Git 'GenericContribute' permission to perform this action. Details: \
                    identity 'bob', scope 'repository'.";
    assert!(message.contains(expected) && message.contains("403"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outsider_hears_that_it_does_not_exist() {
    let Running { server, dir } = server().await;
    filled(&server, &dir, "extra").await;
    let dave = Git::of(dir.path(), "davespat");
    let output = dave.run(&["clone", &server.clone_url("acme", "iris", "extra"), "x"]).await.fails();
    let expected = "remote: TF401019: The Git repository with name or identifier extra does not exist or you do not have \
                    permissions for the operation you are attempting.";
    assert!(output.contains(expected) && output.contains("not found"), "{output}");
    let nothing = dave.run(&["clone", &server.clone_url("acme", "none", "extra"), "x"]).await.fails();
    assert_eq!(nothing.replace("/none/", "/iris/"), output, "absent and invisible look the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_good_token_there_is_nothing() {
    let Running { server, dir } = server().await;
    let url = server.clone_url("acme", "iris", "extra");
    for (token, expected) in [("", "could not read Username"), ("wrong", "Authentication failed")] {
        let output = Git::of(dir.path(), token).run(&["ls-remote", &url]).await.fails();
        assert!(
            output.contains(expected) || output.contains("could not read Username"),
            "{token:?}: {output}"
        );
    }
    let with_password = url.replace("http://", "http://alice:alice-password@");
    Git::of(dir.path(), "").run(&["ls-remote", &with_password]).await.ok();
    let wrong_password = url.replace("http://", "http://alice:wrong@");
    let output = Git::of(dir.path(), "").run(&["ls-remote", &wrong_password]).await.fails();
    assert!(output.contains("Authentication failed"), "{output}");
    let token_as_user = url.replace("http://", "http://alicepat:@");
    Git::of(dir.path(), "").run(&["ls-remote", &token_as_user]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_token_does_not_push() {
    let Running { server, dir } = server().await;
    let (alice, _) = filled(&server, &dir, "extra").await;
    alice.commit("file", b"more\n").await;
    let reading = Git::of(alice.dir(), "alice-reads");
    reading.run(&["fetch", "-q", "origin"]).await.ok();
    let output = reading.run(&["push", "origin", "master"]).await.fails();
    assert!(output.contains("TF401027") && output.contains("scopes of the access token"), "{output}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guarded_branch_is_refused_and_the_others_go_through() {
    let Running { server, dir } = server().await;
    filled(&server, &dir, "guarded").await;
    let carol =
        Git::of(dir.path(), "carolpat").clone_to(&server.clone_url("acme", "iris", "guarded"), "carol").await;
    let id = carol.commit("file", b"carol's\n").await;
    let output = carol.run(&["push", "origin", "master", "master:mine"]).await.fails();
    let expected = "[remote rejected] master -> master (TF401027: You need the Git 'GenericContribute' permission to \
                    perform this action. Details: identity 'carol', scope 'branch'.)";
    assert!(output.contains(expected) && output.contains("[new branch]"), "{output}");
    assert_eq!(carol.run(&["ls-remote", "origin", "mine"]).await.ok(), format!("{id}\trefs/heads/mine\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn branches_are_rewritten_by_who_made_them_only() {
    let Running { server, dir } = server().await;
    filled(&server, &dir, "extra").await;
    let carol =
        Git::of(dir.path(), "carolpat").clone_to(&server.clone_url("acme", "iris", "extra"), "carol").await;
    carol.commit("file", b"carol's\n").await;
    carol.run(&["push", "-q", "origin", "master:mine"]).await.ok();
    carol.run(&["commit", "-q", "--amend", "-m", "again"]).await.ok();
    carol.run(&["push", "-q", "--force", "origin", "master:mine"]).await.ok();
    carol.run(&["push", "-q", "origin", "master"]).await.ok();
    for refspec in ["+HEAD~1:refs/heads/master", ":refs/heads/master"] {
        let output = carol.run(&["push", "origin", refspec]).await.fails();
        let expected = "TF401027: You need the Git 'ForcePush' permission to perform this action. Details: identity \
                        'carol', scope 'branch'.";
        assert!(output.contains(expected), "{refspec}: {output}");
    }
    carol.run(&["push", "-q", "origin", ":refs/heads/mine"]).await.ok();
    let output = carol.run(&["push", "origin", "HEAD:refs/pull/1/merge"]).await.fails();
    assert!(output.contains("written by the server alone"), "{output}");
}

/// Repositories in which carol, a contributor otherwise, lacks one right each.
const LACKING: [(&str, &str); 4] = [
    ("GenericContribute", "refs/heads/master"),
    ("CreateBranch", "refs/heads/new"),
    ("CreateTag", "refs/tags/new"),
    ("ManageNote", "refs/notes/commits"),
];

#[tokio::test(flavor = "multi_thread")]
async fn each_right_is_asked_for_what_it_is_about() {
    use std::fmt::Write as _;

    let dir = TempDir::new().expect("a folder");
    let mut seed = SEED.to_owned();
    for (right, _) in LACKING {
        let branch = if right == "GenericContribute" { "branch = \"master\"\n" } else { "" };
        write!(
            seed,
            "[[accounts.projects.repos]]\nname = \"{right}\"\n[[accounts.projects.repos.acl]]\nuser = \"carol\"\n{branch}\
             deny = [\"{right}\"]\n"
        )
        .expect("a String takes it");
    }
    let Running { server, dir } = Running::start(dir, &seed, |builder| builder).await;
    for (right, name) in LACKING {
        filled(&server, &dir, right).await;
        let url = server.clone_url("acme", "iris", right);
        let carol = Git::of(dir.path(), "carolpat").clone_to(&url, &format!("carol-{right}")).await;
        carol.commit("file", b"carol's\n").await;
        let refspecs: Vec<String> = LACKING.iter().map(|(_, name)| format!("HEAD:{name}")).collect();
        let refspecs: Vec<&str> = refspecs.iter().map(String::as_str).collect();
        let atomic = [&["push", "--porcelain", "--atomic", "origin"], &refspecs[..]].concat();
        let output = carol.run(&atomic).await;
        assert!(!output.is_ok() && output.out.contains("(atomic push failure)"), "{right}: {}", output.out);
        assert!(!output.out.contains("[new "), "{right}: {}", output.out);
        let output = carol.run(&[&["push", "--porcelain", "origin"], &refspecs[..]].concat()).await;
        for (other, refused) in LACKING {
            let line = output.out.lines().find(|line| line.contains(&format!("HEAD:{refused}\t")));
            let line = line.unwrap_or_else(|| panic!("{refused} is told: {}", output.out));
            let words = format!("(TF401027: You need the Git '{other}' permission to perform this action.");
            assert_eq!(line.contains(&words), refused == name, "{right}: {line}");
            assert_eq!(line.starts_with('!'), refused == name, "{right}: {line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_and_notes_are_rewritten_with_the_right_to_force_only() {
    let Running { server, dir } = server().await;
    filled(&server, &dir, "extra").await;
    let carol =
        Git::of(dir.path(), "carolpat").clone_to(&server.clone_url("acme", "iris", "extra"), "carol").await;
    carol.commit("file", b"carol's\n").await;
    carol.run(&["push", "-q", "origin", "HEAD:refs/tags/t", "HEAD:refs/notes/n"]).await.ok();
    carol.run(&["commit", "-q", "--amend", "-m", "again"]).await.ok();
    for refspec in ["+HEAD:refs/tags/t", ":refs/tags/t", "+HEAD:refs/notes/n"] {
        let output = carol.run(&["push", "origin", refspec]).await.fails();
        assert!(output.contains("TF401027: You need the Git 'ForcePush' permission"), "{refspec}: {output}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_stops_at_once() {
    let Running { server, dir } = server().await;
    let (alice, _) = filled(&server, &dir, "extra").await;
    let head = format!(
        "DELETE /_mock/users/alice/tokens/ci HTTP/1.1\nHost: x\nConnection: close\nAuthorization: Bearer {}\n\n",
        server.admin_token()
    );
    assert_eq!(crate::raw::send(server.url(), &head, Vec::new()).await.status, 204);
    alice.run(&["fetch", "origin"]).await.fails();
}
