//! Projects, processes, teams, repositories and the recycle bin.

use serde_json::{Value, json};
use vsts_mock::{Profile, SeedUser};

use crate::site::{Site, ZEROS, add, each};

#[tokio::test(flavor = "multi_thread")]
async fn projects_live_through_operations() {
    let site = Site::with_profile(Profile::Permissive).await;
    let projects = "/acme/_apis/projects";
    let scrum = "6b724908-ef14-45cf-84f8-768b5384da45";
    let wanted = json!({
        "name": "Rose",
        "description": "flowers",
        "visibility": "private",
        "capabilities": {
            "versioncontrol": { "sourceControlType": "Git" },
            "processTemplate": { "templateTypeId": scrum },
        },
    });
    for (who, status) in [("bobspat", 403), ("davespat", 404)] {
        assert_eq!(site.post(projects, who, &wanted).await.status, status, "{who}");
    }
    let queued = site.post(projects, "alicepat", &wanted).await;
    let again = site.post(projects, "alicepat", &wanted).await;
    assert_eq!(again.fails(400), "ProjectAlreadyExistsException", "also while it is being made");
    assert_eq!(site.finished(&queued).await, "succeeded");
    // Wherever the second request meets the first one's work, it is refused: nothing is queued that cannot succeed.
    for number in 0..20 {
        let wanted = json!({ "name": format!("Zinnia {number}"), "capabilities": wanted["capabilities"] });
        let queued = site.post(projects, "alicepat", &wanted).await;
        assert_eq!(site.post(projects, "alicepat", &wanted).await.status, 400);
        assert_eq!(site.finished(&queued).await, "succeeded");
        let made = format!("/acme/_apis/projects/Zinnia%20{number}");
        let id = site.get(&made, "alicepat").await.expect(200)["id"].as_str().expect("an id").to_owned();
        let deleted = site.delete(&format!("{projects}/{id}"), "alicepat").await;
        assert_eq!(site.finished(&deleted).await, "succeeded");
    }
    let rose = site.get("/acme/_apis/projects/rose?includeCapabilities=true", "alicepat").await.expect(200);
    assert_eq!((rose["name"].as_str(), rose["revision"].as_i64()), (Some("Rose"), Some(2)));
    assert_eq!(rose["capabilities"]["processTemplate"]["templateName"], "Scrum");
    assert_eq!(rose["capabilities"]["versioncontrol"]["gitEnabled"], "True");
    assert_eq!(rose["defaultTeam"]["name"], "Rose Team");
    let plain = site.get("/acme/_apis/projects/Rose", "alicepat").await.expect(200);
    assert!(plain.get("capabilities").is_none());
    let repos = site.get("/acme/Rose/_apis/git/repositories", "alicepat").await.expect(200);
    assert_eq!(each(&repos, "name"), ["Rose"]);

    let at = format!("{projects}/{}", rose["id"].as_str().expect("an id"));
    let changed = site.patch(&at, "alicepat", &json!({ "name": "Tulip", "description": "more" })).await;
    assert_eq!(site.finished(&changed).await, "succeeded");
    assert_eq!(site.get("/acme/_apis/projects/rose", "alicepat").await.status, 404);
    let tulip = site.get("/acme/_apis/projects/TULIP", "alicepat").await.expect(200);
    assert_eq!((&tulip["id"], &tulip["description"]), (&rose["id"], &json!("more")));
    assert_eq!(site.patch(&at, "alicepat", &json!({ "name": "iris" })).await.status, 400);
    assert_eq!(site.patch(&at, "alicepat", &json!({ "name": "a/b" })).await.status, 400);

    let first = site.get("/acme/_apis/projects?$top=1", "alicepat").await;
    assert_eq!(each(&first.expect(200), "name"), ["iris"]);
    let token = first.header("x-ms-continuationtoken").to_owned();
    let second = site.get(&format!("{projects}?$top=1&continuationToken={token}"), "alicepat").await;
    assert_eq!(each(&second.expect(200), "name"), ["Tulip"]);
    assert_eq!(second.header("x-ms-continuationtoken"), "");

    assert_eq!(site.delete(&at, "carolpat").await.status, 404, "she is no member");
    assert_eq!(site.finished(&site.delete(&at, "alicepat").await).await, "succeeded");
    assert_eq!(site.get(&at, "alicepat").await.fails(404), "ProjectDoesNotExistWithNameException");
    assert_eq!(site.get("/acme/_apis/operations/x", "alicepat").await.status, 400);
    assert_eq!(
        site.get("/acme/_apis/operations/11111111-2222-3333-4444-555555555555", "alicepat").await.status,
        404
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_teams_and_collections_are_there_to_read() {
    let site = Site::with_profile(Profile::Permissive).await;
    let processes = site.get("/acme/_apis/process/processes", "bobspat").await.expect(200);
    assert_eq!(each(&processes, "name"), ["Agile", "Scrum", "CMMI"]);
    let teams = site.get("/acme/_apis/projects/iris/teams", "bobspat").await.expect(200);
    assert_eq!(each(&teams, "name"), ["iris Team"]);
    let id = teams["value"][0]["id"].as_str().expect("an id");
    let members = site.get(&format!("/acme/_apis/projects/iris/teams/{id}/members"), "bobspat").await;
    assert_eq!(members.expect(200)["value"][0]["identity"]["displayName"], "carol");
    assert_eq!(site.get("/acme/_apis/projects/iris/teams/none", "bobspat").await.status, 404);
    let collections = site.get("/acme/_apis/projectCollections", "bobspat").await.expect(200);
    assert_eq!(each(&collections, "name"), ["acme"]);
    assert_eq!(site.get("/acme/_apis/projectCollections", "davespat").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_are_renamed_binned_and_restored() {
    let site = Site::with_profile(Profile::Permissive).await;
    let repos = "/acme/iris/_apis/git/repositories";
    let made = site.post(repos, "alicepat", &json!({ "name": "tools" })).await.expect(201);
    let id = made["id"].as_str().expect("an id").to_owned();
    assert_eq!(made["_links"]["refs"]["href"], format!("{}/refs", made["url"].as_str().expect("a URL")));
    let first = site.push("tools", "refs/heads/master", ZEROS, json!([add("/a", "1")])).await.expect(201);
    let tip = first["commits"][0]["commitId"].clone();
    let other = json!([{ "name": "refs/heads/other", "oldObjectId": ZEROS, "newObjectId": tip }]);
    let other = site.post(&format!("{repos}/tools/refs"), "carolpat", &other).await;
    assert_eq!(other.expect(200)["value"][0]["success"], true);

    let at = format!("/acme/_apis/git/repositories/{id}");
    assert_eq!(
        site.patch(&at, "carolpat", &json!({ "name": "mine" })).await.fails(403),
        "GitNeedsPermissionException"
    );
    let whole = site.get(&at, "alicepat").await.expect(200);
    assert_eq!(whole["defaultBranch"], "refs/heads/master");
    let mut changed = whole.clone();
    changed["name"] = "gear".into();
    changed["defaultBranch"] = "refs/heads/other".into();
    let changed = site.patch(&at, "alicepat", &changed).await.expect(200);
    assert_eq!((&changed["name"], &changed["defaultBranch"]), (&json!("gear"), &json!("refs/heads/other")));
    let no_branch = site.patch(&at, "alicepat", &json!({ "defaultBranch": "refs/heads/none" })).await;
    assert_eq!(no_branch.fails(404), "GitUnresolvableToCommitException");
    assert_eq!(site.patch(&at, "alicepat", &json!({ "name": "EXTRA" })).await.status, 409);
    assert_eq!(site.get(&format!("{repos}/tools"), "alicepat").await.status, 404);
    assert_eq!(
        site.git("clone", &["ls-remote", "--symref", &site.url("gear"), "HEAD"]).await.lines().next(),
        Some("ref: refs/heads/other\tHEAD")
    );

    assert_eq!(site.delete(&at, "bobspat").await.status, 403);
    assert_eq!(site.delete(&at, "alicepat").await.status, 204);
    assert_eq!(site.get(&at, "alicepat").await.status, 404);
    let bin = "/acme/iris/_apis/git/recycleBin/repositories";
    let binned = site.get(bin, "alicepat").await.expect(200);
    assert_eq!(each(&binned, "name"), ["gear"]);
    assert_eq!(binned["value"][0]["deletedBy"]["displayName"], "alice");
    assert_eq!(
        each(&site.get("/acme/iris/_apis/git/deletedRepositories", "alicepat").await.expect(200), "id"),
        [id.as_str()]
    );
    assert_eq!(site.get(bin, "davespat").await.status, 404);
    let in_bin = format!("{bin}/{id}");
    let taken = site.post(repos, "alicepat", &json!({ "name": "gear" })).await.expect(201);
    assert_eq!(site.patch(&in_bin, "alicepat", &json!({ "deleted": false })).await.status, 409);
    let taken = format!("{repos}/{}", taken["id"].as_str().expect("an id"));
    assert_eq!(site.delete(&taken, "alicepat").await.status, 204);
    let back = site.patch(&in_bin, "alicepat", &json!({ "deleted": false })).await.expect(200);
    assert_eq!(back["defaultBranch"], "refs/heads/other", "with what was in it");
    assert_eq!(site.delete(&at, "alicepat").await.status, 204);
    assert_eq!(site.delete(&in_bin, "alicepat").await.status, 204);
    assert_eq!(site.delete(&in_bin, "alicepat").await.status, 404);
    assert!(!site.dir.path().join(format!("data/repos/{id}.git/HEAD")).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_in_a_format_that_is_not_supported_says_so() {
    let site = Site::with_profile(Profile::Permissive).await;
    for entry in std::fs::read_dir(site.dir.path().join("data/repos")).expect("a folder") {
        let config = entry.expect("an entry").path().join("config");
        let text =
            "[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectFormat = sha256\n";
        std::fs::write(config, text).expect("a file");
    }
    let repos = "/acme/iris/_apis/git/repositories";
    assert_eq!(each(&site.get(repos, "bobspat").await.expect(200), "name"), ["extra", "iris"]);
    for path in ["refs", "commits", "items", "pushes/1", "stats/branches"] {
        let reply = site.get(&format!("{repos}/extra/{path}"), "bobspat").await;
        let message = reply.json()["message"].as_str().unwrap_or_default().to_owned();
        let expected =
            if path == "pushes/1" { (404, "TF401184") } else { (500, "SHA256, which is not supported") };
        assert!(reply.status == expected.0 && message.contains(expected.1), "{path}: {}", reply.text());
        assert!(!message.contains("/data/"), "{message}");
    }
    let pushed = site.push("extra", "refs/heads/master", ZEROS, json!([add("/a", "1")])).await;
    assert!(pushed.status == 500 && pushed.text().contains("not supported"), "{}", pushed.text());
}

/// Finding S13: a name in one script that looks like another's in a second one. What stands alone is nobody's business.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_does_not_look_like_anothers_in_other_letters() {
    let site = Site::with_profile(Profile::Permissive).await;
    let (projects, repos) = ("/acme/_apis/projects", "/acme/iris/_apis/git/repositories");
    let make = async |name: &str| site.post(repos, "alicepat", &json!({ "name": name })).await;
    let coco = make("Coco").await.expect(201);
    let other = make("море").await.expect(201);
    for name in ["сосо", "СОСО", "Сосо"] {
        let refused = make(name).await;
        assert!(refused.text().contains("looks like \\\"Coco\\\""), "{name}: {}", refused.text());
        assert_eq!(refused.status, 400, "{name}");
    }
    for name in ["ирис", "ίρις", "сок", "C0C0"] {
        make(name).await.expect(201);
    }
    let at = |repo: &Value| format!("{repos}/{}", repo["id"].as_str().expect("an id"));
    assert_eq!(site.patch(&at(&other), "alicepat", &json!({ "name": "сосо" })).await.status, 400);
    site.patch(&at(&coco), "alicepat", &json!({ "name": "сосо" })).await.expect(200);
    assert_eq!(make("coco").await.status, 400, "and the other way round");
    assert_eq!(site.delete(&at(&coco), "alicepat").await.status, 204);
    make("coco").await.expect(201);
    let bin = format!("/acme/iris/_apis/git/recycleBin/repositories/{}", coco["id"].as_str().expect("an id"));
    let restored = site.patch(&bin, "alicepat", &json!({ "deleted": false })).await;
    assert!(restored.status == 400 && restored.text().contains("looks like"), "{}", restored.text());

    let queued = site.post(projects, "alicepat", &json!({ "name": "Coco" })).await;
    assert_eq!(site.finished(&queued).await, "succeeded");
    let refused = site.post(projects, "alicepat", &json!({ "name": "Сосо" })).await;
    assert!(refused.status == 400 && refused.text().contains("looks like"), "{}", refused.text());
    let admin = site.server.admin();
    admin.add_user(&SeedUser::new("coco")).await.expect("a user");
    let refused = admin.add_user(&SeedUser::new("сосо")).await.expect_err("another's letters");
    assert!(refused.to_string().contains("looks like"), "{refused}");
}
