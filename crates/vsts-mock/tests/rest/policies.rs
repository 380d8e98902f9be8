//! Policies about what is pushed, by every way, and about builds that grow old.

use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::ssh::make_key;
use vsts_mock::Profile;

use crate::site::{Site, ZEROS, add};

const SEED: &str = include_str!("../support/seed.toml");
const REPO: &str = "/acme/iris/_apis/git/repositories/extra";
const PULLS: &str = "/acme/iris/_apis/git/repositories/extra/pullrequests";
const POLICIES: &str = "/acme/iris/_apis/policy/configurations";
const FILE_SIZE: &str = "2e26e725-8201-4edd-8bf5-978563c34a80";
const CASE: &str = "7ed39669-655c-494e-b4a0-a08b4da0fcce";
const BUILD: &str = "0609b952-1397-4640-95ec-e00a01b2c241";
const MINIMUM: &str = "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd";

/// Makes a policy for the repository `extra`; gives its address.
async fn policy(site: &Site, kind: &str, mut settings: Value, branch: Option<&str>) -> String {
    let repo = site.get(REPO, "alicepat").await.expect(200)["id"].clone();
    settings["scope"] = match branch {
        Some(name) => json!([{ "repositoryId": repo, "refName": name, "matchKind": "Exact" }]),
        None => json!([{ "repositoryId": repo }]),
    };
    let body = json!({ "isEnabled": true, "isBlocking": true, "type": { "id": kind }, "settings": settings });
    let made = site.post(POLICIES, "alicepat", &body).await.expect(200);
    format!("{POLICIES}/{}", made["id"])
}

async fn branch(site: &Site, name: &str, old: &str, changes: Value) -> String {
    let pushed = site.push("extra", &format!("refs/heads/{name}"), old, changes).await.expect(201);
    pushed["refUpdates"][0]["newObjectId"].as_str().expect("an id").to_owned()
}

async fn open(site: &Site, source: &str) -> Value {
    let body = json!({
        "sourceRefName": format!("refs/heads/{source}"), "targetRefName": "refs/heads/master", "title": source,
    });
    let made = site.post(PULLS, "carolpat", &body).await.expect(201);
    site.get(&format!("{PULLS}/{}", made["pullRequestId"]), "carolpat").await.expect(200)
}

#[tokio::test(flavor = "multi_thread")]
async fn large_files_are_refused_by_every_way() {
    let dir = TempDir::new().expect("a folder");
    let key = make_key(dir.path(), "carols", &["-t", "ed25519"]);
    let seed = SEED.replace(
        "name = \"carol\"\n",
        &format!("name = \"carol\"\nssh_keys = [{{ name = \"laptop\", key = \"{key}\" }}]\n"),
    );
    let site = Site::start(dir, &seed, |builder| builder.profile(Profile::Permissive)).await;
    let master = branch(&site, "master", ZEROS, json!([add("/small", "s")])).await;
    let at = policy(
        &site,
        FILE_SIZE,
        json!({ "maximumGitBlobSizeInBytes": 1000, "useUncompressedSize": true }),
        None,
    )
    .await;
    // The branch takes pushes still.
    let master = branch(&site, "master", &master, json!([add("/more", "m")])).await;
    let large = "x".repeat(1001);
    let words = "was rejected: The file has 1001 bytes (the limit is 1000 bytes).";
    let refused = site.push("extra", "refs/heads/master", &master, json!([add("/large", &large)])).await;
    assert_eq!(refused.fails(400), "GitObjectRejectedException");
    assert!(refused.text().contains(words), "{}", refused.text());
    site.git(".", &["clone", "-q", &site.url("extra"), "local"]).await;
    site.write("local/large", &large);
    site.git("local", &["add", "-A"]).await;
    site.git("local", &["commit", "-q", "-m", "Large"]).await;
    let ssh = site.ssh_with(&site.dir.path().join("carols"));
    let by_ssh = site.server.ssh_clone_url("acme", "iris", "extra").expect("SSH is listened for");
    for url in [site.url("extra"), by_ssh] {
        let pushed = site.run_git("local", &["-c", &ssh, "push", &url, "HEAD:refs/heads/topic"]).await;
        let output = pushed.expect_err("the file is too large");
        assert!(output.contains("[remote rejected]") && output.contains(words), "{output}");
    }
    // As it is compressed, it is small.
    let changed = json!({
        "isEnabled": true, "isBlocking": true, "type": { "id": FILE_SIZE },
        "settings": { "maximumGitBlobSizeInBytes": 1000, "scope": [{ "repositoryId": null }] },
    });
    site.send("PUT", &at, "alicepat", "", &changed.to_string()).await.expect(200);
    site.git("local", &["push", "-q", &site.url("extra"), "HEAD:refs/heads/topic"]).await;
    assert_eq!(site.delete(&at, "alicepat").await.status, 204);
    site.push("extra", "refs/heads/master", &master, json!([add("/large", &large)])).await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_differ_in_case_alone_are_refused_in_pushes_and_in_merges() {
    let site = Site::with_profile(Profile::Permissive).await;
    let root = branch(&site, "master", ZEROS, json!([add("/src/a", "a")])).await;
    policy(&site, CASE, json!({ "enforceConsistentCase": true }), None).await;
    let refused = site.push("extra", "refs/heads/master", &root, json!([add("/src/A", "A")])).await;
    assert_eq!(refused.fails(400), "GitObjectRejectedException");
    assert!(refused.text().contains("'A' and 'a' differ in case alone"), "{}", refused.text());
    branch(&site, "topic", &root, json!([add("/new", "n")])).await;
    branch(&site, "master", &root, json!([add("/NEW", "N")])).await;
    let pull = open(&site, "topic").await;
    assert_eq!(
        (&pull["mergeStatus"], &pull["mergeFailureType"]),
        (&json!("failure"), &json!("caseSensitive"))
    );
    let body = json!({ "status": "completed", "lastMergeSourceCommit": pull["lastMergeSourceCommit"] });
    site.patch(&format!("{PULLS}/1"), "carolpat", &body).await.expect(200);
    let pull = site.get(&format!("{PULLS}/1"), "carolpat").await.expect(200);
    assert_eq!((&pull["status"], &pull["mergeStatus"]), (&json!("active"), &json!("failure")), "{pull}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_build_counts_for_the_source_that_it_was_made_of_until_it_expires() {
    let site = Site::with_profile(Profile::Permissive).await;
    let root = branch(&site, "master", ZEROS, json!([add("/a", "a")])).await;
    let topic = branch(&site, "topic", &root, json!([add("/t", "t")])).await;
    let settings = json!({
        "buildDefinitionId": 1, "displayName": "ci", "validDuration": 60, "queueOnSourceUpdateOnly": true,
        "filenamePatterns": ["/t*"],
    });
    policy(&site, BUILD, settings, Some("refs/heads/master")).await;
    let project = open(&site, "topic").await["repository"]["project"]["id"].clone();
    let project = project.as_str().expect("an id");
    let standing = async || {
        let at = format!(
            "/acme/iris/_apis/policy/evaluations?artifactId=vstfs:///CodeReview/CodeReviewId/{project}/1&api-version=4.1-preview"
        );
        let found = site.get(&at, "carolpat").await.expect(200);
        found["value"][0]["status"].as_str().expect("a status").to_owned()
    };
    let built = json!({ "state": "succeeded", "context": { "name": "ci" } });
    assert_eq!(standing().await, "queued");
    site.post(&format!("{PULLS}/1/statuses"), "carolpat", &built).await.expect(200);
    assert_eq!(standing().await, "approved");
    branch(&site, "topic", &topic, json!([add("/t2", "t")])).await;
    assert_eq!(standing().await, "queued", "the source was pushed to");
    site.post(&format!("{PULLS}/1/statuses"), "carolpat", &built).await.expect(200);
    assert_eq!(standing().await, "approved");
    let admin = site.server.admin_token().to_owned();
    site.send("PUT", "/_mock/clock", &admin, "", "{\"ahead\": 7200}").await;
    assert_eq!(standing().await, "approved", "the target is as it was");
    let body = json!({
        "refUpdates": [{ "name": "refs/heads/master", "oldObjectId": root }],
        "commits": [{ "comment": "x", "changes": [add("/b", "b")] }],
    });
    // Nobody may push to it past the policy, but who is exempt.
    let entry = json!({ "user": "carol", "allow": ["PolicyExempt"] });
    let exempt = site
        .send("PUT", "/_mock/accounts/acme/projects/iris/repos/extra/acl", &admin, "", &entry.to_string())
        .await;
    assert!(exempt.status < 300, "{}", exempt.text());
    site.post(&format!("{REPO}/pushes"), "carolpat", &body).await.expect(201);
    assert_eq!(standing().await, "queued", "the target has moved, and the build is old");
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_and_truth_values_are_read_from_texts_as_the_azure_cli_sends_them() {
    let site = Site::with_profile(Profile::Permissive).await;
    let root = branch(&site, "master", ZEROS, json!([add("/src/a", "a")])).await;
    policy(&site, CASE, json!({ "enforceConsistentCase": "true" }), None).await;
    let refused = site.push("extra", "refs/heads/master", &root, json!([add("/src/A", "A")])).await;
    assert_eq!(refused.fails(400), "GitObjectRejectedException");
    let rows = [
        (FILE_SIZE, json!({ "maximumGitBlobSizeInBytes": "10485760", "useUncompressedSize": "True" })),
        (BUILD, json!({ "buildDefinitionId": "1", "validDuration": "0", "manualQueueOnly": "false" })),
        (MINIMUM, json!({ "minimumApproverCount": "2", "creatorVoteCounts": true })),
    ];
    for (kind, settings) in rows {
        let at = policy(&site, kind, settings.clone(), None).await;
        let made = site.get(&at, "alicepat").await.expect(200)["settings"].clone();
        for (name, value) in settings.as_object().expect("an object") {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_lowercase);
            let expected: Value = serde_json::from_str(&text).expect("a number or a truth value");
            // What is false is left out.
            assert_eq!(made[name], if expected == false { Value::Null } else { expected }, "{made}");
        }
    }
    let wrong = json!({
        "isEnabled": true, "isBlocking": true, "type": { "id": MINIMUM },
        "settings": { "minimumApproverCount": "many", "scope": [{ "repositoryId": null }] },
    });
    let refused = site.post(POLICIES, "alicepat", &wrong).await;
    assert_eq!(refused.status, 400);
    assert!(
        refused.text().contains("settings.minimumApproverCount has to be a number"),
        "{}",
        refused.text()
    );
}
