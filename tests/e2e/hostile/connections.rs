//! Clients that are slow on purpose, and many of them: others are served meanwhile, and what they hold is bounded.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::usage::Usage;
use e2e::{Sandbox, Server, http, server};

/// More than the server takes connections at all.
const SOCKETS: usize = 1_100;
/// Within which somebody else is served, on a busy machine.
const SERVED: Duration = Duration::from_secs(15);

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out can be set");
    stream
}

fn head(method: &str, path: &str, more: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n")
}

/// S2. Another client comes from the same address, which has half of the connections and no more.
#[test]
fn sockets_that_say_too_little_keep_nobody_away() {
    let form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n";
    let rows = [
        ("no byte", String::new(), false),
        ("half a head", head("GET", "/", "X: y")[..30].to_owned(), false),
        ("a form without its content", head("POST", "/_signin", form), false),
        ("idle after an answer", head("GET", "/_mock/health", ""), false),
        ("no byte over SSH", String::new(), true),
        ("half a banner over SSH", "SSH-2.0-x".to_owned(), true),
    ];
    for (attack, bytes, is_ssh) in rows {
        let sandbox = Sandbox::new();
        let server = sandbox.server();
        let address = if is_ssh { server.ssh() } else { server.http() };
        let address = address.split_once("://").expect("a URL").1;
        let sockets: Vec<TcpStream> = (0..SOCKETS)
            .map(|_| {
                let mut stream = connect(address);
                // The server may have closed it by then.
                let _gone = stream.write_all(bytes.as_bytes());
                stream
            })
            .collect();
        let begun = Instant::now();
        if is_ssh {
            let mut banner = [0; 8];
            connect(address).read_exact(&mut banner).expect("the server says who it is");
            assert_eq!(&banner, b"SSH-2.0-", "{attack}");
        } else {
            let (status, _) = http::send(server.http(), "GET", "/_mock/health", &[], "");
            assert_eq!(status, 200, "{attack}");
        }
        assert!(begun.elapsed() < SERVED, "{attack}: served after {:?}", begun.elapsed());
        drop(sockets);
    }
}

/// S2: 1,000 unfinished heads of 370 KB took 377 MB.
#[test]
fn unfinished_heads_take_little_memory() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let address = server.http().trim_start_matches("http://").to_owned();
    let before = Usage::of(server.pid());
    let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(370 << 10));
    let sockets: Vec<TcpStream> = (0..400)
        .map(|_| {
            let mut stream = connect(&address);
            let _refused = stream.write_all(long.as_bytes());
            stream
        })
        .collect();
    let (status, _) = http::send(server.http(), "GET", "/_mock/health", &[], "");
    assert_eq!(status, 200);
    let after = Usage::of(server.pid());
    assert!(after.peak < before.resident + (64 << 20), "{before:?} {after:?}");
    drop(sockets);
}

/// S2: every endpoint that reads a body ends those that stop in the middle.
#[test]
fn bodies_that_stop_are_ended_at_every_endpoint() {
    let sandbox = Sandbox::new();
    let seed = format!("[limits]\nhead_seconds = 1\nbody_seconds = 1\n{}", server::SEED);
    let server = Server::start(&sandbox, &seed);
    let alice = format!("Authorization: Basic {}\r\n", STANDARD.encode("alice:alicepat"));
    let admin =
        format!("Authorization: Bearer {}\r\n", server.ready()["admin_token"].as_str().expect("a token"));
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let git = |service: &str| format!("{alice}Content-Type: application/x-git-{service}-request\r\n");
    let arm = "/subscriptions/acmeml/resourceGroups/acmeml/providers/Microsoft.MachineLearningExperimentation/\
               accounts/acmeml?api-version=2017-05-01-preview";
    let rows: [(&str, &str, String, &[u16]); 9] = [
        ("POST", "/_signin", form.to_owned(), &[408]),
        ("POST", "/devicelogin", form.to_owned(), &[408]),
        ("POST", "/common/oauth2/v2.0/token", form.to_owned(), &[408]),
        ("POST", "/acme/_apis/projects?api-version=5.0", alice.clone(), &[408]),
        ("POST", "/acme/_apis/git/repositories/iris/pushes?api-version=5.0", alice.clone(), &[408]),
        ("POST", "/_mock/users", admin, &[408]),
        ("PUT", arm, alice.clone(), &[408, 404, 403]),
        ("POST", "/acme/_git/iris/git-upload-pack", git("upload-pack"), &[400, 408]),
        ("POST", "/acme/_git/iris/git-receive-pack", git("receive-pack"), &[400, 408, 200]),
    ];
    let address = server.http().trim_start_matches("http://");
    let begun = Instant::now();
    let mut streams: Vec<_> = rows
        .iter()
        .map(|(method, path, more, expected)| {
            let mut stream = connect(address);
            let head = head(method, path, &format!("{more}Content-Length: 9000\r\n"));
            stream.write_all(head.as_bytes()).expect("the request is sent");
            stream.write_all(b"{").expect("a part of the body is sent");
            (*path, *expected, stream)
        })
        .collect();
    for (path, expected, stream) in &mut streams {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the server ends the connection");
        let status: u16 = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        assert!(expected.contains(&status), "{path}: {answer}");
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

/// A head may be as long as browsers, curl and git send it; a longer one is refused with the limit.
#[test]
fn heads_may_be_as_long_as_clients_make_them() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    for (length, expected) in [(20 << 10, "HTTP/1.1 200"), (60 << 10, "HTTP/1.1 431")] {
        let padding = format!("Connection: close\r\nX-Padding: {}\r\n", "x".repeat(length));
        let mut stream = connect(server.http().trim_start_matches("http://"));
        // The server may answer, and close, before it has all of it: then the answer may be lost.
        let sent = stream.write_all(head("GET", "/_mock/health", &padding).as_bytes());
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let is_cut = length > 32 << 10 && (sent.is_err() || read.is_err());
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with(expected) || is_cut, "{length} bytes: {answer}");
    }
    let mut git = sandbox.command("git", sandbox.path(), sandbox.path());
    git.arg("-c").arg(format!("http.extraHeader=X-Padding: {}", "x".repeat(20 << 10)));
    let basic = STANDARD.encode("alice:alicepat");
    git.arg("-c").arg(format!("http.extraHeader=Authorization: Basic {basic}"));
    let _listed = sandbox.run(git, &["ls-remote", &server.repo("iris")], None).ok();
}

/// S13: a name that another site makes point here gets nothing that is shown to anybody.
#[test]
fn a_foreign_host_gets_nothing_without_credentials() {
    let sandbox = Sandbox::new();
    let seed = server::SEED.replacen("name = \"extra\"\n", "name = \"extra\"\npublic = true\n", 1);
    let server = Server::start(&sandbox, &seed);
    let address = server.http().trim_start_matches("http://");
    let refs = "/acme/iris/_git/extra/info/refs?service=git-upload-pack";
    let alice = format!("Authorization: Basic {}\r\n", STANDARD.encode("alice:alicepat"));
    let rows = [
        ("/_mock/health", "", 421, 200),
        ("/_mock/openapi.json", "", 421, 200),
        ("/devicelogin", "", 421, 200),
        ("/", "", 421, 200),
        (refs, "", 401, 200),
        (refs, &*alice, 200, 200),
    ];
    for (path, more, foreign, own) in rows {
        for (host, expected) in [
            ("evil.example:8080", foreign),
            ("localhost.evil.example", foreign),
            ("localhost:8080", own),
            ("127.0.0.1", own),
            ("vsts-mock:8080", own),
        ] {
            let mut stream = connect(address);
            let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n");
            stream.write_all(head.as_bytes()).expect("the request is sent");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("the answer is read");
            let status = answer.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
            assert_eq!(status, Some(expected), "{host}{path}: {answer}");
        }
    }
}

/// S8: 10,000 requests for a path of 60 KB stayed in memory and in the log, 1 GB together.
#[test]
fn long_paths_are_cut_in_journal_and_log() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let before = Usage::of(server.pid());
    let path = format!("/{}", "x".repeat(20 << 10));
    let mut stream = connect(server.http().trim_start_matches("http://"));
    for n in 0..1_000 {
        let end = if n == 999 { "Connection: close\r\n" } else { "" };
        stream.write_all(head("GET", &path, end).as_bytes()).expect("the request is sent");
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).expect("the answer begins");
        assert_eq!(&answer, b"HTTP/1.1 404");
        if n == 999 {
            let _rest = stream.read_to_end(&mut Vec::new()).expect("the answer is read");
        } else {
            let mut last = Vec::new();
            let text = b"There is nothing at this address.";
            while !last.ends_with(text) {
                let mut byte = [0];
                stream.read_exact(&mut byte).expect("the answer goes on");
                last.push(byte[0]);
            }
        }
    }
    let admin = format!("Bearer {}", server.ready()["admin_token"].as_str().expect("a token"));
    let (status, journal) =
        http::send(server.http(), "GET", "/_mock/journal", &[("Authorization", &admin)], "");
    let after = Usage::of(server.pid());
    assert_eq!(status, 200);
    assert!(journal.len() < 2 << 20 && journal.contains("xxx…"), "{} bytes", journal.len());
    assert!(server.log().len() < 2 << 20, "{} bytes", server.log().len());
    assert!(after.peak < before.peak.max(before.resident) + (16 << 20), "{before:?} {after:?}");
}
