//! Large files at the server (Git LFS): a server that is killed in the midst of an upload, a full disk, and many transfers at
//! once, which cost next to no memory.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::usage::Usage;
use e2e::{Sandbox, Server};
use test_support::{Answer, http};

/// Transfers at once.
const TRANSFERS: usize = 64;
/// Bytes of the content of each: together more than the server may take of memory.
const CONTENT: usize = 2 << 20;
const MEMORY: u64 = 100 << 20;

fn authorization() -> String {
    format!("Authorization: Basic {}\n", STANDARD.encode("x:alicepat"))
}

fn oid(content: &[u8]) -> String {
    let mut program = Command::new("sha256sum");
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("sha256sum starts");
    child.stdin.take().expect("a pipe").write_all(content).expect("it reads");
    let said = child.wait_with_output().expect("it ends").stdout;
    String::from_utf8_lossy(&said[..64]).into_owned()
}

fn path(oid: &str) -> String {
    format!("/acme/_git/iris/info/lfs/objects/{oid}")
}

/// Begins a request with a body of which these are the first bytes.
fn begin(url: &str, method: &str, oid: &str, length: usize, first: &[u8]) -> TcpStream {
    let head = http::head(url, method, &path(oid), &authorization(), length);
    let mut stream = http::connect(url).expect("it listens");
    stream.write_all(head.replace('\n', "\r\n").as_bytes()).expect("it is sent");
    stream.write_all(first).expect("it is sent");
    stream
}

fn send(url: &str, method: &str, oid: &str, lines: &str, body: &[u8]) -> Answer {
    let head = http::head(url, method, &path(oid), &format!("{}{lines}", authorization()), body.len());
    http::send(url, &head, body).expect("an answer")
}

/// The files below the server's folder of large files.
fn files(data: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![data.join("lfs")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found
}

#[test]
fn a_server_that_is_killed_in_the_midst_of_an_upload_has_nothing_half() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let content = vec![7; CONTENT];
    let oid = oid(&content);
    let half = begin(server.http(), "PUT", &oid, CONTENT, &content[..CONTENT / 2]);
    while files(server.data()).is_empty() {
        std::thread::yield_now();
    }
    let down = server.go_down();
    drop(half);
    let server = down.come_back(&sandbox);
    assert_eq!(files(server.data()), Vec::<PathBuf>::new());
    assert_eq!(send(server.http(), "GET", &oid, "", b"").status, 404);
    assert_eq!(send(server.http(), "PUT", &oid, "", &content).status, 200);
    // What it has confirmed outlives it.
    let server = server.go_down().come_back(&sandbox);
    assert!(send(server.http(), "GET", &oid, "", b"").body == content);
}

/// Sends a request to a server that is killed when a thread of it makes the system call of that name for the nth time; the
/// answer, if there was one.
fn killed_at(
    server: &Server,
    call: &str,
    nth: usize,
    send: impl FnOnce() -> Option<Answer>,
) -> Option<Answer> {
    let [trace, inject] = [format!("trace={call}"), format!("inject={call}:signal=KILL:when={nth}")];
    let mut strace = Command::new("strace");
    strace.args(["-f", "-o", "/dev/null", "-e", &trace, "-e", &inject, "-p", &server.pid().to_string()]);
    let mut strace = strace.stderr(Stdio::piped()).spawn().expect("strace starts");
    let mut said = BufReader::new(strace.stderr.take().expect("a pipe"));
    let mut line = String::new();
    while !line.contains("attached") {
        line.clear();
        assert!(said.read_line(&mut line).expect("a line") > 0, "strace does not attach");
    }
    // What it says later is read, so that it never waits.
    let rest = std::thread::spawn(move || said.read_to_string(&mut String::new()));
    let answer = send();
    let _ended_or_not = strace.kill();
    strace.wait().expect("it ends");
    rest.join().expect("it ends").expect("text");
    answer
}

/// Asserts that every content in the store is what its name says, and that nothing else is there.
#[track_caller]
fn assert_sound(server: &Server, what: &str) {
    for path in files(server.data()) {
        let content = fs::read(&path).expect("a file");
        assert_eq!(path.file_name().and_then(|name| name.to_str()), Some(oid(&content).as_str()), "{what}");
    }
}

#[test]
fn a_server_that_is_killed_at_any_step_of_an_upload_or_a_sweep_has_nothing_half_and_loses_nothing() {
    let sandbox = Sandbox::new();
    let mut server = sandbox.server();
    let steps = [
        ("pwrite64", 1),
        ("pwrite64", 3),
        ("fdatasync", 1),
        ("fdatasync", 2),
        ("fsync", 1),
        ("fsync", 3),
        ("/^rename", 1),
        ("/^mkdir", 1),
        ("/^unlink", 1),
    ];
    let (mut confirmed, mut broken) = (Vec::new(), 0);
    for (number, (call, nth)) in (0_u8..).zip(steps) {
        let what = format!("{call} {nth}");
        let content = vec![number; 300_000];
        let id = oid(&content);
        let head = http::head(server.http(), "PUT", &path(&id), &authorization(), content.len());
        let answer = killed_at(&server, call, nth, || http::send(server.http(), &head, &content).ok());
        server = server.go_down().come_back(&sandbox);
        assert_sound(&server, &what);
        assert!(answer.as_ref().is_none_or(|answer| answer.status == 200), "{what}: {answer:?}");
        let there = send(server.http(), "GET", &id, "", b"");
        let is_nothing = answer.is_none() && there.status == 404;
        assert!(is_nothing || there.body == content, "{what}: {}", there.status);
        broken += usize::from(answer.is_none());
        confirmed.extend(answer.map(|_| (id, content)));
        for (id, content) in &confirmed {
            assert!(send(server.http(), "GET", id, "", b"").body == *content, "{what}");
        }
    }
    assert!(broken >= 5, "{broken} uploads were killed");
    // A content that a repository has stays when another repository that had it goes, whenever the server dies.
    let kept = vec![200; 300_000];
    assert_eq!(send(server.http(), "PUT", &oid(&kept), "", &kept).status, 200);
    let extra = |id: &str| format!("/acme/iris/_git/extra/info/lfs/objects/{id}");
    let only = vec![201; 300_000];
    for content in [&kept, &only] {
        let head = http::head(server.http(), "PUT", &extra(&oid(content)), &authorization(), content.len());
        assert_eq!(http::send(server.http(), &head, content).expect("an answer").status, 200);
    }
    let admin = |server: &Server, method: &str, path: &str| {
        let token = server.ready()["admin_token"].as_str().expect("a token").to_owned();
        let head = http::head(server.http(), method, path, &format!("Authorization: Bearer {token}\n"), 0);
        http::send(server.http(), &head, b"").ok()
    };
    let gone = admin(&server, "DELETE", "/_mock/accounts/acme/projects/iris/repos/extra");
    assert_eq!(gone.map(|answer| answer.status), Some(204));
    for nth in [1, 2] {
        killed_at(&server, "/^unlink", nth, || admin(&server, "POST", "/_mock/lfs/sweep"));
        server = server.go_down().come_back(&sandbox);
        assert_sound(&server, "a sweep");
    }
    let swept = admin(&server, "POST", "/_mock/lfs/sweep").expect("an answer");
    assert_eq!(swept.status, 200, "{}", swept.text());
    let names: Vec<PathBuf> = files(server.data());
    assert!(names.iter().all(|path| !path.ends_with(oid(&only))), "{names:?}");
    confirmed.push((oid(&kept), kept));
    for (id, content) in &confirmed {
        assert!(send(server.http(), "GET", id, "", b"").body == *content, "after a sweep");
    }
}

#[test]
fn a_full_disk_is_said_and_leaves_nothing() {
    let sandbox = Sandbox::new();
    let server = Server::start_on_disk_of(&sandbox, e2e::server::SEED, "16m");
    let content = vec![7; 32 << 20];
    let oid = oid(&content);
    let announced = send(server.http(), "PUT", &oid, "", &content);
    assert_eq!(announced.status, 507, "{}", announced.text());
    // Without a length nobody knows before.
    let head = format!(
        "PUT {} HTTP/1.1\nHost: x\nConnection: close\nTransfer-Encoding: chunked\n{}\n",
        path(&oid),
        authorization()
    );
    let body = [format!("{:x}\r\n", content.len()).as_bytes(), &content, b"\r\n0\r\n\r\n"].concat();
    let filled = http::send(server.http(), &head, &body).expect("an answer");
    assert!(
        filled.status == 507 && filled.text().contains("disk is full"),
        "{} {}",
        filled.status,
        filled.text()
    );
    assert_eq!(files(&server.disk()), Vec::<PathBuf>::new());
    let small = self::oid(b"small");
    assert_eq!(send(server.http(), "PUT", &small, "", b"small").status, 200);
}

#[test]
fn many_transfers_at_once_take_little_memory() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let (url, content, before) = (server.http(), vec![7; CONTENT], Usage::of(server.pid()));
    let right = oid(&content);
    // All of them are in progress before the first ends. What they are called does not matter: they are hashed to the end.
    let mut open: Vec<TcpStream> = (0..TRANSFERS)
        .map(|n| {
            let oid = if n == 0 { right.clone() } else { format!("{n:064x}") };
            begin(url, "PUT", &oid, CONTENT, &content[..CONTENT / 2])
        })
        .collect();
    for stream in &mut open {
        stream.write_all(&content[CONTENT / 2..]).expect("it is sent");
    }
    let statuses: Vec<u16> = open
        .into_iter()
        .map(|stream| http::read(&mut BufReader::new(stream)).expect("an answer").status)
        .collect();
    assert_eq!((statuses[0], statuses[1..].iter().all(|status| *status == 422)), (200, true), "{statuses:?}");
    let readers: Vec<TcpStream> = (0..TRANSFERS).map(|_| begin(url, "GET", &right, 0, b"")).collect();
    let mut first = Vec::new();
    for mut stream in &readers {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("an answer begins");
        first.push(byte[0]);
    }
    assert!(first.iter().all(|byte| *byte == b'H'));
    for stream in readers {
        let mut rest = Vec::new();
        BufReader::new(stream).read_to_end(&mut rest).expect("the rest of it");
        assert!(rest.ends_with(&content));
    }
    let after = Usage::of(server.pid());
    assert!(after.peak < before.peak + MEMORY, "{before:?} {after:?}");
}
