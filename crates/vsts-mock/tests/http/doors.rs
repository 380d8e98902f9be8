//! What a token opens: every scope at every door; and what opens no door at all.

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

/// What a request does to whom it is refused, for reading or for more.
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

/// Who has what: the scopes, and the rights that they are for.
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

/// Every door, what it is for, and what it answers to that token.
async fn knock(site: &Site, token: &str, tip: &str, unique: &str) -> Vec<(String, Right, u16)> {
    let mut heard = Vec::new();
    for (service, right) in [("git-upload-pack", Right::Read), ("git-receive-pack", Right::Write)] {
        heard.push((service.to_owned(), right, git(site, service, token).await.status));
    }
    let experiments = "/subscriptions?api-version=2016-06-01".to_owned();
    let account = format!("{}/accounts/acct{unique}?api-version=2017-05-01-preview", arm_base(site).await);
    let nothing = Value::Null;
    let commit = format!("versionType=commit&version={tip}");
    let doors = [
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
    for (method, path, right, body) in doors {
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

async fn first_commit(site: &Site) -> String {
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
        for (door, right, status) in knock(&site, &token, &tip, &format!("x{n}")).await {
            let is_open = (200..300).contains(&status);
            assert_eq!(is_open, rights.contains(&right), "{scope}: {door}: {status}");
            assert!(is_open || matches!(status, 403 | 404), "{scope}: {door}: {status}");
        }
    }
    for token in ["", "nonsense"] {
        for (door, _, status) in knock(&site, token, &tip, "y").await {
            assert_eq!(status, 401, "{token:?}: {door}");
        }
    }
    // Who may not see it hears that it is not there, at each door alike; carol reads, and bob is an outsider.
    for (door, right, status) in knock(&site, "bob-all-scopes", &tip, "z").await {
        let is_his = matches!(right, Right::Registry | Right::RegistryWrite | Right::Tokens);
        let is_his_account = door.contains("/acme/_apis/tokens");
        assert_eq!(status == 404, !is_his || is_his_account, "{door}: {status}");
    }
    for (door, right, status) in knock(&site, "carol-all-scopes", &tip, "w").await {
        let is_refused = matches!(right, Right::Write | Right::Manage);
        assert_eq!(status == 403, is_refused, "{door}: {status}");
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
        for (door, _, status) in knock(&site, &token, &tip, "y").await {
            assert_eq!(status, 401, "{door}");
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
        assert_eq!(raw::read(&mut stream).status, 100, "the door is open");
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

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_a_credential_says_who_somebody_is() {
    let site = Site::start().await;
    let tip = first_commit(&site).await;
    let trusted_elsewhere = [
        "X-Forwarded-User: alice",
        "Remote-User: alice",
        "X-Remote-User: alice",
        "X-WEBAUTH-USER: alice",
        "X-Forwarded-For: 127.0.0.1",
        "X-Original-URL: /_mock/users",
        "X-Rewrite-URL: /_mock/users",
        "Cookie: user=alice",
    ];
    for header in trusted_elsewhere {
        for path in [REPOS, "/acme/iris/_git/iris/info/refs?service=git-upload-pack", "/_mock/users"] {
            let answer = site.send("GET", path, &format!("{header}\n"), "").await;
            assert_eq!(answer.status, 401, "{header} {path}");
        }
    }
    let rows: [(&[u8], u16); 7] = [
        (b":", 401),
        (b"alice:", 401),
        (b"", 401),
        (b"\xff\xfe:\xff", 401),
        (b"alice:alice-password", 200),
        (b"alice-all-scopes:", 200),
        (b":alice-all-scopes", 200),
    ];
    for (credentials, expected) in rows {
        let header = format!("Authorization: Basic {}\n", STANDARD.encode(credentials));
        let answer = site.send("GET", REPOS, &header, "").await;
        assert_eq!(answer.status, expected, "{}", String::from_utf8_lossy(credentials));
    }
    let large = format!("Authorization: Basic {}\n", STANDARD.encode(vec![b'a'; 1 << 20]));
    assert!(matches!(site.send("GET", REPOS, &large, "").await.status, 400 | 401 | 431));
    // A name in `Host` does not stand in answers, unless it is an account's.
    for host in ["evil.example", "evil.example:80", "acme.evil.example"] {
        let url = site.server.url().to_owned();
        let head = format!(
            "GET {REPOS}/iris/commits/{tip} HTTP/1.1\nHost: {host}\nConnection: close\nAuthorization: Bearer {ALICE}\n\n"
        );
        let reply = raw::send(&url, &head, Vec::new()).await;
        assert!(!reply.text().contains("evil"), "{host}: {}", reply.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_api_is_behind_its_token_alone() {
    let site = Site::start().await;
    let users = "/_mock/users";
    assert_eq!(site.ask("GET", users, site.server.admin_token(), &Value::Null).await.status, 200);
    // Not even the owner of an account, with a token for everything.
    for token in [ALICE, "bob-all-scopes", ""] {
        assert_eq!(site.ask("GET", users, token, &Value::Null).await.status, 401, "{token:?}");
    }
    let ways = [
        "/_apis/../_mock/users",
        "/acme/_apis/../../_mock/users",
        "/acme/..%2f_mock/users",
        "/%2e%2e/_mock/users",
        "//_mock/users",
        "/_mock//users",
        "/_mock/../_mock/users",
        "/_MOCK/users",
        "/%5fmock/users",
        "/acme/_mock/users",
        "/DefaultCollection/_mock/users",
        "http://evil.example/_mock/users",
    ];
    for path in ways {
        for host in ["localhost", "acme.visualstudio.com", "_mock.localhost"] {
            let head = format!(
                "GET {path} HTTP/1.1\nHost: {host}\nConnection: close\nAuthorization: Bearer {ALICE}\n\n"
            );
            let reply = raw::send(site.server.url(), &head, Vec::new()).await;
            let text = reply.text();
            assert!(matches!(reply.status, 400 | 401 | 404), "{path}: {} {text}", reply.status);
            assert!(!text.contains("hasPassword"), "{path}: {text}");
            assert!(!reply.head.contains("location:"), "{path}: {}", reply.head);
        }
    }
    // And its token is nobody's elsewhere.
    assert_eq!(site.ask("GET", REPOS, site.server.admin_token(), &Value::Null).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_values_are_refused_or_passed_over_and_do_no_harm() {
    let site = Site::start().await;
    first_commit(&site).await;
    let json = "Content-Type: application/json\n";
    let head = format!("{json}Authorization: Bearer {ALICE}\n");
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let deep_name = format!("{{\"name\":{}\"x\"{}}}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    let bodies = [
        deep.as_str(),
        deep_name.as_str(),
        r#"{"name":"\ud800"}"#,
        r#"{"name":1e400}"#,
        r#"{"name":-0}"#,
        r#"{"name":"x","name":null}"#,
        r#"{"name":"a\u0000b"}"#,
        "{",
        "nothing",
        "\u{feff}",
        r#"{"name":["x"]}"#,
    ];
    for body in bodies {
        let answer = site.send("POST", REPOS, &head, body).await;
        assert_eq!(answer.status, 400, "{}: {}", &body[..body.len().min(40)], answer.text);
        let admin = format!("{json}Authorization: Bearer {}\n", site.server.admin_token());
        let answer = site.send("POST", "/_mock/users", &admin, body).await;
        assert_eq!(answer.status, 400, "{}: {}", &body[..body.len().min(40)], answer.text);
    }
    let rows = [
        ("commits?searchCriteria.$top=-1", 400),
        ("commits?searchCriteria.$top=1e9", 400),
        ("commits?searchCriteria.$top=1000000000", 200),
        ("commits?searchCriteria.$skip=99999999999999999999", 200),
        ("refs?continuationToken=nonsense", 400),
        ("refs?$top=1&continuationToken=99999999999", 200),
        ("items?path=/a.txt&recursionLevel=sideways", 400),
        ("items?path=/a.txt&versionType=colour&version=master", 400),
        ("commits?api-version=99.0", 400),
        ("commits?api-version=7.1-preview", 200),
        ("commits?api-version=one", 400),
        ("commits", 200),
    ];
    for (tail, expected) in rows {
        let answer = site.ask("GET", &format!("{REPOS}/iris/{tail}"), ALICE, &Value::Null).await;
        assert_eq!(answer.status, expected, "{tail}: {}", answer.text);
    }
    // The query wins over the header.
    let both = format!("Accept: application/json;api-version=99.0\nAuthorization: Bearer {ALICE}\n");
    let answer = site.send("GET", &format!("{REPOS}/iris/commits?api-version=1.0"), &both, "").await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_one_whatever_others_are_called() {
    let make = async |site: &Site, name: &str| site.ask("POST", REPOS, ALICE, &json!({ "name": name })).await;
    let (site, twin) = (Site::start().await, Site::start().await);
    let iris = site.ask("GET", &format!("{REPOS}/iris"), ALICE, &Value::Null).await.json()["id"].clone();
    assert_eq!(make(&site, iris.as_str().expect("an id")).await.status, 409, "another's id is no name");
    // The same seed gives the same ids, so that somebody may know one before it is taken.
    let known = make(&twin, "later").await.json()["id"].clone();
    let known = known.as_str().expect("an id");
    assert_eq!(make(&site, known).await.status, 201);
    let later = make(&site, "later").await.json();
    assert_eq!(later["id"], known);
    let found = site.ask("GET", &format!("{REPOS}/{known}"), ALICE, &Value::Null).await;
    assert_eq!(found.json()["name"], "later");
}
