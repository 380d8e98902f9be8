//! Requests that would like to be somebody else's: headers that are trusted elsewhere, ways around the admin token, values
//! that make no sense, names that look like ids.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::ask::Site;
use crate::raw;
use crate::scopes::first_commit;

const ALICE: &str = "alice-all-scopes";
const REPOS: &str = "/acme/iris/_apis/git/repositories";

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
