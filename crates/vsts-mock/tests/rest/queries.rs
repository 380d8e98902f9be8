//! Queries in every form that clients of ten years write: dates, prefixes, names in any case.

use serde_json::json;
use vsts_mock::Profile;

use crate::site::{Site, ZEROS, add, each};

const REPO: &str = "/acme/iris/_apis/git/repositories/extra";

/// Two branches: `master` with one commit, and `other` with a second one.
async fn two_branches(site: &Site) -> [String; 2] {
    let push = async |name: &str, old: &str, path: &str, date: &str| {
        let body = json!({
            "refUpdates": [{ "name": name, "oldObjectId": old }],
            "commits": [{
                "comment": date,
                "author": { "name": "Carol", "email": "carol@example.com", "date": date },
                "changes": [add(path, date)],
            }],
        });
        let pushed = site.post(&format!("{REPO}/pushes"), "carolpat", &body).await.expect(201);
        pushed["refUpdates"][0]["newObjectId"].as_str().expect("an id").to_owned()
    };
    let one = push("refs/heads/master", ZEROS, "/a.txt", "6/14/2018 10:00:00 AM").await;
    let two = push("refs/heads/other", &one, "/b.txt", "2018-06-15T10:00:00+00:00").await;
    [one, two]
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_are_taken_in_every_form() {
    let site = Site::with_profile(Profile::Permissive).await;
    let tips = two_branches(&site).await;
    let shown = site.get(&format!("{REPO}/commits/{}", tips[0]), "bobspat").await.expect(200);
    assert_eq!(shown["author"]["date"], "2018-06-14T10:00:00Z");
    let rows = [
        "2018-06-15T00:00:00Z",
        "2018-06-15T00:00:00",
        "2018-06-15T02:00:00%2B02:00",
        "2018-06-15T00:00:00+00:00",
        "2018-06-15T00:00:00.0000000Z",
        "2018-06-15",
        "2018-06-15%2000:00:00",
        "6/15/2018%2012:00:00%20AM",
        "6%2F15%2F2018+12:00:00+AM",
        "06/15/2018%2000:00:00%20%2B00:00",
        "6/15/2018",
        "Fri,%2015%20Jun%202018%2000:00:00%20GMT",
    ];
    for date in rows {
        for prefix in ["searchCriteria.", ""] {
            let path = |name: &str| format!("{REPO}/commits?branch=other&{prefix}{name}={date}");
            let later = site.get(&path("fromDate"), "bobspat").await.expect(200);
            assert_eq!(each(&later, "commitId"), [tips[1].as_str()], "{prefix}{date}");
            let earlier = site.get(&path("toDate"), "bobspat").await.expect(200);
            assert_eq!(each(&earlier, "commitId"), [tips[0].as_str()], "{prefix}{date}");
            let pushes =
                site.get(&format!("{REPO}/pushes?{prefix}toDate={date}"), "bobspat").await.expect(200);
            assert_eq!(pushes["count"], 0, "pushes are of today");
            let pushes =
                site.get(&format!("{REPO}/pushes?{prefix}fromDate={date}"), "bobspat").await.expect(200);
            assert_eq!(pushes["count"], 2);
        }
    }
    for resource in ["commits", "pushes"] {
        for name in ["fromDate", "toDate"] {
            let bad =
                site.get(&format!("{REPO}/{resource}?searchCriteria.{name}=14/6/2018"), "bobspat").await;
            assert_eq!(bad.fails(400), "InvalidArgumentValueException");
            assert!(bad.text().contains(name) && bad.text().contains("14/6/2018"), "{}", bad.text());
        }
    }
    let batch = json!({ "fromDate": "6/15/2018", "itemVersion": { "version": "other" } });
    let batch = site.post(&format!("{REPO}/commitsBatch"), "bobspat", &batch).await.expect(200);
    assert_eq!(each(&batch, "commitId"), [tips[1].as_str()]);
    let token = json!({ "displayName": "t", "validTo": "1/31/2100 12:00:00 AM" });
    let token = site.post("/acme/_apis/Token/SessionTokens", "alicepat", &token).await.expect(200);
    assert_eq!(token["validTo"], "2100-01-31T00:00:00Z");
    let token = json!({ "displayName": "t", "validTo": "31/1/2100" });
    let token = site.post("/acme/_apis/Token/SessionTokens", "alicepat", &token).await;
    assert!(token.status == 400 && token.text().contains("validTo") && token.text().contains("31/1/2100"));
    let pat = json!({ "displayName": "p", "validTo": "1/31/2100", "scope": "vso.code" });
    let pat = site.post("/acme/_apis/tokens/pats", "alicepat", &pat).await.expect(200);
    assert_eq!(pat["patToken"]["validTo"], "2100-01-31T00:00:00Z", "{pat}");
    let too_old = json!({
        "refUpdates": [{ "name": "refs/heads/master", "oldObjectId": tips[0] }],
        "commits": [{ "comment": "x", "author": { "date": "1/1/1969" }, "changes": [add("/x", "x")] }],
    });
    assert_eq!(site.post(&format!("{REPO}/pushes"), "carolpat", &too_old).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_have_their_prefix_or_not() {
    let site = Site::with_profile(Profile::Permissive).await;
    let tips = two_branches(&site).await;
    let [one, two] = tips.each_ref().map(String::as_str);
    let rows: [(String, Vec<&str>); 20] = [
        ("commits?searchCriteria.itemVersion.version=other".into(), vec![two, one]),
        ("commits?itemVersion.version=other".into(), vec![two, one]),
        ("commits?ITEMVERSION.VERSION=other&ItemVersion.VersionType=BRANCH".into(), vec![two, one]),
        (format!("commits?itemVersion.version={one}&itemVersion.versionType=commit"), vec![one]),
        ("commits?searchCriteria.versionDescriptor.version=other".into(), vec![two, one]),
        ("commits?versionDescriptor.version=other".into(), vec![two, one]),
        ("commits?version=other&versionType=branch".into(), vec![two, one]),
        ("commits?branch=other".into(), vec![two, one]),
        ("commits?itemVersion.version=other&$top=1".into(), vec![two]),
        ("commits?itemVersion.version=other&searchCriteria.$top=1".into(), vec![two]),
        ("commits?itemVersion.version=other&top=1".into(), vec![two]),
        ("commits?itemVersion.version=other&$skip=1".into(), vec![one]),
        ("commits?itemVersion.version=other&searchCriteria.$skip=1".into(), vec![one]),
        ("commits?itemVersion.version=other&skip=1".into(), vec![one]),
        ("commits?itemVersion.version=other&itemPath=/b.txt".into(), vec![two]),
        (format!("commits?ids={two},{one}"), vec![two, one]),
        (format!("commits?itemVersion.version=other&toCommitId={one}"), vec![one]),
        (format!("commits?itemVersion.version=other&fromCommitId={two}"), vec![two]),
        ("commits?itemVersion.version=master&compareVersion.version=other".into(), vec![two]),
        ("commits?itemVersion.version=other&showOldestCommitsFirst=true".into(), vec![one, two]),
    ];
    for (query, expected) in &rows {
        let found = site.get(&format!("{REPO}/{query}"), "bobspat").await.expect(200);
        assert_eq!(each(&found, "commitId"), *expected, "{query}");
    }
    for query in ["searchCriteria.refName=refs/heads/other", "refName=refs/heads/other", "REFNAME=other"] {
        let pushes = site.get(&format!("{REPO}/pushes?{query}"), "bobspat").await.expect(200);
        assert_eq!(pushes["count"], 1, "{query}");
    }
    for query in ["$top=1", "searchCriteria.$top=1", "searchCriteria.$skip=1", "$skip=1", "top=1"] {
        let pushes = site.get(&format!("{REPO}/pushes?{query}"), "bobspat").await.expect(200);
        assert_eq!(pushes["count"], 1, "{query}");
    }
    for prefix in
        ["versionDescriptor.", "VERSIONDESCRIPTOR.", "itemVersion.", "searchCriteria.itemVersion.", ""]
    {
        let query =
            format!("items?path=/b.txt&$format=json&{prefix}version=other&{prefix}versionType=branch");
        let item = site.get(&format!("{REPO}/{query}"), "bobspat").await.expect(200);
        assert_eq!(item["path"], "/b.txt", "{query}");
    }
    let sides: [fn(&str) -> String; 3] = [
        |side| format!("{side}Version"),
        |side| format!("{side}VersionDescriptor.version"),
        |side| format!("{side}VersionDescriptor.{side}Version"),
    ];
    for name in sides {
        let query = format!("diffs/commits?{}=master&{}=other", name("base"), name("target"));
        let diff = site.get(&format!("{REPO}/{query}"), "bobspat").await.expect(200);
        assert_eq!((&diff["aheadCount"], &diff["targetCommit"]), (&json!(1), &json!(two)), "{query}");
        let query = format!("stats/branches/master?{}=other", name("base"));
        let stats = site.get(&format!("{REPO}/{query}"), "bobspat").await.expect(200);
        assert_eq!(stats["behindCount"], 1, "{query}");
    }
    for (query, name) in [("$top=-1", "$top"), ("searchCriteria.$skip=x", "searchCriteria.$skip")] {
        let bad = site.get(&format!("{REPO}/commits?{query}"), "bobspat").await;
        assert!(bad.status == 400 && bad.text().contains(name), "{}", bad.text());
    }
    for query in ["filter=heads/oth", "FILTER=heads/oth", "filterContains=THE", "FilterContains=the"] {
        let refs = site.get(&format!("{REPO}/refs?{query}"), "bobspat").await.expect(200);
        assert_eq!(each(&refs, "name"), ["refs/heads/other"], "{query}");
    }
}
