//! Users and groups over REST: looked up as identities and in the graph, put into groups, and what that changes.

use serde_json::{Value, json};
use vsts_mock::Profile;

use crate::site::{Site, each};

const GRAPH: &str = "/acme/_apis/graph";

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is a string")).to_owned()
}

/// The subject descriptor of somebody whom alice knows by name.
async fn subject(site: &Site, called: &str) -> String {
    let called = called.replace(' ', "%20").replace('\\', "%5C").replace('[', "%5B").replace(']', "%5D");
    let path = format!("/acme/_apis/identities?searchFilter=General&filterValue={called}");
    text(&site.get(&path, "alicepat").await.expect(200)["value"][0]["subjectDescriptor"])
}

/// The descriptor of the project's scope.
async fn scope(site: &Site, project: &str) -> String {
    let id = text(&site.get(&format!("/acme/_apis/projects/{project}"), "alicepat").await.expect(200)["id"]);
    text(&site.get(&format!("{GRAPH}/descriptors/{id}"), "alicepat").await.expect(200)["value"])
}

#[tokio::test(flavor = "multi_thread")]
async fn identities_are_found_by_all_their_names() {
    let site = Site::with_profile(Profile::Permissive).await;
    let get = async |query: &str| site.get(&format!("/acme/_apis/Identities?{query}"), "bobspat").await;
    let alice =
        get("searchFilter=General&filterValue=alice@example.com").await.expect(200)["value"][0].clone();
    assert_eq!((&alice["providerDisplayName"], &alice["isActive"]), (&json!("alice"), &json!(true)));
    assert_eq!(
        alice["properties"]["Mail"],
        json!({ "$type": "System.String", "$value": "alice@example.com" })
    );
    let me =
        site.get("/acme/_apis/connectionData", "alicepat").await.expect(200)["authenticatedUser"].clone();
    for field in ["id", "descriptor", "subjectDescriptor"] {
        assert_eq!(alice[field], me[field], "{field}");
    }
    let descriptor = text(&alice["descriptor"]).replace('\\', "%5C");
    let rows = [
        ("searchFilter=MailAddress&filterValue=ALICE@example.com".to_owned(), json!(["alice"])),
        ("searchFilter=1&filterValue=alice".to_owned(), json!(["alice"])),
        ("searchFilter=Alias&filterValue=alice".to_owned(), json!(["alice"])),
        ("searchFilter=DirectoryAlias&filterValue=alice".to_owned(), json!(["alice"])),
        ("searchFilter=DirectoryAlias&filterValue=bob@example.com".to_owned(), json!([])),
        (
            "searchFilter=LocalGroupName&filterValue=%5Biris%5D%5CReaders".to_owned(),
            json!(["[iris]\\Readers"]),
        ),
        ("searchFilter=DisplayName&filterValue=nobody".to_owned(), json!([])),
        ("searchFilter=General&filterValue=dave".to_owned(), json!([])),
        (format!("identityIds={},x", text(&alice["id"])), json!(["alice", null])),
        (format!("descriptors={descriptor},Microsoft.TeamFoundation.Identity;S-1"), json!(["alice", null])),
        (format!("subjectDescriptors={}", text(&alice["subjectDescriptor"])), json!(["alice"])),
    ];
    for (query, expected) in rows {
        let found = get(&query).await.expect(200);
        let names: Vec<Value> = found["value"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| if one.is_null() { Value::Null } else { one["providerDisplayName"].clone() })
            .collect();
        assert_eq!(Value::from(names), expected, "{query}");
    }
    assert_eq!(get("searchFilter=Nonsense&filterValue=x").await.status, 400);
    assert_eq!(get("").await.status, 400);
    let readers = get("searchFilter=General&filterValue=Readers&queryMembership=Direct").await.expect(200);
    let readers = &readers["value"][0];
    assert_eq!((&readers["isContainer"], &readers["metaTypeId"]), (&json!(true), &json!(255)));
    assert_eq!(readers["members"].as_array().map(Vec::len), Some(1), "bob");
    assert_eq!(readers["memberOf"].as_array().map(Vec::len), Some(1), "Project Valid Users");
    let whole = format!("/acme/_apis/identities/{}?queryMembership=ExpandedUp", text(&alice["id"]));
    let whole = site.get(&whole, "bobspat").await.expect(200);
    assert_eq!(
        whole["memberOf"].as_array().map(Vec::len),
        Some(2),
        "administrators and valid users: {whole}"
    );
    let dave = site.get("/acme/_apis/connectionData", "davespat").await.expect(200);
    let hidden = site
        .get(&format!("/acme/_apis/identities/{}", text(&dave["authenticatedUser"]["id"])), "bobspat")
        .await;
    assert_eq!(hidden.fails(404), "IdentityNotFoundException");
    let batch =
        json!({ "identityIds": [alice["id"], dave["authenticatedUser"]["id"]], "queryMembership": 0 });
    let batch = site.post("/acme/_apis/identitybatch", "bobspat", &batch).await.expect(200);
    assert_eq!((batch["value"][0]["id"].clone(), &batch["value"][1]), (alice["id"].clone(), &Value::Null));
    let groups = site.get("/acme/_apis/groups", "bobspat").await.expect(200);
    assert_eq!(groups["count"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_graph_shows_users_groups_and_who_is_in_them() {
    let site = Site::with_profile(Profile::Permissive).await;
    let users = site.get(&format!("{GRAPH}/users"), "bobspat").await.expect(200);
    assert_eq!(each(&users, "displayName"), ["alice", "bob", "carol"], "dave does not belong");
    assert_eq!(users["value"][0]["principalName"], "alice@example.com");
    let iris = scope(&site, "iris").await;
    assert!(iris.starts_with("scp."), "{iris}");
    let groups = site.get(&format!("{GRAPH}/groups?scopeDescriptor={iris}"), "bobspat").await.expect(200);
    let expected = [
        "Build Administrators",
        "Contributors",
        "iris Team",
        "Project Administrators",
        "Project Valid Users",
        "Readers",
    ];
    assert_eq!(each(&groups, "displayName"), expected);
    let readers = &groups["value"][5];
    assert_eq!(readers["principalName"], "[iris]\\Readers");
    assert!(text(&readers["domain"]).starts_with("vstfs:///Classification/TeamProject/"));
    let descriptor = text(&readers["descriptor"]);
    assert!(descriptor.starts_with("vssgp."), "{descriptor}");
    let one = site.get(&format!("{GRAPH}/groups/{descriptor}"), "bobspat").await.expect(200);
    assert_eq!(&one, readers);
    let key = site.get(&format!("{GRAPH}/storagekeys/{descriptor}"), "bobspat").await.expect(200);
    let back = site.get(&format!("{GRAPH}/descriptors/{}", text(&key["value"])), "bobspat").await.expect(200);
    assert_eq!(back["value"], descriptor);
    let bob = subject(&site, "bob").await;
    let up = site.get(&format!("{GRAPH}/Memberships/{bob}?direction=up"), "bobspat").await.expect(200);
    assert_eq!(each(&up, "containerDescriptor"), [descriptor.as_str()]);
    let down =
        site.get(&format!("{GRAPH}/memberships/{descriptor}?direction=1"), "bobspat").await.expect(200);
    assert_eq!(each(&down, "memberDescriptor"), [bob.as_str()]);
    let keys =
        json!({ "lookupKeys": [{ "descriptor": bob }, { "descriptor": iris }, { "descriptor": "aad.x" }] });
    let found = site.post(&format!("{GRAPH}/subjectlookup"), "bobspat", &keys).await.expect(200);
    assert_eq!((&found["count"], &found["value"][&iris]["subjectKind"]), (&json!(2), &json!("scope")));
    let query = json!({ "query": "ca", "subjectKind": ["User"] });
    let found = site.post(&format!("{GRAPH}/subjectquery"), "bobspat", &query).await.expect(200);
    assert_eq!(each(&found, "displayName"), ["carol"]);
    let state = site.get(&format!("{GRAPH}/membershipstates/{bob}"), "bobspat").await.expect(200);
    assert_eq!(state, json!({ "active": true }));
    assert_eq!(site.get(&format!("{GRAPH}/users"), "davespat").await.status, 404);
    assert_eq!(site.get(&format!("{GRAPH}/users"), "alice-reads").await.fails(403), "AccessCheckException");
    let host = "Host: acme.vssps.visualstudio.com\r\n";
    let there = site.send("GET", "/_apis/graph/users", "bobspat", host, "").await.expect(200);
    assert_eq!(there["count"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_put_into_a_group_may_what_the_group_may() {
    let site = Site::with_profile(Profile::Permissive).await;
    let repo = "/acme/iris/_apis/git/repositories/extra";
    assert_eq!(site.get(repo, "davespat").await.status, 404);
    // dave is known to the directory, and not to the account.
    let joining = json!({ "principalName": "dave" });
    assert_eq!(
        site.post(&format!("{GRAPH}/users"), "carolpat", &joining).await.fails(403),
        "AccessCheckException"
    );
    let dave = site.post(&format!("{GRAPH}/users"), "alicepat", &joining).await.expect(201);
    let dave = text(&dave["descriptor"]);
    assert_eq!(
        site.get("/acme/_apis/projects", "davespat").await.expect(200)["count"],
        0,
        "known, and no more"
    );
    assert_eq!(site.get(repo, "davespat").await.status, 404);
    assert_eq!(
        site.post(&format!("{GRAPH}/users"), "alicepat", &json!({ "principalName": "none" })).await.status,
        404
    );

    // Into a group that is in another one.
    let iris = scope(&site, "iris").await;
    let new = json!({ "displayName": "Testers", "description": "They try." });
    let path = format!("{GRAPH}/groups?scopeDescriptor={iris}");
    assert_eq!(site.post(&path, "carolpat", &new).await.fails(403), "AccessCheckException");
    let made = site.post(&path, "alicepat", &new).await;
    assert_eq!(made.header("location"), text(&made.expect(201)["url"]));
    let testers = text(&made.json()["descriptor"]);
    assert_eq!(made.json()["principalName"], "[iris]\\Testers");
    let readers = subject(&site, "[iris]\\Readers").await;
    let put = async |member: &str, group: &str, who: &str| {
        site.send("PUT", &format!("{GRAPH}/memberships/{member}/{group}"), who, "", "").await
    };
    assert_eq!(put(&testers, &readers, "alicepat").await.expect(200)["memberDescriptor"], testers);
    assert_eq!(put(&dave, &testers, "davespat").await.status, 404, "he does not see the project");
    assert_eq!(put(&dave, &testers, "alicepat").await.status, 200);
    assert_eq!(site.get(repo, "davespat").await.status, 200, "in Testers, and so in Readers");
    assert_eq!(put(&readers, &testers, "alicepat").await.status, 400, "not in circles");
    let valid = subject(&site, "[iris]\\Project Valid Users").await;
    assert_eq!(put(&dave, &valid, "alicepat").await.status, 400, "that follows by itself");
    let administrators = subject(&site, "[acme]\\Project Collection Administrators").await;
    assert_eq!(put(&dave, &administrators, "davespat").await.fails(403), "AccessCheckException");
    let of_dave = format!("{GRAPH}/memberships/{dave}/{testers}");
    assert_eq!(site.send("HEAD", &of_dave, "bobspat", "", "").await.status, 200);
    assert_eq!(site.delete(&of_dave, "davespat").await.status, 403);
    assert_eq!(site.delete(&of_dave, "alicepat").await.status, 204);
    assert_eq!(site.send("HEAD", &of_dave, "bobspat", "", "").await.status, 404);
    assert_eq!(site.get(repo, "davespat").await.status, 404, "and out again");

    // The team contributes.
    let team = subject(&site, "[iris]\\iris Team").await;
    assert_eq!(put(&dave, &team, "alicepat").await.status, 200);
    let check = format!("/acme/_apis/permissions/2e9eb7ed-3c0a-47d4-87c1-0ffdd275fd87/4?tokens={}", {
        let repo = site.get(repo, "davespat").await.expect(200);
        format!("repoV2/{}/{}", text(&repo["project"]["id"]), text(&repo["id"]))
    });
    assert_eq!(site.get(&check, "davespat").await.expect(200)["value"], json!([true]));
    let renamed = json!([{ "op": "replace", "path": "/displayName", "value": "Tasters" }]);
    let at = format!("{GRAPH}/groups/{testers}");
    assert_eq!(site.patch(&at, "alicepat", &renamed).await.expect(200)["displayName"], "Tasters");
    assert_eq!(site.patch(&format!("{GRAPH}/groups/{readers}"), "alicepat", &renamed).await.status, 400);
    assert_eq!(site.delete(&format!("{GRAPH}/groups/{readers}"), "alicepat").await.status, 400);
    assert_eq!(site.delete(&at, "alicepat").await.status, 204);
    assert_eq!(site.get(&at, "alicepat").await.fails(404), "GraphSubjectNotFoundException");
    assert_eq!(site.delete(&format!("{GRAPH}/users/{dave}"), "alicepat").await.status, 204);
    assert_eq!(site.get("/acme/_apis/projects", "davespat").await.status, 404, "he is no member any more");
    let alice = subject(&site, "alice").await;
    for path in [format!("{GRAPH}/users/{alice}"), format!("{GRAPH}/memberships/{alice}/{administrators}")] {
        assert_eq!(site.delete(&path, "alicepat").await.status, 400, "the owner stays");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn identities_are_members_by_either_way() {
    let site = Site::with_profile(Profile::Permissive).await;
    let id = async |called: &str| {
        let path = format!("/acme/_apis/identities?searchFilter=General&filterValue={called}");
        text(&site.get(&path, "alicepat").await.expect(200)["value"][0]["id"])
    };
    let (bob, contributors) = (id("bob").await, id("Contributors").await);
    let at = format!("/acme/_apis/identities/{contributors}/members");
    assert_eq!(site.get(&at, "bobspat").await.expect(200)["count"], 2, "carol and the team");
    let member = format!("{at}/{bob}");
    assert_eq!(site.send("PUT", &member, "bobspat", "", "").await.status, 403);
    assert_eq!(site.send("PUT", &member, "alicepat", "", "").await.expect(200), true);
    assert_eq!(site.send("PUT", &member, "alicepat", "", "").await.expect(200), false, "he was in it");
    let teams = site.get("/acme/_apis/projects/iris/teams", "bobspat").await.expect(200);
    let team = text(&teams["value"][0]["identityUrl"]);
    let team = site.get(team.trim_start_matches(site.server.url()), "bobspat").await.expect(200);
    assert_eq!(team["providerDisplayName"], "[iris]\\iris Team");
    let of = site.get(&format!("/acme/_apis/identities/{bob}/membersof"), "bobspat").await.expect(200);
    assert_eq!(of["count"], 2);
    assert_eq!(site.delete(&member, "alicepat").await.expect(200), true);
    assert_eq!(site.get(&member, "alicepat").await.expect(200), Value::Null);
}
