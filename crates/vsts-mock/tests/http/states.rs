//! Saved states: the whole state of a server under a name, and the way back to it; with clients in the middle, with other
//! processes on the same data, and with a server that is killed on the way.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::Answer;
use vsts_mock::{Fault, MockServer, RegistryError, SavedError};

use crate::binary::Served;
use crate::git::{Git, SEED, filled, server};
use crate::running::Running;

const EXTRA: &str = "/acme/iris/_apis/git/repositories/extra";
const LFS: &str = "/acme/iris/_git/extra/info/lfs";
const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

async fn by_admin(site: &Running, method: &str, path: &str) -> Answer {
    let token = site.server.admin_token().to_owned();
    site.exchange(method, &format!("/_mock{path}"), &token, "", "").await
}

#[track_caller]
fn json_of(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text());
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

async fn alice(site: &Running, method: &str, path: &str, body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    site.exchange(method, path, "alicepat", "Content-Type: application/json\n", body).await
}

/// Uploads the large file `hello` to the repository extra.
async fn upload(site: &Running) {
    let batch =
        json!({ "operation": "upload", "transfers": ["basic"], "objects": [{ "oid": HELLO, "size": 5 }] });
    let lines = "Content-Type: application/vnd.git-lfs+json\nAccept: application/vnd.git-lfs+json\n";
    let batch =
        site.exchange("POST", &format!("{LFS}/objects/batch"), "alicepat", lines, batch.to_string()).await;
    let action = json_of(&batch, 200)["objects"][0]["actions"]["upload"].clone();
    let href = action["href"].as_str().expect("an address");
    let path = href.strip_prefix(site.server.url()).expect("it is this server's");
    let header = format!("Authorization: {}\n", action["header"]["Authorization"].as_str().expect("a grant"));
    let sent = site.exchange("PUT", path, "", &header, "hello").await;
    assert_eq!(sent.status, 200, "{}", sent.text());
}

async fn has_large_file(site: &Running) -> bool {
    let batch = json!({ "operation": "download", "objects": [{ "oid": HELLO, "size": 5 }] });
    let lines = "Content-Type: application/vnd.git-lfs+json\nAccept: application/vnd.git-lfs+json\n";
    let batch =
        site.exchange("POST", &format!("{LFS}/objects/batch"), "alicepat", lines, batch.to_string()).await;
    let object = json_of(&batch, 200)["objects"][0].clone();
    object["actions"]["download"].is_object()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_the_state_is_saved_and_comes_back() {
    let site = server().await;
    let (git, first) = filled(&site.server, &site.dir, "extra").await;
    git.run(&["push", "-q", "origin", "HEAD:topic"]).await.ok();
    git.commit("more", b"more\n").await;
    git.run(&["push", "-q", "origin", "HEAD:topic"]).await.ok();
    upload(&site).await;
    let pull = json!({ "sourceRefName": "refs/heads/topic", "targetRefName": "refs/heads/master", "title": "Topic" });
    json_of(&alice(&site, "POST", &format!("{EXTRA}/pullrequests"), &pull).await, 201);
    let item = json!([{ "op": "add", "path": "/fields/System.Title", "value": "It breaks" }]);
    let lines = "Content-Type: application/json-patch+json\n";
    let item = site
        .exchange(
            "POST",
            "/acme/iris/_apis/wit/workitems/$Bug?api-version=5.0",
            "alicepat",
            lines,
            item.to_string(),
        )
        .await;
    json_of(&item, 200);
    let admin = site.server.admin();
    admin.add_fault(Fault::status(503).at("/nowhere").count(3)).expect("a fault");
    admin.set_clock_ahead(60);
    assert_eq!(site.exchange("GET", "/nowhere", "", "", "").await.status, 503);

    let saved = json_of(&by_admin(&site, "POST", "/snapshots/full").await, 201);
    assert_eq!(saved["name"], "full");
    assert!(
        saved["bytes"].as_u64().is_some_and(|bytes| bytes > 1000) && saved["created"].is_string(),
        "{saved}"
    );
    let counts = json!({
        "users": 4, "accounts": saved["counts"]["accounts"], "projects": saved["counts"]["projects"],
        "repositories": saved["counts"]["repositories"], "pullRequests": 1, "workItems": 1, "largeFiles": 1,
    });
    assert_eq!(saved["counts"], counts);
    let listed = json_of(&by_admin(&site, "GET", "/snapshots").await, 200);
    assert_eq!(listed, json!({ "snapshots": [saved] }));

    // All of it changes, and the large file goes from the store.
    admin.remove_user("carol").await.expect("she is there");
    admin.clear_faults();
    admin.set_clock_ahead(0);
    json_of(&by_admin(&site, "POST", "/reset").await, 200);
    json_of(&by_admin(&site, "POST", "/lfs/sweep").await, 200);
    assert!(!has_large_file(&site).await);
    assert_eq!(alice(&site, "GET", &format!("{EXTRA}/pullrequests/1"), &Value::Null).await.status, 404);

    json_of(&by_admin(&site, "POST", "/snapshots/full/restore").await, 200);
    assert!(admin.users().contains(&"carol".to_owned()));
    assert!(has_large_file(&site).await);
    let pull = json_of(&alice(&site, "GET", &format!("{EXTRA}/pullrequests/1"), &Value::Null).await, 200);
    assert_eq!((&pull["title"], &pull["mergeStatus"]), (&json!("Topic"), &json!("succeeded")));
    let item =
        json_of(&alice(&site, "GET", "/acme/_apis/wit/workitems/1?api-version=5.0", &Value::Null).await, 200);
    assert_eq!(item["fields"]["System.Title"], "It breaks");
    let fault = &admin.faults()[0];
    assert_eq!((fault.id, fault.met), (1, 1), "it goes on counting where it was");
    let clock = json_of(&by_admin(&site, "GET", "/clock").await, 200);
    assert_eq!(clock["ahead"], 60);
    assert!(admin.journal().iter().all(|entry| entry.seq > 3), "what was asked before is forgotten");
    let url = site.server.clone_url("acme", "iris", "extra");
    let clone = Git::of(site.dir.path(), "bobspat").clone_to(&url, "bob").await;
    assert_eq!(clone.run(&["rev-parse", "HEAD"]).await.ok().trim(), first);
    // The server writes into what it went back to, and not into what is saved.
    git.run(&["checkout", "-q", "master"]).await.ok();
    git.commit("later", b"later\n").await;
    git.run(&["push", "-q", "origin", "HEAD:master"]).await.ok();
    json_of(&by_admin(&site, "POST", "/snapshots/full/restore").await, 200);
    assert_eq!(
        clone.run(&["ls-remote", "origin", "refs/heads/master"]).await.ok(),
        format!("{first}\trefs/heads/master\n")
    );
    git.run(&["push", "-q", "origin", "HEAD:master"]).await.ok();

    assert_eq!(by_admin(&site, "DELETE", "/snapshots/full").await.status, 204);
    assert_eq!(by_admin(&site, "DELETE", "/snapshots/full").await.status, 404);
    assert_eq!(by_admin(&site, "POST", "/snapshots/full/restore").await.status, 404);
    git.run(&["fetch", "-q", "origin"]).await.ok();
    let data = site.path("data");
    site.server.stop().await;
    for entry in fs::read_dir(data.join("repos")).expect("the folder is there") {
        Git::of(&entry.expect("an entry").path(), "").run(&["fsck", "--strict"]).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_administrator_alone_saves_and_names_lead_nowhere_else() {
    let site = server().await;
    for (method, path) in [("GET", ""), ("POST", "/x"), ("POST", "/x/restore"), ("DELETE", "/x")] {
        let path = format!("/_mock/snapshots{path}");
        assert_eq!(site.exchange(method, &path, "alicepat", "", "").await.status, 401, "{method} {path}");
        assert_eq!(site.exchange(method, &path, "", "", "").await.status, 401, "{method} {path}");
    }
    for name in ["..", "%2e%2e", "a%2Fb", "a.b", "%00", &"a".repeat(65)] {
        for (method, more) in [("POST", ""), ("POST", "/restore"), ("DELETE", "")] {
            let refused = by_admin(&site, method, &format!("/snapshots/{name}{more}")).await;
            assert!([400, 404].contains(&refused.status), "{method} {name}{more}: {}", refused.text());
        }
    }
    let refused = json_of(&by_admin(&site, "POST", "/snapshots/a.b").await, 400);
    assert_eq!(refused["field"], "name");
    assert!(refused["error"].as_str().is_some_and(|text| text.contains("letters")), "{refused}");
    assert_eq!(json_of(&by_admin(&site, "GET", "/snapshots").await, 200), json!({ "snapshots": [] }));
    let missing = json_of(&by_admin(&site, "POST", "/snapshots/none/restore").await, 404);
    assert!(missing["error"].as_str().is_some_and(|text| text.contains("\"none\"")), "{missing}");
    // The same name again is another state, in the place of the first.
    assert_eq!(by_admin(&site, "POST", "/snapshots/one").await.status, 201);
    site.server.admin().remove_user("bob").await.expect("he is there");
    let again = json_of(&by_admin(&site, "POST", "/snapshots/one").await, 200);
    assert_eq!(again["counts"]["users"], 3);
    json_of(&by_admin(&site, "POST", "/reset").await, 200);
    json_of(&by_admin(&site, "POST", "/snapshots/one/restore").await, 200);
    assert!(!site.server.admin().users().contains(&"bob".to_owned()));
    let left: Vec<_> = fs::read_dir(site.path("data/saved"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert!(left.iter().any(|name| name == "one"), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_tokens_come_back_too() {
    let seed = "users = [{ name = \"alice\", password = \"secret\", tokens = [{ name = \"ci\" }] }]\n\
                [[accounts]]\nname = \"acme\"\nowner = \"alice\"\nprojects = [{ name = \"iris\" }]\n";
    let mut server = MockServer::builder().seed_toml(seed).expect("a seed").start().await.expect("it starts");
    let first = server.token("alice", "ci").expect("generated").to_owned();
    server.admin().snapshot("first").await.expect("it is saved");
    server.reset().await.expect("a reset");
    let second = server.token("alice", "ci").expect("generated").to_owned();
    assert_ne!(first, second);
    server.restore("first").await.expect("it comes back");
    assert_eq!(server.token("alice", "ci"), Some(first.as_str()));
    let url = server.url().to_owned();
    let asks = |token: String| {
        let url = url.clone();
        tokio::task::spawn_blocking(move || {
            let lines = format!("Authorization: Bearer {token}\n");
            let head = test_support::http::head(&url, "GET", "/acme/_apis/projects", &lines, 0);
            test_support::http::send(&url, &head, b"").expect("an answer").status
        })
    };
    assert_eq!((asks(first).await.expect("sent"), asks(second).await.expect("sent")), (200, 401));
    assert_eq!(server.admin().snapshots().expect("a list").len(), 1);
    let missing = server.restore("second").await.expect_err("there is none");
    assert!(matches!(missing, RegistryError::Saved(SavedError::NotFound { .. })), "{missing}");
    server.admin().remove_snapshot("first").await.expect("it is there");
    assert!(server.admin().snapshots().expect("a list").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_outlives_the_process_with_its_data() {
    let dir = TempDir::new().expect("a folder");
    let data = ["--data-dir", "data"];
    let served = Served::start(dir.path(), &data);
    assert_eq!(served.ask("POST", "/_mock/users", r#"{"name":"erin"}"#).await.status, 201);
    assert_eq!(served.ask("POST", "/_mock/snapshots/with-erin", "").await.status, 201);
    assert_eq!(served.ask("DELETE", "/_mock/users/erin", "").await.status, 204);
    assert!(served.terminate().success());
    let served = Served::start(dir.path(), &data);
    assert!(served.ask("GET", "/_mock/snapshots", "").await.text().contains("with-erin"));
    assert_eq!(served.ask("GET", "/_mock/users/erin", "").await.status, 404);
    assert_eq!(served.ask("POST", "/_mock/snapshots/with-erin/restore", "").await.status, 200);
    assert_eq!(served.ask("GET", "/_mock/users/erin", "").await.status, 200);
    // A state of a newer version is refused by its format, and nothing changes.
    let about = dir.path().join("data/saved/with-erin/about.json");
    let text = fs::read_to_string(&about).expect("a file").replace("\"format\": 1", "\"format\": 2");
    fs::write(&about, text).expect("a file is written");
    let refused = served.ask("POST", "/_mock/snapshots/with-erin/restore", "").await;
    assert_eq!(refused.status, 409, "{}", refused.text());
    assert!(refused.text().contains("format 2"), "{}", refused.text());
    assert_eq!(served.ask("GET", "/_mock/users/erin", "").await.status, 200);
    // So is a database of a newer version, and one that is damaged is named.
    let text = fs::read_to_string(&about).expect("a file").replace("\"format\": 2", "\"format\": 1");
    fs::write(&about, text).expect("a file is written");
    let database = dir.path().join("data/saved/with-erin/state.sqlite");
    let newer = "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); d.execute(\"INSERT INTO _sqlx_migrations VALUES \
                 (9999, 'x', '2026-01-01', 1, x'00', 0)\"); d.commit()";
    let made = Command::new("python3").args(["-c", newer]).arg(&database).status().expect("python3 runs");
    assert!(made.success());
    let refused = served.ask("POST", "/_mock/snapshots/with-erin/restore", "").await;
    assert_eq!(refused.status, 409, "{}", refused.text());
    assert!(refused.text().contains("newer version"), "{}", refused.text());
    fs::write(&database, "nonsense").expect("a file is written");
    let refused = served.ask("POST", "/_mock/snapshots/with-erin/restore", "").await;
    assert_eq!(refused.status, 500, "{}", refused.text());
    assert!(refused.text().contains("state.sqlite is damaged"), "{}", refused.text());
    assert_eq!(served.ask("GET", "/_mock/users/erin", "").await.status, 200);
    assert!(served.terminate().success());
}

/// A push that is under way ends before the state goes, or is cut off and changes nothing; the requests that come meanwhile wait.
#[tokio::test(flavor = "multi_thread")]
async fn pushes_in_the_middle_never_mix_two_states() {
    let site = server().await;
    let (git, first) = filled(&site.server, &site.dir, "extra").await;
    json_of(&by_admin(&site, "POST", "/snapshots/base").await, 201);
    let url = site.server.clone_url("acme", "iris", "extra");
    let mut pushers = Vec::new();
    for number in 0..3 {
        let clone = Git::of(site.dir.path(), "alicepat").clone_to(&url, &format!("pusher-{number}")).await;
        pushers.push(tokio::spawn(async move {
            let mut counts = [0, 0];
            for turn in 0..8 {
                clone.commit(&format!("f{turn}"), format!("{number} {turn}").as_bytes()).await;
                let pushed =
                    clone.run(&["push", "-q", "-f", "origin", &format!("HEAD:p{number}-{turn}")]).await;
                counts[usize::from(pushed.is_ok())] += 1;
            }
            counts
        }));
    }
    let mut restored = 0;
    while pushers.iter().any(|pusher| !pusher.is_finished()) {
        let answer = by_admin(&site, "POST", "/snapshots/base/restore").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        restored += 1;
    }
    let mut pushed = 0;
    for pusher in pushers {
        pushed += pusher.await.expect("no panic")[1];
    }
    assert!(restored > 0 && pushed > 0, "{restored} {pushed}");
    json_of(&by_admin(&site, "POST", "/snapshots/base/restore").await, 200);
    let refs = git.run(&["ls-remote", "origin"]).await.ok();
    assert_eq!(refs, format!("{first}\tHEAD\n{first}\trefs/heads/master\n"));
    let data = site.path("data");
    site.server.stop().await;
    for root in ["repos", "saved/base/repos"] {
        for entry in fs::read_dir(data.join(root)).expect("the folder is there") {
            let path = entry.expect("an entry").path();
            Git::of(&path, "").run(&["fsck", "--strict"]).await.ok();
            assert!(no_trash(&path), "{}", path.display());
        }
    }
}

fn no_trash(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "git")
}

/// A fetch whose client takes nothing is cut off when the state goes; a state that is to be saved waits instead, and says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_hangs_holds_nothing_up_for_long() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let site = Running::start(TempDir::new().expect("a folder"), SEED, |builder| builder).await;
    json_of(&by_admin(&site, "POST", "/snapshots/base").await, 201);
    let address = site.server.url().trim_start_matches("http://").to_owned();
    let mut stream = tokio::net::TcpStream::connect(&address).await.expect("it listens");
    let head = format!(
        "POST /acme/iris/_git/extra/git-receive-pack HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer alicepat\r\n\
         Content-Type: application/x-git-receive-pack-request\r\nContent-Length: 100000\r\n\r\n00"
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    // It is in the journal when the server has begun with it.
    let begun = Instant::now();
    while !site.server.admin().journal().iter().any(|entry| format!("{entry:?}").contains("git-receive-pack"))
    {
        assert!(begun.elapsed() < Duration::from_mins(1));
        tokio::task::yield_now().await;
    }
    let begun = Instant::now();
    json_of(&by_admin(&site, "POST", "/snapshots/base/restore").await, 200);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut answer)).await;
    assert!(read.is_ok(), "its connection ends");
    // Where the answer had begun, it is an error in Git's protocol.
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 503 ") || answer.contains("ERR the server ended"),
        "{answer}"
    );
    let refs = site.exchange("GET", &format!("{EXTRA}/refs"), "alicepat", "", "").await;
    assert_eq!(json_of(&refs, 200)["count"], 0);
}

/// So is an answer whose client takes nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_nothing_of_its_answer_holds_nothing_up() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let site = server().await;
    let (git, _) = filled(&site.server, &site.dir, "extra").await;
    // More than the buffers of two sockets.
    git.commit("large", &vec![0; 40 << 20]).await;
    git.run(&["push", "-q", "origin", "HEAD:master"]).await.ok();
    json_of(&by_admin(&site, "POST", "/snapshots/base").await, 201);
    let address = site.server.url().trim_start_matches("http://").to_owned();
    let mut stream = tokio::net::TcpStream::connect(&address).await.expect("it listens");
    let head = format!(
        "GET {EXTRA}/items?path=/large&$format=octetStream&api-version=5.0 HTTP/1.1\r\nHost: {address}\r\n\
         Authorization: Bearer alicepat\r\nAccept: application/octet-stream\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut begun = [0; 12];
    stream.read_exact(&mut begun).await.expect("an answer begins");
    assert_eq!(&begun, b"HTTP/1.1 200");
    let restored = Instant::now();
    json_of(&by_admin(&site, "POST", "/snapshots/base/restore").await, 200);
    assert!(restored.elapsed() < Duration::from_secs(8), "{:?}", restored.elapsed());
    let mut rest = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut rest)).await;
    assert!(read.is_ok() && rest.len() < 40 << 20, "its connection ends");
}

mod heavy {
    use test_support::{Step, steps};

    use super::*;

    /// The calls that change folders and files, with how many of them pass between two tries: of the database's writes, five.
    fn calls() -> impl Iterator<Item = (&'static str, usize)> {
        let stride = |call| if call == "?pwrite64" { 5 } else { 1 };
        steps::FOLDERS.into_iter().chain(steps::FILES).map(move |call| (call, stride(call)))
    }

    /// A server that is killed at any step of going back is, after the next start, in one of the two states as a whole.
    #[tokio::test(flavor = "multi_thread")]
    async fn a_server_that_is_killed_on_the_way_back_is_in_one_state() {
        let dir = TempDir::new().expect("a folder");
        let served = Served::start(dir.path(), &["--data-dir", "data"]);
        let url = served.url().to_owned();
        let pushed = |url: &str, old: &str, path: &str| {
            let body = json!({
                "refUpdates": [{ "name": "refs/heads/master", "oldObjectId": old }],
                "commits": [{ "comment": path, "changes": [{
                    "changeType": "add", "item": { "path": path }, "newContent": { "content": path, "contentType": "rawtext" },
                }] }],
            });
            let lines = "Authorization: Bearer alicepat\nContent-Type: application/json\n";
            let head = test_support::http::head(
                url,
                "POST",
                &format!("{EXTRA}/pushes"),
                lines,
                body.to_string().len(),
            );
            let answer =
                test_support::http::send(url, &head, body.to_string().as_bytes()).expect("an answer");
            assert_eq!(answer.status, 201, "{}", answer.text());
            let made: Value = serde_json::from_slice(&answer.body).expect("JSON");
            made["refUpdates"][0]["newObjectId"].as_str().expect("an id").to_owned()
        };
        let old = pushed(&url, &"0".repeat(40), "/old");
        assert_eq!(served.ask("POST", "/_mock/snapshots/old", "").await.status, 201);
        let new = pushed(&url, &old, "/new");
        assert_eq!(served.ask("POST", "/_mock/users", r#"{"name":"erin"}"#).await.status, 201);
        assert!(served.terminate().success());

        let (mut seen_old, mut seen_new) = (0, 0);
        for (call, stride) in calls() {
            for step in (1..400).step_by(stride).map(|nth| Step { call, nth }) {
                let copy = dir.path().join("step");
                if copy.exists() {
                    fs::remove_dir_all(&copy).expect("it is ours");
                }
                let copied = Command::new("cp").args(["-a", "data", "step"]).current_dir(dir.path()).status();
                assert!(copied.expect("cp runs").success());
                let served = Served::start(dir.path(), &["--data-dir", "step"]);
                let mut tracer = Command::new("strace")
                    .args(["-f", "-qq", "-o", "/dev/null"])
                    .args(step.options())
                    .args(["-p", &served.pid().to_string()])
                    .stderr(Stdio::piped())
                    .spawn()
                    .expect("strace starts");
                attached(served.pid());
                let answer = tokio::time::timeout(
                    Duration::from_mins(1),
                    tokio::task::spawn_blocking({
                        let (url, token) = (
                            served.url().to_owned(),
                            served.ready["admin_token"].as_str().expect("a token").to_owned(),
                        );
                        move || {
                            let lines = format!("Authorization: Bearer {token}\n");
                            let head = test_support::http::head(
                                &url,
                                "POST",
                                "/_mock/snapshots/old/restore",
                                &lines,
                                0,
                            );
                            test_support::http::send(&url, &head, b"")
                                .is_ok_and(|answer| answer.status == 200)
                        }
                    }),
                );
                let was_done = answer.await.expect("in time").expect("no panic");
                drop(served);
                // It ends with what it traces.
                tracer.wait().expect("it ends");
                let served = Served::start(dir.path(), &["--data-dir", "step"]);
                let erin = served.ask("GET", "/_mock/users/erin", "").await.status;
                let clone = format!("{}/acme/iris/_git/extra", served.url());
                let tip = Git::of(dir.path(), "alicepat")
                    .run(&["ls-remote", &clone, "refs/heads/master"])
                    .await
                    .ok();
                let tip = tip.split('\t').next().unwrap_or_default().to_owned();
                if erin == 404 {
                    assert_eq!(tip, old, "{step:?}");
                    seen_old += 1;
                } else {
                    assert_eq!((erin, &tip), (200, &new), "{step:?}");
                    assert!(!was_done, "{step:?}: it was promised");
                    seen_new += 1;
                }
                assert!(!copy.join("restoring").exists(), "{step:?}");
                if was_done {
                    break;
                }
            }
        }
        assert!(seen_old >= 1 && seen_new >= 1, "{seen_old} {seen_new}");
    }

    /// Waits until a process is traced.
    fn attached(pid: u32) {
        let begun = Instant::now();
        loop {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
            if !status.contains("TracerPid:\t0") {
                return;
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "nobody traces it");
            std::thread::yield_now();
        }
    }
}
