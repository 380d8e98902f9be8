//! Pull requests from a fork: its commits are merged in the repository that it is a fork of.

use serde_json::{Value, json};
use vsts_mock::Profile;

use crate::site::{Reply, Site, ZEROS, add, each};

const REPOS: &str = "/acme/iris/_apis/git/repositories";
const PULLS: &str = "/acme/iris/_apis/git/repositories/extra/pullrequests";

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is a text"))
}

async fn branch(site: &Site, repo: &str, name: &str, old: &str, path: &str) -> String {
    let pushed = site.push(repo, &format!("refs/heads/{name}"), old, json!([add(path, path)])).await;
    text(&pushed.expect(201)["refUpdates"][0]["newObjectId"]).to_owned()
}

/// A site whose `extra` has a master, with a fork of it; the tip of master, and the fork's id.
async fn forked() -> (Site, String, String) {
    let site = Site::with_profile(Profile::Permissive).await;
    let master = branch(&site, "extra", "master", ZEROS, "/m").await;
    let parent = site.get(&format!("{REPOS}/extra"), "alicepat").await.expect(200)["id"].clone();
    let project = site.get("/acme/_apis/projects/iris", "alicepat").await.expect(200)["id"].clone();
    let body = json!({ "name": "fork", "project": { "id": project },
        "parentRepository": { "id": parent, "project": { "id": project } } });
    let fork = site.post(REPOS, "alicepat", &body).await.expect(201)["id"].clone();
    (site, master, text(&fork).to_owned())
}

async fn open(site: &Site, fork: &str, source: &str) -> Reply {
    let body = json!({
        "sourceRefName": format!("refs/heads/{source}"), "targetRefName": "refs/heads/master", "title": source,
        "forkSource": { "repository": { "id": fork } },
    });
    site.post(PULLS, "carolpat", &body).await
}

async fn get(site: &Site, id: i64) -> Value {
    site.get(&format!("{PULLS}/{id}"), "carolpat").await.expect(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_is_merged_followed_listed_and_completed() {
    let (site, master, fork) = forked().await;
    let first = branch(&site, "fork", "topic", &master, "/one").await;
    let made = open(&site, &fork, "topic").await.expect(201);
    assert_eq!(made["forkSource"]["repository"]["name"], "fork", "{made}");
    assert_eq!(made["lastMergeSourceCommit"]["commitId"], first.as_str());
    assert_eq!(get(&site, 1).await["mergeStatus"], "succeeded");
    assert_eq!(open(&site, &fork, "topic").await.status, 409, "one is enough");
    // A push to the fork is followed, also when the target has moved on.
    let moved = branch(&site, "extra", "master", &master, "/other").await;
    let second = branch(&site, "fork", "topic", &first, "/two").await;
    let whole = get(&site, 1).await;
    assert_eq!(whole["mergeStatus"], "succeeded", "{whole}");
    assert_eq!(whole["lastMergeSourceCommit"]["commitId"], second.as_str());
    assert_eq!(whole["lastMergeTargetCommit"]["commitId"], moved.as_str());
    let rounds = site.get(&format!("{PULLS}/1/iterations"), "carolpat").await.expect(200);
    assert_eq!(rounds["count"], 2);
    let changes = site.get(&format!("{PULLS}/1/iterations/2/changes"), "carolpat").await.expect(200);
    let paths: Vec<&str> = changes["changeEntries"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| text(&one["item"]["path"]))
        .collect();
    assert_eq!(paths, ["/one", "/two"]);
    // What was merged is in the repository itself, and sound.
    site.git(".", &["clone", "-q", &site.url("extra"), "clone"]).await;
    site.git("clone", &["fetch", "-q", "origin", "refs/pull/1/merge:merge"]).await;
    assert_eq!(site.git("clone", &["log", "-1", "--format=%P", "merge"]).await, format!("{moved} {second}"));
    site.git("clone", &["fsck", "--strict"]).await;
    // Lists.
    let extra = text(&made["repository"]["id"]).to_owned();
    for (source, count) in [(fork.as_str(), 1), (extra.as_str(), 0)] {
        let list = format!("{PULLS}?searchCriteria.sourceRepositoryId={source}");
        let list = site.get(&list, "carolpat").await.expect(200);
        assert_eq!(list["count"], count, "{source}");
    }
    let in_fork = site.get(&format!("{REPOS}/fork/pullrequests"), "carolpat").await.expect(200);
    assert_eq!(in_fork["count"], 0, "it is of the repository that takes it");
    // Its branch in the fork goes with it.
    let body = json!({ "status": "completed", "lastMergeSourceCommit": { "commitId": second },
        "completionOptions": { "mergeStrategy": 2, "deleteSourceBranch": true } });
    site.patch(&format!("{PULLS}/1"), "carolpat", &body).await.expect(200);
    let done = get(&site, 1).await;
    assert_eq!(done["status"], "completed", "{done}");
    site.git("clone", &["pull", "-q", "origin", "master"]).await;
    assert_eq!(site.git("clone", &["log", "-1", "--format=%s"]).await, "Merged PR 1: topic");
    let refs = site.get(&format!("{REPOS}/fork/refs?filter=heads/"), "carolpat").await.expect(200);
    assert_eq!(each(&refs, "name"), ["refs/heads/master"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_fork_or_may_not_be_read_is_refused_and_a_deleted_fork_ends_it() {
    let (site, master, fork) = forked().await;
    let other = site.get(&format!("{REPOS}/iris"), "carolpat").await.expect(200)["id"].clone();
    branch(&site, "iris", "topic", ZEROS, "/x").await;
    let unrelated = open(&site, text(&other), "topic").await;
    assert_eq!(unrelated.status, 400, "{}", unrelated.text());
    assert!(unrelated.text().contains("are not forks of one repository"), "{}", unrelated.text());
    let unknown = open(&site, "11111111-2222-3333-4444-555555555555", "topic").await;
    assert_eq!(unknown.status, 404, "{}", unknown.text());
    let absent = open(&site, &fork, "none").await;
    assert_eq!(absent.fails(400), "GitPullRequestCannotBeActivatedException");
    // Both sides at odds: the files are named, and nothing is lost.
    let one = branch(&site, "fork", "topic", &master, "/same").await;
    assert_ne!(one, master);
    site.push("extra", "refs/heads/master", &master, json!([add("/same", "otherwise")])).await.expect(201);
    open(&site, &fork, "topic").await.expect(201);
    let whole = get(&site, 1).await;
    assert_eq!(whole["mergeStatus"], "conflicts", "{whole}");
    let conflicts = site.get(&format!("{PULLS}/1/conflicts"), "carolpat").await.expect(200);
    assert_eq!(conflicts["count"], 1);
    assert_eq!(site.delete(&format!("{REPOS}/{fork}"), "alicepat").await.status, 204);
    // The next look at it finds no branch any more.
    let whole = get(&site, 1).await;
    assert_eq!((&whole["status"], &whole["mergeStatus"]), (&json!("active"), &json!("failure")), "{whole}");
    assert_eq!(whole["forkSource"]["repository"], Value::Null);
}
