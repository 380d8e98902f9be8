//! Contents: stored once, read as a whole or in part, and nothing half.

use std::io::{BufReader, Write as _};

use serde_json::json;

use super::{EXTRA, JSON, Lfs, message, oid, value};
use crate::raw;

const GUARDED: &str = "/acme/iris/_git/guarded";

#[tokio::test(flavor = "multi_thread")]
async fn what_was_uploaded_is_verified_and_read_whole_and_in_part() {
    let lfs = Lfs::new().await;
    let content: Vec<u8> = (0..700_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
    let oid = oid(&content);
    let verify = lfs.action(EXTRA, "alicepat", "verify", &oid, content.len()).await;
    let lines = format!("Content-Type: {JSON}\n");
    let body = json!({ "oid": oid, "size": content.len() }).to_string();
    let early = lfs.send("POST", &verify.path, &verify.header, &lines, body.as_bytes()).await;
    assert_eq!(early.status, 404, "it is not there yet");
    lfs.upload(EXTRA, &content).await;
    let verified = lfs.send("POST", &verify.path, &verify.header, &lines, body.as_bytes()).await;
    assert_eq!(verified.status, 200, "{}", verified.text());
    let other = json!({ "oid": oid, "size": 1 }).to_string();
    let refused = lfs.send("POST", &verify.path, &verify.header, &lines, other.as_bytes()).await;
    assert_eq!(refused.status, 422);
    assert_eq!(lfs.stored(), std::slice::from_ref(&oid));

    let get = lfs.action(EXTRA, "bobspat", "download", &oid, content.len()).await;
    let all = content.len();
    let rows = [
        ("GET", "", 200, 0..all, None),
        ("HEAD", "", 200, 0..0, None),
        ("GET", "Range: bytes=0-9\n", 206, 0..10, Some(format!("bytes 0-9/{all}"))),
        (
            "GET",
            "Range: bytes=300000-699999\n",
            206,
            300_000..all,
            Some(format!("bytes 300000-699999/{all}")),
        ),
        ("GET", "Range: bytes=-5\n", 206, all - 5..all, Some(format!("bytes {}-{}/{all}", all - 5, all - 1))),
        ("GET", "Range: bytes=700000-\n", 416, 0..0, Some(format!("bytes */{all}"))),
        ("GET", "Range: bytes=0-1,4-5\n", 200, 0..all, None),
        ("GET", "Range: bytes=0-1\nIf-Range: \"other\"\n", 200, 0..all, None),
    ];
    for (method, lines, status, part, range) in rows {
        let reply = lfs.send(method, &get.path, &get.header, lines, b"").await;
        assert_eq!(
            (reply.status, reply.header("content-range")),
            (status, range.as_deref()),
            "{method} {lines}"
        );
        assert_eq!(reply.header("content-type"), Some("application/octet-stream"));
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        if method == "HEAD" {
            assert_eq!(reply.header("content-length"), Some(all.to_string().as_str()));
        } else {
            assert!(reply.body == content[part], "{lines}");
        }
    }
    // The service takes a client's own credentials too.
    let own = lfs.send("GET", &get.path, "Bearer bobspat", "", b"").await;
    assert!(own.status == 200 && own.body == content);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_repositories_share_a_content_that_each_of_them_uploaded() {
    let lfs = Lfs::new().await;
    let oid = lfs.upload(EXTRA, b"shared").await;
    let get = format!("{GUARDED}/info/lfs/objects/{oid}");
    assert_eq!(lfs.send("GET", &get, "Bearer alicepat", "", b"").await.status, 404);
    assert_eq!(lfs.upload(GUARDED, b"shared").await, oid);
    assert_eq!(lfs.send("GET", &get, "Bearer alicepat", "", b"").await.body, b"shared");
    assert_eq!(lfs.stored(), [oid]);
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_of_one_object_at_once_leave_one() {
    let lfs = Lfs::new().await;
    let content = vec![7; 1 << 20];
    let oid = oid(&content);
    let upload = lfs.action(EXTRA, "alicepat", "upload", &oid, content.len()).await;
    let replies = futures_util::future::join_all((0..6).map(|_| lfs.put(&upload, &content))).await;
    assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");
    assert_eq!(lfs.stored(), [oid]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_has_what_it_confirmed_and_nothing_half() {
    let lfs = Lfs::new().await;
    let oid = lfs.upload(EXTRA, b"kept").await;
    let data = lfs.dir.path().join("data");
    std::fs::write(data.join("lfs/incoming/.tmpkilled"), b"half").expect("as a killed server leaves it");
    lfs.server.stop().await;
    let server = vsts_mock::MockServer::builder().data_dir(&data).start().await.expect("it starts again");
    let lfs = Lfs { server, dir: lfs.dir };
    let get = lfs.action(EXTRA, "bobspat", "download", &oid, 4).await;
    assert_eq!(lfs.send("GET", &get.path, &get.header, "", b"").await.body, b"kept");
    assert_eq!(lfs.stored(), [oid]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_content_may_be_uploaded_again() {
    let lfs = Lfs::new().await;
    let oid = lfs.upload(EXTRA, b"lost").await;
    let file = lfs.dir.path().join(format!("data/lfs/{}/{}/{oid}", &oid[..2], &oid[2..4]));
    std::fs::remove_file(&file).expect("it is where it should be");
    let reply = lfs.batch(EXTRA, "bobspat", "download", &[(&oid, 4)]).await;
    assert_eq!(value(&reply)["objects"][0]["error"]["code"], 404);
    assert_eq!(lfs.upload(EXTRA, b"lost").await, oid);
    assert_eq!(std::fs::read(file).expect("it is back"), b"lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cut_off_leaves_nothing() {
    let lfs = Lfs::new().await;
    let content = vec![1; 600_000];
    let upload = lfs.action(EXTRA, "alicepat", "upload", &oid(&content), content.len()).await;
    let head = test_support::http::head(
        lfs.server.url(),
        "PUT",
        &upload.path,
        &format!("Authorization: {}\n", upload.header),
        content.len(),
    );
    let mut stream = raw::connect(lfs.server.url());
    stream.write_all(head.replace('\n', "\r\n").as_bytes()).expect("it is sent");
    stream.write_all(&content[..500_000]).expect("it is sent");
    stream.shutdown(std::net::Shutdown::Write).expect("it ends there");
    let reply = raw::read(&mut BufReader::new(stream));
    assert!(matches!(reply.status, 0 | 400), "{} {}", reply.status, reply.text());
    // The same upload again, to its end, is what the next waits for.
    assert_eq!(lfs.put(&upload, &content).await.status, 200);
    assert_eq!(lfs.stored(), [oid(&content)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_has_who_transferred_what() {
    let lfs = Lfs::new().await;
    let oid = lfs.upload(EXTRA, b"noted").await;
    let get = lfs.action(EXTRA, "bobspat", "download", &oid, 5).await;
    assert_eq!(lfs.send("GET", &get.path, &get.header, "", b"").await.status, 200);
    let path = "/_mock/journal?kind=lfs-object";
    let reply = lfs.send("GET", path, &format!("Bearer {}", lfs.server.admin_token()), "", b"").await;
    let rows: Vec<_> = value(&reply)["entries"].as_array().expect("entries").clone();
    let told: Vec<String> = rows
        .iter()
        .map(|row| {
            format!("{} {} {} {}", row["user"], row["operation"], row["size"], row["repo"]).replace('"', "")
        })
        .collect();
    assert_eq!(told, ["alice upload 5 extra", "bob download 5 extra"]);
    assert!(rows.iter().all(|row| row["oid"] == oid));
    let all =
        lfs.send("GET", "/_mock/journal", &format!("Bearer {}", lfs.server.admin_token()), "", b"").await;
    assert!(all.text().contains(r#""service":"git-lfs""#), "{}", all.text());
    assert!(!all.text().contains("lfs1."), "no grant is in the journal");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_named() {
    let seed = crate::git::SEED.replace("owner = \"alice\"", "owner = \"alice\"\nlfs_quota = \"10B\"");
    let seed = format!("[limits]\nmax_lfs_file = 8\n{seed}");
    let lfs = Lfs::with_seed(&seed, |builder| builder).await;
    let batch = async |content: &[u8]| {
        let size = i64::try_from(content.len()).expect("a size");
        let reply = lfs.batch(EXTRA, "alicepat", "upload", &[(&oid(content), size)]).await;
        let error = value(&reply)["objects"][0]["error"].clone();
        (error["code"].as_u64(), error["message"].as_str().unwrap_or_default().to_owned())
    };
    let (code, message_of_file) = batch(b"123456789").await;
    assert!(code == Some(413) && message_of_file.contains("8 bytes"), "{code:?} {message_of_file}");
    let both = [(oid(b"123456"), 6), (oid(b"abcdef"), 6)];
    let both: Vec<(&str, i64)> = both.iter().map(|(oid, size)| (oid.as_str(), *size)).collect();
    let reply = lfs.batch(EXTRA, "alicepat", "upload", &both).await;
    assert_eq!(value(&reply)["objects"][1]["error"]["code"], 507, "{}", reply.text());
    let late = lfs.action(EXTRA, "alicepat", "upload", both[1].0, 6).await;
    lfs.upload(EXTRA, b"123456").await;
    let (code, message_of_quota) = batch(b"abcdef").await;
    let names = message_of_quota.contains("acme") && message_of_quota.contains("10 bytes");
    assert!(code == Some(507) && names, "{code:?} {message_of_quota}");
    let refused = lfs.put(&late, b"abcdef").await;
    assert_eq!(refused.status, 507, "{}", refused.text());
    assert!(message(&refused).contains("lfs_quota"));
    assert_eq!(lfs.stored(), [oid(b"123456")]);
    let elsewhere = format!("{GUARDED}/info/lfs/objects/{}", oid(b"123456"));
    let again = lfs.send("PUT", &elsewhere, "Bearer alicepat", "", b"123456").await;
    assert_eq!(again.status, 200, "a content counts once: {}", again.text());
    let open = format!("{EXTRA}/info/lfs/objects/{}", oid(b"123456789"));
    assert_eq!(lfs.send("PUT", &open, "Bearer alicepat", "", b"123456789").await.status, 413);
}
