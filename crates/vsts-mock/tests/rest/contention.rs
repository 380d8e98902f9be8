//! Completions that meet pushes, other completions and the end of the server; and who may do what with pull requests.

use serde_json::{Value, json};
use tempfile::TempDir;
use vsts_mock::Profile;

use crate::site::{Site, ZEROS, add};

const REPO: &str = "/acme/iris/_apis/git/repositories/extra";
const PULLS: &str = "/acme/iris/_apis/git/repositories/extra/pullrequests";

/// Pushes a file to a branch; gives the new tip.
async fn file(site: &Site, branch: &str, old: &str, path: &str) -> String {
    let pushed = site.push("extra", &format!("refs/heads/{branch}"), old, json!([add(path, path)])).await;
    pushed.expect(201)["refUpdates"][0]["newObjectId"].as_str().expect("an id").to_owned()
}

async fn open(site: &Site, source: &str, who: &str) -> i64 {
    let body = json!({
        "sourceRefName": format!("refs/heads/{source}"), "targetRefName": "refs/heads/master", "title": source,
    });
    site.post(PULLS, who, &body).await.expect(201)["pullRequestId"].as_i64().expect("a number")
}

async fn status(site: &Site, id: i64) -> String {
    let pull = site.get(&format!("{PULLS}/{id}"), "alicepat").await.expect(200);
    pull["status"].as_str().expect("a status").to_owned()
}

/// The status when no completion is queued any more. Each request waits a while for what is due.
async fn settled(site: &Site, id: i64) -> String {
    loop {
        let pull = site.get(&format!("{PULLS}/{id}"), "alicepat").await.expect(200);
        if pull["completionQueueTime"].is_null() || pull["status"] != "active" {
            return pull["status"].as_str().expect("a status").to_owned();
        }
    }
}

fn completed(tip: &str) -> Value {
    json!({ "status": "completed", "lastMergeSourceCommit": { "commitId": tip }, "completionOptions": { "mergeStrategy": 2 } })
}

#[tokio::test(flavor = "multi_thread")]
async fn two_completions_and_a_push_at_once_have_one_outcome_each() {
    let site = Site::with_profile(Profile::Permissive).await;
    let master = file(&site, "master", ZEROS, "/m").await;
    let mut pulls = Vec::new();
    for number in 0..4 {
        let name = format!("topic{number}");
        let tip = file(&site, &name, &master, &format!("/t{number}")).await;
        pulls.push((open(&site, &name, "carolpat").await, tip));
    }
    let mut tasks = Vec::new();
    for (id, tip) in &pulls {
        let (path, body) = (format!("{PULLS}/{id}"), completed(tip));
        // Two people complete each of them.
        for who in ["alicepat", "carolpat"] {
            let (site, path, body) = (&site, path.clone(), body.clone());
            tasks.push(async move { site.patch(&path, who, &body).await.status });
        }
    }
    let pushing = async {
        let mut old = master.clone();
        for number in 0..20 {
            let name = "refs/heads/master";
            let pushed = site.push("extra", name, &old, json!([add(&format!("/p{number}"), "p")])).await;
            match pushed.status {
                201 => {
                    old = pushed.json()["refUpdates"][0]["newObjectId"].as_str().expect("an id").to_owned();
                }
                // A completion was faster.
                409 => {
                    let refs = site.get(&format!("{REPO}/refs/heads/master"), "carolpat").await.expect(200);
                    refs["value"][0]["objectId"].as_str().expect("an id").clone_into(&mut old);
                }
                other => panic!("{other}: {}", pushed.text()),
            }
        }
    };
    let (answers, ()) = futures_util::future::join(futures_util::future::join_all(tasks), pushing).await;
    assert!(answers.iter().all(|status| [200, 409].contains(status)), "{answers:?}");
    let mut statuses = Vec::new();
    for (id, _) in &pulls {
        statuses.push(settled(&site, *id).await);
    }
    site.git(".", &["clone", "-q", "--mirror", &site.url("extra"), "clone"]).await;
    site.git("clone", &["fsck", "--strict"]).await;
    let log = site.git("clone", &["log", "--format=%s", "master"]).await;
    for (number, (id, _)) in pulls.iter().enumerate() {
        let subject = format!("Merged PR {id}: topic{number}");
        let landed = log.lines().filter(|line| **line == subject).count();
        assert_eq!(landed, usize::from(statuses[number] == "completed"), "{subject}\n{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_queued_when_the_server_ends_is_done_by_the_next() {
    const SEED: &str = include_str!("../support/seed.toml");
    let dir = TempDir::new().expect("a folder");
    let start = |dir: TempDir| Site::start(dir, SEED, |builder| builder.profile(Profile::Permissive));
    let site = start(dir).await;
    let master = file(&site, "master", ZEROS, "/m").await;
    let tip = file(&site, "topic", &master, "/t").await;
    let id = open(&site, "topic", "carolpat").await;
    let admin = site.server.ready().admin_token.clone();
    assert_eq!(site.send("PUT", "/_mock/completions/held", &admin, "", "").await.status, 204);
    site.patch(&format!("{PULLS}/{id}"), "carolpat", &completed(&tip)).await.expect(200);
    assert_eq!(status(&site, id).await, "active", "it is held");
    let thread = json!({ "comments": [{ "content": "Kept." }] });
    site.post(&format!("{PULLS}/{id}/threads"), "bobspat", &thread).await.expect(200);
    let Site { server, dir } = site;
    server.stop().await;
    let site = start(dir).await;
    assert_eq!(status(&site, id).await, "completed");
    let threads = site.get(&format!("{PULLS}/{id}/threads"), "bobspat").await.expect(200);
    assert_eq!(threads["value"][0]["comments"][0]["content"], "Kept.");
    site.git(".", &["clone", "-q", &site.url("extra"), "clone"]).await;
    assert_eq!(site.git("clone", &["log", "-1", "--format=%s"]).await, format!("Merged PR {id}: topic"));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_operation_has_one_verdict_for_each_role() {
    let site = Site::with_profile(Profile::Permissive).await;
    let master = file(&site, "master", ZEROS, "/m").await;
    let policy = json!({
        "isEnabled": true, "isBlocking": true, "type": { "id": "40e92b44-2fe1-4dd6-b3d8-74a9c21d0c6e" },
        "settings": { "scope": [{ "refName": "refs/heads/kept", "matchKind": "Prefix", "repositoryId": null }] },
    });
    let policies = "/acme/iris/_apis/policy/configurations";
    // The owner, a contributor, a reader, somebody else; a token that reads.
    let roles = ["alicepat", "carolpat", "bobspat", "davespat", "alice-reads"];
    let rows = [
        ("read", [200, 200, 200, 404, 200]),
        ("create", [201, 201, 201, 404, 403]),
        ("comment", [200, 200, 200, 404, 403]),
        ("title", [200, 200, 200, 404, 403]),
        ("bypass", [403, 403, 403, 404, 403]),
        ("complete", [200, 200, 403, 404, 403]),
        ("policy", [200, 403, 403, 404, 403]),
        ("push", [403, 403, 403, 404, 403]),
    ];
    let kept = file(&site, "kept/one", &master, "/k").await;
    site.post(policies, "alicepat", &policy).await.expect(200);
    for (number, who) in roles.into_iter().enumerate() {
        let name = format!("topic{number}");
        let tip = file(&site, &name, &master, &format!("/t{number}")).await;
        let other = file(&site, &format!("other{number}"), &master, &format!("/o{number}")).await;
        let id = open(&site, &name, "carolpat").await;
        let at = format!("{PULLS}/{id}");
        for (operation, verdicts) in rows {
            let thread = json!({ "comments": [{ "content": "x" }] });
            let made = json!({
                "sourceRefName": format!("refs/heads/other{number}"), "targetRefName": "refs/heads/master", "title": "o",
            });
            let mut past = completed(&tip);
            past["completionOptions"]["bypassPolicy"] = true.into();
            let found = match operation {
                "read" => site.get(&at, who).await,
                "create" => site.post(PULLS, who, &made).await,
                "comment" => site.post(&format!("{at}/threads"), who, &thread).await,
                "title" => site.patch(&at, who, &json!({ "title": "t" })).await,
                "bypass" => site.patch(&at, who, &past).await,
                "complete" => site.patch(&at, who, &completed(&tip)).await,
                "policy" => site.post(policies, who, &policy).await,
                _ => {
                    let body = json!({
                        "refUpdates": [{ "name": "refs/heads/kept/one", "oldObjectId": kept }],
                        "commits": [{ "comment": "x", "changes": [add("/x", "x")] }],
                    });
                    site.post(&format!("{REPO}/pushes"), who, &body).await
                }
            };
            assert_eq!(found.status, verdicts[number], "{who}: {operation}: {}", found.text());
        }
        assert_ne!(other, tip);
    }
}
