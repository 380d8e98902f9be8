//! The Experimentation service by ARM's routes: shapes, versions, members, and what is independent of Git.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::ask::{Answer, Site};

const V: &str = "api-version=2017-05-01-preview";
const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
const CONTRIBUTOR: &str = "b24988ac-6180-42a0-ab88-20f7382dd24c";
const ALICE: &str = "alice-all-scopes";
const BOB: &str = "bob-all-scopes";
const CAROL: &str = "carol-all-scopes";

/// The id of the account, found as a client finds it.
async fn account(site: &Site, token: &str) -> String {
    let subscriptions =
        site.ask("GET", "/subscriptions?api-version=2016-06-01", token, &Value::Null).await.json();
    let subscription = subscriptions["value"][0]["id"].as_str().expect("a subscription").to_owned();
    let path = format!("{subscription}/providers/microsoft.machinelearningexperimentation/accounts?{V}");
    let accounts = site.ask("GET", &path, token, &Value::Null).await.json();
    accounts["value"][0]["id"].as_str().expect("an account").to_owned()
}

#[track_caller]
fn fails(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    let error = answer.json()["error"].clone();
    assert_eq!(error["code"], code, "{error}");
    assert!(error["message"].as_str().is_some_and(|message| !message.is_empty()), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_made_changed_listed_and_deleted() {
    let site = Site::start().await;
    let workspace = format!("{}/workspaces/research", account(&site, ALICE).await);
    let project = format!("{workspace}/projects/Demo_1?{V}");
    let repo = "https://acme.example/_git/iris";
    let body =
        json!({ "location": "westeurope", "properties": { "friendlyName": "A demo", "gitrepo": repo } });
    let made = site.ask("PUT", &project, ALICE, &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    assert_eq!(made["type"], "Microsoft.MachineLearningExperimentation/accounts/workspaces/projects");
    assert_eq!(made["id"], format!("{workspace}/projects/Demo_1"));
    assert_eq!((&made["name"], &made["location"]), (&json!("Demo_1"), &json!("westeurope")));
    let properties = &made["properties"];
    assert_eq!(properties["gitrepo"], repo);
    assert_eq!(properties["friendlyName"], "A demo");
    assert_eq!(properties["provisioningState"], "Succeeded");
    for key in ["projectId", "workspaceId", "accountId"] {
        assert_eq!(properties[key].as_str().map(str::len), Some(36), "{key} of {properties}");
    }

    // Names and the path's words compare without regard to case.
    let again = project.replace("Demo_1", "demo_1").replace("workspaces", "Workspaces");
    assert_eq!(site.ask("GET", &again, BOB, &Value::Null).await.json(), made);
    let headers = format!("Authorization: Bearer {BOB}\nIf-None-Match: *\n");
    fails(&site.send("PUT", &again, &headers, "{}").await, 412, "PreconditionFailed");
    let patched =
        site.ask("PATCH", &again, BOB, &json!({ "properties": { "gitrepo": "https://x/y" } })).await.json();
    assert_eq!(patched["properties"]["gitrepo"], "https://x/y");
    assert_eq!(patched["properties"]["friendlyName"], "A demo");
    assert_eq!(patched["properties"]["projectId"], properties["projectId"]);
    let list = site.ask("GET", &format!("{workspace}/projects?{V}"), BOB, &Value::Null).await.json();
    assert_eq!(list, json!({ "value": [patched] }));

    fails(
        &site.ask("DELETE", &format!("{workspace}?{V}"), ALICE, &Value::Null).await,
        409,
        "CannotDeleteResource",
    );
    let account = format!("{}?{V}", account(&site, ALICE).await);
    fails(&site.ask("DELETE", &account, ALICE, &Value::Null).await, 403, "AuthorizationFailed");
    assert_eq!(site.ask("DELETE", &project, BOB, &Value::Null).await.status, 200);
    assert_eq!(site.ask("DELETE", &project, BOB, &Value::Null).await.status, 204);
    fails(&site.ask("GET", &project, BOB, &Value::Null).await, 404, "ResourceNotFound");
    let made_anew = site.ask("PUT", &project, BOB, &json!({})).await.json();
    assert_ne!(
        made_anew["properties"]["projectId"], properties["projectId"],
        "a name may come again, an id never"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_says_its_version_who_it_is_from_and_what_it_is_about() {
    let site = Site::start().await;
    let account = account(&site, ALICE).await;
    let rows = [
        (account.clone(), 400, "MissingApiVersionParameter"),
        (format!("{account}?api-version=2018-01-01"), 400, "NoRegisteredProviderFound"),
        ("/subscriptions?api-version=new".to_owned(), 400, "InvalidApiVersionParameter"),
        (format!("/subscriptions/00000000-0000-0000-0000-000000000000?{V}"), 404, "SubscriptionNotFound"),
        (format!("{account}/runs?{V}"), 404, "InvalidResourceType"),
        (format!("{account}/workspaces/none?{V}"), 404, "ResourceNotFound"),
        (format!("{}?{V}", account.replace("vsts-mock", "elsewhere")), 404, "ResourceNotFound"),
    ];
    for (path, status, code) in rows {
        fails(&site.ask("GET", &path, ALICE, &Value::Null).await, status, code);
    }
    let workspace = format!("{account}/workspaces/research");
    let bad = [
        (format!("{workspace}/projects/a%2Fb?{V}"), "{}", "InvalidResourceName"),
        (format!("{workspace}/projects/ok?{V}"), "[]", "InvalidRequestContent"),
        (format!("{workspace}/projects/ok?{V}"), "{", "InvalidRequestContent"),
        (format!("{workspace}/projects/ok?{V}"), r#"{"properties":{"gitrepo":7}}"#, "InvalidRequestContent"),
        (
            format!("{workspace}/projects/ok?{V}"),
            r#"{"properties":{"gitrepo":"https://a:hunter2@h/r"}}"#,
            "InvalidRequestContent",
        ),
    ];
    for (path, body, code) in bad {
        let headers = format!("Authorization: Bearer {ALICE}\n");
        let answer = site.send("PUT", &path, &headers, body).await;
        fails(&answer, 400, code);
        assert!(!answer.text.contains("hunter2"), "{answer:?}");
    }
    let nobody = site.ask("GET", &format!("{account}?{V}"), "", &Value::Null).await;
    fails(&nobody, 401, "AuthenticationFailed");
    assert!(nobody.head.contains("www-authenticate: bearer authorization_uri="), "{}", nobody.head);
    fails(
        &site.ask("GET", &format!("{account}?{V}"), "nonsense", &Value::Null).await,
        401,
        "InvalidAuthenticationToken",
    );
    assert!(site.journal().await.contains("\"service\":\"experimentation\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_are_inherited_downwards_and_show_the_way_upwards() {
    let site = Site::start().await;
    let acmeml = account(&site, ALICE).await;
    let mine = acmeml.replace("acmeml", "alices");
    let paths = [mine.clone(), format!("{mine}/workspaces/w"), format!("{mine}/workspaces/w/projects/p")];
    for path in &paths {
        let made = site
            .ask("PUT", &format!("{path}?{V}"), ALICE, &json!({ "properties": { "friendlyName": "x" } }))
            .await;
        assert_eq!(made.status, 201, "{made:?}");
    }
    let sibling = format!("{mine}/workspaces/v");
    assert_eq!(site.ask("PUT", &format!("{sibling}?{V}"), ALICE, &json!({})).await.status, 201);
    fails(
        &site.ask("DELETE", &format!("{mine}?{V}"), ALICE, &Value::Null).await,
        409,
        "CannotDeleteResource",
    );
    let bob = site.user_id("bob").await;
    let assign = |at: &str, role: &str| {
        let path =
            format!("{at}/providers/Microsoft.Authorization/roleAssignments/{}", uuid::Uuid::from_u128(7));
        let definition = format!("/subscriptions/x/providers/Microsoft.Authorization/roleDefinitions/{role}");
        (
            format!("{path}?api-version=2015-07-01"),
            json!({ "properties": { "roleDefinitionId": definition, "principalId": bob } }),
        )
    };
    // (where bob has a role, which, then: what he may read of account, workspace, project, the other workspace, and write)
    let rows: [(usize, &str, [u16; 4], [u16; 3]); 5] = [
        (0, CONTRIBUTOR, [200, 200, 200, 200], [200, 200, 200]),
        (1, CONTRIBUTOR, [200, 200, 200, 404], [403, 200, 200]),
        (2, CONTRIBUTOR, [200, 200, 200, 404], [403, 403, 200]),
        (2, OWNER, [200, 200, 200, 404], [403, 403, 200]),
        (1, OWNER, [200, 200, 200, 404], [403, 200, 200]),
    ];
    for (at, role, reads, writes) in rows {
        let (path, body) = assign(&paths[at], role);
        for path in paths.iter().chain([&sibling]) {
            fails(&site.ask("GET", &format!("{path}?{V}"), BOB, &Value::Null).await, 404, "ResourceNotFound");
        }
        assert_eq!(site.ask("PUT", &path, ALICE, &body).await.status, 201);
        for (path, status) in paths.iter().chain([&sibling]).zip(reads) {
            assert_eq!(
                site.ask("GET", &format!("{path}?{V}"), BOB, &Value::Null).await.status,
                status,
                "{path} at {at}"
            );
        }
        for (path, status) in paths.iter().zip(writes) {
            let answer = site.ask("PATCH", &format!("{path}?{V}"), BOB, &json!({ "properties": {} })).await;
            assert_eq!(answer.status, status, "{path} at {at}");
        }
        // An owner says who is a member, a contributor does not.
        let (twin, body) = assign(&paths[at], CONTRIBUTOR);
        let twin = twin.replace("000007", "000008");
        let answer = site.ask("PUT", &twin, BOB, &body).await;
        assert_eq!(answer.status, if role == OWNER { 201 } else { 403 }, "{answer:?}");
        if role == OWNER {
            assert_eq!(site.ask("DELETE", &twin, BOB, &Value::Null).await.status, 200);
        }
        assert_eq!(site.ask("DELETE", &path, ALICE, &Value::Null).await.status, 200);
        assert_eq!(site.ask("DELETE", &path, ALICE, &Value::Null).await.status, 204);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_repository_and_the_workspace_know_nothing_of_each_other() {
    let site = Site::start().await;
    let workspace = format!("{}/workspaces/research?{V}", account(&site, ALICE).await);
    assert_eq!(site.ask("GET", &workspace, BOB, &Value::Null).await.status, 200);
    assert_eq!(site.git("git-upload-pack", BOB).await, 404, "a member is no reader");
    assert_eq!(site.git("git-upload-pack", CAROL).await, 200);
    let hidden = site.ask("GET", &workspace, CAROL, &Value::Null).await;
    let absent = site.ask("GET", &workspace.replace("research", "resaerch"), CAROL, &Value::Null).await;
    fails(&hidden, 404, "ResourceNotFound");
    assert_eq!(absent.text.replace("resaerch", "research"), hidden.text, "a reader is no member");
    let list = site.ask("GET", &format!("/subscriptions?{V}"), CAROL, &Value::Null).await.json();
    let accounts = format!(
        "{}/providers/Microsoft.MachineLearningExperimentation/accounts?{V}",
        list["value"][0]["id"].as_str().expect("an id")
    );
    assert_eq!(site.ask("GET", &accounts, CAROL, &Value::Null).await.json(), json!({ "value": [] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_does_here_what_its_scopes_are_for() {
    let site = Site::start().await;
    let workspace = format!("{}/workspaces/research", account(&site, ALICE).await);
    let project = format!("{workspace}/projects/p?{V}");
    assert_eq!(
        site.ask("GET", &format!("{workspace}?{V}"), "alice-reads-code", &Value::Null).await.status,
        200
    );
    fails(&site.ask("PUT", &project, "alice-reads-code", &json!({})).await, 403, "AuthorizationFailed");
    let basic = "Authorization: Basic OmFsaWNlLWFsbC1zY29wZXM=\n";
    assert_eq!(site.send("PUT", &project, basic, "{}").await.status, 201, "a token is taken as Basic, too");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_outlives_the_process_and_goes_back_to_the_seed() {
    let dir = TempDir::new().expect("a folder");
    let path = dir.path().to_owned();
    let site = Site::with(|builder| builder.data_dir(&path)).await;
    let workspace = format!("{}/workspaces/research", account(&site, ALICE).await);
    let project = format!("{workspace}/projects/p?{V}");
    let made = site.ask("PUT", &project, BOB, &json!({ "properties": { "description": "d" } })).await.json();
    site.server.stop().await;
    let site = Site::with(|builder| builder.data_dir(&path)).await;
    assert_eq!(site.ask("GET", &project, ALICE, &Value::Null).await.json(), made);
    let admin = site.server.admin_token().to_owned();
    assert_eq!(site.ask("POST", "/_mock/reset", &admin, &Value::Null).await.status, 200);
    fails(&site.ask("GET", &project, ALICE, &Value::Null).await, 404, "ResourceNotFound");
    let workspace = format!("{workspace}?{V}");
    assert_eq!(
        site.ask("GET", &workspace, BOB, &Value::Null).await.status,
        200,
        "the seed's members are there again"
    );
    let member = "/_mock/experimentation/acmeml/research/members/contributor/bob";
    assert_eq!(site.ask("DELETE", member, &admin, &Value::Null).await.status, 204);
    fails(&site.ask("GET", &workspace, BOB, &Value::Null).await, 404, "ResourceNotFound");
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_are_kept_replaced_and_checked() {
    let site = Site::start().await;
    let account = account(&site, ALICE).await;
    let project = format!("{account}/workspaces/research/projects/tagged?{V}");
    let tags = json!({ "team": "vision", "Cost Centre": "42" });
    let made = site.ask("PUT", &project, ALICE, &json!({ "tags": tags })).await;
    assert_eq!((made.status, &made.json()["tags"]), (201, &tags));
    assert_eq!(site.ask("GET", &project, BOB, &Value::Null).await.json()["tags"], tags);
    let described = json!({ "properties": { "description": "d" } });
    assert_eq!(
        site.ask("PATCH", &project, ALICE, &described).await.json()["tags"],
        tags,
        "not said: they stay"
    );
    let patched = site.ask("PATCH", &project, ALICE, &json!({ "tags": { "team": "text" } })).await;
    assert_eq!(patched.json()["tags"], json!({ "team": "text" }), "said: those are all");
    let list =
        site.ask("GET", &format!("{account}/workspaces/research/projects?{V}"), ALICE, &Value::Null).await;
    assert_eq!(list.json()["value"][0]["tags"], json!({ "team": "text" }));
    let workspace = format!("{account}/workspaces/research?{V}");
    let answer = site.ask("PATCH", &workspace, ALICE, &json!({ "tags": { "is": "a workspace" } })).await;
    assert_eq!(answer.json()["tags"], json!({ "is": "a workspace" }), "{answer:?}");
    let own = format!("{account}2?{V}");
    let made = site.ask("PUT", &own, ALICE, &json!({ "tags": { "is": "an account" } })).await;
    assert_eq!((made.status, &made.json()["tags"]), (201, &json!({ "is": "an account" })), "{made:?}");
    let many: serde_json::Map<String, Value> = (0..51).map(|n| (format!("t{n}"), json!("x"))).collect();
    let bad = [
        json!(["team"]),
        json!({ "team": 1 }),
        json!({ "": "x" }),
        json!({ "a<b": "x" }),
        json!({ "x".repeat(513): "x" }),
        json!({ "team": "x".repeat(257) }),
        json!({ "team": "a", "TEAM": "b" }),
        Value::Object(many),
    ];
    for tags in bad {
        fails(
            &site.ask("PATCH", &project, ALICE, &json!({ "tags": tags })).await,
            400,
            "InvalidRequestContent",
        );
    }
    let emptied = site.ask("PATCH", &project, ALICE, &json!({ "tags": {} })).await;
    assert_eq!(emptied.json()["tags"], json!({}));
}
