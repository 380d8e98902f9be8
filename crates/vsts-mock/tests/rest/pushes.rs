//! Pushes made of changes in a body: where they begin, what they may say, and what is refused by name.

use serde_json::{Value, json};
use vsts_mock::Profile;

use crate::site::{Reply, Site, ZEROS, add, each};

const REPO: &str = "/acme/iris/_apis/git/repositories/extra";

fn new_tip(pushed: &Value) -> String {
    pushed["refUpdates"][0]["newObjectId"].as_str().expect("an id").to_owned()
}

fn edit(path: &str, content: &str) -> Value {
    let mut change = add(path, content);
    change["changeType"] = "edit".into();
    change
}

/// A push by somebody who need not be carol.
async fn push_as(site: &Site, who: &str, name: &str, old: &str) -> Reply {
    let body = json!({
        "refUpdates": [{ "name": name, "oldObjectId": old }],
        "commits": [{ "comment": "By REST.", "changes": [edit("/a.txt", who)] }],
    });
    site.post(&format!("{REPO}/pushes"), who, &body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_makes_a_branch_on_an_existing_commit() {
    for profile in [Profile::Permissive, Profile::Vsts, Profile::AzureDevops] {
        let site = Site::with_profile(profile).await;
        let pushes = format!("{REPO}/pushes?api-version=4.1");
        let body = |name: &str, old: &str, change: Value| {
            json!({
                "refUpdates": [{ "name": name, "oldObjectId": old }],
                "commits": [{ "comment": "By REST.", "changes": [change] }],
            })
        };
        let first = body("refs/heads/master", ZEROS, add("/a.txt", "one"));
        let first = new_tip(&site.post(&pushes, "carolpat", &first).await.expect(201));
        let second = body("refs/heads/topic", &first, edit("a.txt", "two"));
        let pushed = site.post(&pushes, "carolpat", &second).await.expect(201);
        assert_eq!(pushed["commits"][0]["parents"], json!([first]));
        assert_eq!(pushed["refUpdates"][0]["oldObjectId"], ZEROS, "the branch is new");
        site.git(".", &["clone", "-q", &site.url("extra"), "clone"]).await;
        let log = site.git("clone", &["log", "--format=%H", "origin/topic"]).await;
        assert_eq!(log.lines().collect::<Vec<_>>(), [new_tip(&pushed), first.clone()]);
        assert_eq!(site.git("clone", &["rev-parse", "origin/master"]).await, first, "master is as it was");
        assert_eq!(site.git("clone", &["show", "origin/topic:a.txt"]).await, "two");
        site.git("clone", &["fsck", "--strict"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_begins_where_its_ref_is_or_at_a_commit() {
    let site = Site::with_profile(Profile::Permissive).await;
    let master = "refs/heads/master";
    let first = site.push("extra", master, ZEROS, json!([add("/a.txt", "1"), add("/d/b.txt", "b")])).await;
    let first = first.expect(201);
    let (one, tree) = (new_tip(&first), first["commits"][0]["treeId"].as_str().expect("an id").to_owned());
    let two = new_tip(&site.push("extra", master, &one, json!([edit("/a.txt", "2")])).await.expect(201));
    let tag = json!({ "name": "v1", "message": "m", "taggedObject": { "objectId": one } });
    let tag = site.post(&format!("{REPO}/annotatedtags"), "carolpat", &tag).await.expect(201);
    let tag = tag["objectId"].as_str().expect("an id").to_owned();
    let unknown = "1".repeat(40);
    let rows = [
        // The branch is there: only its tip will do.
        (master, one.as_str(), 409, "GitReferenceStaleException"),
        (master, ZEROS, 409, "GitReferenceStaleException"),
        (master, &unknown, 409, "GitReferenceStaleException"),
        (master, &tree, 409, "GitReferenceStaleException"),
        // It is not: any commit will do, and nothing else.
        ("refs/heads/new", &unknown, 404, "GitObjectDoesNotExistException"),
        ("refs/heads/new", &tree, 404, "GitObjectDoesNotExistException"),
        ("refs/heads/new", &tag, 404, "GitObjectDoesNotExistException"),
        ("refs/heads/new", "12", 400, "InvalidArgumentValueException"),
        ("refs/heads/..", &two, 400, "GitReferenceUpdateException"),
        ("refs/heads/master/below", &two, 400, "GitReferenceUpdateException"),
        ("new", &two, 400, "GitReferenceUpdateException"),
    ];
    for (name, old, status, key) in rows {
        let reply = push_as(&site, "carolpat", name, old).await;
        assert_eq!(reply.fails(status), key, "{name} {old}: {}", reply.text());
    }
    // An older commit, and one that no ref reaches any more.
    let old = push_as(&site, "carolpat", "refs/heads/old", &one).await.expect(201);
    assert_eq!(old["commits"][0]["parents"], json!([one]));
    let gone = json!([{ "name": "refs/heads/old", "oldObjectId": new_tip(&old), "newObjectId": ZEROS }]);
    let gone = site.post(&format!("{REPO}/refs"), "carolpat", &gone).await.expect(200);
    assert_eq!(each(&gone, "updateStatus"), ["succeeded"]);
    let back = push_as(&site, "carolpat", "refs/heads/back", &new_tip(&old)).await.expect(201);
    assert_eq!(back["commits"][0]["parents"], json!([new_tip(&old)]));
    // The second to make the branch comes too late.
    assert_eq!(push_as(&site, "carolpat", "refs/heads/back", &one).await.status, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_branch_takes_the_right_to_make_one() {
    let site = Site::with_profile(Profile::Permissive).await;
    let one = new_tip(
        &site.push("extra", "refs/heads/master", ZEROS, json!([add("/a.txt", "1")])).await.expect(201),
    );
    let repos = site.get("/acme/iris/_apis/git/repositories/extra", "alicepat").await.expect(200);
    let token = format!(
        "repoV2/{}/{}",
        repos["project"]["id"].as_str().expect("an id"),
        repos["id"].as_str().expect("an id")
    );
    let carol = site.get("/acme/_apis/identities?searchFilter=General&filterValue=carol", "alicepat").await;
    let carol = carol.expect(200)["value"][0]["descriptor"].clone();
    let deny = json!({ "token": token, "merge": true, "accessControlEntries": [
        { "descriptor": carol, "allow": 0, "deny": 16 },
    ] });
    let entries = "/acme/_apis/accesscontrolentries/2e9eb7ed-3c0a-47d4-87c1-0ffdd275fd87";
    site.post(entries, "alicepat", &deny).await.expect(200);
    let denied = push_as(&site, "carolpat", "refs/heads/topic", &one).await;
    assert_eq!(denied.fails(403), "GitNeedsPermissionException");
    assert!(
        denied.text().contains("TF401027: You need the Git 'CreateBranch' permission"),
        "{}",
        denied.text()
    );
    push_as(&site, "carolpat", "refs/heads/master", &one).await.expect(201);
    push_as(&site, "alicepat", "refs/heads/topic", &one).await.expect(201);
}
