//! Tokens and SSH keys over REST: made, listed, revoked, and what each is good for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::ask::{Answer, Site};

const ALICE: &str = "alice-all-scopes";
const BOB: &str = "bob-all-scopes";
const PATH: &str = "/_apis/Token/SessionTokens";
const ED25519: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS alice@laptop";

async fn make(site: &Site, by: &str, body: &Value) -> Answer {
    site.ask("POST", &format!("{PATH}?tokentype=compact&api-version=5.0-preview.1"), by, body).await
}

async fn add_key(site: &Site, by: &str, line: &str) -> Answer {
    let body = json!({ "displayName": "laptop", "publicData": line, "scope": "app_token", "isPublic": true });
    site.ask("POST", &format!("{PATH}?isPublic=true"), by, &body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_shown_once_does_what_its_scope_says_and_is_revoked_at_once() {
    let site = Site::start().await;
    let body = json!({ "displayName": "Git: http://x/ on me", "scope": "vso.code", "validTo": "2026-12-31T00:00:00Z" });
    let made = make(&site, ALICE, &body).await;
    assert_eq!(made.status, 200, "{made:?}");
    let made = made.json();
    let keys = [
        "clientId",
        "accessId",
        "authorizationId",
        "hostAuthorizationId",
        "userId",
        "validFrom",
        "validTo",
        "displayName",
        "scope",
        "targetAccounts",
        "token",
        "alternateToken",
        "isValid",
        "isPublic",
        "publicData",
        "source",
    ];
    for key in keys {
        assert!(made.get(key).is_some(), "{key} of {made}");
    }
    let token = made["token"].as_str().expect("the value").to_owned();
    assert_eq!(token.len(), 52);
    assert_eq!((&made["scope"], &made["validTo"]), (&json!("vso.code"), &json!("2026-12-31T00:00:00Z")));
    let id = made["authorizationId"].as_str().expect("an id").to_owned();

    let list = site.ask("GET", PATH, ALICE, &Value::Null).await;
    assert!(list.text.contains(&id) && !list.text.contains(&token), "{list:?}");
    assert_eq!(site.git("git-upload-pack", &token).await, 200);
    assert_eq!(site.git("git-receive-pack", &token).await, 403);
    assert_eq!(site.ask("GET", PATH, &token, &Value::Null).await.status, 403);
    let stolen = site.ask("DELETE", &format!("{PATH}/{id}"), BOB, &Value::Null).await;
    assert_eq!(stolen.status, 404, "others' tokens are not there");
    assert_eq!(site.ask("DELETE", &format!("{PATH}/{id}"), ALICE, &Value::Null).await.status, 204);
    assert_eq!(site.git("git-upload-pack", &token).await, 401);
    assert_eq!(site.ask("DELETE", &format!("{PATH}/{id}"), ALICE, &Value::Null).await.status, 404);

    let twin = make(&site, ALICE, &body).await.json();
    assert_ne!(twin["authorizationId"], made["authorizationId"], "a new token is not the old one");
    assert_eq!(make(&site, ALICE, &body).await.status, 200, "names may come twice");
    let twin = twin["token"].as_str().expect("the value");
    site.pass(400 * 24 * 3600);
    assert_eq!(site.git("git-upload-pack", twin).await, 401, "it has expired");
    assert!(!site.journal().await.contains(&token));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_for_one_account_is_for_that_alone() {
    let site = Site::start().await;
    let account = |name: &str| {
        let path = format!("/_mock/accounts/{name}");
        let site = &site;
        async move { site.ask("GET", &path, site.server.admin_token(), &Value::Null).await.json()["id"].clone() }
    };
    let (acme, other) = (account("acme").await, account("other").await);
    let limited = |to: &Value| json!({ "displayName": "one", "targetAccounts": [to] });
    let for_acme =
        make(&site, ALICE, &limited(&acme)).await.json()["token"].as_str().expect("a token").to_owned();
    let for_other =
        make(&site, ALICE, &limited(&other)).await.json()["token"].as_str().expect("a token").to_owned();
    assert_eq!(site.git("git-receive-pack", &for_acme).await, 200);
    assert_eq!(site.git("git-upload-pack", &for_other).await, 404);
    assert_eq!(site.ask("GET", "/acme/_apis/projects", &for_other, &Value::Null).await.status, 404);
    assert_eq!(
        site.ask("GET", "/subscriptions?api-version=2016-06-01", &for_acme, &Value::Null).await.status,
        403
    );
    assert_eq!(make(&site, BOB, &limited(&acme)).await.status, 400, "bob may not know of acme");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gives_away_more_than_they_have() {
    let site = Site::start().await;
    let narrow = json!({ "displayName": "makes", "scope": "vso.tokens vso.code" });
    let narrow = make(&site, ALICE, &narrow).await.json()["token"].as_str().expect("a token").to_owned();
    let rows = [("vso.code", 200), ("vso.code_write", 403), ("app_token", 403)];
    for (scope, status) in rows {
        let made = make(&site, &narrow, &json!({ "displayName": "more", "scope": scope })).await;
        assert_eq!(made.status, status, "{scope}: {made:?}");
    }
    assert_eq!(add_key(&site, &narrow, ED25519).await.status, 403, "a key may do everything");
    let bad = [
        json!({}),
        json!({ "displayName": "x", "scope": "everything" }),
        json!({ "displayName": "x", "validTo": "2020-01-01T00:00:00Z" }),
        json!({ "displayName": "x", "validTo": "tomorrow" }),
        json!({ "displayName": "x", "targetAccounts": ["nonsense"] }),
    ];
    for body in bad {
        let answer = make(&site, ALICE, &body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.json()["message"].is_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_registered_listed_and_removed() {
    let site = Site::start().await;
    let made = add_key(&site, ALICE, ED25519).await;
    assert_eq!(made.status, 200, "{made:?}");
    let made = made.json();
    assert_eq!((&made["isPublic"], &made["token"]), (&json!(true), &Value::Null));
    assert!(made["publicData"].as_str().is_some_and(|line| ED25519.starts_with(line)), "{made}");
    let list = site
        .ask("GET", &format!("{PATH}?isPublic=true&includePublicData=true"), ALICE, &Value::Null)
        .await
        .json();
    assert_eq!(list, json!({ "count": 1, "value": [made] }));
    for by in [ALICE, BOB] {
        let twice = add_key(&site, by, ED25519).await;
        assert_eq!(twice.status, 400, "{twice:?}");
        assert!(twice.text.contains("registered already"), "{twice:?}");
    }
    let path = format!("{PATH}/{}?isPublic=true", made["authorizationId"].as_str().expect("an id"));
    assert_eq!(site.ask("DELETE", &path, BOB, &Value::Null).await.status, 404);
    assert_eq!(site.ask("DELETE", &path, ALICE, &Value::Null).await.status, 204);
    assert_eq!(add_key(&site, BOB, ED25519).await.status, 200, "it is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_keys_are_refused_with_their_reason_and_repeated_nowhere() {
    let site = Site::start().await;
    let rsa = |exponent: &[u8], length: usize| {
        let mut data = Vec::new();
        for field in [b"ssh-rsa".as_slice(), exponent, &vec![0xff; length]] {
            data.extend(u32::try_from(field.len()).expect("short").to_be_bytes());
            data.extend(field);
        }
        format!("ssh-rsa {}", STANDARD.encode(data))
    };
    let rows = [
        (format!("command=\"touch /tmp/x\" {ED25519}"), "begins with"),
        (format!("cert-authority {ED25519}"), "begins with"),
        (format!("{ED25519}\n{ED25519}"), "one line"),
        (format!("ssh-ed25519\r{ED25519}"), "one line"),
        (format!("{ED25519} {}", "c".repeat(300_000)), "at most"),
        ("ssh-dss AAAAB3NzaC1kc3MAAACBAJ".to_owned(), "begins with"),
        ("ssh-ed448 AAAACXNzaC1lZDQ0OA==".to_owned(), "begins with"),
        (rsa(&[1, 0, 1], 128), "at least 2048 bits"),
        (rsa(&[1], 256), "not a valid ssh-rsa key"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2hunter2".to_owned(), "private key"),
        ("PuTTY-User-Key-File-3: ssh-ed25519\nhunter2hunter2".to_owned(), "private key"),
        ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA".to_owned(), "one line"),
        (String::new(), "begins with"),
        ("ssh-ed25519 !!!".to_owned(), "not a valid ssh-ed25519 key"),
    ];
    for (line, reason) in rows {
        let answer = add_key(&site, ALICE, &line).await;
        assert_eq!(answer.status, 400, "{}", &line[..line.len().min(60)]);
        let message = answer.json()["message"].as_str().expect("a message").to_owned();
        assert!(message.contains(reason), "{message}");
        assert!(!message.contains("hunter2"), "{message}");
        let body = json!({ "name": "laptop", "key": line });
        let answer = site.ask("POST", "/_mock/users/alice/keys", site.server.admin_token(), &body).await;
        assert_eq!((answer.status, &answer.json()["field"]), (400, &json!("key")), "{answer:?}");
        assert!(answer.text.contains(reason) && !answer.text.contains("hunter2"), "{answer:?}");
    }
    assert!(!site.journal().await.contains("hunter2"));
    let list = site.ask("GET", &format!("{PATH}?isPublic=true"), ALICE, &Value::Null).await.json();
    assert_eq!(list["count"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn seed_tokens_have_the_same_ids_everywhere_and_others_never() {
    let (one, other) = (Site::start().await, Site::start().await);
    let mut seen = Vec::new();
    for site in [&one, &other] {
        let admin = site.server.admin_token().to_owned();
        let path = "/_mock/users/bob/tokens";
        seen.push(site.ask("GET", path, &admin, &Value::Null).await.json()["tokens"][0]["id"].clone());
        let first = site.ask("POST", path, &admin, &json!({ "name": "t" })).await.json()["id"].clone();
        assert_eq!(site.ask("POST", path, &admin, &json!({ "name": "t" })).await.status, 409);
        assert_eq!(site.ask("DELETE", &format!("{path}/t"), &admin, &Value::Null).await.status, 204);
        let second = site.ask("POST", path, &admin, &json!({ "name": "t" })).await.json()["id"].clone();
        assert_ne!(first, second, "whoever is signed in with the first is not signed in with the second");
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn connection_data_says_who_is_there_and_repositories_where_they_are_over_ssh() {
    let site = Site::start().await;
    let whoami = async |token: &str| site.ask("GET", "/acme/_apis/connectionData", token, &Value::Null).await;
    let alice = whoami(ALICE).await.json();
    assert_eq!(alice["authenticatedUser"]["properties"]["Account"]["$value"], "alice@example.com");
    assert_eq!(alice["authenticatedUser"]["id"], site.user_id("alice").await);
    let nobody = whoami("").await;
    assert_eq!((nobody.status, &nobody.json()["authenticatedUser"]["metaTypeId"]), (200, &json!(255)));
    assert_eq!(whoami("nonsense").await.status, 401);

    let repo = site.ask("GET", "/acme/iris/_apis/git/repositories/iris", ALICE, &Value::Null).await.json();
    let ssh = site.server.ready().ssh.clone().expect("the server has SSH");
    let expected = format!("{}/iris/_ssh/iris", ssh.replace("ssh://", "ssh://acme@"));
    assert_eq!(repo["sshUrl"], expected);
}
