//! The scopes of tokens: every scope at every transport; and tokens that are accepted nowhere any more.

use std::io::{BufReader, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::ask::{Answer, Site};
use crate::raw;

const ALICE: &str = "alice-all-scopes";
const REPOS: &str = "/acme/iris/_apis/git/repositories";
/// A pack without objects.
const EMPTY_PACK: &[u8] =
    b"PACK\0\0\0\x02\0\0\0\0\x02\x9d\x08\x82\x3b\xd8\xa8\xea\xb5\x10\xad\x6a\xc7\x5c\x82\x3c\xfd\x3e\xd3\x1e";

/// The right that a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Right {
    Read,
    Write,
    Manage,
    Registry,
    RegistryWrite,
    Tokens,
}

fn push(content: &str) -> Value {
    json!({
        "refUpdates": [{ "name": format!("refs/heads/{content}"), "oldObjectId": "0".repeat(40) }],
        "commits": [{ "comment": "c", "changes": [{
            "changeType": "add",
            "item": { "path": "/a.txt" },
            "newContent": { "content": content, "contentType": "rawtext" },
        }] }],
    })
}

/// Returns the scopes, each with the rights that it gives.
fn scopes() -> Vec<(&'static str, Vec<Right>)> {
    use Right::{Manage, Read, Registry, RegistryWrite, Tokens, Write};
    vec![
        ("app_token", vec![Read, Write, Manage, Registry, RegistryWrite, Tokens]),
        ("vso.code", vec![Read, Registry]),
        ("vso.code_write", vec![Read, Write, Registry, RegistryWrite]),
        ("vso.code_manage", vec![Read, Write, Manage, Registry, RegistryWrite]),
        ("vso.code_full", vec![Read, Write, Manage, Registry, RegistryWrite]),
        ("vso.code vso.tokens", vec![Read, Registry, Tokens]),
        ("vso.tokens", vec![Tokens]),
        ("vso.project_write", vec![Registry, RegistryWrite]),
        ("vso.profile", vec![]),
        ("vso.build_execute", vec![]),
    ]
}

async fn make(site: &Site, scope: &str, name: &str) -> String {
    let body = json!({ "displayName": name, "scope": scope });
    let made = site.ask("POST", "/_apis/Token/SessionTokens", ALICE, &body).await;
    assert_eq!(made.status, 200, "{made:?}");
    made.json()["token"].as_str().expect("a value").to_owned()
}

async fn git(site: &Site, service: &str, token: &str) -> Answer {
    let basic = STANDARD.encode(format!("x:{token}"));
    let path = format!("/acme/iris/_git/iris/info/refs?service={service}");
    site.send("GET", &path, &format!("Authorization: Basic {basic}\n"), "").await
}

/// Every endpoint, what it is for, and what it answers to that token.
async fn knock(site: &Site, token: &str, tip: &str, unique: &str) -> Vec<(String, Right, u16)> {
    let mut heard = Vec::new();
    for (service, right) in [("git-upload-pack", Right::Read), ("git-receive-pack", Right::Write)] {
        heard.push((service.to_owned(), right, git(site, service, token).await.status));
    }
    let experiments = "/subscriptions?api-version=2016-06-01".to_owned();
    let account = format!("{}/accounts/acct{unique}?api-version=2017-05-01-preview", arm_base(site).await);
    let nothing = Value::Null;
    let commit = format!("versionType=commit&version={tip}");
    let endpoints = [
        ("GET", format!("{REPOS}/iris"), Right::Read, nothing.clone()),
        ("GET", format!("{REPOS}/iris/refs"), Right::Read, nothing.clone()),
        (
            "GET",
            format!("{REPOS}/iris/items?path=/a.txt&$format=octetStream&{commit}"),
            Right::Read,
            nothing.clone(),
        ),
        ("GET", format!("{REPOS}/iris/items?scopePath=/&$format=zip&{commit}"), Right::Read, nothing.clone()),
        ("GET", format!("{REPOS}/iris/commits?{commit}"), Right::Read, nothing.clone()),
        ("GET", format!("{REPOS}/iris/commits/{tip}/changes"), Right::Read, nothing.clone()),
        ("GET", format!("{REPOS}/iris/pushes"), Right::Read, nothing.clone()),
        (
            "GET",
            format!(
                "{REPOS}/iris/diffs/commits?baseVersion={tip}&baseVersionType=commit&targetVersion={tip}&targetVersionType=commit"
            ),
            Right::Read,
            nothing.clone(),
        ),
        ("GET", "/acme/iris/_git/iris/vsts/info".to_owned(), Right::Read, nothing.clone()),
        ("POST", format!("{REPOS}/iris/pushes"), Right::Write, push(unique)),
        ("POST", REPOS.to_owned(), Right::Manage, json!({ "name": format!("new{unique}") })),
        ("GET", experiments, Right::Registry, nothing.clone()),
        ("PUT", account, Right::RegistryWrite, json!({})),
        ("GET", "/_apis/Token/SessionTokens".to_owned(), Right::Tokens, nothing.clone()),
        ("GET", "/acme/_apis/tokens/pats".to_owned(), Right::Tokens, nothing),
    ];
    for (method, path, right, body) in endpoints {
        let status = site.ask(method, &path, token, &body).await.status;
        heard.push((format!("{method} {path}"), right, status));
    }
    heard
}

async fn arm_base(site: &Site) -> String {
    let list = site.ask("GET", "/subscriptions?api-version=2016-06-01", ALICE, &Value::Null).await.json();
    let subscription = list["value"][0]["id"].as_str().expect("a subscription").to_owned();
    format!("{subscription}/resourceGroups/g/providers/Microsoft.MachineLearningExperimentation")
}

/// A commit on master; its id.
pub(crate) async fn first_commit(site: &Site) -> String {
    let pushed = site.ask("POST", &format!("{REPOS}/iris/pushes"), ALICE, &push("master")).await;
    assert_eq!(pushed.status, 201, "{pushed:?}");
    pushed.json()["refUpdates"][0]["newObjectId"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_what_its_scopes_are_for_and_nothing_else() {
    let site = Site::start().await;
    let tip = first_commit(&site).await;
    for (n, (scope, rights)) in scopes().into_iter().enumerate() {
        let token = make(&site, scope, scope).await;
        for (endpoint, right, status) in knock(&site, &token, &tip, &format!("x{n}")).await {
            let is_open = (200..300).contains(&status);
            assert_eq!(is_open, rights.contains(&right), "{scope}: {endpoint}: {status}");
            assert!(is_open || matches!(status, 403 | 404), "{scope}: {endpoint}: {status}");
        }
    }
    for token in ["", "nonsense"] {
        for (endpoint, _, status) in knock(&site, token, &tip, "y").await {
            assert_eq!(status, 401, "{token:?}: {endpoint}");
        }
    }
    // Who may not see it hears that it is not there, at each endpoint alike; carol reads, and bob is an outsider.
    for (endpoint, right, status) in knock(&site, "bob-all-scopes", &tip, "z").await {
        let is_his = matches!(right, Right::Registry | Right::RegistryWrite | Right::Tokens);
        let is_his_account = endpoint.contains("/acme/_apis/tokens");
        assert_eq!(status == 404, !is_his || is_his_account, "{endpoint}: {status}");
    }
    for (endpoint, right, status) in knock(&site, "carol-all-scopes", &tip, "w").await {
        let is_refused = matches!(right, Right::Write | Right::Manage);
        assert_eq!(status == 403, is_refused, "{endpoint}: {status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_or_been_revoked_opens_nothing() {
    let site = Site::start().await;
    let tip = first_commit(&site).await;
    let body = json!({ "displayName": "short", "validTo": "2026-06-01T00:00:00Z" });
    let short = site.ask("POST", "/_apis/Token/SessionTokens", ALICE, &body).await.json();
    let short = short["token"].as_str().expect("a value").to_owned();
    let revoked = make(&site, "app_token", "revoked").await;
    let path = "/_mock/users/alice/tokens/revoked";
    assert_eq!(site.ask("DELETE", path, site.server.admin_token(), &Value::Null).await.status, 204);
    let again = make(&site, "app_token", "revoked").await;
    assert_ne!(again, revoked);
    site.pass(30 * 24 * 3600);
    for token in [short, revoked] {
        for (endpoint, _, status) in knock(&site, &token, &tip, "y").await {
            assert_eq!(status, 401, "{endpoint}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_revoked_in_the_midst_of_a_push_changes_no_ref_even_if_it_is_made_again() {
    let site = Site::start().await;
    let tip = first_commit(&site).await;
    let admin = site.server.admin_token().to_owned();
    let tokens = "/_mock/users/alice/tokens";
    let same = json!({ "name": "mid", "value": "the-same-value-again" });
    assert_eq!(site.ask("POST", tokens, &admin, &same).await.status, 201);
    let command = format!("{} {tip} refs/heads/late\0report-status", "0".repeat(40));
    let mut body = raw::lines(&[&command]);
    body.extend(EMPTY_PACK);
    let head = format!(
        "POST /acme/iris/_git/iris/git-receive-pack HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n\
         Authorization: Bearer the-same-value-again\r\nContent-Type: application/x-git-receive-pack-request\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    let url = site.server.url().to_owned();
    let begun = tokio::task::spawn_blocking(move || {
        let mut stream = raw::connect(&url);
        stream.write_all(head.as_bytes()).expect("the head is sent");
        let mut stream = BufReader::new(stream);
        assert_eq!(raw::read(&mut stream).status, 100, "the request is allowed");
        stream
    });
    let mut stream = begun.await.expect("it begins");
    assert_eq!(site.ask("DELETE", &format!("{tokens}/mid"), &admin, &Value::Null).await.status, 204);
    assert_eq!(site.ask("POST", tokens, &admin, &same).await.status, 201, "the same name and value");
    let ended = tokio::task::spawn_blocking(move || {
        stream.get_mut().write_all(&body).expect("the body is sent");
        raw::read(&mut stream)
    });
    let reply = ended.await.expect("it ends");
    assert!(!reply.text().contains("ok refs/heads/late"), "{}", reply.text());
    assert!(reply.text().contains("TF400813"), "{} {}", reply.status, reply.text());
    let refs = site.ask("GET", &format!("{REPOS}/iris/refs?filter=heads/late"), ALICE, &Value::Null).await;
    assert_eq!(refs.json()["count"], 0);
}
