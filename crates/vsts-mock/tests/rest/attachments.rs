//! Files attached to pull requests: in and out, byte for byte; who may, and what is refused.

use serde_json::{Value, json};
use tempfile::TempDir;
use vsts_mock::{MockServer, Profile};

use crate::site::{Site, ZEROS, add, each};

const PULLS: &str = "/acme/iris/_apis/git/repositories/extra/pullrequests";

/// A site with a pull request of the repository extra; the path of its attachments.
async fn site() -> (Site, String) {
    let site = Site::with_profile(Profile::AzureDevops).await;
    let path = fill(&site).await;
    (site, path)
}

async fn fill(site: &Site) -> String {
    let pushed = site.push("extra", "refs/heads/master", ZEROS, json!([add("/a", "a")])).await.expect(201);
    let tip = pushed["refUpdates"][0]["newObjectId"].as_str().expect("an id").to_owned();
    let refs = json!([{ "name": "refs/heads/topic", "oldObjectId": ZEROS, "newObjectId": tip }]);
    site.post("/acme/iris/_apis/git/repositories/extra/refs?api-version=4.1", "carolpat", &refs)
        .await
        .expect(200);
    site.push("extra", "refs/heads/topic", &tip, json!([add("/b", "b")])).await.expect(201);
    let body = json!({ "sourceRefName": "refs/heads/topic", "targetRefName": "refs/heads/master", "title": "Topic" });
    let made = site.post(&format!("{PULLS}?api-version=4.1"), "carolpat", &body).await.expect(201);
    format!("{PULLS}/{}/attachments", made["pullRequestId"])
}

fn version(path: &str) -> String {
    format!("{path}?api-version=4.1-preview.1")
}

async fn attach(site: &Site, path: &str, name: &str, token: &str, content: &[u8]) -> (u16, Value) {
    let lines = "Host: localhost\nContent-Type: application/octet-stream\n";
    let answer = site.exchange("POST", &version(&format!("{path}/{name}")), token, lines, content).await;
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_attached_listed_read_and_removed() {
    let (site, path) = site().await;
    // More than one piece, and no text.
    let content: Vec<u8> = (0..700_000_u32).flat_map(u32::to_le_bytes).collect();
    let (status, made) = attach(&site, &path, "build%20log%C3%A9.bin", "carolpat", &content).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!((&made["id"], &made["displayName"]), (&json!(1), &json!("build log\u{e9}.bin")));
    assert_eq!(made["author"]["displayName"], "carol");
    let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
    hasher.update(&content);
    assert_eq!(made["contentHash"], hasher.try_finalize().expect("no collision").to_string());
    assert!(made["createdDate"].as_str().is_some_and(|date| date.ends_with('Z')), "{made}");
    let (status, _) = attach(&site, &path, "empty.txt", "alicepat", b"").await;
    assert_eq!(status, 201);
    let listed = site.get(&version(&path), "bobspat").await.expect(200);
    assert_eq!(each(&listed, "displayName"), ["build log\u{e9}.bin", "empty.txt"]);

    let url = listed["value"][0]["url"].as_str().expect("an address");
    let at = url
        .strip_prefix("http://localhost")
        .or_else(|| url.strip_prefix(site.server.url()))
        .expect("it is this server's");
    let read = site.send("GET", &version(at), "bobspat", "Accept: application/octet-stream\n", "").await;
    assert_eq!((read.status, read.body == content), (200, true));
    assert_eq!(read.header("content-length"), content.len().to_string());
    assert!(
        read.header("content-disposition").starts_with("attachment;"),
        "{}",
        read.header("content-disposition")
    );
    let zip = site.send("GET", &version(at), "bobspat", "Accept: application/zip\n", "").await;
    assert_eq!(zip.status, 501);

    // Another's file stays, except for who manages the repository.
    assert_eq!(site.delete(&version(at), "bobspat").await.fails(403), "GitNeedsPermissionException");
    site.delete(&version(at), "alicepat").await.expect(200);
    assert_eq!(
        site.get(&version(at), "bobspat").await.fails(404),
        "GitPullRequestAttachmentNotFoundException"
    );
    assert_eq!(site.delete(&version(at), "carolpat").await.status, 404);
    assert_eq!(each(&site.get(&version(&path), "bobspat").await.expect(200), "displayName"), ["empty.txt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_attached_is_refused_and_stores_nothing() {
    let (site, path) = site().await;
    let refused = async |name: &str, token: &str| attach(&site, &path, name, token, b"x").await.0;
    assert_eq!(refused("by-bob.txt", "bobspat").await, 201, "who may review may attach");
    assert_eq!(refused("a.txt", "davespat").await, 404);
    assert_eq!(refused("a.txt", "").await, 401);
    assert_eq!(refused("a%2Fb.txt", "carolpat").await, 400);
    assert_eq!(refused("a%0Ab.txt", "carolpat").await, 400);
    assert_eq!(refused("%2e%2e", "carolpat").await, 400);
    assert_eq!(refused(&"a".repeat(256), "carolpat").await, 400);
    assert_eq!(refused("a.txt", "carolpat").await, 201);
    let (status, told) = attach(&site, &path, "A.txt", "carolpat", b"y").await;
    assert_eq!(
        (status, told["typeKey"].as_str()),
        (409, Some("GitPullRequestAttachmentAlreadyExistsException"))
    );
    let none = path.replace("/1/", "/99/");
    assert_eq!(attach(&site, &none, "b.txt", "carolpat", b"x").await.0, 404);
    // Too large by what is announced: nothing is read.
    let lines = "Host: localhost\nAuthorization: Bearer carolpat\nContent-Type: application/octet-stream\nExpect: 100-continue\n";
    let head = test_support::http::head(
        site.server.url(),
        "POST",
        &version(&format!("{path}/big.bin")),
        lines,
        61 << 20,
    );
    let url = site.server.url().to_owned();
    let sent = tokio::task::spawn_blocking(move || test_support::http::send(&url, &head, b""));
    let answer = sent.await.expect("it ends").expect("an answer");
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(answer.text().contains("60 MiB"), "{}", answer.text());
    assert_eq!(
        each(&site.get(&version(&path), "bobspat").await.expect(200), "displayName"),
        ["by-bob.txt", "a.txt"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attachment_outlives_a_sweep_a_restart_and_a_state_that_is_gone_back_to() {
    let (site, path) = site().await;
    attach(&site, &path, "a.txt", "carolpat", b"content").await;
    site.server.admin().sweep_large_files().await.expect("it is swept");
    let read = async |site: &Site| site.get(&version(&format!("{path}/a.txt")), "bobspat").await;
    assert_eq!(read(&site).await.text(), "content");
    site.server.admin().snapshot("attached").await.expect("it is saved");
    site.delete(&version(&format!("{path}/a.txt")), "carolpat").await.expect(200);
    let (_, swept) = site.server.admin().sweep_large_files().await.expect("it is swept");
    assert_eq!(swept, 1, "nobody has the content any more");
    let Site { mut server, dir } = site;
    server.restore("attached").await.expect("it comes back");
    let site = Site { server, dir };
    assert_eq!(read(&site).await.text(), "content");
    let Site { server, dir } = site;
    server.stop().await;
    let builder = MockServer::builder().seed_toml(include_str!("../support/seed.toml")).expect("a seed");
    let server = builder.data_dir(dir.path().join("data")).start().await.expect("it starts again");
    let site = Site { server, dir };
    assert_eq!(read(&site).await.text(), "content");
    let _: &TempDir = &site.dir;
}
