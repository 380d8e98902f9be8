//! HTTP: who gets to see credentials, and what a server's answers are told as.

use std::time::Duration;

use crate::credentials::{Binding, BoundToken, Origin, Provider, Secret, TokenStore};
use crate::sync::{CloneOptions, Context, LinkMode, SyncError, clone, link, list};
use crate::transport::{Remote, TransportOptions};
use azml_core::remote_url::RemoteUrl;

use super::computer::{Computer, by, fsck, git, project_id, remote};
use super::hosts::{Host, answer, git_http};

/// `azml:s3cret`
const EXPECTED: &str = "Basic YXptbDpzM2NyZXQ=";

fn with_token(url: &str) -> Remote {
    let binding = Binding::Origins(Origin::parse(url).into_iter().collect());
    let token = BoundToken { token: Secret::new("s3cret"), name: "the token", binding };
    let auth = Provider::new().with_token(Some(token));
    Remote::new(RemoteUrl::parse(url).unwrap(), auth, TransportOptions::default())
}

#[test]
fn a_project_is_linked_pushed_and_roamed_over_http() {
    let root = tempfile::tempdir().unwrap();
    let bare = root.path().join("iris");
    git(root.path(), &["init", "-q", "--bare", "-b", "master", "iris"]);
    let host = git_http(root.path(), EXPECTED);
    let remote = with_token(&format!("{}/iris", host.url));
    let one = Computer::with_project(project_id());
    // More than fits into one whole request: sent in chunks.
    let mut noise: u64 = 1;
    let big: Vec<u8> = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        noise.to_be_bytes()[0]
    })
    .take(3 << 20)
    .collect();
    std::fs::write(one.root.join("big.bin"), big).unwrap();
    one.run("one", 1);
    link(&one.history, &one.user(), &remote, LinkMode::Empty, Context::quiet(&by())).unwrap();
    one.run("two", 2);
    assert!(one.push(&remote).unwrap().sent);
    fsck(&bare);

    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("iris");
    clone(&remote, &folder, &CloneOptions::default(), Context::quiet(&by())).unwrap();
    assert_eq!(
        std::fs::read(folder.join("big.bin")).unwrap(),
        std::fs::read(one.root.join("big.bin")).unwrap()
    );
    let asked = host.asked();
    assert!(asked.iter().any(|asked| asked.header("transfer-encoding") == Some("chunked")));
    let without = asked.iter().filter(|asked| asked.header("authorization").is_none()).count();
    assert_eq!(without, 1, "after the first 401 the credential is known");
    assert!(asked.iter().all(|asked| asked.header("user-agent").unwrap().starts_with("git/")));
    assert!(asked.iter().any(|asked| asked.header("git-protocol") == Some("version=2")));
}

#[test]
fn credentials_never_follow_a_redirect_to_another_host() {
    let other = Host::new(|_| answer("401 Unauthorized", &[], b""));
    let target = format!("{}/x/info/refs?service=git-upload-pack", other.url);
    let first = Host::new(move |_| answer("302 Found", &[("Location", &target)], b""));
    let url = first.url.replace("http://", "http://alice:s3cret@");
    let error = list(&with_token(&format!("{url}/x"))).unwrap_err();
    assert!(other.asked().is_empty(), "the other host is not even asked");
    let text = format!("{error:?} {error}");
    assert!(text.contains("redirects to another host") && !text.contains("s3cret"), "{text}");
}

#[test]
fn a_redirect_within_the_host_is_followed_and_remembered() {
    let host = Host::new(|asked| match asked.target.strip_prefix("/old/") {
        Some(rest) => answer("301 Moved Permanently", &[("Location", &format!("/new/{rest}"))], b""),
        None if asked.target.starts_with("/new/info/refs") => {
            let kind = [("Content-Type", "application/x-git-upload-pack-advertisement")];
            answer("200 OK", &kind, b"000eversion 2\n0000")
        }
        None => answer("200 OK", &[("Content-Type", "application/x-git-upload-pack-result")], b"0000"),
    });
    let view = list(&remote(&format!("{}/old", host.url))).unwrap();
    assert!(view.branches.is_empty());
    let targets: Vec<_> = host.asked().into_iter().map(|asked| asked.target).collect();
    assert_eq!(targets.last().unwrap(), "/new/git-upload-pack", "{targets:?}");
}

#[test]
fn credentials_are_asked_for_once_and_a_refusal_is_told() {
    let host = Host::new(|_| answer("401 Unauthorized", &[("WWW-Authenticate", "Basic realm=\"x\"")], b""));
    let error = list(&with_token(&format!("{}/x", host.url))).unwrap_err();
    assert!(matches!(error, SyncError::Unauthorized { .. }), "{error:?}");
    let sent: Vec<_> =
        host.asked().iter().map(|asked| asked.header("authorization").map(str::to_owned)).collect();
    assert_eq!(sent, [None, Some(EXPECTED.to_owned())]);
    assert!(!format!("{error:?}").contains("s3cret"));

    let nothing = list(&remote(&format!("{}/x", host.url))).unwrap_err();
    assert!(matches!(nothing, SyncError::Unauthorized { .. }));
}

#[test]
fn a_stored_login_goes_to_its_own_host_alone_and_the_url_comes_last() {
    let host = Host::new(|_| answer("401 Unauthorized", &[], b""));
    let config = tempfile::tempdir().unwrap();
    let store = TokenStore::in_folder(config.path());
    store.put(&Origin::parse(&host.url).unwrap(), "azml", &Secret::new("s3cret")).unwrap();
    let auth = Provider::new().with_store(store);
    let with_user = host.url.replace("http://", "http://bob:pw@");
    let to = |url: String, auth: Provider| {
        let remote = Remote::new(RemoteUrl::parse(&url).unwrap(), auth, TransportOptions::default());
        list(&remote).unwrap_err();
    };
    to(format!("{with_user}/x"), auth.clone());
    assert_eq!(host.asked().last().unwrap().header("authorization"), Some(EXPECTED));

    let elsewhere = Host::new(|_| answer("401 Unauthorized", &[], b""));
    to(format!("{}/x", elsewhere.url), auth);
    let asked = elsewhere.asked();
    assert!(!asked.is_empty() && asked.iter().all(|asked| asked.header("authorization").is_none()));
    to(format!("{with_user}/x"), Provider::new());
    assert_eq!(host.asked().last().unwrap().header("authorization"), Some("Basic Ym9iOnB3"));
}

#[test]
fn the_servers_own_words_are_the_error() {
    let words = "TF401019: The Git repository with name or identifier x does not exist or you do not have permissions for the operation you are attempting.";
    let absent = Host::new(move |_| {
        answer("404 Not Found", &[("Content-Type", "text/plain; charset=utf-8")], words.as_bytes())
    });
    let error = list(&remote(&format!("{}/x", absent.url))).unwrap_err();
    assert!(matches!(&error, SyncError::NotFound { message, .. } if message == words), "{error:?}");

    let denial = "TF401027: You need the Git 'GenericContribute' permission to perform this action. Details: identity 'bob', scope 'repository'.";
    let body = format!("001f# service=git-receive-pack\n00000000{:04x}{denial}\n{denial}", denial.len() + 5);
    let closed = Host::new(move |_| {
        answer("403 Forbidden", &[("Content-Type", "text/plain; charset=utf-8")], body.as_bytes())
    });
    let one = Computer::with_project(project_id());
    one.run("one", 1);
    let error = one.push(&remote(&format!("{}/x", closed.url))).unwrap_err();
    assert!(matches!(&error, SyncError::Denied { message, .. } if message == denial), "{error:?}");
}

#[test]
fn a_sign_in_page_is_no_repository() {
    let html: [(&str, &str); 1] = [("Content-Type", "text/html")];
    let page = Host::new(move |_| answer("203 Non-Authoritative Information", &html, b"<html>sign in"));
    assert!(matches!(list(&remote(&format!("{}/x", page.url))), Err(SyncError::Unauthorized { .. })));
    let away = Host::new(|_| answer("302 Found", &[("Location", "/_signin?realm=x")], b""));
    assert!(matches!(list(&remote(&format!("{}/x", away.url))), Err(SyncError::Unauthorized { .. })));
    let other = Host::new(move |_| answer("200 OK", &html, b"<html>hello"));
    let error = list(&remote(&format!("{}/x", other.url))).unwrap_err();
    assert!(matches!(error, SyncError::Wire(_)), "{error:?}");
}

#[test]
fn silence_and_absence_are_told_apart() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    let options = TransportOptions { stall_timeout: Duration::from_millis(100), ..Default::default() };
    for url in [format!("http://{address}/x"), format!("git://{address}/x")] {
        let remote = Remote::new(RemoteUrl::parse(&url).unwrap(), Provider::new(), options.clone());
        let error = list(&remote).unwrap_err();
        assert!(matches!(error, SyncError::Unreachable { timed_out: true, .. }), "{url}: {error:?}");
    }
    drop(silent);
    for url in [format!("http://{address}/x"), format!("git://{address}/x")] {
        let error = list(&remote(&url)).unwrap_err();
        assert!(matches!(error, SyncError::Unreachable { timed_out: false, .. }), "{url}: {error:?}");
    }
}
