//! Access control over REST: namespaces, lists, entries, checks, and that every endpoint obeys.

use serde_json::{Value, json};
use vsts_mock::Profile;

use crate::secured::{GIT, Secured, in_query};
use crate::site::{Reply, Site, ZEROS, add, each};

const PROJECT: &str = "52d39943-cb85-4d7f-8fa8-c6baac873819";
const COLLECTION: &str = "3e65f728-f8bc-4ecd-8764-7e378b19bfa7";
const IDENTITY: &str = "5a27515b-ccd7-42c9-84f1-54c998f03866";

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_are_listed_with_their_actions() {
    let site = Site::with_profile(Profile::Permissive).await;
    let all = site.get("/acme/_apis/securitynamespaces", "bobspat").await.expect(200);
    assert_eq!(each(&all, "name"), ["Git Repositories", "Project", "Collection", "Identity"]);
    let git = site.get(&format!("/acme/_apis/SecurityNamespaces/{GIT}"), "bobspat").await.expect(200);
    assert_eq!(git["count"], 1, "a list, also of one");
    let git = &git["value"][0];
    assert_eq!((&git["writePermission"], &git["readPermission"]), (&json!(8192), &json!(2)));
    let force = &git["actions"][3];
    assert_eq!((&force["bit"], &force["name"]), (&json!(8), &json!("ForcePush")));
    assert_eq!(force["namespaceId"], GIT);
    assert_eq!(git["actions"].as_array().map(Vec::len), Some(16));
    for unknown in ["/acme/_apis/securitynamespaces/x", "/acme/_apis/accesscontrollists/x"] {
        assert_eq!(site.get(unknown, "bobspat").await.fails(404), "InvalidSecurityNamespaceException");
    }
    assert_eq!(site.get("/acme/_apis/securitynamespaces", "davespat").await.status, 404);
    assert_eq!(site.get("/acme/_apis/securitynamespaces", "").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_merged_replaced_and_removed() {
    let secured = Secured::start().await;
    let (site, token) = (&secured.site, secured.token());
    let carol = secured.descriptor("carol").await;
    assert!(carol.starts_with("Microsoft.IdentityModel.Claims.ClaimsIdentity;"), "{carol}");
    assert_eq!(secured.lists("alicepat", &format!("token={token}")).await["count"], 0);
    // (merge, given, then there)
    let rows = [
        (true, (4, 8), (4, 8)),
        (true, (8, 0), (12, 0)),
        (true, (0, 4), (8, 4)),
        (true, (2, 2), (8, 6)),
        (false, (16, 32), (16, 32)),
        (true, (0, 0), (16, 32)),
    ];
    for (merge, given, expected) in rows {
        let set = secured.set("alicepat", &format!("{token}/"), merge, &carol, given).await.expect(200);
        let shown = json!([{ "descriptor": carol, "allow": expected.0, "deny": expected.1 }]);
        assert_eq!(set, json!({ "count": 1, "value": shown }), "{merge} {given:?}");
        let lists = secured.lists("bobspat", &format!("token={}", token.to_uppercase())).await;
        let entry = &lists["value"][0]["acesDictionary"][&carol];
        assert_eq!((&entry["allow"], &entry["deny"]), (&json!(expected.0), &json!(expected.1)));
        assert_eq!(lists["value"][0]["token"], format!("{token}/"));
        assert_eq!(lists["value"][0]["inheritPermissions"], true);
        assert!(
            lists["value"][0].get("includeExtendedInfo").is_none() && entry.get("extendedInfo").is_none()
        );
    }
    let bits = format!("/acme/_apis/permissions/{GIT}/48?descriptor={}&token={token}", in_query(&carol));
    let left = site.delete(&bits.replace("/48", "/16"), "alicepat").await.expect(200);
    assert_eq!(left, json!({ "descriptor": carol, "allow": 0, "deny": 32 }));
    let at = format!("/acme/_apis/accesscontrolentries/{GIT}?token={token}&descriptors={}", in_query(&carol));
    assert_eq!(site.delete(&at, "bobspat").await.fails(403), "GitNeedsPermissionException");
    assert_eq!(site.delete(&at, "alicepat").await.expect(200), true);
    assert_eq!(site.delete(&at, "alicepat").await.expect(200), false);
    assert_eq!(secured.lists("alicepat", &format!("token={token}")).await["count"], 0);
    let unknown = secured.set("alicepat", &token, true, "Microsoft.TeamFoundation.Identity;S-1-9-1", (4, 0));
    assert_eq!(unknown.await.fails(404), "IdentityNotFoundException");
    for bad in [
        "repoV1",
        "",
        "repoV2/iris",
        "repoV2/x/y",
        &format!("{token}/heads"),
        &format!("{token}/refs/heads/xyz"),
        // A line break, and two dots.
        &format!("{token}/refs/heads/0a00"),
        &format!("{token}/refs/heads/2e002e00"),
        &format!("{token}/refs/heads/{}", "6100".repeat(400)),
    ] {
        assert_eq!(secured.set("alicepat", bad, true, &carol, (4, 0)).await.status, 400, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_inherited_is_told_and_can_be_cut_off() {
    let secured = Secured::start().await;
    let (carol, group) =
        (secured.descriptor("carol").await, secured.descriptor("[iris]\\Contributors").await);
    assert!(group.starts_with("Microsoft.TeamFoundation.Identity;S-1-9-1551374245-"), "{group}");
    let (token, master) = (secured.token(), secured.master());
    let info = async |at: &str, who: &str| {
        let query = format!("token={at}&descriptors={}&includeExtendedInfo=true", in_query(who));
        let lists = secured.lists("alicepat", &query).await;
        assert_eq!(lists["count"], 1, "{lists}");
        assert_eq!(lists["value"][0]["includeExtendedInfo"], true);
        let entries = lists["value"][0]["acesDictionary"].clone();
        assert_eq!(entries.as_object().map(serde_json::Map::len), Some(1));
        entries[who]["extendedInfo"].clone()
    };
    let contributes = 2 + 4 + 16 + 32 + 64 + 16384;
    for who in [&carol, &group] {
        assert_eq!(
            info(&token, who).await,
            json!({ "effectiveAllow": contributes, "inheritedAllow": contributes }),
            "without an entry of their own"
        );
    }
    secured.set("alicepat", &master, true, &group, (0, 4)).await.expect(200);
    secured.set("alicepat", &token, true, &carol, (8, 16)).await.expect(200);
    assert_eq!(
        info(&master, &carol).await,
        json!({
            "effectiveAllow": contributes - 4 - 16 + 8,
            "effectiveDeny": 4 + 16,
            "inheritedAllow": contributes - 4 - 16 + 8,
            "inheritedDeny": 16,
        })
    );
    let all = secured.lists("alicepat", "").await;
    let tokens = each(&all, "token");
    assert!(tokens.contains(&"repoV2/".to_owned()) && tokens.contains(&format!("{master}/")), "{tokens:?}");
    let below = secured.lists("alicepat", &format!("token={token}&recurse=true")).await;
    assert_eq!(each(&below, "token"), [format!("{token}/"), format!("{master}/")]);

    assert_eq!(secured.may("carolpat", 4, &[&token, &master]).await, json!([true, false]));
    assert_eq!(secured.may("carolpat", 12, &[&token]).await, json!([true]), "all of the bits");
    let list = json!({ "token": master, "inheritPermissions": false,
        "acesDictionary": { &carol: { "descriptor": carol, "allow": 4, "deny": 0 } } });
    let lists = format!("/acme/_apis/accesscontrollists/{GIT}");
    let body = json!({ "count": 1, "value": [list] });
    assert_eq!(secured.site.post(&lists, "carolpat", &body).await.fails(403), "GitNeedsPermissionException");
    assert_eq!(secured.site.post(&lists, "alicepat", &body).await.status, 204);
    assert_eq!(info(&master, &carol).await, json!({ "effectiveAllow": 4 }), "nothing comes from above");
    let shown = secured.lists("alicepat", &format!("token={master}")).await;
    assert_eq!(shown["value"][0]["inheritPermissions"], false);
    assert_eq!(secured.may("carolpat", 4, &[&master]).await, json!([true]));
    assert_eq!(secured.may("alicepat", 4, &[&master]).await, json!([false]), "neither to administrators");
    let always = format!("/acme/_apis/permissions/{GIT}/4?tokens={master}&alwaysAllowAdministrators=true");
    assert_eq!(secured.site.get(&always, "alicepat").await.expect(200)["value"], json!([true]));
    let gone = format!("{lists}?tokens={token}&recurse=true");
    assert_eq!(secured.site.delete(&gone, "alicepat").await.expect(200), true);
    assert_eq!(secured.site.delete(&gone, "alicepat").await.expect(200), false);
    assert_eq!(secured.may("alicepat", 4, &[&master]).await, json!([true]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_stops_pushes_until_it_is_taken_away() {
    let secured = Secured::start().await;
    let site = &secured.site;
    let carol = secured.descriptor("carol").await;
    let first = site.push("extra", "refs/heads/master", ZEROS, json!([add("/a", "a")])).await.expect(201);
    let tip = first["commits"][0]["commitId"].as_str().expect("an id").to_owned();
    site.git(".", &["clone", "-q", &site.url("extra"), "work"]).await;
    secured.set("alicepat", &secured.master(), true, &carol, (0, 4)).await.expect(200);
    let refused = site.push("extra", "refs/heads/master", &tip, json!([add("/b", "b")])).await;
    assert!(refused.text().contains("TF401027: You need the Git 'GenericContribute' permission"));
    assert_eq!(refused.status, 403);
    site.write("work/c", "c");
    site.git("work", &["add", "-A"]).await;
    site.git("work", &["commit", "-q", "-m", "By Git."]).await;
    let pushed = site.git("work", &["push", "-q", "--porcelain", "origin", "HEAD:side"]).await;
    assert!(!pushed.contains('!'), "other branches are open: {pushed}");
    let entry = format!(
        "/acme/_apis/accesscontrolentries/{GIT}?token={}&descriptors={}",
        secured.master(),
        in_query(&carol)
    );
    assert_eq!(site.delete(&entry, "alicepat").await.expect(200), true);
    site.git("work", &["push", "-q", "origin", "HEAD:master"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_come_in_batches_and_for_every_namespace() {
    let secured = Secured::start().await;
    let git = secured.token();
    let project = format!("$PROJECT:vstfs:///Classification/TeamProject/{}", secured.project);
    let groups = format!("{}\\", secured.project).trim_end_matches('\\').to_owned();
    let rows: [(&str, &str, u32, &str); 13] = [
        // alice owns, carol contributes, bob reads
        (GIT, &git, 2, "yyy"),
        (GIT, &git, 4, "yyn"),
        (GIT, &git, 8, "nnn"),
        (GIT, &git, 8192, "ynn"),
        (GIT, "repoV2", 256, "ynn"),
        (GIT, &git, 1 << 20, "nnn"),
        (PROJECT, &project, 1, "yyy"),
        (PROJECT, &project, 4, "ynn"),
        (PROJECT, &project, 32, "nnn"),
        (COLLECTION, "NAMESPACE", 1, "yyy"),
        (COLLECTION, "NAMESPACE:", 4, "ynn"),
        (IDENTITY, &groups, 1, "yyy"),
        (IDENTITY, &secured.account, 8, "ynn"),
    ];
    let evaluations: Vec<Value> = rows
        .iter()
        .map(|(namespace, token, bits, _)| {
            json!({ "securityNamespaceId": namespace, "token": token, "permissions": bits })
        })
        .collect();
    let batch = json!({ "alwaysAllowAdministrators": false, "evaluations": evaluations });
    for (column, who) in ["alicepat", "carolpat", "bobspat"].into_iter().enumerate() {
        let path = "/acme/_apis/security/permissionevaluationbatch";
        let answer = secured.site.post(path, who, &batch).await.expect(200);
        for (row, evaluation) in rows.iter().zip(answer["evaluations"].as_array().expect("a list")) {
            assert_eq!(evaluation["token"], row.1);
            let expected = row.3.as_bytes()[column] == b'y';
            assert_eq!(evaluation["value"], expected, "{who}: {row:?}");
        }
    }
    let lists = async |namespace: &str| {
        let path = format!("/acme/_apis/accesscontrollists/{namespace}");
        secured.site.get(&path, "bobspat").await.expect(200)
    };
    assert_eq!(each(&lists(PROJECT).await, "token"), [project]);
    assert_eq!(each(&lists(COLLECTION).await, "token"), ["NAMESPACE"]);
    assert_eq!(lists(IDENTITY).await["count"], 2);
    let body = json!({ "token": "NAMESPACE", "accessControlEntries": [] });
    let set =
        secured.site.post(&format!("/acme/_apis/accesscontrolentries/{COLLECTION}"), "alicepat", &body).await;
    assert_eq!(set.fails(400), "InvalidOperationException", "it is said that they cannot be set");
    let old = format!("/acme/_apis/permissions/{GIT}/4?token={git}");
    assert_eq!(secured.site.get(&old, "bobspat").await.expect(200), false, "as version 1.0 asked");
    let odd = format!("/acme/_apis/permissions/{GIT}/-1?tokens={git}");
    assert_eq!(secured.site.get(&odd, "bobspat").await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_invisible_looks_as_if_it_were_not_there() {
    let secured = Secured::start().await;
    let site = &secured.site;
    let bob = secured.descriptor("bob").await;
    secured.set("alicepat", &secured.token(), true, &bob, (0, 2)).await.expect(200);
    let absent = format!("repoV2/{}/11111111-2222-3333-4444-555555555555", secured.project);
    let hidden = secured.token();
    let strip = |reply: Reply, token: &str| (reply.status, reply.text().replace(token, "TOKEN"));
    assert_eq!(
        strip(secured.set("bobspat", &hidden, true, &bob, (2, 0)).await, &hidden),
        strip(secured.set("bobspat", &absent, true, &bob, (2, 0)).await, &absent)
    );
    for (query, count) in [(format!("token={hidden}"), 0), (format!("token={absent}"), 0)] {
        assert_eq!(secured.lists("bobspat", &query).await["count"], count);
    }
    let all = each(&secured.lists("bobspat", "").await, "token");
    assert!(!all.contains(&format!("{hidden}/")), "{all:?}");
    assert_eq!(secured.may("bobspat", 2, &[&hidden, &absent]).await, json!([false, false]));
    // Who is denied everything can still be let in again, and an administrator never locks all out.
    let alice = secured.descriptor("alice").await;
    secured.set("alicepat", &hidden, true, &alice, (0, 65535)).await.expect(200);
    assert_eq!(site.get("/acme/iris/_apis/git/repositories/extra", "alicepat").await.status, 404);
    secured.set("alicepat", &hidden, false, &alice, (0, 0)).await.expect(200);
    assert_eq!(site.get("/acme/iris/_apis/git/repositories/extra", "alicepat").await.status, 200);
    // A token that only reads code changes nothing.
    let refused = secured.set("alice-reads", &hidden, true, &bob, (2, 0)).await;
    assert_eq!(refused.fails(403), "GitNeedsPermissionException");
}
