//! Personal access tokens by `_apis/tokens/pats`, as the newer clients make them.

use serde_json::{Value, json};

use crate::ask::{Answer, Site};

const ALICE: &str = "alice-all-scopes";
const CAROL: &str = "carol-all-scopes";
const PATH: &str = "/acme/_apis/tokens/pats?api-version=7.1-preview.1";

async fn ask(site: &Site, method: &str, more: &str, by: &str, body: &Value) -> Answer {
    site.ask(method, &format!("{PATH}{more}"), by, body).await
}

#[track_caller]
fn made(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["patTokenError"], "none", "{answer:?}");
    answer.json()["patToken"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_made_shown_once_changed_and_revoked() {
    let site = Site::start().await;
    let body = json!({ "displayName": "by pats", "scope": "vso.code", "validTo": "2026-12-01T00:00:00Z", "allOrgs": false });
    let pat = made(&ask(&site, "POST", "", ALICE, &body).await);
    let keys: Vec<&str> = pat.as_object().expect("an object").keys().map(String::as_str).collect();
    let all = ["authorizationId", "displayName", "scope", "targetAccounts", "token", "validFrom", "validTo"];
    assert_eq!(
        {
            let mut keys = keys;
            keys.sort_unstable();
            keys
        },
        all
    );
    assert_eq!((&pat["scope"], &pat["validTo"]), (&json!("vso.code"), &json!("2026-12-01T00:00:00Z")));
    assert_eq!(pat["targetAccounts"].as_array().map(Vec::len), Some(1), "it is for this account");
    let token = pat["token"].as_str().expect("the value").to_owned();
    assert_eq!(token.len(), 52);
    assert_eq!(
        (site.git("git-upload-pack", &token).await, site.git("git-receive-pack", &token).await),
        (200, 403)
    );
    assert_eq!(site.ask("GET", "/other/_apis/projects", &token, &Value::Null).await.status, 404);

    let id = pat["authorizationId"].as_str().expect("an id").to_owned();
    let one = format!("&authorizationId={id}");
    let shown = made(&ask(&site, "GET", &one, ALICE, &Value::Null).await);
    assert_eq!(shown, {
        let mut pat = pat.clone();
        pat["token"] = Value::Null;
        pat
    });
    let stolen = ask(&site, "GET", &one, CAROL, &Value::Null).await.json();
    assert_eq!(stolen, json!({ "patToken": null, "patTokenError": "authorizationNotFound" }));

    let change = json!({ "authorizationId": id, "displayName": "renamed", "scope": "vso.code_write", "allOrgs": true });
    let changed = made(&ask(&site, "PUT", "", ALICE, &change).await);
    assert_eq!((&changed["displayName"], &changed["targetAccounts"]), (&json!("renamed"), &Value::Null));
    assert_eq!((&changed["validTo"], &changed["token"]), (&pat["validTo"], &Value::Null));
    assert_eq!(site.git("git-receive-pack", &token).await, 200, "the value is the old one");
    assert_eq!(site.ask("GET", "/other/_apis/projects", &token, &Value::Null).await.status, 200);
    let theirs = ask(&site, "PUT", "", CAROL, &change).await.json();
    assert_eq!(theirs["patTokenError"], "authorizationNotFound");

    assert_eq!(ask(&site, "DELETE", &one, CAROL, &Value::Null).await.status, 404);
    assert_eq!(ask(&site, "DELETE", &one, ALICE, &Value::Null).await.status, 204);
    assert_eq!(site.git("git-upload-pack", &token).await, 401);
    assert_eq!(ask(&site, "DELETE", &one, ALICE, &Value::Null).await.status, 404);
    assert!(!site.journal().await.contains(&token));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_in_pages_and_by_what_is_asked() {
    let site = Site::start().await;
    for n in 0..5 {
        let body =
            json!({ "displayName": format!("t{n}"), "validTo": format!("2027-01-0{}T00:00:00Z", n + 1) });
        made(&ask(&site, "POST", "", ALICE, &body).await);
    }
    let names = |answer: &Answer| -> Vec<String> {
        let list = answer.json()["patTokens"].as_array().expect("a list").clone();
        assert!(list.iter().all(|pat| pat["token"].is_null()), "values are not told again");
        list.iter().map(|pat| pat["displayName"].as_str().expect("a name").to_owned()).collect()
    };
    let mut seen = Vec::new();
    let mut at = String::new();
    for _ in 0..10 {
        let more = format!("&sortByOption=displayName&isSortAscending=true&$top=3{at}");
        let page = ask(&site, "GET", &more, ALICE, &Value::Null).await;
        assert_eq!(page.status, 200, "{page:?}");
        seen.extend(names(&page));
        let next = page.json()["continuationToken"].as_str().expect("a text").to_owned();
        if next.is_empty() {
            break;
        }
        at = format!("&continuationToken={next}");
    }
    assert_eq!(seen, ["ci", "reads", "t0", "t1", "t2", "t3", "t4"]);
    // 2027-01-03, a while after the clock's beginning in May of 2026.
    site.pass(1_798_934_400 - 1_780_000_000);
    let listed = async |filter: &str| {
        let more = format!("&displayFilterOption={filter}&sortByOption=displayName&isSortAscending=true");
        names(&ask(&site, "GET", &more, ALICE, &Value::Null).await)
    };
    assert_eq!(listed("active").await, ["ci", "reads", "t3", "t4"]);
    assert_eq!(listed("expired").await, ["t0", "t1", "t2"]);
    assert_eq!(listed("all").await.len(), 7);
    assert_eq!(listed("revoked").await, [""; 0]);
    for bad in ["&$top=-1", "&continuationToken=x", "&displayFilterOption=some", "&sortByOption=9"] {
        assert_eq!(ask(&site, "GET", bad, ALICE, &Value::Null).await.status, 400, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_told_in_the_services_words_and_nobody_gains() {
    let site = Site::start().await;
    let rows = [
        (json!({ "scope": "vso.code" }), "displayNameRequired"),
        (json!({ "displayName": " " }), "displayNameRequired"),
        (json!({ "displayName": "x".repeat(300) }), "invalidDisplayName"),
        (json!({ "displayName": "t", "scope": "everything" }), "invalidScope"),
        (json!({ "displayName": "t", "scope": "" }), "invalidScope"),
        (json!({ "displayName": "t", "validTo": "yesterday" }), "invalidValidTo"),
        (json!({ "displayName": "t", "validTo": "2017-09-07T00:00:00Z" }), "invalidValidTo"),
    ];
    for (body, error) in rows {
        let answer = ask(&site, "POST", "", ALICE, &body).await;
        assert_eq!(answer.json(), json!({ "patToken": null, "patTokenError": error }), "{body}");
    }
    let tokens = json!({ "displayName": "tokens", "scope": "vso.tokens vso.code" });
    let tokens =
        made(&ask(&site, "POST", "", ALICE, &tokens).await)["token"].as_str().expect("a value").to_owned();
    let reads = "alice-reads-code";
    assert_eq!(
        ask(&site, "GET", "", reads, &Value::Null).await.status,
        403,
        "a token for code makes no tokens"
    );
    let mine = json!({ "displayName": "mine", "scope": "vso.code" });
    assert_eq!(ask(&site, "POST", "", &tokens, &mine).await.status, 403, "it is for one account");
    let everywhere = json!({ "displayName": "all", "scope": "vso.tokens vso.code", "allOrgs": true });
    let made_all = made(&ask(&site, "POST", "", ALICE, &everywhere).await);
    let narrow = made_all["token"].as_str().expect("a value").to_owned();
    made(&ask(&site, "POST", "", &narrow, &mine).await);
    for scope in ["app_token", "vso.code_write"] {
        let more = json!({ "displayName": "more", "scope": scope });
        assert_eq!(ask(&site, "POST", "", &narrow, &more).await.status, 403, "{scope}");
        let widened = json!({ "authorizationId": made_all["authorizationId"], "scope": scope });
        assert_eq!(ask(&site, "PUT", "", &narrow, &widened).await.status, 403, "{scope}");
    }
    assert_eq!(site.ask("GET", PATH, "", &Value::Null).await.status, 401);
    assert_eq!(ask(&site, "GET", "", CAROL, &Value::Null).await.status, 200);
    assert_eq!(site.ask("GET", "/none/_apis/tokens/pats", ALICE, &Value::Null).await.status, 404);
}
