//! Pull requests by REST: made, merged, changed and completed, with stock git as the judge of what is in the repository.

use serde_json::{Value, json};
use vsts_mock::Profile;

use crate::site::{Site, ZEROS, add, each};

const REPO: &str = "/acme/iris/_apis/git/repositories/extra";
const PULLS: &str = "/acme/iris/_apis/git/repositories/extra/pullrequests";

fn edit(path: &str, content: &str) -> Value {
    let mut change = add(path, content);
    change["changeType"] = "edit".into();
    change
}

fn tip_of(pushed: &Value) -> String {
    pushed["refUpdates"][0]["newObjectId"].as_str().expect("an id").to_owned()
}

/// A file of ten lines, of which one has another text.
fn lines(at: usize, text: &str) -> String {
    (0..10).map(|line| if line == at { format!("{text}\n") } else { format!("line {line}\n") }).collect()
}

/// A site whose `extra` has a master, and a branch `topic` of it with one commit.
async fn site() -> (Site, String, String) {
    let site = Site::with_profile(Profile::Permissive).await;
    let master = site.push("extra", "refs/heads/master", ZEROS, json!([add("/a.txt", &lines(99, ""))])).await;
    let master = tip_of(&master.expect(201));
    let topic = branch(&site, "topic", &master, json!([edit("/a.txt", &lines(1, "topic"))])).await;
    (site, master, topic)
}

/// Pushes changes to a branch.
async fn branch(site: &Site, name: &str, old: &str, changes: Value) -> String {
    tip_of(&site.push("extra", &format!("refs/heads/{name}"), old, changes).await.expect(201))
}

async fn open(site: &Site, source: &str) -> Value {
    let body = json!({
        "sourceRefName": format!("refs/heads/{source}"),
        "targetRefName": "refs/heads/master",
        "title": format!("Take {source}"),
        "description": "Why.",
    });
    site.post(&format!("{PULLS}?api-version=4.1"), "carolpat", &body).await.expect(201)
}

async fn get(site: &Site, id: i64) -> Value {
    site.get(&format!("{PULLS}/{id}"), "carolpat").await.expect(200)
}

async fn complete(site: &Site, id: i64, source: &str, options: Value) -> Value {
    let body = json!({
        "status": "completed",
        "lastMergeSourceCommit": { "commitId": source },
        "completionOptions": options,
    });
    site.patch(&format!("{PULLS}/{id}"), "carolpat", &body).await.expect(200)
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_request_is_merged_and_shown_in_three_ways() {
    for profile in [Profile::Permissive, Profile::Vsts, Profile::AzureDevops] {
        let site = Site::with_profile(profile).await;
        let first = json!([add("/a.txt", &lines(99, ""))]);
        let master = tip_of(&site.push("extra", "refs/heads/master", ZEROS, first).await.expect(201));
        let topic = branch(&site, "topic", &master, json!([edit("/a.txt", &lines(1, "topic"))])).await;
        let made = open(&site, "topic").await;
        assert_eq!(made["status"], "active");
        assert_eq!(made["mergeStatus"], "queued");
        assert_eq!(made["reviewers"], json!([]));
        assert_eq!(made["labels"], json!([]));
        assert_eq!(made["lastMergeSourceCommit"]["commitId"], topic.as_str());
        assert!(text(&made["artifactId"]).ends_with("%2f1"), "{}", made["artifactId"]);
        assert!(text(&made["creationDate"]).ends_with('Z'));
        assert_eq!(text(&made["creationDate"]).len(), "2017-09-07T12:00:00.0000000Z".len());

        let whole = get(&site, 1).await;
        assert_eq!(whole["mergeStatus"], "succeeded");
        assert_eq!(whole["lastMergeCommit"]["comment"], "Merge pull request 1 from topic into master");
        assert!(whole["_links"]["iterations"]["href"].is_string());
        let by_id = site.get("/acme/_apis/git/pullrequests/1", "carolpat").await.expect(200);
        assert_eq!(by_id["_links"], Value::Null);
        assert_eq!(by_id["lastMergeCommit"], whole["lastMergeCommit"]);
        let by_project = site.get("/acme/iris/_apis/git/pullrequests/1", "carolpat").await.expect(200);
        assert_eq!(by_project, by_id);
        for list in ["/acme/iris/_apis/git/pullrequests", PULLS] {
            let list = site.get(list, "carolpat").await.expect(200);
            assert_eq!(list["count"], 1);
            let listed = &list["value"][0];
            assert_eq!(listed["pullRequestId"], 1);
            assert_eq!(listed["artifactId"], Value::Null);
            assert_eq!(listed["repository"].as_object().map(serde_json::Map::len), Some(4));
            assert_eq!(listed["lastMergeCommit"]["comment"], Value::Null);
        }
        site.git(".", &["clone", "-q", &site.url("extra"), "clone"]).await;
        site.git("clone", &["fetch", "-q", "origin", "refs/pull/1/merge:merge"]).await;
        let parents = site.git("clone", &["log", "-1", "--format=%P", "merge"]).await;
        assert_eq!(parents, format!("{master} {topic}"));
        assert_eq!(
            site.git("clone", &["rev-parse", "merge"]).await,
            text(&whole["lastMergeCommit"]["commitId"])
        );
        site.git("clone", &["fsck", "--strict"]).await;
        let denied = site.run_git("clone", &["push", "origin", "HEAD:refs/pull/1/merge", "--force"]).await;
        assert!(denied.expect_err("the ref is the server's").contains("written by the server alone"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_follows_both_branches_and_names_files_in_conflict() {
    let (site, master, topic) = site().await;
    open(&site, "topic").await;
    let first = text(&get(&site, 1).await["lastMergeCommit"]["commitId"]).to_owned();
    let master = branch(&site, "master", &master, json!([edit("/a.txt", &lines(8, "master"))])).await;
    let second = get(&site, 1).await;
    assert_eq!(second["mergeStatus"], "succeeded");
    assert_ne!(text(&second["lastMergeCommit"]["commitId"]), first);
    assert_eq!(second["lastMergeTargetCommit"]["commitId"], master.as_str());
    let topic =
        branch(&site, "topic", &topic, json!([edit("/a.txt", &lines(8, "ours")), add("/b/c.txt", "c")]))
            .await;
    let third = get(&site, 1).await;
    assert_eq!(third["mergeStatus"], "conflicts");
    assert_eq!(third["lastMergeCommit"], Value::Null);
    assert_eq!(third["lastMergeSourceCommit"]["commitId"], topic.as_str());
    let conflicts = site.get(&format!("{PULLS}/1/conflicts"), "carolpat").await.expect(200);
    assert_eq!(each(&conflicts, "conflictPath"), ["/a.txt"]);
    let body = json!({ "status": "completed", "lastMergeSourceCommit": { "commitId": topic } });
    let refused = site.patch(&format!("{PULLS}/1"), "carolpat", &body).await;
    assert_eq!(refused.status, 409);
    assert!(refused.text().contains("a.txt"), "{}", refused.text());
    let iterations = site.get(&format!("{PULLS}/1/iterations?includeCommits=true"), "carolpat").await;
    let iterations = iterations.expect(200);
    assert_eq!(iterations["count"], 2);
    assert_eq!(iterations["value"][1]["sourceRefCommit"]["commitId"], topic.as_str());
    assert_eq!(iterations["value"][1]["commits"].as_array().map(Vec::len), Some(2));
    let changes = site.get(&format!("{PULLS}/1/iterations/2/changes?$compareTo=1"), "carolpat").await;
    let changes = changes.expect(200);
    let paths: Vec<&str> = changes["changeEntries"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| text(&one["item"]["path"]))
        .collect();
    assert_eq!(paths, ["/a.txt", "/b/c.txt"]);
    // With the conflict out of the way it is merged anew.
    branch(&site, "topic", &topic, json!([edit("/a.txt", &lines(1, "topic"))])).await;
    assert_eq!(get(&site, 1).await["mergeStatus"], "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_request_is_changed_abandoned_and_taken_up_again() {
    let (site, master, _) = site().await;
    open(&site, "topic").await;
    let at = format!("{PULLS}/1");
    let first = text(&get(&site, 1).await["lastMergeCommit"]["commitId"]).to_owned();
    let twice =
        json!({ "sourceRefName": "refs/heads/topic", "targetRefName": "refs/heads/master", "title": "t" });
    assert_eq!(site.post(PULLS, "alicepat", &twice).await.fails(409), "GitPullRequestExistsException");
    let body = json!({ "title": "New", "description": "", "isDraft": true });
    let changed = site.patch(&at, "carolpat", &body).await.expect(200);
    assert_eq!((&changed["title"], &changed["isDraft"]), (&"New".into(), &true.into()));
    assert_eq!(changed["description"], Value::Null);
    for wrong in [json!({}), json!({ "reviewers": [] }), json!({ "mergeStatus": "succeeded" })] {
        let refused = site.patch(&at, "carolpat", &wrong).await;
        assert_eq!(refused.fails(400), "InvalidArgumentValueException", "{wrong}");
    }
    let abandoned = site.patch(&at, "carolpat", &json!({ "status": "abandoned" })).await.expect(200);
    assert_eq!(abandoned["status"], "abandoned");
    assert!(abandoned["closedDate"].is_string());
    assert_eq!((&abandoned["mergeStatus"], &abandoned["lastMergeCommit"]), (&Value::Null, &Value::Null));
    assert_eq!(site.patch(&at, "carolpat", &json!({ "isDraft": false })).await.status, 409);
    site.post(PULLS, "alicepat", &twice).await.expect(201);
    assert_eq!(
        site.patch(&at, "carolpat", &json!({ "status": 1 })).await.fails(409),
        "GitPullRequestExistsException"
    );
    site.patch(&format!("{PULLS}/2"), "alicepat", &json!({ "status": 2 })).await.expect(200);
    let active = site.patch(&at, "carolpat", &json!({ "status": 1 })).await.expect(200);
    assert_eq!((&active["mergeStatus"], &active["closedDate"]), (&"queued".into(), &Value::Null));
    let again = get(&site, 1).await;
    assert_eq!(again["mergeStatus"], "succeeded");
    assert_ne!(text(&again["lastMergeCommit"]["commitId"]), first);
    branch(&site, "stable", &master, json!([add("/s.txt", "s")])).await;
    site.patch(&at, "carolpat", &json!({ "targetRefName": "refs/heads/stable" })).await.expect(200);
    let moved = get(&site, 1).await;
    assert_eq!(moved["targetRefName"], "refs/heads/stable");
    assert_eq!(moved["lastMergeCommit"]["comment"], "Merge pull request 1 from topic into stable");
    let gone = json!({ "targetRefName": "refs/heads/none" });
    assert_eq!(
        site.patch(&at, "carolpat", &gone).await.fails(400),
        "GitPullRequestCannotBeActivatedException"
    );
    for (query, ids) in [
        ("", "1"),
        ("searchCriteria.status=all", "2 1"),
        ("searchCriteria.status=abandoned", "2"),
        ("searchCriteria.status=4&$top=1", "2"),
        ("searchCriteria.status=4&$skip=1", "1"),
        ("searchCriteria.sourceRefName=refs/heads/topic", "1"),
        ("searchCriteria.targetRefName=refs/heads/master", ""),
        ("searchCriteria.title=ne", "1"),
        ("searchCriteria.maxTime=2001-01-01T00:00:00Z", ""),
        (
            "searchCriteria.status=all&searchCriteria.queryTimeRangeType=closed&searchCriteria.minTime=2001-01-01",
            "2",
        ),
    ] {
        let list = site.get(&format!("{PULLS}?{query}"), "carolpat").await.expect(200);
        let found: Vec<String> = list["value"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| one["pullRequestId"].to_string())
            .collect();
        assert_eq!(found.join(" "), ids, "{query}");
    }
    assert_eq!(
        site.get(&format!("{PULLS}/9"), "carolpat").await.fails(404),
        "GitPullRequestNotFoundException"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completion_lands_by_each_strategy() {
    for (strategy, parents, subject) in [
        ("noFastForward", 2, "Merged PR 1: Take topic"),
        ("squash", 1, "Merged PR 1: Take topic"),
        ("rebase", 1, "By REST."),
        ("rebaseMerge", 2, "Merged PR 1: Take topic"),
    ] {
        let (site, master, topic) = site().await;
        let master = branch(&site, "master", &master, json!([edit("/a.txt", &lines(8, "master"))])).await;
        open(&site, "topic").await;
        let options = json!({ "mergeStrategy": strategy, "deleteSourceBranch": true });
        let queued = complete(&site, 1, &topic, options).await;
        assert_eq!(
            (&queued["status"], &queued["mergeStatus"]),
            (&"active".into(), &"queued".into()),
            "{strategy}"
        );
        assert!(queued["completionQueueTime"].is_string());
        assert_eq!(queued["lastMergeCommit"], Value::Null);
        let done = get(&site, 1).await;
        assert_eq!(
            (&done["status"], &done["mergeStatus"]),
            (&"completed".into(), &"succeeded".into()),
            "{done:#}"
        );
        assert!(done["closedDate"].is_string());
        site.git(".", &["clone", "-q", &site.url("extra"), "clone"]).await;
        let log = site.git("clone", &["log", "-1", "--format=%P%x09%s"]).await;
        let (own, text_of) = log.split_once('\t').expect("two fields");
        assert_eq!((own.split(' ').count(), text_of), (parents, subject), "{strategy}");
        assert_eq!(own.split(' ').next(), Some(master.as_str()).filter(|_| strategy != "none"));
        assert_eq!(
            site.git("clone", &["rev-parse", "HEAD"]).await,
            text(&done["lastMergeCommit"]["commitId"])
        );
        let content = site.git("clone", &["show", "HEAD:a.txt"]).await;
        assert!(content.contains("topic") && content.contains("master"), "{content}");
        assert_eq!(
            site.git("clone", &["branch", "-r"]).await.lines().count(),
            2,
            "the source is gone: HEAD, master"
        );
        site.git("clone", &["fsck", "--strict"]).await;
        let pushes =
            site.get(&format!("{REPO}/pushes?searchCriteria.refName=refs/heads/master"), "carolpat").await;
        let newest = &pushes.expect(200)["value"][0];
        assert_eq!(newest["pushedBy"]["displayName"], "carol");
        let query = json!({ "queries": [{ "type": 1, "items": [done["lastMergeCommit"]["commitId"]] }] });
        let found = site.post(&format!("{REPO}/pullrequestquery"), "carolpat", &query).await.expect(200);
        let landed = text(&done["lastMergeCommit"]["commitId"]);
        assert_eq!(found["results"][0][landed][0]["pullRequestId"], 1);
        let again = json!({ "status": "completed", "lastMergeSourceCommit": { "commitId": topic } });
        assert_eq!(
            site.patch(&format!("{PULLS}/1"), "carolpat", &again).await.fails(409),
            "GitPullRequestNotEditableException"
        );
        site.patch(&format!("{PULLS}/1"), "carolpat", &json!({ "title": "Done" })).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completion_of_an_older_tip_is_stale_and_a_merge_elsewhere_completes() {
    let (site, master, topic) = site().await;
    open(&site, "topic").await;
    let newer = branch(&site, "topic", &topic, json!([add("/n.txt", "n")])).await;
    let body = json!({ "status": "completed", "lastMergeSourceCommit": { "commitId": topic } });
    assert_eq!(
        site.patch(&format!("{PULLS}/1"), "carolpat", &body).await.fails(409),
        "GitPullRequestStaleException"
    );
    let forward = json!([{ "name": "refs/heads/master", "oldObjectId": master, "newObjectId": newer }]);
    site.post(&format!("{REPO}/refs"), "alicepat", &forward).await.expect(200);
    let done = get(&site, 1).await;
    assert_eq!(done["status"], "completed");
    assert_eq!(done["closedBy"]["displayName"], "alice");
    assert_eq!(done["lastMergeCommit"]["commitId"], newer.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_request_completes_by_itself_when_its_policies_are_met() {
    let (site, _, topic) = site().await;
    let repo = site.get(REPO, "alicepat").await.expect(200);
    let scope = json!([{ "repositoryId": repo["id"], "refName": "refs/heads/master", "matchKind": "exact" }]);
    let policy = |kind: &str, mut settings: Value| {
        settings["scope"] = scope.clone();
        json!({ "isEnabled": true, "isBlocking": true, "type": { "id": kind }, "settings": settings })
    };
    let policies = "/acme/iris/_apis/policy/configurations";
    let reviewers = policy(
        "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd",
        json!({ "minimumApproverCount": 1, "creatorVoteCounts": false }),
    );
    assert_eq!(site.post(policies, "carolpat", &reviewers).await.status, 403);
    let made = site.post(policies, "alicepat", &reviewers).await.expect(200);
    assert_eq!((&made["id"], &made["revision"]), (&1.into(), &1.into()));
    assert_eq!(made["settings"]["creatorVoteCounts"], Value::Null, "what is false is left out");
    assert_eq!(made["settings"]["scope"][0]["matchKind"], "Exact");
    site.post(policies, "alicepat", &policy("c6a1889d-b943-4856-b76f-9e46bb6b0df2", json!({})))
        .await
        .expect(200);
    let status =
        policy("cbdc66da-9728-4af8-aada-9a5a32e4a226", json!({ "statusName": "ci", "statusGenre": "bot" }));
    site.post(policies, "alicepat", &status).await.expect(200);
    assert_eq!(site.get(policies, "bobspat").await.expect(200)["count"], 3);

    let pushed = site
        .push("extra", "refs/heads/master", text(&get_tip(&site, "master").await), json!([add("/x", "x")]))
        .await;
    assert_eq!(pushed.fails(403), "GitRefUpdateRejectedByPolicyException");
    site.git(".", &["clone", "-q", &site.url("extra"), "clone"]).await;
    site.git("clone", &["commit", "-q", "--allow-empty", "-m", "direct"]).await;
    let refused =
        site.run_git("clone", &["push", "-q", "origin", "HEAD"]).await.expect_err("it is protected");
    assert!(refused.contains("TF402455: Pushes to this branch are not permitted"), "{refused}");

    open(&site, "topic").await;
    let thread = json!({ "comments": [{ "content": "Why?", "commentType": 1 }], "status": 1 });
    let thread = site.post(&format!("{PULLS}/1/threads"), "alicepat", &thread).await.expect(200);
    let body = json!({ "status": "completed", "lastMergeSourceCommit": { "commitId": topic } });
    let refused = site.patch(&format!("{PULLS}/1"), "carolpat", &body).await;
    assert_eq!(refused.fails(403), "GitPullRequestUpdateRejectedByPolicyException");
    for demand in [
        "At least 1 reviewers must approve",
        "All comments must be resolved",
        "bot/ci must succeed to update master",
    ] {
        assert!(refused.text().contains(demand), "{}", refused.text());
    }
    let carol = get(&site, 1).await["createdBy"]["id"].clone();
    let auto = json!({ "autoCompleteSetBy": { "id": carol }, "completionOptions": { "squashMerge": true } });
    let waiting = site.patch(&format!("{PULLS}/1"), "carolpat", &auto).await.expect(200);
    assert_eq!(waiting["autoCompleteSetBy"]["displayName"], "carol");
    assert_eq!(get(&site, 1).await["status"], "active");
    let artifact = format!("vstfs:///CodeReview/CodeReviewId/{}/1", text(&repo["project"]["id"]));
    let evaluations =
        format!("/acme/iris/_apis/policy/evaluations?api-version=4.1-preview.1&artifactId={artifact}");
    let all = site.get(&evaluations, "carolpat").await.expect(200);
    assert_eq!(each(&all, "status"), ["running", "running", "queued"]);

    let alice =
        site.get("/acme/_apis/connectionData", "alicepat").await.expect(200)["authenticatedUser"]["id"]
            .clone();
    let reviewer = format!("{PULLS}/1/reviewers/{}", text(&alice));
    assert_eq!(site.send("PUT", &reviewer, "carolpat", "", r#"{"vote":10}"#).await.status, 403);
    let voted = site.send("PUT", &reviewer, "alicepat", "", r#"{"vote":10}"#).await.expect(200);
    assert_eq!(voted["vote"], 10);
    let posted =
        json!({ "state": "succeeded", "context": { "name": "ci", "genre": "bot" }, "iterationId": 1 });
    site.post(&format!("{PULLS}/1/statuses?api-version=4.1-preview.1"), "carolpat", &posted)
        .await
        .expect(200);
    assert_eq!(get(&site, 1).await["status"], "active");
    let fixed = json!({ "status": "fixed" });
    site.patch(&format!("{PULLS}/1/threads/{}", thread["id"]), "carolpat", &fixed).await.expect(200);
    let done = get(&site, 1).await;
    assert_eq!(done["status"], "completed", "{done:#}");
    site.git("clone", &["fetch", "-q"]).await;
    assert_eq!(
        site.git("clone", &["log", "-1", "--format=%an %s", "origin/master"]).await,
        "carol Merged PR 1: Take topic"
    );
}

async fn get_tip(site: &Site, branch: &str) -> Value {
    site.get(&format!("{REPO}/refs/heads/{branch}"), "carolpat").await.expect(200)["value"][0]["objectId"]
        .clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn reviewers_threads_labels_and_the_rest() {
    let (site, _, topic) = site().await;
    open(&site, "topic").await;
    let at = |tail: &str| format!("{PULLS}/1/{tail}");
    let alice =
        site.get("/acme/_apis/connectionData", "alicepat").await.expect(200)["authenticatedUser"]["id"]
            .clone();
    let added = site.post(&at("reviewers"), "carolpat", &json!([{ "id": alice, "isRequired": true }])).await;
    let added = added.expect(200);
    assert_eq!(added["value"][0]["isRequired"], true);
    assert_eq!(added["value"][0]["descriptor"], Value::Null);
    assert_eq!(site.get(&at("reviewers"), "bobspat").await.expect(200)["count"], 1);
    let gone = site.delete(&at(&format!("reviewers/{}", text(&alice))), "carolpat").await;
    assert_eq!((gone.status, gone.body.len()), (200, 0));

    let thread = json!({
        "comments": [{ "parentCommentId": 0, "content": "Look here.", "commentType": 1 }],
        "status": 1,
        "threadContext": { "filePath": "/a.txt", "rightFileStart": { "line": 2, "offset": 1 } },
        "properties": { "tool": "x" },
    });
    let made = site.post(&at("threads"), "bobspat", &thread).await.expect(200);
    assert_eq!(
        (&made["id"], &made["status"], &made["isDeleted"]),
        (&3.into(), &"active".into(), &false.into()),
        "two system threads are before it"
    );
    assert_eq!(made["properties"]["tool"]["$value"], "x");
    let reply = json!({ "content": "Yes.", "parentCommentId": 1, "commentType": "text" });
    assert_eq!(site.post(&at("threads/3/comments"), "carolpat", &reply).await.expect(200)["id"], 2);
    let other = json!({ "content": "No." });
    assert_eq!(site.patch(&at("threads/3/comments/2"), "bobspat", &other).await.status, 403);
    site.patch(&at("threads/3/comments/2"), "carolpat", &other).await.expect(200);
    let likes = at("threads/3/comments/2/likes?api-version=4.1-preview.1");
    assert_eq!(site.send("POST", &likes, "bobspat", "", "").await.status, 200);
    assert_eq!(site.get(&likes, "bobspat").await.expect(200)["count"], 1);
    assert_eq!(site.delete(&at("threads/3/comments/1"), "bobspat").await.status, 200);
    assert_eq!(site.delete(&at("threads/3/comments/2"), "carolpat").await.status, 200);
    let all = site.get(&at("threads"), "bobspat").await.expect(200);
    assert_eq!(all["value"][2]["isDeleted"], true);
    assert_eq!(all["value"][2]["comments"][0]["content"], Value::Null);
    assert_eq!(site.get(&at("threads/99"), "bobspat").await.status, 404);

    let preview = "?api-version=4.1-preview.1";
    let label = json!({ "name": "Needs tests" });
    let first = site.post(&at(&format!("labels{preview}")), "carolpat", &label).await.expect(200);
    let again =
        site.post(&at(&format!("labels{preview}")), "carolpat", &json!({ "name": "needs TESTS" })).await;
    assert_eq!(again.expect(200)["id"], first["id"]);
    assert_eq!(get(&site, 1).await["labels"][0]["active"], true);
    assert_eq!(site.delete(&at(&format!("labels/Needs%20tests{preview}")), "carolpat").await.status, 200);
    assert_eq!(get(&site, 1).await["labels"], Value::Null);

    let patch = json!([{ "op": "add", "path": "/a.b", "value": 7 }]);
    let set = site.patch(&at(&format!("properties{preview}")), "carolpat", &patch).await.expect(200);
    assert_eq!(set["value"]["a.b"]["$value"], 7);
    assert_eq!(site.get(&at("workitems"), "bobspat").await.expect(200)["count"], 0);
    let commits = site.get(&at("commits"), "bobspat").await.expect(200);
    assert_eq!(each(&commits, "commitId"), std::slice::from_ref(&topic));
    let statuses = format!("{REPO}/commits/{topic}/statuses");
    for state in ["pending", "succeeded"] {
        let body = json!({ "state": state, "context": { "name": "build", "genre": "ci" } });
        site.post(&statuses, "carolpat", &body).await.expect(201);
    }
    let latest = site.get(&format!("{statuses}?latestOnly=true"), "bobspat").await.expect(200);
    assert_eq!(each(&latest, "state"), ["succeeded"]);
    assert_eq!(site.get(&statuses, "bobspat").await.expect(200)["count"], 2);
    assert_eq!(site.get("/acme/iris/_apis/policy/types", "bobspat").await.expect(200)["count"], 9);
    assert_eq!(site.get(PULLS, "davespat").await.status, 404);
    assert_eq!(site.get("/acme/_apis/git/pullrequests/1", "davespat").await.status, 404);
}
