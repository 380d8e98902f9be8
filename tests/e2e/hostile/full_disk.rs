//! S13: no room left where the server keeps its data. Whoever wants to store something is told so, whichever way they
//! come; nothing half remains; and all goes on when there is room again.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::{Actor, Sandbox, Server, git, http};
use serde_json::Value;

/// The space that a file of one byte takes.
const PAGE: u64 = 4096;
/// The server's words.
const FULL: &str = "disk is full";

/// Takes up the server's disk but for so many bytes.
fn fill(server: &Server, room: u64) -> PathBuf {
    let path = server.disk().join("ballast");
    let mut ballast = File::create(&path).expect("a file on the server's disk");
    let block = vec![1; 64 << 10];
    let mut length = 0;
    loop {
        match ballast.write(&block) {
            Ok(written) => length += written as u64,
            Err(error) if error.kind() == ErrorKind::StorageFull => break,
            Err(error) => panic!("{error}"),
        }
    }
    ballast.set_len(length - room).expect("it gets smaller");
    path
}

fn make_room(ballast: &Path) {
    fs::remove_file(ballast).expect("it goes");
}

/// The files below the repositories' folder, without what maintenance keeps there for itself.
fn files(server: &Server) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![server.disk().join("repos")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path);
            }
        }
    }
    found
}

/// A clone's worth of work: a commit on `master` that the server has.
fn begin(alice: &Actor<'_>, sandbox: &Sandbox, url: &str) -> PathBuf {
    let work = sandbox.dir("work");
    let script = format!(
        "git init -q . && echo one > one && git add . && git commit -q -m one && git push -q '{url}' HEAD:refs/heads/master"
    );
    let _pushed = alice.sh(&work, &script).ok();
    work
}

/// Pushes of every kind that need room, by what is committed for them and what is pushed; `ROOM` bytes are left.
const PUSHES: [(&str, u64, &str, &str); 5] = [
    (
        "a large file",
        256 << 10,
        "head -c 3000000 /dev/urandom > large && git add . && git commit -q -m large",
        "HEAD:refs/heads/large",
    ),
    (
        "many files",
        64 << 10,
        "head -c 150000 /dev/urandom | split -b 500 - file && git add . && git commit -q -m many",
        "HEAD:refs/heads/many",
    ),
    ("a small commit", 0, "echo two > two && git add . && git commit -q -m two", "HEAD:refs/heads/small"),
    ("a branch on what is there", 0, "true", "first:refs/heads/copy"),
    (
        "300 branches on what is there",
        2 * PAGE,
        "seq 300 | sed 's,.*,create refs/heads/b& '$(git rev-parse first)',' | git update-ref --stdin",
        "refs/heads/b*:refs/heads/b*",
    ),
];

#[test]
fn a_push_is_told_over_http_and_ssh_and_leaves_nothing() {
    for is_ssh in [false, true] {
        let sandbox = Sandbox::new();
        let (server, ssh) = Server::with_ssh_key_on_disk_of(&sandbox, "24m");
        let alice = sandbox.actor("alice", "alicepat").with_env("GIT_SSH_COMMAND", ssh);
        let over_http = server.repo("iris").replace("http://", "http://alice:alicepat@");
        let url = if is_ssh { server.ssh_repo("iris") } else { over_http.clone() };
        let work = begin(&alice, &sandbox, &over_http);
        let _named = alice.git(&work, &["branch", "first"]).ok();
        for (what, room, commit, refs) in PUSHES {
            let what = format!("{what}, {url}");
            let _made = alice.sh(&work, &format!("git checkout -q -B next first && {commit}")).ok();
            let list = || alice.git(&work, &["ls-remote", &url]).ok().stdout;
            let (listed, before) = (list(), files(&server));
            let ballast = fill(&server, room);
            let refused = alice.git(&work, &["push", &url, refs]).exits(1);
            assert!(refused.stderr.contains(FULL), "{what}: {}", refused.stderr);
            assert_eq!(list(), listed, "{what}: {}", refused.stderr);
            assert_eq!(list_without(&before, &files(&server)), Vec::<PathBuf>::new(), "{what}");
            make_room(&ballast);
            let _pushed = alice.git(&work, &["push", &url, refs]).ok();
            assert_ne!(list(), listed, "{what}");
            let _deleted = alice.sh(&work, &format!("git push -q '{url}' $(git ls-remote '{url}' | awk '$2 ~ /^refs.heads/ && $2 != \"refs/heads/master\" {{ print \":\" $2 }}')")).ok();
        }
        let _fetched = alice.git(&work, &["fetch", "-q", &url, "master"]).ok();
        // Git looks for the folder by its path in the server's mount namespace.
        let _copied = alice.sh(&work, &format!("cp -r '{}/repos' ../repos", server.disk().display())).ok();
        for repository in git::repositories_below(&sandbox.path().join("repos")) {
            git::assert_sound(&alice, &repository);
        }
    }
}

/// Lists the files that are there after and were not before.
fn list_without(before: &BTreeSet<PathBuf>, after: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
    after.difference(before).cloned().collect()
}

/// One answer over HTTP.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

/// A browser that keeps its cookies.
struct Browser<'s> {
    server: &'s Server,
    cookies: Vec<String>,
}

impl Browser<'_> {
    fn send(&mut self, method: &str, path: &str, body: &str) -> Answer {
        let host = self.server.http().trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).expect("the server listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out can be set");
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAccept: text/html\r\nCookie: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            self.cookies.join("; "),
            body.len()
        )
        .expect("the request is sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the answer is read");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        for line in head.lines().filter(|line| line.to_lowercase().starts_with("set-cookie: ")) {
            let cookie = line["set-cookie: ".len()..].split(';').next().unwrap_or_default();
            let name = cookie.split_inclusive('=').next().unwrap_or_default();
            self.cookies.retain(|known| !known.starts_with(name));
            self.cookies.push(cookie.to_owned());
        }
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// Sends the form of a page; the values need no encoding.
    fn post(&mut self, path: &str, fields: &str) -> Answer {
        let page = self.send("GET", path, "").body;
        let token = page.split("name=\"_token\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let token = token.unwrap_or_else(|| panic!("no form in {page}"));
        self.send("POST", path, &format!("_token={token}&{fields}"))
    }
}

/// Sends alice's request to the REST API.
fn rest(server: &Server, method: &str, path: &str, body: &str) -> (u16, String) {
    let authorization = format!("Basic {}", STANDARD.encode("alice:alicepat"));
    let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
    http::send(server.http(), method, &format!("/acme/iris/_apis/{path}"), &headers, body)
}

fn id_of(server: &Server, repo: &str) -> String {
    let (status, body) = rest(server, "GET", &format!("git/repositories/{repo}?api-version=1.0"), "");
    assert_eq!(status, 200, "{body}");
    let value: Value = serde_json::from_str(&body).expect("JSON");
    value["id"].as_str().expect("an id").to_owned()
}

/// A request that makes something of this name: its status and text.
type Ask<'a> = &'a dyn Fn(&str) -> (u16, String);

#[test]
fn rest_and_the_admin_api_tell_it_and_leave_nothing() {
    let sandbox = Sandbox::new();
    let server = Server::start_on_disk_of(&sandbox, e2e::server::SEED, "32m");
    let alice = sandbox.actor("alice", "alicepat");
    let url = server.repo("iris").replace("http://", "http://alice:alicepat@");
    let work = begin(&alice, &sandbox, &url);
    let script = format!(
        "head -c 3000000 /dev/urandom > large && git add . && git commit -q -m large && git push -q '{url}' HEAD:refs/heads/large && \
         git bundle create -q ../large.bundle HEAD master && git clone -q --bare . ../large.git && git rev-parse HEAD"
    );
    let _current = alice.git(&work, &["branch", "-M", "master"]).ok();
    let commit = alice.sh(&work, &script).ok().text().to_owned();
    let admin = format!("Bearer {}", server.ready()["admin_token"].as_str().expect("a token"));
    let import = |name: &str, from: &str| {
        let body = serde_json::json!({ "name": name, "import": sandbox.path().join(from) }).to_string();
        let headers = [("Authorization", admin.as_str()), ("Content-Type", "application/json")];
        http::send(server.http(), "POST", "/_mock/accounts/acme/projects/iris/repos", &headers, &body)
    };
    let iris = id_of(&server, "iris");
    let fork = |name: &str| {
        let body = serde_json::json!({ "name": name, "parentRepository": { "id": iris } }).to_string();
        rest(&server, "POST", "git/repositories?api-version=5.1", &body)
    };
    let content = "x".repeat(600_000);
    let push = |name: &str| {
        let body = serde_json::json!({
            "refUpdates": [{ "name": format!("refs/heads/{name}"), "oldObjectId": "0".repeat(40) }],
            "commits": [{ "comment": "more", "changes": [{
                "changeType": "add", "item": { "path": "/x" }, "newContent": { "content": content, "contentType": "rawtext" }
            }] }]
        });
        rest(&server, "POST", "git/repositories/iris/pushes?api-version=5.1", &body.to_string())
    };
    let branch = |name: &str| {
        let body = serde_json::json!([{
            "name": format!("refs/heads/{name}"), "oldObjectId": "0".repeat(40), "newObjectId": commit
        }]);
        rest(&server, "POST", "git/repositories/iris/refs?api-version=5.1", &body.to_string())
    };
    let default = |name: &str| {
        let branch = if name.is_empty() { "master" } else { "large" };
        let body = serde_json::json!({ "defaultBranch": format!("refs/heads/{branch}") }).to_string();
        rest(&server, "PATCH", &format!("git/repositories/{iris}?api-version=5.1"), &body)
    };
    // How much is left, what is asked for, and the status with room enough.
    let (bundle, folder) =
        (|name: &str| import(name, "large.bundle"), |name: &str| import(name, "large.git"));
    let rows: [(&str, u64, Ask<'_>, u16); 8] = [
        ("a bundle", 1 << 20, &bundle, 201),
        ("a folder", 1 << 20, &folder, 201),
        ("a fork", 1 << 20, &fork, 201),
        ("a fork without any room", 0, &fork, 201),
        ("a bundle without any room", 0, &bundle, 201),
        ("a push", 0, &push, 201),
        ("a branch", 0, &branch, 200),
        ("the default branch", 0, &default, 200),
    ];
    for (number, (what, room, ask, expected)) in rows.into_iter().enumerate() {
        let name = format!("more-{number}");
        let shown = || {
            let (_, repos) = rest(&server, "GET", "git/repositories?api-version=1.0", "");
            let (_, refs) = rest(&server, "GET", "git/repositories/iris/refs?api-version=1.0", "");
            (repos, refs)
        };
        let (before, listed) = (files(&server), shown());
        let ballast = fill(&server, room);
        let (status, body) = ask(&name);
        assert_eq!((status, body.contains(FULL)), (507, true), "{what}: {body}");
        assert_eq!(shown(), listed, "{what}");
        assert_eq!(list_without(&before, &files(&server)), Vec::<PathBuf>::new(), "{what}");
        make_room(&ballast);
        let (status, body) = ask(&name);
        assert_eq!(status, expected, "{what}: {body}");
        assert_ne!(shown(), listed, "{what}");
    }
}

/// With each amount of room that ends in another place, a page makes all that its form asks for or nothing.
#[test]
fn pages_make_all_or_nothing() {
    let sandbox = Sandbox::new();
    let server = Server::start_on_disk_of(&sandbox, e2e::server::SEED, "32m");
    let mut browser = Browser { server: &server, cookies: Vec::new() };
    let signed_in = browser.post("/_signin", "login=alice&password=alice-password&to=/");
    assert_eq!(signed_in.status, 303, "{}", signed_in.body);
    let mut told = 0;
    // 64 are what a repository with its first files has to find.
    for pages in (0..30).chain(60..70) {
        let name = format!("page-{pages}");
        let ballast = fill(&server, pages * PAGE);
        let made = browser.post("/acme/iris/_new", &format!("name={name}&type=git&readme=on"));
        let is_told = made.status == 507 && made.body.contains(FULL);
        make_room(&ballast);
        let item = format!("git/repositories/{name}/items?path=/README.md&api-version=1.0");
        let (status, body) = rest(&server, "GET", &item, "");
        let expected = if is_told { (507, 404) } else { (303, 200) };
        assert_eq!((made.status, status), expected, "{pages}: {} {} {body}", made.head, made.body);
        let (_, repos) = rest(&server, "GET", "git/repositories?api-version=1.0", "");
        assert_eq!(repos.contains(&format!("\"{name}\"")), !is_told, "{pages}: {}", made.body);
        told += u32::from(is_told);
    }
    assert!((1..40).contains(&told), "{told} times the disk was full");
    for (path, fields) in [
        ("/acme/_new", "name=more&description=x"),
        ("/_details/security/tokens", "description=more&expires=90&all=all"),
    ] {
        let ballast = fill(&server, 0);
        let refused = browser.post(path, fields);
        assert_eq!((refused.status, refused.body.contains(FULL)), (507, true), "{path}: {}", refused.body);
        make_room(&ballast);
        let made = browser.post(path, fields);
        assert!(matches!(made.status, 200 | 303), "{path}: {}", made.body);
    }
}
