//! The content of a repository: pushed by REST and read by Git, pushed by Git and read by REST.

use serde_json::{Value, json};
use vsts_mock::Profile;

use crate::site::{Site, ZEROS, add, each};

const REPO: &str = "/acme/iris/_apis/git/repositories/extra";

fn change(kind: &Value, path: &str, content: Option<(&str, Value)>) -> Value {
    let mut change = json!({ "changeType": kind, "item": { "path": path } });
    if let Some((content, kind)) = content {
        change["newContent"] = json!({ "content": content, "contentType": kind });
    }
    change
}

/// Three commits on master: two files, then one edited, one renamed, one deleted.
async fn filled(site: &Site) -> Vec<String> {
    let first =
        json!([add("/readme.md", "hello\n"), add("/src/a.txt", "one\n"), add("/src/deep/b.txt", "two\n")]);
    let mut tips = Vec::new();
    let pushed = site.push("extra", "refs/heads/master", ZEROS, first).await.expect(201);
    tips.push(pushed["refUpdates"][0]["newObjectId"].as_str().expect("an id").to_owned());
    let second = json!([
        change(&json!("edit"), "/readme.md", Some(("aGVsbG8gYWdhaW4K", json!("base64encoded")))),
        change(&json!(1), "src/c.bin", Some(("AAEC", json!(1)))),
    ]);
    let pushed = site.push("extra", "refs/heads/master", &tips[0], second).await.expect(201);
    tips.push(pushed["commits"][0]["commitId"].as_str().expect("an id").to_owned());
    let mut rename = change(&json!(8), "/lib/a.txt", None);
    rename["sourceServerItem"] = "/src/a.txt".into();
    let third = json!([rename, change(&json!("Delete"), "/src/deep/b.txt", None)]);
    let pushed = site.push("extra", "refs/heads/master", &tips[1], third).await.expect(201);
    tips.push(pushed["commits"][0]["commitId"].as_str().expect("an id").to_owned());
    tips
}

#[tokio::test(flavor = "multi_thread")]
async fn what_rest_pushes_git_clones() {
    let site = Site::with_profile(Profile::Vsts).await;
    let empty = site.get(&format!("{REPO}/refs"), "bobspat").await.expect(200);
    assert_eq!(empty["count"], 0);
    assert_eq!(site.get(&format!("{REPO}/commits"), "bobspat").await.expect(200)["count"], 0);
    assert_eq!(site.get(&format!("{REPO}/items"), "bobspat").await.status, 404);
    drop(site);
    let site = Site::with_profile(Profile::Permissive).await;
    let tips = filled(&site).await;
    site.git(".", &["clone", "-q", &site.url("extra"), "clone"]).await;
    assert_eq!(site.git("clone", &["rev-parse", "HEAD"]).await, tips[2]);
    assert_eq!(
        site.git("clone", &["ls-tree", "-r", "--name-only", "HEAD"]).await,
        "lib/a.txt\nreadme.md\nsrc/c.bin"
    );
    assert_eq!(site.git("clone", &["show", "HEAD:readme.md"]).await, "hello again");
    assert_eq!(site.git("clone", &["log", "-1", "--format=%an <%ae> %s"]).await, "carol <carol> By REST.");
    site.git("clone", &["fsck", "--strict"]).await;
    let pushes = site
        .get(&format!("{REPO}/pushes?searchCriteria.includeRefUpdates=true"), "bobspat")
        .await
        .expect(200);
    assert_eq!(pushes["count"], 3);
    assert_eq!(pushes["value"][0]["pushId"], 3);
    assert_eq!(pushes["value"][0]["refUpdates"][0]["oldObjectId"], tips[1]);
    assert_eq!(pushes["value"][2]["pushedBy"]["displayName"], "carol");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_git_pushes_rest_shows() {
    let site = Site::with_profile(Profile::Permissive).await;
    filled(&site).await;
    site.git(".", &["clone", "-q", &site.url("extra"), "clone"]).await;
    site.git("clone", &["checkout", "-q", "-b", "feature/x"]).await;
    for name in ["one", "two"] {
        site.write(format!("clone/{name}"), name);
        site.git("clone", &["add", "-A"]).await;
        site.git("clone", &["commit", "-q", "-m", &format!("add {name}\n\nAt length.")]).await;
    }
    site.git("clone", &["tag", "-a", "v1", "-m", "the first"]).await;
    site.git("clone", &["push", "-q", "origin", "feature/x", "v1"]).await;
    let tip = site.git("clone", &["rev-parse", "HEAD"]).await;
    let push = site.get(&format!("{REPO}/pushes/4"), "bobspat").await.expect(200);
    assert_eq!(push["commits"].as_array().map(Vec::len), Some(2), "only what is new: {push}");
    assert_eq!(push["commits"][0]["commitId"], tip);
    assert_eq!(push["commits"][0]["comment"], "add two\n\nAt length.");
    assert_eq!(push["refUpdates"].as_array().map(Vec::len), Some(2));
    assert_eq!(site.get(&format!("{REPO}/pushes/4/commits"), "bobspat").await.expect(200)["count"], 2);
    assert_eq!(site.get(&format!("{REPO}/pushes/5"), "bobspat").await.fails(404), "GitPushNotFoundException");

    let refs = |query: &str| {
        let path = format!("{REPO}/refs{query}");
        async { site.get(&{ path }, "bobspat").await.expect(200) }
    };
    assert_eq!(each(&refs("").await, "name"), ["refs/heads/feature/x", "refs/heads/master", "refs/tags/v1"]);
    assert_eq!(each(&refs("?filter=heads/fea").await, "name"), ["refs/heads/feature/x"]);
    assert_eq!(each(&refs("/heads/master").await, "name"), ["refs/heads/master"]);
    assert_eq!(each(&refs("?filterContains=V1").await, "name"), ["refs/tags/v1"]);
    assert_eq!(refs("?filter=heads/none").await["count"], 0);
    let tag = refs("?filter=tags&peelTags=true").await["value"][0].clone();
    assert_eq!(tag["peeledObjectId"], tip);
    assert_eq!(tag["creator"]["displayName"], "carol");
    let id = tag["objectId"].as_str().expect("an id");
    let shown = site.get(&format!("{REPO}/annotatedtags/{id}"), "bobspat").await.expect(200);
    assert_eq!((&shown["name"], &shown["message"]), (&json!("v1"), &json!("the first")));
    assert_eq!(shown["taggedObject"], json!({ "objectId": tip, "objectType": "commit" }));

    let stats = site.get(&format!("{REPO}/stats/branches"), "bobspat").await.expect(200);
    let ahead =
        |n: usize| (stats["value"][n]["aheadCount"].clone(), stats["value"][n]["behindCount"].clone());
    assert_eq!((ahead(0), ahead(1)), ((json!(2), json!(0)), (json!(0), json!(0))));
    assert_eq!(stats["value"][1]["isBaseVersion"], true);
    let one = site.get(&format!("{REPO}/stats/branches/feature/x"), "bobspat").await.expect(200);
    assert_eq!((&one["name"], &one["aheadCount"]), (&json!("feature/x"), &json!(2)));
    let diff =
        format!("{REPO}/diffs/commits?baseVersion=master&targetVersion=feature/x&targetVersionType=branch");
    let diff = site.get(&diff, "bobspat").await.expect(200);
    assert_eq!(diff["changeCounts"]["Add"], 2);
    assert_eq!(diff["changes"][0]["item"]["path"], "/one");
    assert_eq!((&diff["aheadCount"], &diff["allChangesIncluded"]), (&json!(2), &json!(true)));
    assert_eq!(diff["commonCommit"], diff["baseCommit"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_are_searched() {
    let site = Site::with_profile(Profile::Permissive).await;
    let tips = filled(&site).await;
    let rows = [
        ("", vec![2, 1, 0]),
        ("?searchCriteria.$top=1&searchCriteria.$skip=1", vec![1]),
        ("?$top=2", vec![2, 1]),
        ("?searchCriteria.itemPath=/readme.md", vec![1, 0]),
        ("?searchCriteria.itemPath=src/deep", vec![2, 0]),
        ("?searchCriteria.author=CAROL", vec![2, 1, 0]),
        ("?searchCriteria.author=alice", vec![]),
        ("?searchCriteria.fromDate=2100-01-01", vec![]),
        ("?searchCriteria.showOldestCommitsFirst=true&$top=1", vec![0]),
        ("?branch=master&$top=1", vec![2]),
        (
            &format!(
                "?searchCriteria.itemVersion.version={}&searchCriteria.itemVersion.versionType=2",
                tips[1]
            ),
            vec![1, 0],
        ),
        (&format!("?searchCriteria.ids={},{}", tips[0], tips[2]), vec![0, 2]),
        (&format!("?searchCriteria.fromCommitId={}&searchCriteria.toCommitId={}", tips[1], tips[1]), vec![1]),
    ];
    for (query, expected) in rows {
        let found = site.get(&format!("{REPO}/commits{query}"), "bobspat").await.expect(200);
        let mut ids = each(&found, "commitId");
        let mut wanted: Vec<_> = expected.iter().map(|&n: &usize| tips[n].clone()).collect();
        // All three are of one second, in which no order is the newest first.
        if expected.len() > 2 {
            ids.sort();
            wanted.sort();
        }
        assert_eq!(ids, wanted, "{query}");
    }
    let criteria = json!({ "itemPath": "/readme.md", "itemVersion": { "version": "master", "versionType": "branch" }, "$top": 5 });
    let batch = site.post(&format!("{REPO}/commitsBatch"), "bobspat", &criteria).await.expect(200);
    assert_eq!(each(&batch, "commitId"), [tips[1].clone(), tips[0].clone()]);
    assert_eq!(batch["value"][1]["changeCounts"], json!({ "Add": 3, "Edit": 0, "Delete": 0 }));
    let one = site.get(&format!("{REPO}/commits/{}?changeCount=10", tips[2]), "bobspat").await.expect(200);
    assert_eq!(one["parents"], json!([tips[1]]));
    assert_eq!(one["push"]["pushId"], 3);
    assert_eq!(one["changes"].as_array().map(Vec::len), Some(2));
    let changes = site.get(&format!("{REPO}/commits/{}/changes", tips[2]), "bobspat").await.expect(200);
    assert_eq!(changes["changeCounts"], json!({ "Add": 0, "Edit": 0, "Delete": 1, "Rename": 1 }));
    assert_eq!(changes["changes"][0]["sourceServerItem"], "/src/a.txt");
    for (id, key) in [
        ("1".repeat(40), "GitUnresolvableToCommitException"),
        ("12".to_owned(), "InvalidArgumentValueException"),
    ] {
        let reply = site.get(&format!("{REPO}/commits/{id}"), "bobspat").await;
        assert_eq!(reply.json()["typeKey"], key, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn items_are_shown_in_every_form() {
    let site = Site::with_profile(Profile::Permissive).await;
    let tips = filled(&site).await;
    let get = async |tail: &str| site.get(&format!("{REPO}/{tail}"), "bobspat").await;
    let paths = async |tail: &str| each(&get(tail).await.expect(200), "path");
    assert_eq!(paths("items").await, ["/"]);
    assert_eq!(paths("items?recursionLevel=OneLevel").await, ["/", "/lib", "/readme.md", "/src"]);
    assert_eq!(
        paths("items?scopePath=/&recursionLevel=120").await,
        ["/", "/lib", "/lib/a.txt", "/readme.md", "/src", "/src/c.bin"]
    );
    assert_eq!(paths("items?scopePath=/src&recursionLevel=Full").await, ["/src", "/src/c.bin"]);
    let old = format!(
        "items?scopePath=/src&recursionLevel=full&versionDescriptor.version={}&versionDescriptor.versionType=commit",
        tips[0]
    );
    assert_eq!(paths(&old).await, ["/src", "/src/a.txt", "/src/deep", "/src/deep/b.txt"]);
    let junk = "items?path=/readme.md&itemVersion=[object%20Object]&version=master&versionType=0&includeContent=true";
    let item = get(junk).await.expect(200);
    assert_eq!((&item["content"], &item["gitObjectType"]), (&json!("hello again\n"), &json!("blob")));
    assert_eq!(item["contentMetadata"]["fileName"], "readme.md");
    assert_eq!(get("items/readme.md").await.expect(200)["path"], "/readme.md");
    let text = site
        .send("GET", &format!("{REPO}/items?path=/readme.md"), "bobspat", "Accept: text/plain\r\n", "")
        .await;
    assert_eq!(
        (text.text().as_str(), text.header("content-type")),
        ("hello again\n", "text/plain; charset=utf-8")
    );
    let bytes = get("items?path=/src/c.bin&$format=octetStream").await;
    assert_eq!(bytes.body, [0, 1, 2]);
    assert!(bytes.header("content-disposition").contains("c.bin"));
    assert_eq!(get("items?path=/none").await.fails(404), "GitItemNotFoundException");
    let no_branch = get("items?path=/readme.md&version=none").await;
    assert_eq!(no_branch.fails(404), "GitUnresolvableToCommitException");
    assert!(no_branch.text().contains("TF401175:The version descriptor <Branch: none > could not be"));
    let zip = get("items?scopePath=/&$format=zip").await;
    assert_eq!(zip.header("content-type"), "application/zip");
    std::fs::write(site.dir.path().join("all.zip"), &zip.body).expect("a file");
    let script = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; \
                  print(sorted(z.namelist()), z.read('readme.md'))";
    let output = std::process::Command::new("python3")
        .args(["-c", script])
        .arg(site.dir.path().join("all.zip"))
        .output();
    let output = output.expect("python starts");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "['lib/a.txt', 'readme.md', 'src/c.bin'] b'hello again\\n'",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let batch = json!({ "itemDescriptors": [
        { "path": "/src", "version": "master", "versionType": 0, "recursionLevel": 1 },
        { "path": "/readme.md", "version": tips[0], "versionType": "commit" },
    ] });
    let batch = site.post(&format!("{REPO}/itemsBatch"), "bobspat", &batch).await.expect(200);
    assert_eq!(
        (&batch["value"][0][1]["path"], &batch["value"][1][0]["path"]),
        (&json!("/src/c.bin"), &json!("/readme.md"))
    );

    let root = get("items").await.expect(200)["value"][0]["objectId"].as_str().expect("an id").to_owned();
    let tree = get(&format!("trees/{root}?recursive=true")).await.expect(200);
    assert_eq!(tree["treeEntries"].as_array().map(Vec::len), Some(5));
    assert_eq!(tree["treeEntries"][0]["mode"], "040000");
    let blob = item["objectId"].as_str().expect("an id");
    assert_eq!(get(&format!("blobs/{blob}")).await.expect(200)["size"], 12);
    assert_eq!(get(&format!("blobs/{blob}?$format=text")).await.text(), "hello again\n");
    assert_eq!(get(&format!("blobs/{root}")).await.fails(404), "GitObjectDoesNotExistException");
    for bad in ["..%2f..%2fx", &"1".repeat(41), "zz"] {
        assert_eq!(get(&format!("trees/{bad}")).await.status, 400, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refs_change_each_with_its_own_verdict() {
    let site = Site::with_profile(Profile::Permissive).await;
    let tips = filled(&site).await;
    let refs = format!("{REPO}/refs");
    let update =
        |name: &str, old: &str, new: &str| json!({ "name": name, "oldObjectId": old, "newObjectId": new });
    let rows = [
        (update("refs/heads/new", ZEROS, &tips[0]), "succeeded"),
        (update("refs/tags/t", ZEROS, &tips[0]), "succeeded"),
        (update("refs/heads/master", &tips[1], &tips[2]), "staleOldObjectId"),
        (update("refs/heads/..", ZEROS, &tips[0]), "invalidRefName"),
        (update("refs/heads/a\u{0}b\n", ZEROS, &tips[0]), "invalidRefName"),
        (update("refs/heads/gone", ZEROS, &"1".repeat(40)), "unresolvableToCommit"),
        (update("refs/heads/master/below", ZEROS, &tips[0]), "refNameConflict"),
        (update("refs/heads/none", ZEROS, ZEROS), "succeededNonExistentRef"),
    ];
    let body = Value::Array(rows.iter().map(|(update, _)| update.clone()).collect());
    let verdicts = site.post(&refs, "carolpat", &body).await.expect(200);
    assert_eq!(each(&verdicts, "updateStatus"), rows.map(|(_, status)| status));
    let rewrite = json!([update("refs/heads/master", &tips[2], &tips[0])]);
    // Carol made the branch, so that it is hers; alice has every other right.
    let verdict = site.post(&refs, "alicepat", &rewrite).await.expect(200);
    assert_eq!(each(&verdict, "updateStatus"), ["forcePushRequired"]);
    assert_eq!(verdict["value"][0]["success"], false);
    for (who, status) in [("bobspat", 403), ("alice-reads", 403), ("davespat", 404)] {
        let reply = site.post(&refs, who, &rewrite).await;
        assert_eq!(reply.status, status, "{who}: {}", reply.text());
    }
    let deleted = json!([update("refs/heads/new", &tips[0], ZEROS)]);
    assert_eq!(
        each(&site.post(&refs, "carolpat", &deleted).await.expect(200), "updateStatus"),
        ["succeeded"]
    );
    assert_eq!(site.post(&refs, "carolpat", &json!([])).await.status, 400);
    assert_eq!(site.post(&refs, "carolpat", &json!([{ "name": 1 }])).await.status, 400);
    let tag = json!({ "name": "v2", "message": "by REST", "taggedObject": { "objectId": tips[2] } });
    let tag = site.post(&format!("{REPO}/annotatedtags"), "carolpat", &tag).await.expect(201);
    assert_eq!(tag["taggedBy"]["name"], "carol");
    site.git(".", &["clone", "-q", &site.url("extra"), "clone"]).await;
    assert_eq!(site.git("clone", &["rev-parse", "v2"]).await, tag["objectId"].as_str().unwrap_or_default());
    site.git("clone", &["fsck", "--strict"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_ref_is_written_by_who_locked_it() {
    let site = Site::with_profile(Profile::Permissive).await;
    let tips = filled(&site).await;
    let path = format!("{REPO}/refs?filter=heads/master");
    let lock = |on: bool| json!({ "isLocked": on });
    assert_eq!(site.patch(&path, "bobspat", &lock(true)).await.fails(403), "GitNeedsPermissionException");
    assert_eq!(
        site.patch(&format!("{REPO}/refs?filter=heads/none"), "carolpat", &lock(true)).await.status,
        404
    );
    let locked = site.patch(&path, "alicepat", &lock(true)).await.expect(200);
    assert_eq!((&locked["isLocked"], &locked["isLockedBy"]["displayName"]), (&json!(true), &json!("alice")));
    assert_eq!(site.get(&path, "bobspat").await.expect(200)["value"][0]["isLocked"], true);
    let update = json!([{ "name": "refs/heads/master", "oldObjectId": tips[2], "newObjectId": tips[2] }]);
    let refs = format!("{REPO}/refs");
    assert_eq!(each(&site.post(&refs, "carolpat", &update).await.expect(200), "updateStatus"), ["locked"]);
    assert_eq!(site.push("extra", "refs/heads/master", &tips[2], json!([add("/z", "z")])).await.status, 403);
    assert_eq!(each(&site.post(&refs, "alicepat", &update).await.expect(200), "updateStatus"), ["succeeded"]);
    assert_eq!(site.patch(&path, "carolpat", &lock(false)).await.status, 403, "it is alice's");
    assert_eq!(site.patch(&path, "alicepat", &lock(false)).await.expect(200)["isLocked"], false);
    assert_eq!(each(&site.post(&refs, "carolpat", &update).await.expect(200), "updateStatus"), ["succeeded"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pushes_that_make_no_sense_are_refused() {
    let site = Site::with_profile(Profile::Permissive).await;
    let tips = filled(&site).await;
    let stale = site.push("extra", "refs/heads/master", &tips[0], json!([add("/z", "z")])).await;
    assert_eq!(stale.fails(409), "GitReferenceStaleException");
    let rows = [
        (add("/readme.md", "x"), 409),
        (add("/readme.md/below", "x"), 409),
        (change(&json!("edit"), "/none", Some(("x", json!(0)))), 404),
        (change(&json!("delete"), "/none", None), 404),
        (change(&json!("sing"), "/x", None), 400),
        (change(&json!("add"), "/x", None), 400),
        (change(&json!("add"), "/x", Some(("%%", json!("base64encoded")))), 400),
        (add("/.git/config", "x"), 400),
        (add("/a/.GIT/config", "x"), 400),
        (add("/git~1/config", "x"), 400),
        (add("/.g\u{200c}it/config", "x"), 400),
        (add("/.git::$INDEX_ALLOCATION/config", "x"), 400),
        (add("/../x", "x"), 400),
        (add("/a//b", "x"), 400),
        (add("a\\b", "x"), 400),
        (add("/", "x"), 400),
    ];
    for (change, status) in rows {
        let reply = site.push("extra", "refs/heads/master", &tips[2], json!([change])).await;
        assert_eq!(reply.status, status, "{change}: {}", reply.text());
    }
    for body in
        [json!({}), json!([]), json!({ "refUpdates": [], "commits": [] }), json!({ "refUpdates": [{}, {}] })]
    {
        let reply = site.post(&format!("{REPO}/pushes"), "carolpat", &body).await;
        assert_eq!(reply.status, 400, "{body}: {}", reply.text());
    }
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(site.send("POST", &format!("{REPO}/pushes"), "carolpat", "", &deep).await.status, 400);
    let body = json!({
        "refUpdates": [{ "name": "refs/heads/bob", "oldObjectId": tips[2] }],
        "commits": [{ "comment": "x", "changes": [add("/x", "x")] }],
    });
    let denied = site.post(&format!("{REPO}/pushes"), "bobspat", &body).await;
    assert_eq!(denied.fails(403), "GitNeedsPermissionException");
    assert!(denied.text().contains("TF401027: You need the Git 'GenericContribute' permission"));
    let refs = site.get(&format!("{REPO}/refs"), "bobspat").await.expect(200);
    assert_eq!(each(&refs, "objectId"), [tips[2].as_str()], "nothing has changed");
}
