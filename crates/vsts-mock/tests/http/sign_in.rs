//! Signing in by a code on a page, and what the session is good for.

use serde_json::Value;

use crate::ask::{Answer, Site};

const CLIENT: (&str, &str) = ("client_id", "04b07795-8ddb-461a-bbee-02f9e1bf7b46");
const GRANT: (&str, &str) = ("grant_type", "urn:ietf:params:oauth:grant-type:device_code");

struct Codes {
    device: String,
    user: String,
}

async fn begin(site: &Site) -> Codes {
    let answer = site.form("/common/oauth2/v2.0/devicecode", &[CLIENT, ("device_name", "lap<b>top")]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = answer.json();
    assert_eq!((answer["expires_in"].as_i64(), answer["interval"].as_i64()), (Some(900), Some(1)));
    assert_eq!(answer["verification_uri"], format!("{}/devicelogin", site.server.url()));
    let text = |name: &str| answer[name].as_str().expect("a text").to_owned();
    assert!(text("message").contains(&text("user_code")));
    Codes { device: text("device_code"), user: text("user_code") }
}

async fn poll(site: &Site, codes: &Codes) -> Answer {
    site.form("/common/oauth2/v2.0/token", &[CLIENT, GRANT, ("device_code", &codes.device)]).await
}

async fn decide(site: &Site, codes: &Codes, action: &str, login: &str, password: &str) -> Answer {
    let fields =
        [("user_code", codes.user.as_str()), ("action", action), ("login", login), ("password", password)];
    site.form("/devicelogin", &fields).await
}

#[track_caller]
fn error(answer: &Answer, expected: &str) {
    assert_eq!((answer.status, answer.json()["error"].as_str()), (400, Some(expected)), "{answer:?}");
}

/// A session of alice's; its token.
async fn session(site: &Site) -> String {
    let codes = begin(site).await;
    assert_eq!(decide(site, &codes, "allow", "alice", "alice-password").await.status, 200);
    let answer = poll(site, &codes).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["access_token"].as_str().expect("a token").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_confirmed_on_the_page_and_makes_one_session() {
    let site = Site::start().await;
    let codes = begin(&site).await;
    error(&poll(&site, &codes).await, "authorization_pending");
    error(&poll(&site, &codes).await, "slow_down");
    site.pass(10);
    error(&poll(&site, &codes).await, "authorization_pending");

    let who = site.form("/devicelogin", &[("user_code", &codes.user.to_lowercase())]).await;
    assert_eq!(who.status, 200);
    assert!(who.text.contains("lap&lt;b&gt;top") && who.text.contains("127.0.0.1"), "{}", who.text);
    let wrong = decide(&site, &codes, "allow", "alice", "wrong").await;
    assert_eq!(wrong.status, 401, "{wrong:?}");
    let by_token = decide(&site, &codes, "allow", "alice", "alice-reads-code").await;
    assert_eq!(by_token.status, 401, "a token is no password here: it could be worth less");
    site.pass(10);
    error(&poll(&site, &codes).await, "authorization_pending");

    let allowed = decide(&site, &codes, "allow", "alice@example.com", "alice-password").await;
    assert!(allowed.status == 200 && allowed.text.contains("alice"), "{allowed:?}");
    let again = decide(&site, &codes, "allow", "bob", "bob-password").await;
    assert_eq!(again.status, 400, "a user code works once");
    let answer = poll(&site, &codes).await;
    let session = answer.json();
    assert_eq!((answer.status, session["token_type"].as_str()), (200, Some("Bearer")));
    assert_eq!(session["expires_in"], 30 * 24 * 3600);
    assert!(answer.head.contains("cache-control: no-store"), "{}", answer.head);
    error(&poll(&site, &codes).await, "bad_verification_code");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_generation_has_its_numbers_as_texts() {
    let site = Site::start().await;
    let begun = site
        .form("/common/oauth2/devicecode?api-version=1.0", &[CLIENT, ("resource", "https://x/")])
        .await
        .json();
    assert_eq!((begun["expires_in"].as_str(), begun["interval"].as_str()), (Some("900"), Some("1")));
    assert!(begun["verification_url"].is_string());
    let codes = Codes {
        device: begun["device_code"].as_str().expect("a code").to_owned(),
        user: begun["user_code"].as_str().expect("a code").to_owned(),
    };
    decide(&site, &codes, "allow", "bob", "bob-password").await;
    let fields = [CLIENT, ("grant_type", "device_code"), ("code", codes.device.as_str())];
    let token = site.form("/common/oauth2/token", &fields).await.json();
    assert_eq!(
        (token["token_type"].as_str(), token["expires_in"].as_str()),
        (Some("Bearer"), Some("2592000"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_are_refused_expire_and_are_not_guessed() {
    let site = Site::start().await;
    let refused = begin(&site).await;
    assert_eq!(decide(&site, &refused, "deny", "", "").await.status, 200);
    error(&poll(&site, &refused).await, "authorization_declined");
    let late = begin(&site).await;
    site.pass(900);
    error(&poll(&site, &late).await, "expired_token");
    assert_eq!(decide(&site, &late, "allow", "alice", "alice-password").await.status, 400);
    let rows: [(&[(&str, &str)], &str); 4] = [
        (&[CLIENT, GRANT, ("device_code", "nonsense")], "bad_verification_code"),
        (&[CLIENT, GRANT], "invalid_request"),
        (
            &[CLIENT, ("grant_type", "password"), ("username", "alice"), ("password", "alice-password")],
            "unsupported_grant_type",
        ),
        (&[], "invalid_request"),
    ];
    for (fields, expected) in rows {
        error(&site.form("/common/oauth2/v2.0/token", fields).await, expected);
    }
    error(&site.form("/common/oauth2/v2.0/devicecode", &[]).await, "invalid_request");
    let mut statuses = Vec::new();
    for _ in 0..101 {
        statuses.push(site.form("/devicelogin", &[("user_code", "BBBB-BBBB")]).await.status);
    }
    assert_eq!((statuses[0], statuses[100]), (400, 429), "who guesses has to wait");
    site.pass(61);
    assert_eq!(site.form("/devicelogin", &[("user_code", "BBBB-BBBB")]).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_runs_no_script_and_takes_nothing_from_other_sites() {
    let site = Site::start().await;
    let page = site.send("GET", "/devicelogin", "", "").await;
    assert_eq!(page.status, 200);
    assert!(!page.text.contains("<script") && !page.text.contains("javascript:"), "{}", page.text);
    assert!(page.head.contains("content-security-policy: default-src 'none'"), "{}", page.head);
    assert!(
        page.head.contains("frame-ancestors 'none'") && !page.head.contains("set-cookie"),
        "{}",
        page.head
    );
    let codes = begin(&site).await;
    let body = format!("user_code={}&action=allow&login=alice&password=alice-password", codes.user);
    let form = "Content-Type: application/x-www-form-urlencoded\n";
    let foreign = ["Origin: https://evil.example\n", "Origin: null\n", "Sec-Fetch-Site: cross-site\n"];
    for header in foreign {
        let answer = site.send("POST", "/devicelogin", &format!("{form}{header}"), &body).await;
        assert_eq!(answer.status, 403, "{header}");
    }
    assert_eq!(site.send("POST", "/devicelogin", "Content-Type: text/plain\n", &body).await.status, 400);
    error(&poll(&site, &codes).await, "authorization_pending");
    let own = format!("{form}Origin: {}\nSec-Fetch-Site: same-origin\n", site.server.url());
    assert_eq!(site.send("POST", "/devicelogin", &own, &body).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_opens_every_endpoint_until_it_is_ended() {
    let site = Site::start().await;
    let token = session(&site).await;
    let subscriptions = "/subscriptions?api-version=2016-06-01";
    let endpoints = async |expected: u16| {
        assert_eq!(site.ask("GET", subscriptions, &token, &Value::Null).await.status, expected);
        assert_eq!(site.ask("GET", "/acme/_apis/projects", &token, &Value::Null).await.status, expected);
        assert_eq!(site.git("git-upload-pack", &token).await, expected);
        assert_eq!(site.git("git-receive-pack", &token).await, expected);
    };
    endpoints(200).await;
    let list = site.ask("GET", "/_apis/Token/SessionTokens", &token, &Value::Null).await.text;
    assert!(list.contains("Signed in on lap") && !list.contains(&token), "{list}");
    // Only sessions are ended so: a token of the user's own is theirs to revoke.
    assert_eq!(site.form("/common/oauth2/revoke", &[("token", "alice-all-scopes")]).await.status, 200);
    assert_eq!(site.git("git-upload-pack", "alice-all-scopes").await, 200);
    assert_eq!(site.form("/common/oauth2/revoke", &[("token", &token)]).await.status, 200);
    endpoints(401).await;

    let token = session(&site).await;
    site.pass(30 * 24 * 3600);
    let over = site.ask("GET", subscriptions, &token, &Value::Null).await;
    assert_eq!(
        (over.status, over.json()["error"]["code"].as_str()),
        (401, Some("ExpiredAuthenticationToken"))
    );
    let journal = site.journal().await;
    for secret in [token.as_str(), "alice-password", "alice-all-scopes"] {
        assert!(!journal.contains(secret), "a secret is in the journal");
    }
}
