//! azml and a server that goes wrong on purpose: what it says, what it keeps, and what the next command makes good.

use e2e::folder::write;
use e2e::{Actor, Sandbox, Server, contents};
use serde_json::{Value, json};
use test_support::http;

/// A request to the server's admin API; the answer's JSON, if it has any.
fn admin(server: &Server, method: &str, path: &str, body: &Value) -> Value {
    let token = server.ready()["admin_token"].as_str().expect("a token");
    let lines = format!("Authorization: Bearer {token}\nContent-Type: application/json\n");
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let head = http::head(server.http(), method, &format!("/_mock/{path}"), &lines, body.len());
    let answer = http::send(server.http(), &head, body.as_bytes()).expect("an answer");
    assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text());
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

fn set(server: &Server, fault: &Value) {
    admin(server, "POST", "faults", fault);
}

fn clear(server: &Server) {
    admin(server, "DELETE", "faults", &Value::Null);
}

/// The statuses of requests for large files with that method; none where the connection was cut.
fn transfers(server: &Server, method: &str) -> Vec<Option<u64>> {
    let journal = admin(server, "GET", "journal", &Value::Null);
    let entries = journal["entries"].as_array().expect("entries").iter();
    let wanted = entries.filter(|entry| {
        entry["method"] == method
            && entry["path"].as_str().is_some_and(|path| path.contains("/info/lfs/objects/"))
            && !entry["path"].as_str().is_some_and(|path| path.ends_with("/batch"))
    });
    wanted.map(|entry| entry["status"].as_u64()).collect()
}

fn alice<'s>(sandbox: &'s Sandbox, at: &str) -> Actor<'s> {
    sandbox.actor_at(at, "alice", "alicepat").with_env("AZML_LARGE_FILE", "1kB")
}

const OBJECTS: &str = "*/info/lfs/objects/*";

#[test]
fn an_upload_that_fails_is_told_in_plain_words_and_made_good_by_the_next_command() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let alice = alice(&sandbox, "desk");
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", &server.repo("iris"));
    write(&project, "train.py", "print('trained')\n");
    // Each is met by every request, so that trying again does not help.
    let rows = [
        (
            json!({ "kind": "status", "status": 413, "method": "PUT", "path": OBJECTS, "larger_than": 100_000 }),
            "413",
        ),
        (
            json!({ "kind": "status", "status": 507, "path": OBJECTS, "message": "Out of room." }),
            "Out of room.",
        ),
        (json!({ "kind": "rate-limit", "method": "PUT", "path": OBJECTS, "retry_after": 1 }), "TF400733"),
        (json!({ "kind": "cut-request", "method": "PUT", "path": OBJECTS, "after": 100_000 }), ""),
    ];
    for (number, (fault, words)) in (1_u8..).zip(rows) {
        set(&server, &fault);
        write(&project, "big.bin", vec![number; 300_000]);
        alice.submit(&project, &["train.py"]);
        let told = alice.azml(&project, &["history", "sync"]).ok();
        let is_told =
            told.stderr.contains("1 large file is on this computer alone") && told.stderr.contains(words);
        assert!(is_told, "{fault}: {told}");
        let shown = alice.azml_json(&project, &["project", "show"]);
        assert_eq!(
            shown["large_files"]["unpushed"],
            json!({ "files": 1, "bytes": 300_000 }),
            "{fault}: {shown}"
        );
        clear(&server);
        let synced = alice.azml(&project, &["history", "sync", "-o", "json"]).ok().json();
        assert_eq!(synced["large_files_unpushed"], 0, "{fault}: {synced}");
    }
    let laptop = self::alice(&sandbox, "laptop");
    let _done = laptop.azml(&sandbox.dir("laptop"), &["project", "clone", &server.repo("iris"), "iris"]).ok();
    contents(&sandbox.dir("laptop").join("iris")).assert_same(&contents(&project), "the roamed folder");
}

#[test]
fn the_reason_of_the_first_try_is_told_beside_that_of_the_second() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let alice = alice(&sandbox, "desk");
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", &server.repo("iris"));
    set(
        &server,
        &json!({ "kind": "status", "status": 507, "method": "PUT", "path": OBJECTS, "message": "Out of room.", "count": 1 }),
    );
    set(
        &server,
        &json!({ "kind": "status", "status": 500, "method": "PUT", "path": OBJECTS, "message": "Out of luck." }),
    );
    write(&project, "big.bin", vec![1; 300_000]);
    // It brings the snapshot to the remote, too.
    let _taken = alice.azml(&project, &["snapshot", "-o", "none"]).ok();
    let shown = alice.azml_json(&project, &["project", "show"]);
    let why = shown["large_files"]["last_error"].as_str().unwrap_or_else(|| panic!("{shown}"));
    let both = why.find("Out of room.").zip(why.find("Out of luck."));
    assert!(both.is_some_and(|(first, second)| first < second) && why.contains("tried again"), "{why}");
}

#[test]
fn a_download_that_is_cut_goes_on_where_it_was() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let alice = alice(&sandbox, "desk");
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", &server.repo("iris"));
    write(&project, "train.py", "print('trained')\n");
    write(&project, "big.bin", vec![7; 2_000_000]);
    let run = alice.submit(&project, &["train.py"]);
    let _done = alice.azml(&project, &["history", "sync"]).ok();
    set(
        &server,
        &json!({ "kind": "cut-answer", "method": "GET", "path": OBJECTS, "after": 1_000_000, "count": 1 }),
    );
    let laptop = self::alice(&sandbox, "laptop");
    let there = sandbox.dir("laptop").join("iris");
    let _done = laptop.azml(&sandbox.dir("laptop"), &["project", "clone", &server.repo("iris"), "iris"]).ok();
    let _done = laptop.azml(&there, &["project", "restore", "--run-id", &run]).ok();
    contents(&there).assert_same(&contents(&project), "the roamed folder");
    assert_eq!(transfers(&server, "GET"), [Some(200), Some(206)], "the rest alone is asked for again");
}

#[test]
fn a_push_that_is_refused_or_stale_once_loses_no_run() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let alice = alice(&sandbox, "desk");
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", &server.repo("iris"));
    write(&project, "train.py", "print('trained')\n");
    let rows = [
        json!({ "kind": "refuse-push", "message": "TF402455: Not today." }),
        json!({ "kind": "stale-ref" }),
        json!({ "kind": "expired-token", "path": "*/git-receive-pack" }),
        json!({ "kind": "status", "status": 503, "path": "/acme/*" }),
        json!({ "kind": "cut-answer", "path": "/acme/*", "after": 0 }),
    ];
    for fault in rows {
        set(&server, &fault);
        let run = alice.submit(&project, &["train.py"]);
        assert!(alice.run_ids(&project).contains(&run), "{fault}");
        clear(&server);
        let _done = alice.azml(&project, &["history", "sync"]).ok();
        assert_eq!(alice.azml_json(&project, &["project", "show"])["owed"], json!([]), "{fault}");
    }
    let laptop = self::alice(&sandbox, "laptop");
    let _done = laptop.azml(&sandbox.dir("laptop"), &["project", "clone", &server.repo("iris"), "iris"]).ok();
    assert_eq!(laptop.run_ids(&sandbox.dir("laptop").join("iris")).len(), 5);
}
