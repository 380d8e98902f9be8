//! System threads: what becomes of a pull request is written into threads that programs can tell from people's.

use serde_json::{Value, json};
use vsts_mock::Profile;

use crate::site::{Site, ZEROS, add};

const PULLS: &str = "/acme/iris/_apis/git/repositories/extra/pullrequests";

/// The system threads of the pull request 1: type, content, properties with their values, and people by their keys.
async fn told(site: &Site) -> Vec<(String, String, Value)> {
    let threads = site.get(&format!("{PULLS}/1/threads?api-version=4.1"), "bobspat").await.expect(200);
    let of_system = |thread: &&Value| thread["comments"][0]["commentType"] == "system";
    let shown = |thread: &Value| {
        let comment = &thread["comments"][0];
        assert_eq!(comment["author"]["displayName"], "Microsoft.VisualStudio.Services.TFS", "{thread}");
        assert!(thread["status"].is_null() && thread["threadContext"].is_null(), "{thread}");
        let mut values = json!({});
        for (name, value) in thread["properties"].as_object().expect("properties") {
            let kind = if value["$value"].is_number() { "System.Int32" } else { "System.String" };
            assert_eq!(value["$type"], kind, "{name}: {value}");
            values[name] = value["$value"].clone();
        }
        for (name, value) in values.as_object_mut().expect("an object") {
            if name.ends_with("Identity") {
                let person = &thread["identities"][value.as_str().expect("a key")];
                *value = person["displayName"].clone();
            }
        }
        let kind = values["CodeReviewThreadType"].as_str().expect("a type").to_owned();
        (kind, comment["content"].as_str().expect("a text").to_owned(), values)
    };
    threads["value"].as_array().expect("a list").iter().filter(of_system).map(shown).collect()
}

/// A repository with master, topic and other, and a pull request by carol from topic to master; the tip of topic.
async fn site() -> (Site, String) {
    let site = Site::with_profile(Profile::AzureDevops).await;
    let tip = |answer: Value| answer["refUpdates"][0]["newObjectId"].as_str().expect("an id").to_owned();
    let master =
        tip(site.push("extra", "refs/heads/master", ZEROS, json!([add("/a", "a")])).await.expect(201));
    let refs = ["topic", "other"].map(
        |name| json!({ "name": format!("refs/heads/{name}"), "oldObjectId": ZEROS, "newObjectId": master }),
    );
    site.post("/acme/iris/_apis/git/repositories/extra/refs?api-version=4.1", "carolpat", &json!(refs))
        .await
        .expect(200);
    let topic =
        tip(site.push("extra", "refs/heads/topic", &master, json!([add("/b", "b")])).await.expect(201));
    let body = json!({ "sourceRefName": "refs/heads/topic", "targetRefName": "refs/heads/master", "title": "Topic" });
    site.post(&format!("{PULLS}?api-version=4.1"), "carolpat", &body).await.expect(201);
    (site, topic)
}

async fn update(site: &Site, token: &str, body: Value) {
    site.patch(&format!("{PULLS}/1?api-version=4.1"), token, &body).await.expect(200);
}

async fn person(site: &Site, name: &str) -> String {
    let path = format!("/acme/_apis/identities?searchFilter=General&filterValue={name}&api-version=4.1");
    let found = site.get(&path, "alicepat").await.expect(200);
    found["value"][0]["id"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_is_told_from_its_first_reviewer_to_its_completion() {
    let (site, topic) = site().await;
    assert!(told(&site).await.is_empty());
    let (bob, alice) = (person(&site, "bob").await, person(&site, "alice").await);
    let reviewer = |id: &str| format!("{PULLS}/1/reviewers/{id}?api-version=4.1");
    let put = async |id: &str, token: &str, vote: i64| {
        site.send("PUT", &reviewer(id), token, "", &json!({ "vote": vote }).to_string()).await.expect(200);
    };
    put(&bob, "carolpat", 0).await;
    put(&alice, "alicepat", 10).await;
    put(&alice, "alicepat", -5).await;
    site.delete(&reviewer(&bob), "carolpat").await.expect(200);
    let second = site.push("extra", "refs/heads/topic", &topic, json!([add("/c", "c")])).await.expect(201);
    let second = second["refUpdates"][0]["newObjectId"].as_str().expect("an id").to_owned();
    update(&site, "carolpat", json!({ "isDraft": true })).await;
    update(&site, "carolpat", json!({ "isDraft": false })).await;
    update(&site, "carolpat", json!({ "status": "abandoned" })).await;
    update(&site, "carolpat", json!({ "status": "active" })).await;
    update(&site, "carolpat", json!({ "targetRefName": "refs/heads/other" })).await;
    update(
        &site,
        "alicepat",
        json!({ "status": "completed", "lastMergeSourceCommit": { "commitId": second } }),
    )
    .await;
    let done = site.get(&format!("{PULLS}/1?api-version=4.1"), "bobspat").await.expect(200);
    assert_eq!(done["status"], "completed");

    let told = told(&site).await;
    let texts: Vec<(&str, &str)> =
        told.iter().map(|(kind, text, _)| (kind.as_str(), text.as_str())).collect();
    assert_eq!(
        texts,
        [
            ("ReviewersUpdate", "carol added bob as a reviewer"),
            ("ReviewersUpdate", "alice joined as a reviewer"),
            ("VoteUpdate", "alice voted 10"),
            ("VoteUpdate", "alice voted -5"),
            ("ReviewersUpdate", "carol removed bob as a reviewer"),
            ("RefUpdate", "The reference refs/heads/topic was updated."),
            ("IsDraftUpdate", "carol marked the pull request as a draft"),
            ("IsDraftUpdate", "carol published the pull request"),
            ("StatusUpdate", "carol updated the pull request status to Abandoned"),
            ("StatusUpdate", "carol updated the pull request status to Active"),
            ("TargetChanged", "carol changed the target branch from master to other"),
            ("StatusUpdate", "alice updated the pull request status to Completed"),
        ]
    );
    let values = |at: usize| told[at].2.clone();
    assert_eq!(
        values(0),
        json!({
            "CodeReviewThreadType": "ReviewersUpdate", "CodeReviewReviewersUpdatedNumAdded": 1,
            "CodeReviewReviewersUpdatedNumRemoved": 0, "CodeReviewReviewersUpdatedNumChanged": 0,
            "CodeReviewReviewersUpdatedNumDeclined": 0, "CodeReviewReviewersUpdatedAddedIdentity": "bob",
            "CodeReviewReviewersUpdatedByIdentity": "carol",
        })
    );
    assert_eq!(
        values(2),
        json!({
            "CodeReviewThreadType": "VoteUpdate", "CodeReviewVoteResult": "10", "CodeReviewVotedByIdentity": "alice",
            "CodeReviewVotedByInitiatorIdentity": "alice",
        })
    );
    assert_eq!(
        values(5),
        json!({
            "CodeReviewThreadType": "RefUpdate", "CodeReviewRefName": "refs/heads/topic", "CodeReviewRefNewCommits": second,
            "CodeReviewRefNewCommitsCount": 1, "CodeReviewRefNewHeadCommit": second, "CodeReviewRefUpdatedByIdentity": "carol",
        })
    );
    assert_eq!(
        values(11),
        json!({
            "CodeReviewThreadType": "StatusUpdate", "CodeReviewStatus": "Completed", "BypassPolicy": "False",
            "CodeReviewStatusUpdatedByIdentity": "alice",
            "CodeReviewStatusUpdateAssociatedCommit": done["lastMergeCommit"]["commitId"],
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn conflicts_and_auto_complete_are_told_and_no_policy_waits_for_system_threads() {
    let (site, topic) = site().await;
    let project =
        site.get("/acme/_apis/projects/iris?api-version=4.1", "alicepat").await.expect(200)["id"].clone();
    let repo = site
        .get("/acme/iris/_apis/git/repositories/extra?api-version=4.1", "alicepat")
        .await
        .expect(200)["id"]
        .clone();
    let scope = json!([{ "repositoryId": repo, "refName": "refs/heads/master", "matchKind": "Exact" }]);
    let policy = json!({
        "isEnabled": true, "isBlocking": true, "settings": { "scope": scope },
        "type": { "id": "c6a1889d-b943-4856-b76f-9e46bb6b0df2" },
    });
    site.post("/acme/iris/_apis/policy/configurations?api-version=4.1", "alicepat", &policy)
        .await
        .expect(200);
    let alice = person(&site, "alice").await;
    site.send(
        "PUT",
        &format!("{PULLS}/1/reviewers/{alice}?api-version=4.1"),
        "alicepat",
        "",
        r#"{"vote":5}"#,
    )
    .await
    .expect(200);
    let artifact = format!("vstfs:///CodeReview/CodeReviewId/{}/1", project.as_str().expect("an id"));
    let path = format!("/acme/iris/_apis/policy/evaluations?artifactId={artifact}&api-version=4.1-preview.1");
    let evaluations = site.get(&path, "alicepat").await.expect(200);
    assert_eq!(evaluations["value"][0]["status"], "approved", "{evaluations}");

    // Both sides write the same file.
    site.push("extra", "refs/heads/topic", &topic, json!([add("/clash", "one")])).await.expect(201);
    let clone = site.url("extra");
    site.git(".", &["clone", "-q", &clone, "work"]).await;
    site.write("work/clash", "two\n");
    site.git("work", &["add", "-A"]).await;
    site.git("work", &["commit", "-q", "-m", "Clash."]).await;
    site.git("work", &["push", "-q", "origin", "HEAD:refs/heads/other"]).await;
    update(&site, "carolpat", json!({ "targetRefName": "refs/heads/other" })).await;
    let carol = person(&site, "carol").await;
    update(&site, "carolpat", json!({ "autoCompleteSetBy": { "id": carol } })).await;
    update(
        &site,
        "carolpat",
        json!({ "autoCompleteSetBy": { "id": "00000000-0000-0000-0000-000000000000" } }),
    )
    .await;
    let pull = site.get(&format!("{PULLS}/1?api-version=4.1"), "bobspat").await.expect(200);
    assert_eq!(pull["mergeStatus"], "conflicts");
    let told = told(&site).await;
    let of = |kind: &str| told.iter().filter(|one| one.0 == kind).map(|one| &one.2).collect::<Vec<_>>();
    assert_eq!(of("MergeAttempt")[0]["CodeReviewMergeStatus"], "Conflicts");
    assert_eq!(of("MergeAttempt")[0]["CodeReviewSourceCommit"], pull["lastMergeSourceCommit"]["commitId"]);
    let set: Vec<&Value> =
        of("AutoCompleteUpdate").iter().map(|one| &one["CodeReviewAutoCompleteNowSet"]).collect();
    assert_eq!(set, ["True", "False"]);
    // A person's thread is as before: programs that look at the type of comments find it alone.
    let thread = json!({ "comments": [{ "content": "Look.", "commentType": 1 }], "status": "active" });
    site.post(&format!("{PULLS}/1/threads?api-version=4.1"), "bobspat", &thread).await.expect(200);
    let threads = site.get(&format!("{PULLS}/1/threads?api-version=4.1"), "bobspat").await.expect(200);
    let people = threads["value"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|one| one["properties"]["CodeReviewThreadType"].is_null());
    assert_eq!(people.count(), 1);
}
