//! Guessing is slowed down at every endpoint where something can be guessed, and locks nobody out but the guesser.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::ask::{Answer, Site};

const REFS: &str = "/acme/iris/_git/iris/info/refs?service=git-upload-pack";
const PROJECTS: &str = "/acme/_apis/projects";
const SUBSCRIPTIONS: &str = "/subscriptions?api-version=2016-06-01";

async fn basic(site: &Site, user: &str, password: &str) -> Answer {
    let value = STANDARD.encode(format!("{user}:{password}"));
    site.send("GET", REFS, &format!("Authorization: Basic {value}\n"), "").await
}

async fn bearer(site: &Site, path: &str, token: &str) -> Answer {
    site.ask("GET", path, token, &Value::Null).await
}

#[track_caller]
fn waits(answer: &Answer) -> u64 {
    assert_eq!(answer.status, 429, "{answer:?}");
    let line = answer.head.lines().find_map(|line| line.strip_prefix("retry-after: "));
    line.expect("it says how long").trim().parse().expect("a number of seconds")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_password_is_not_guessed_and_their_tokens_go_on_working() {
    let site = Site::start().await;
    for _ in 0..20 {
        assert_eq!(basic(&site, "bob", "guess").await.status, 401);
    }
    site.pass(10);
    assert_eq!(waits(&basic(&site, "bob", "guess").await), 50);
    assert_eq!(
        waits(&basic(&site, "BOB", "bob-password").await),
        50,
        "the right one isn't told from a wrong one"
    );
    assert!(basic(&site, "bob", "guess").await.text.contains("TF400733"));
    assert_eq!(basic(&site, "alice@example.com", "alice-password").await.status, 200);
    // bob may not see the repository, but he is signed in.
    assert_eq!(basic(&site, "bob", "bob-all-scopes").await.status, 404);
    for _ in 0..20 {
        assert_eq!(basic(&site, "nobody-at-all", "guess").await.status, 401);
    }
    waits(&basic(&site, "nobody-at-all", "guess").await);
    site.pass(50);
    assert_eq!(basic(&site, "bob", "bob-password").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_and_codes_are_not_guessed_and_who_was_there_before_goes_on() {
    let site = Site::start().await;
    let admin = site.server.admin_token().to_owned();
    assert_eq!(bearer(&site, PROJECTS, "alice-all-scopes").await.status, 200);
    assert_eq!(bearer(&site, "/_mock/users", &admin).await.status, 200);
    let endpoints = [REFS, PROJECTS, SUBSCRIPTIONS, "/_mock/users"];
    for n in 0..100 {
        assert_eq!(bearer(&site, endpoints[n % endpoints.len()], "guess").await.status, 401);
    }
    for path in endpoints {
        waits(&bearer(&site, path, "guess").await);
        waits(&bearer(&site, path, "carol-all-scopes").await);
    }
    assert_eq!(bearer(&site, SUBSCRIPTIONS, "guess").await.json()["error"]["code"], "TooManyRequests");
    assert!(bearer(&site, "/_mock/users", "guess").await.json()["error"].is_string());
    for path in [REFS, PROJECTS, SUBSCRIPTIONS] {
        assert_eq!(bearer(&site, path, "alice-all-scopes").await.status, 200, "{path}");
    }
    assert_eq!(bearer(&site, "/_mock/users", &admin).await.status, 200);
    let nonsense = [("grant_type", "device_code"), ("device_code", "nonsense")];
    let code = site.form("/common/oauth2/v2.0/token", &nonsense).await;
    waits(&code);
    assert_eq!(code.json()["error"], "slow_down");
    waits(&site.form("/devicelogin", &[("user_code", "BBBB-BBBB")]).await);
    site.pass(60);
    assert_eq!(bearer(&site, PROJECTS, "carol-all-scopes").await.status, 200);
    for _ in 0..100 {
        assert_eq!(site.form("/common/oauth2/v2.0/token", &nonsense).await.status, 400);
    }
    waits(&site.form("/common/oauth2/v2.0/token", &nonsense).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_are_not_guessed_on_the_page() {
    let site = Site::start().await;
    let asked = [("client_id", "x"), ("device_name", "laptop")];
    let begun = site.form("/common/oauth2/v2.0/devicecode", &asked).await.json();
    let code = begun["user_code"].as_str().expect("a code").to_owned();
    let allow = async |password: &str| {
        let fields =
            [("user_code", code.as_str()), ("action", "allow"), ("login", "alice"), ("password", password)];
        site.form("/devicelogin", &fields).await
    };
    for _ in 0..20 {
        assert_eq!(allow("guess").await.status, 401);
    }
    waits(&allow("alice-password").await);
    site.pass(60);
    assert_eq!(allow("alice-password").await.status, 200);
    let poll =
        [("grant_type", "device_code"), ("device_code", begun["device_code"].as_str().expect("a code"))];
    assert_eq!(site.form("/common/oauth2/v2.0/token", &poll).await.status, 200);
}
