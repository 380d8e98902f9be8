//! Fields of bodies: done, or refused by their names. Among those that are done: disabled repositories and forks.

use serde_json::{Value, json};
use vsts_mock::Profile;

use crate::site::{Site, ZEROS, add, each};

const REPOS: &str = "/acme/iris/_apis/git/repositories";

/// A repository with two branches and a tag; the tips of the branches.
async fn filled(site: &Site) -> [String; 2] {
    let tip = |pushed: Value| pushed["refUpdates"][0]["newObjectId"].as_str().expect("an id").to_owned();
    let master = site.push("extra", "refs/heads/master", ZEROS, json!([add("/a.txt", "one")])).await;
    let master = tip(master.expect(201));
    let side = site.push("extra", "refs/heads/side", &master, json!([add("/b.txt", "two")])).await;
    let side = tip(side.expect(201));
    let tag =
        json!({ "name": "v1", "message": "m", "taggedObject": { "objectId": side, "objectType": "commit" } });
    site.post(&format!("{REPOS}/extra/annotatedtags"), "carolpat", &tag).await.expect(201);
    [master, side]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_done_is_refused_by_its_name() {
    let site = Site::with_profile(Profile::Permissive).await;
    let [master, _] = filled(&site).await;
    let extra = |tail: &str| format!("{REPOS}/extra/{tail}");
    let push = |more: Value, change: Value, update: Value| {
        let mut body = json!({
            "refUpdates": [{ "name": "refs/heads/new", "oldObjectId": master }],
            "commits": [{ "comment": "x", "changes": [add("/x", "x")] }],
        });
        let put = |at: &mut Value, more: Value| {
            for (name, value) in more.as_object().expect("an object") {
                at[name] = value.clone();
            }
        };
        put(&mut body["commits"][0]["changes"][0], change);
        put(&mut body["commits"][0], more);
        put(&mut body["refUpdates"][0], update);
        body
    };
    let none = || json!({});
    let lock = format!("{REPOS}/extra/refs?filter=heads/master");
    let group = "/acme/_apis/graph/groups".to_owned();
    let rows = [
        (
            "POST",
            extra("pushes"),
            push(json!({ "workItems": [{ "id": "1" }] }), none(), none()),
            "commits.workItems",
        ),
        ("POST", extra("pushes"), push(json!({ "parents": [master, master] }), none(), none()), "parents"),
        (
            "POST",
            extra("pushes"),
            push(json!({ "author": { "nick": "c" } }), none(), none()),
            "commits.author.nick",
        ),
        (
            "POST",
            extra("pushes"),
            push(none(), json!({ "newContentTemplate": { "name": "README.md" } }), none()),
            "commits.changes.newContentTemplate",
        ),
        (
            "POST",
            extra("pushes"),
            push(none(), json!({ "item": { "content": "x" } }), none()),
            "item.content",
        ),
        ("POST", extra("pushes"), push(none(), none(), json!({ "isLocked": true })), "refUpdates.isLocked"),
        ("POST", extra("pushes"), push(none(), none(), json!({ "newObjectId": master })), "newObjectId"),
        ("POST", extra("refs"), json!([{ "name": "refs/heads/x", "isLocked": true }]), "isLocked"),
        ("PATCH", lock, json!({ "isLocked": true, "newObjectId": master }), "newObjectId"),
        (
            "POST",
            extra("commitsBatch"),
            json!({ "itemVersion": { "version": "master", "kind": 1 } }),
            "itemVersion.kind",
        ),
        ("POST", extra("commitsBatch"), json!({ "historyMode": "fullHistory" }), "historyMode"),
        (
            "POST",
            extra("itemsBatch"),
            json!({ "itemDescriptors": [{ "scope": "/" }] }),
            "itemDescriptors.scope",
        ),
        (
            "POST",
            extra("annotatedtags"),
            json!({ "name": "v2", "taggedObject": { "objectId": master, "objectType": "tree" } }),
            "objectType",
        ),
        ("POST", REPOS.to_owned(), json!({ "name": "n", "isDisabled": true }), "isDisabled"),
        ("POST", REPOS.to_owned(), json!({ "name": "n", "template": "x" }), "template"),
        ("PATCH", format!("{REPOS}/extra"), json!({ "description": "x" }), "description"),
        (
            "POST",
            "/acme/_apis/projects".to_owned(),
            json!({ "name": "n", "visibility": "public" }),
            "visibility",
        ),
        ("POST", "/acme/_apis/projects".to_owned(), json!({ "name": "n", "visibility": 2 }), "visibility"),
        ("PATCH", "/acme/_apis/projects/iris".to_owned(), json!({ "abbreviation": "i" }), "abbreviation"),
        ("PATCH", "/acme/_apis/projects/iris".to_owned(), json!({ "state": "deleting" }), "state"),
        (
            "PATCH",
            "/acme/_apis/projects/iris".to_owned(),
            json!({ "capabilities": { "processTemplate": {
                "templateTypeId": "6b724908-ef14-45cf-84f8-768b5384da45",
            } } }),
            "processTemplate",
        ),
        ("POST", group.clone(), json!({ "displayName": "g", "storageKey": "x" }), "storageKey"),
        (
            "POST",
            "/acme/_apis/Token/SessionTokens".to_owned(),
            json!({ "displayName": "t", "claims": { "a": "b" } }),
            "claims",
        ),
        (
            "POST",
            "/acme/_apis/tokens/pats".to_owned(),
            json!({ "displayName": "t", "validFrm": "x" }),
            "validFrm",
        ),
        (
            "POST",
            "/acme/_apis/security/permissionevaluationbatch".to_owned(),
            json!({ "evaluations": [{ "bits": 4 }] }),
            "evaluations.bits",
        ),
        ("POST", "/acme/_apis/security/permissionevaluationbatch".to_owned(), json!([]), "evaluations"),
    ];
    for (method, path, body, field) in rows {
        let reply = site.send(method, &path, "alicepat", "", &body.to_string()).await;
        assert_eq!(reply.status, 400, "{path} {body}: {}", reply.text());
        assert!(reply.json()["message"].as_str().unwrap_or_default().contains(field), "{}", reply.text());
    }
    let refs = site.get(&extra("refs?filter=heads"), "bobspat").await.expect(200);
    assert_eq!(each(&refs, "name"), ["refs/heads/master", "refs/heads/side"], "nothing has changed");
    let made = site.post(&group, "alicepat", &json!({ "displayName": "g" })).await.expect(201);
    let patch = json!([{ "op": "remove", "path": "/description", "value": "x" }]);
    let at = format!("{group}/{}", made["descriptor"].as_str().expect("text"));
    let patched = site.patch(&at, "alicepat", &patch).await;
    assert!(patched.text().contains("op has to be one of"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_service_sets_itself_may_be_sent_back() {
    let site = Site::with_profile(Profile::Permissive).await;
    let [master, side] = filled(&site).await;
    let repo = site.get(&format!("{REPOS}/extra"), "alicepat").await.expect(200);
    assert_eq!(site.patch(&format!("{REPOS}/extra"), "alicepat", &repo).await.expect(200), repo);
    let project =
        site.get("/acme/_apis/projects/iris?includeCapabilities=true", "alicepat").await.expect(200);
    let queued = site.patch("/acme/_apis/projects/iris", "alicepat", &project).await;
    assert_eq!(site.finished(&queued).await, "succeeded");
    let update = json!([{ "name": "refs/heads/side", "oldObjectId": side, "newObjectId": master }]);
    let verdicts = site.post(&format!("{REPOS}/extra/refs"), "carolpat", &update).await.expect(200);
    let again = site.post(&format!("{REPOS}/extra/refs"), "carolpat", &verdicts).await.expect(200);
    assert_eq!(each(&again, "updateStatus"), ["staleOldObjectId"], "it was read: {again}");
    let push = json!({
        "RefUpdates": [{ "Name": "refs/heads/side", "OldObjectId": master, "repositoryId": repo["id"], "isLocked": false }],
        "Commits": [{
            "Comment": "Case does not count.",
            "parents": [master],
            "workItems": [],
            "changes": [{
                "changeId": 1,
                "changeType": "add",
                "item": { "path": "/c.txt", "isFolder": false, "url": "http://example.com" },
                "newContent": { "content": "three", "contentType": "rawText" },
            }],
        }],
        "repository": repo,
    });
    let pushed = site.post(&format!("{REPOS}/extra/pushes"), "carolpat", &push).await.expect(201);
    assert_eq!(pushed["commits"][0]["comment"], "Case does not count.");
    let criteria = json!({
        "itemVersion": { "version": "side" }, "historyMode": "firstParent", "includeLinks": true, "includePushData": true,
        "includeUserImageUrl": true, "includeWorkItems": true, "$top": 1,
    });
    let found = site.post(&format!("{REPOS}/extra/commitsBatch"), "bobspat", &criteria).await.expect(200);
    let commit = &found["value"][0];
    assert_eq!(commit["push"]["pushedBy"]["displayName"], "carol");
    assert!(
        commit["_links"]["changes"]["href"].is_string() && commit["author"]["imageUrl"].is_string(),
        "{commit}"
    );
    let items = json!({
        "includeContentMetadata": true, "includeLinks": true, "latestProcessedChange": true,
        "itemDescriptors": [{ "path": "/c.txt", "version": "side" }, { "path": "/a.txt", "version": "side" }],
    });
    let items = site.post(&format!("{REPOS}/extra/itemsBatch"), "bobspat", &items).await.expect(200);
    let (c, a) = (&items["value"][0][0], &items["value"][1][0]);
    assert_eq!(c["latestProcessedChange"]["commitId"], pushed["commits"][0]["commitId"]);
    assert_eq!(a["latestProcessedChange"]["commitId"], master.as_str());
    assert_eq!((&c["contentMetadata"]["fileName"], c["_links"]["blob"].is_object()), (&json!("c.txt"), true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_went_is_left_out_of_its_history_if_asked() {
    let site = Site::with_profile(Profile::Permissive).await;
    let [_, side] = filled(&site).await;
    let delete = json!([{ "changeType": "delete", "item": { "path": "/b.txt" } }]);
    site.push("extra", "refs/heads/side", &side, delete).await.expect(201);
    for (query, count) in [("", 2), ("&excludeDeletes=true", 1), ("&searchCriteria.excludeDeletes=true", 1)] {
        let path = format!("{REPOS}/extra/commits?branch=side&itemPath=/b.txt{query}");
        assert_eq!(site.get(&path, "bobspat").await.expect(200)["count"], count, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_repository_is_listed_and_nothing_else() {
    let site = Site::with_profile(Profile::Permissive).await;
    let [master, _] = filled(&site).await;
    let at = format!("{REPOS}/extra");
    let whole = site.get(&at, "alicepat").await.expect(200);
    assert_eq!(whole["isDisabled"], false);
    assert_eq!(
        site.patch(&at, "carolpat", &json!({ "isDisabled": true })).await.fails(403),
        "GitNeedsPermissionException"
    );
    let mixed = site.patch(&at, "alicepat", &json!({ "isDisabled": true, "name": "other" })).await;
    assert_eq!(mixed.status, 400);
    assert!(mixed.text().contains("The repository change is not supported."), "{}", mixed.text());
    let disabled = site.patch(&at, "alicepat", &json!({ "isDisabled": true })).await.expect(200);
    assert_eq!((&disabled["isDisabled"], &disabled["id"]), (&json!(true), &whole["id"]));
    let id = whole["id"].as_str().expect("an id");
    for path in [
        at.clone(),
        format!("/acme/_apis/git/repositories/{id}"),
        format!("{at}/refs"),
        format!("{at}/commits"),
        format!("{at}/items"),
        format!("{at}/pushes"),
        format!("{at}/commits/{master}"),
    ] {
        for who in ["alicepat", "carolpat", "bobspat"] {
            let reply = site.get(&path, who).await;
            assert_eq!(reply.fails(404), "GitRepositoryNotFoundException", "{path}");
            assert!(reply.text().contains("TF401019: "), "{}", reply.text());
        }
    }
    let push = site.push("extra", "refs/heads/master", &master, json!([add("/x", "x")])).await;
    assert_eq!(push.status, 404);
    let output = site.run_git(".", &["ls-remote", &site.url("extra")]).await.expect_err("it is disabled");
    assert!(output.contains("TF401019: "), "{output}");
    for (who, expected) in [("bobspat", json!([true, false])), ("alicepat", json!([true, false]))] {
        let listed = site.get(REPOS, who).await.expect(200);
        assert_eq!(each(&listed, "name"), ["extra", "iris"]);
        assert_eq!(json!([listed["value"][0]["isDisabled"], listed["value"][1]["isDisabled"]]), expected);
    }
    assert_eq!(site.get("/acme/_apis/git/repositories", "davespat").await.status, 404);
    let page = async |path: &str| site.send("GET", path, "bobspat", "Accept: text/html\r\n", "").await;
    let project = page("/acme/iris").await.text();
    assert!(project.contains(">disabled<") && !project.contains("/_git/extra"), "{project}");
    assert_eq!(page("/acme/iris/_git/extra").await.status, 404);
    assert_eq!(site.patch(&at, "alicepat", &json!({ "name": "other" })).await.status, 400);
    assert_eq!(site.patch(&at, "davespat", &json!({ "isDisabled": false })).await.status, 404);
    assert_ne!(site.delete(&at, "alicepat").await.status, 204, "a disabled one can't be deleted");
    let enabled = site.patch(&at, "alicepat", &json!({ "isDisabled": false })).await.expect(200);
    assert_eq!(enabled, whole);
    assert_eq!(site.get(&format!("{at}/refs"), "bobspat").await.expect(200)["count"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_has_what_its_parent_has() {
    let site = Site::with_profile(Profile::Permissive).await;
    let [master, side] = filled(&site).await;
    let parent = site.get(&format!("{REPOS}/extra"), "alicepat").await.expect(200);
    let body =
        json!({ "name": "mine", "parentRepository": { "id": parent["id"] }, "project": { "name": "iris" } });
    assert_eq!(site.post(REPOS, "bobspat", &body).await.fails(403), "GitNeedsPermissionException");
    let fork = site.post("/acme/_apis/git/repositories", "alicepat", &body).await.expect(201);
    assert_eq!((&fork["isFork"], &fork["parentRepository"]["id"]), (&json!(true), &parent["id"]));
    assert_eq!(fork["defaultBranch"], "refs/heads/master");
    let refs = |site: &Site, repo: &str| site.url(repo);
    let [theirs, ours] = ["extra", "mine"].map(|repo| refs(&site, repo));
    let theirs = site.git(".", &["ls-remote", &theirs]).await;
    assert_eq!(site.git(".", &["ls-remote", &ours]).await, theirs);
    site.git(".", &["clone", "-q", &ours, "fork"]).await;
    site.git("fork", &["fsck", "--strict"]).await;
    assert_eq!(site.git("fork", &["rev-parse", "origin/side"]).await, side);
    // What is pushed to one is not in the other.
    let pushed =
        site.push("mine", "refs/heads/master", &master, json!([add("/mine.txt", "m")])).await.expect(201);
    assert_eq!(site.git(".", &["ls-remote", &site.url("extra")]).await, theirs);
    let new = pushed["commits"][0]["commitId"].as_str().expect("an id");
    assert_eq!(site.get(&format!("{REPOS}/extra/commits/{new}"), "alicepat").await.status, 404);
    let listed = site.get(REPOS, "bobspat").await.expect(200);
    assert_eq!(each(&listed, "name"), ["extra", "iris", "mine"]);
    assert_eq!((&listed["value"][2]["isFork"], &listed["value"][0]["isFork"]), (&json!(true), &Value::Null));
    let account = parent["parentRepository"]["collection"]["id"].as_str().unwrap_or("any");
    let forks = site.get(&format!("{REPOS}/extra/forks/{account}"), "bobspat").await.expect(200);
    assert_eq!(each(&forks, "name"), ["mine"]);

    // One branch alone, found by its parent's name.
    let one =
        json!({ "name": "one", "parentRepository": { "name": "extra", "project": { "name": "iris" } } });
    let one = site.post(&format!("{REPOS}?sourceRef=refs/heads/side"), "alicepat", &one).await.expect(201);
    assert_eq!(one["defaultBranch"], "refs/heads/side");
    let refs = site.git(".", &["ls-remote", &site.url("one")]).await;
    assert_eq!(refs, format!("{side}\tHEAD\n{side}\trefs/heads/side"));
    let empty = json!({ "name": "empty", "parentRepository": { "name": "iris" } });
    let empty = site.post(REPOS, "alicepat", &empty).await.expect(201);
    assert_eq!((&empty["isFork"], &empty["defaultBranch"]), (&json!(true), &Value::Null));
    for (query, parent, status) in [
        ("", json!({ "name": "none" }), 404),
        ("", json!({ "id": "11111111-2222-3333-4444-555555555555" }), 404),
        ("", json!({}), 400),
        ("?sourceRef=refs/heads/none", json!({ "name": "extra" }), 404),
    ] {
        let body = json!({ "name": "bad", "parentRepository": parent });
        let reply = site.post(&format!("{REPOS}{query}"), "alicepat", &body).await;
        assert_eq!(reply.status, status, "{query} {body}: {}", reply.text());
    }
    assert_eq!(site.get(&format!("{REPOS}/bad"), "alicepat").await.status, 404);
    // The parent goes; the fork stays whole.
    assert_eq!(site.delete(&format!("{REPOS}/extra"), "alicepat").await.status, 204);
    let left = site.get(&format!("{REPOS}/mine"), "alicepat").await.expect(200);
    assert_eq!((&left["isFork"], &left["parentRepository"]), (&json!(true), &Value::Null));
    site.git(".", &["clone", "-q", &ours, "again"]).await;
}
