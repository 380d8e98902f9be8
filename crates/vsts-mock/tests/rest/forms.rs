//! The forms of answers: JSON, text, bytes and zip files, by `Accept`, `$format` and `download`.

use serde_json::{Value, json};
use vsts_mock::Profile;

use crate::site::{Reply, Site, ZEROS, add};

const REPO: &str = "/acme/iris/_apis/git/repositories/extra";
const JSON: &str = "application/json; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";
const ZIP: &str = "application/zip";

async fn filled(site: &Site) -> Value {
    let mut binary = add("/b.bin", "AAEC");
    binary["newContent"]["contentType"] = "base64encoded".into();
    site.push("extra", "refs/heads/master", ZEROS, json!([add("/d/a.txt", "hello\n"), binary]))
        .await
        .expect(201)
}

async fn get(site: &Site, tail: &str, accept: &str) -> Reply {
    let more = if accept.is_empty() { String::new() } else { format!("Accept: {accept}\r\n") };
    site.send("GET", &format!("{REPO}/{tail}"), "bobspat", &more, "").await
}

/// The media type of an answer, without the version.
fn kind(reply: &Reply) -> &str {
    let kind = reply.header("content-type");
    kind.split("; api-version").next().unwrap_or(kind)
}

#[tokio::test(flavor = "multi_thread")]
async fn items_come_in_the_form_that_is_asked_for() {
    let site = Site::with_profile(Profile::Permissive).await;
    filled(&site).await;
    let rows = [
        ("items?path=/d/a.txt", "", JSON),
        ("items?path=/d/a.txt", "*/*", TEXT),
        ("items?path=/b.bin", "*/*", BYTES),
        ("items?path=/d/a.txt", "application/json", JSON),
        ("items?path=/d/a.txt", "application/json;api-version=5.0;excludeUrls=true", JSON),
        ("items?path=/d/a.txt", "*/*, application/json", JSON),
        ("items?path=/d/a.txt", "text/plain", TEXT),
        ("items?path=/d/a.txt", "text/html, */*;q=0.8", TEXT),
        ("items?path=/d/a.txt", "application/zip;q=0.2, text/plain;q=0.7", TEXT),
        ("items?path=/d/a.txt", "application/octet-stream", BYTES),
        ("items?path=/d/a.txt", "application/zip", ZIP),
        ("items?path=/d/a.txt", "image/png", JSON),
        ("items?path=/d/a.txt&$format=json", "*/*", JSON),
        ("items?path=/d/a.txt&$format=text", "application/json", TEXT),
        ("items?path=/d/a.txt&$format=octetStream", "", BYTES),
        ("items?path=/d/a.txt&$format=zip", "", ZIP),
        ("items?path=/d/a.txt&download=true", "application/json", JSON),
        ("items?path=/d", "*/*", JSON),
        ("items?path=/d", "text/plain", JSON),
        ("items?path=/d", "application/zip", ZIP),
        ("items?scopePath=/d/a.txt", "*/*", JSON),
        ("items?scopePath=/d&recursionLevel=full", "text/plain", JSON),
        ("items?scopePath=/&recursionLevel=full", "application/zip", ZIP),
        ("items", "*/*", JSON),
        ("commits", "text/html", JSON),
        ("refs", "*/*", JSON),
    ];
    for (tail, accept, expected) in rows {
        let reply = get(&site, tail, accept).await;
        assert_eq!((reply.status, kind(&reply)), (200, expected), "{tail} {accept}: {}", reply.text());
        if expected == TEXT {
            assert_eq!(reply.text(), "hello\n");
        }
    }
    assert_eq!(get(&site, "items?path=/d/a.txt&$format=xml", "").await.status, 400);
    let saved = get(&site, "items?path=/d/a.txt&download=true", "*/*").await;
    assert!(saved.header("content-disposition").contains("a.txt"), "{}", saved.header("content-disposition"));
    assert_eq!(get(&site, "items?path=/d/a.txt", "*/*").await.header("content-disposition"), "");
    let whole = get(
        &site,
        "items?path=/d/a.txt&includeContent=true&includeLinks=true&latestProcessedChange=true",
        "",
    )
    .await;
    let whole = whole.expect(200);
    assert_eq!(
        (&whole["content"], &whole["contentMetadata"]["extension"]),
        (&json!("hello\n"), &json!("txt"))
    );
    assert!(whole["_links"]["blob"].is_object() && whole["latestProcessedChange"]["commitId"].is_string());
    let listed =
        get(&site, "items?scopePath=/&recursionLevel=full&includeContentMetadata=true", "").await.expect(200);
    let names: Vec<&Value> = listed["value"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|i| &i["contentMetadata"]["fileName"])
        .collect();
    assert_eq!(names, [&Value::Null, &json!("b.bin"), &Value::Null, &json!("a.txt")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_and_trees_come_in_the_form_that_is_asked_for() {
    let site = Site::with_profile(Profile::Permissive).await;
    let pushed = filled(&site).await;
    let tree = pushed["commits"][0]["treeId"].as_str().expect("an id").to_owned();
    let item = get(&site, "items?path=/d/a.txt", "").await.expect(200);
    let blob = item["objectId"].as_str().expect("an id");
    let rows = [
        (format!("blobs/{blob}"), "", JSON),
        (format!("blobs/{blob}"), "*/*", JSON),
        (format!("blobs/{blob}"), "text/plain", TEXT),
        (format!("blobs/{blob}"), "application/octet-stream", BYTES),
        (format!("blobs/{blob}"), "application/zip", ZIP),
        (format!("blobs/{blob}?$format=octetStream"), "application/json", BYTES),
        (format!("trees/{tree}"), "*/*", JSON),
        (format!("trees/{tree}"), "application/zip", ZIP),
        (format!("trees/{tree}?$format=zip"), "application/json", ZIP),
        (format!("trees/{tree}"), "text/plain", JSON),
    ];
    for (tail, accept, expected) in &rows {
        let reply = get(&site, tail, accept).await;
        assert_eq!((reply.status, kind(&reply)), (200, *expected), "{tail} {accept}: {}", reply.text());
    }
    let saved = get(&site, &format!("blobs/{blob}?download=true&fileName=x.txt"), "text/plain").await;
    assert!(saved.header("content-disposition").contains("x.txt"));
}
