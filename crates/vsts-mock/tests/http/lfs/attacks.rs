//! Everything that must not work. Each row names its source.

use std::io::{BufReader, Write as _};

use serde_json::{Value, json};
use vsts_mock::SeedEntry;

use super::{EXTRA, JSON, Lfs, message, oid, value};
use crate::raw;

const GUARDED: &str = "/acme/iris/_git/guarded";
const DIGITS: &str = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";

#[tokio::test(flavor = "multi_thread")]
async fn ids_and_sizes_that_are_none_get_an_error_of_their_own_and_no_action() {
    let lfs = Lfs::new().await;
    let upper = DIGITS.to_uppercase();
    let rows: [(&str, String, Value); 12] = [
        ("traversal", "../../../../../../etc/passwd".to_owned(), json!(1)),
        ("traversal of the right length", format!("../{}", &DIGITS[3..]), json!(1)),
        ("a slash", format!("{}/{}", &DIGITS[..31], &DIGITS[32..]), json!(1)),
        ("git-lfs-test-server-api: too short", DIGITS[1..].to_owned(), json!(1)),
        ("git-lfs-test-server-api: too long", format!("{DIGITS}0"), json!(1)),
        ("upper case: two names for one object", upper, json!(1)),
        ("the hash's name", format!("sha256:{DIGITS}"), json!(1)),
        ("nothing", String::new(), json!(1)),
        ("a NUL", format!("{}\0", &DIGITS[1..]), json!(1)),
        ("git-lfs-test-server-api: negative", DIGITS.to_owned(), json!(-1)),
        ("larger than 63 bits", DIGITS.to_owned(), json!(9_223_372_036_854_775_808_u64)),
        ("no whole number", DIGITS.to_owned(), json!(1.5)),
    ];
    for operation in ["upload", "download"] {
        for (source, oid, size) in &rows {
            let body = json!({ "operation": operation, "objects": [{ "oid": oid, "size": size }] });
            let reply = lfs.json("POST", &format!("{EXTRA}/info/lfs/objects/batch"), "alicepat", &body).await;
            let object = value(&reply)["objects"][0].clone();
            assert_eq!(
                (&object["error"]["code"], &object["actions"]),
                (&json!(422), &Value::Null),
                "{source}"
            );
            assert_eq!(object["oid"], json!(oid), "{source}");
        }
    }
    for path in ["..%2f..%2f..%2fstate.sqlite", "%2e%2e", &DIGITS.to_uppercase(), "incoming"] {
        let path = format!("{EXTRA}/info/lfs/objects/{path}");
        for method in ["GET", "PUT", "HEAD"] {
            let reply = lfs.send(method, &path, "Bearer alicepat", "", b"x").await;
            assert_eq!(reply.status, 422, "{method} {path}");
        }
    }
    assert!(lfs.stored().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_content_that_is_not_its_id_is_refused_and_leaves_nothing() {
    let lfs = Lfs::new().await;
    let right = oid(b"right");
    // Gogs GHSA-cj4v-437j-jq4c: no hash was checked, so that a stranger's content could be put in the place of another's.
    let rows: [(&str, &[u8], u16); 4] = [
        ("another content of that size", b"wrong", 422),
        ("a shorter one", b"righ", 422),
        ("a longer one", b"right!", 422),
        ("none", b"", 422),
    ];
    let upload = lfs.action(EXTRA, "alicepat", "upload", &right, 5).await;
    for (what, content, status) in rows {
        let reply = lfs.put(&upload, content).await;
        assert_eq!(reply.status, status, "{what}: {}", reply.text());
        assert!(message(&reply).contains("Nothing was stored"), "{what}");
        let chunked = format!("Authorization: {}\nTransfer-Encoding: chunked\n", upload.header);
        let head = format!("PUT {} HTTP/1.1\nHost: 127.0.0.1\nConnection: close\n{chunked}\n", upload.path);
        let reply = raw::send(lfs.server.url(), &head, raw::chunked(content, 2)).await;
        assert_eq!(reply.status, status, "{what} in chunks: {}", reply.text());
    }
    let path = format!("{EXTRA}/info/lfs/objects/{right}");
    assert_eq!(
        lfs.send("PUT", &path, "Bearer alicepat", "", b"wrong").await.status,
        422,
        "with own credentials"
    );
    let encoded = lfs.send("PUT", &path, "Bearer alicepat", "Content-Encoding: gzip\n", b"right").await;
    assert_eq!(encoded.status, 415);
    assert!(lfs.stored().is_empty(), "{:?}", lfs.stored());
    assert_eq!(lfs.put(&upload, b"right").await.status, 200);
    assert_eq!(lfs.put(&upload, b"wrong").await.status, 422);
    let get = lfs.action(EXTRA, "bobspat", "download", &right, 5).await;
    assert_eq!(lfs.send("GET", &get.path, &get.header, "", b"").await.body, b"right", "what is there stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_another_repository_is_given_to_who_brings_it_and_to_nobody_else() {
    let lfs = Lfs::new().await;
    let secret = lfs.upload(EXTRA, b"secret").await;
    // Gogs GHSA-6p9m-q3jp-47h4: who knew an id could have another repository's object by saying so.
    let upload = lfs.batch(GUARDED, "alicepat", "upload", &[(&secret, 6)]).await;
    assert!(
        value(&upload)["objects"][0]["actions"]["upload"].is_object(),
        "it has to be brought: {}",
        upload.text()
    );
    let download = lfs.batch(GUARDED, "alicepat", "download", &[(&secret, 6)]).await;
    assert_eq!(value(&download)["objects"][0]["error"]["code"], 404);
    let action = lfs.action(GUARDED, "alicepat", "upload", &secret, 6).await;
    for (what, content) in [("nothing", &b""[..]), ("something else", b"guess!"), ("a part", b"secre")] {
        assert_eq!(lfs.put(&action, content).await.status, 422, "{what}");
    }
    let verify = lfs.action(GUARDED, "alicepat", "verify", &secret, 6).await;
    let body = json!({ "oid": secret, "size": 6 }).to_string();
    let lines = format!("Content-Type: {JSON}\n");
    assert_eq!(lfs.send("POST", &verify.path, &verify.header, &lines, body.as_bytes()).await.status, 404);
    let path = format!("{GUARDED}/info/lfs/objects/{secret}");
    assert_eq!(lfs.send("GET", &path, "Bearer alicepat", "", b"").await.status, 404);
    assert_eq!(lfs.send("GET", &path, "Bearer davespat", "", b"").await.status, 404, "denied is absent");
    assert_eq!(lfs.send("GET", &path, "", "", b"").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_is_good_for_what_it_names_alone() {
    let lfs = Lfs::new().await;
    let (one, other) = (lfs.upload(EXTRA, b"one").await, lfs.upload(EXTRA, b"other").await);
    lfs.upload(GUARDED, b"one").await;
    let get = lfs.action(EXTRA, "bobspat", "download", &one, 3).await;
    let fresh = oid(b"fresh");
    let put = lfs.action(EXTRA, "alicepat", "upload", &fresh, 5).await;
    let at = |repo: &str, oid: &str| format!("{repo}/info/lfs/objects/{oid}");
    let rows = [
        ("its own object", "GET", at(EXTRA, &one), &get.header, 200),
        ("another object", "GET", at(EXTRA, &other), &get.header, 403),
        ("another repository", "GET", at(GUARDED, &one), &get.header, 403),
        ("another operation", "PUT", at(EXTRA, &one), &get.header, 403),
        ("an upload's grant for a download", "GET", at(EXTRA, &one), &put.header, 403),
        ("an upload's grant for another upload", "PUT", at(EXTRA, &one), &put.header, 403),
        ("an upload's grant elsewhere", "PUT", at(GUARDED, &fresh), &put.header, 403),
        ("its end cut off", "GET", at(EXTRA, &one), &get.header[..get.header.len() - 1].to_owned(), 401),
    ];
    for (what, method, path, header, status) in rows {
        // Bob may only read; for him an upload is refused before his grant is looked at.
        let reply = lfs.send(method, &path, header, "", b"").await;
        assert_eq!(reply.status, status, "{what}: {}", reply.text());
    }
    let batch = format!("{EXTRA}/info/lfs/objects/batch");
    let body = json!({ "operation": "download", "objects": [] }).to_string();
    let lines = format!("Content-Type: {JSON}\n");
    let reply = lfs.send("POST", &batch, &get.header, &lines, body.as_bytes()).await;
    assert_eq!(reply.status, 403, "a grant asks for no others");
    for path in
        ["/acme/_apis/projects", "/acme/iris/_git/extra/info/refs?service=git-upload-pack", "/_mock/users"]
    {
        assert_eq!(lfs.send("GET", path, &get.header, "", b"").await.status, 401, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_ends_with_the_right_the_token_and_its_time() {
    let lfs = Lfs::new().await;
    let one = lfs.upload(EXTRA, b"one").await;
    let fresh = oid(b"fresh");
    let get = lfs.action(EXTRA, "bobspat", "download", &one, 3).await;
    let put = lfs.action(EXTRA, "carolpat", "upload", &fresh, 5).await;
    let entry = SeedEntry::user("carol").deny(["GenericContribute"]);
    lfs.server.admin().set_acl("acme/iris/extra", &entry).await.expect("an entry");
    assert_eq!(lfs.put(&put, b"fresh").await.status, 403, "the right was taken away");
    lfs.server.admin().remove_token("bob", "ci").await.expect("a token");
    assert_eq!(lfs.send("GET", &get.path, &get.header, "", b"").await.status, 401, "the token was revoked");
    assert_eq!(lfs.stored(), std::slice::from_ref(&one));

    let site = crate::ask::Site::with(|builder| builder).await;
    let body = json!({ "operation": "upload", "objects": [{ "oid": fresh, "size": 5 }] }).to_string();
    let lines = format!("Content-Type: {JSON}\nAuthorization: Bearer alice-all-scopes\n");
    let answer = site.send("POST", "/acme/iris/_git/iris/info/lfs/objects/batch", &lines, &body).await.json();
    let action = &answer["objects"][0]["actions"]["upload"];
    assert_eq!(action["expires_in"], 3600);
    let header = action["header"]["Authorization"].as_str().expect("a grant");
    let path = format!("/acme/iris/_git/iris/info/lfs/objects/{fresh}");
    site.pass(3_601);
    let late = site.send("PUT", &path, &format!("Authorization: {header}\n"), "fresh").await;
    assert_eq!(late.status, 401, "{late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_for_a_ref_asks_for_the_right_on_that_ref() {
    let lfs = Lfs::new().await;
    for (token, name, status) in [
        ("carolpat", "refs/heads/topic", 200),
        ("carolpat", "refs/heads/master", 403),
        ("alicepat", "refs/heads/master", 200),
        ("carolpat", "refs/heads/a\u{1}b", 422),
    ] {
        let body = json!({
            "operation": "upload", "ref": { "name": name }, "objects": [{ "oid": oid(b"x"), "size": 1 }]
        });
        let reply = lfs.json("POST", &format!("{GUARDED}/info/lfs/objects/batch"), token, &body).await;
        assert_eq!(reply.status, status, "{token} {name}: {}", reply.text());
        let body = json!({ "path": format!("{token}{status}"), "ref": { "name": name } });
        let reply = lfs.json("POST", &format!("{GUARDED}/info/lfs/locks"), token, &body).await;
        assert_eq!(
            reply.status,
            if status == 200 { 201 } else { status },
            "{token} {name}: {}",
            reply.text()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_is_for_a_path_in_the_repository() {
    let lfs = Lfs::new().await;
    for path in ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "a\nb", &"x".repeat(5000)] {
        let body = json!({ "path": path });
        let reply = lfs.json("POST", &format!("{EXTRA}/info/lfs/locks"), "alicepat", &body).await;
        assert_eq!(reply.status, 422, "{path:?}: {}", reply.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_body_ends_at_the_objects_size_and_a_slow_one_after_its_time() {
    let seed = format!("[limits]\nbody_seconds = 1\n{}", crate::git::SEED);
    let lfs = Lfs::with_seed(&seed, |builder| builder).await;
    let upload = lfs.action(EXTRA, "alicepat", "upload", &oid(b"right"), 5).await;
    let begin = || {
        let head = format!(
            "PUT {} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nAuthorization: {}\r\n\r\n",
            upload.path, upload.header
        );
        let mut stream = raw::connect(lfs.server.url());
        stream.write_all(head.as_bytes()).expect("it is sent");
        stream
    };
    let mut endless = begin();
    let chunk = [b"10000\r\n".to_vec(), vec![0; 1 << 16], b"\r\n".to_vec()].concat();
    // The server stops reading at some point, and the rest is never sent.
    let mut sent = 0;
    while sent < 4096 && endless.write_all(&chunk).is_ok() {
        sent += 1;
    }
    assert!(sent < 4096, "256 MB of a content of 5 bytes were taken");
    let mut slow = begin();
    slow.write_all(b"1\r\nr\r\n").expect("it is sent");
    let reply = raw::read(&mut BufReader::new(slow));
    assert!(matches!(reply.status, 0 | 408), "{} {}", reply.status, reply.text());
    assert!(lfs.stored().is_empty(), "{:?}", lfs.stored());
}
