//! Git conversations with clients that do nothing: they take no way in from others, and end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use e2e::usage::Usage;
use e2e::{Sandbox, Server, server};

/// Within which somebody else is served, on a busy machine.
const SERVED: Duration = Duration::from_secs(20);

/// The usual people, a public repository, and these limits.
fn seed(limits: &str) -> String {
    let public = "name = \"extra\"\npublic = true\n";
    format!("[limits]\n{limits}\n{}", server::SEED.replacen("name = \"extra\"\n", public, 1))
}

fn with_password(url: &str, user: &str) -> String {
    url.replace("http://", &format!("http://{user}:{user}pat@"))
}

/// Somebody's `git ls-remote`, and how long it took.
fn list(sandbox: &Sandbox, url: &str) -> Duration {
    let begun = Instant::now();
    let git = sandbox.command("git", sandbox.path(), sandbox.path());
    let _listed = sandbox.run(git, &["ls-remote", url], None).ok();
    begun.elapsed()
}

/// A request for Git's service in the public repository whose body stops after its first bytes.
fn begun(server: &Server, service: &str, user: Option<&str>, body: &[u8]) -> TcpStream {
    let mut stream =
        TcpStream::connect(server.http().trim_start_matches("http://")).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out can be set");
    let basic =
        |user: &str| format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{user}:{user}pat")));
    let head = format!(
        "POST /acme/iris/_git/extra/{service} HTTP/1.1\r\nHost: localhost\r\n{}\
         Content-Type: application/x-{service}-request\r\nContent-Length: 5000\r\n\r\n",
        user.map(basic).unwrap_or_default()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).expect("the request is sent");
    stream
}

/// S3: 70 of them kept Git from everybody for 120 s.
#[test]
fn requests_that_stop_take_no_permit_from_others() {
    let line = b"0090";
    for (attack, service, user) in [
        ("fetches by anybody", "git-upload-pack", None),
        ("pushes by a contributor", "git-receive-pack", Some("carol")),
    ] {
        let sandbox = Sandbox::new();
        let server = Server::start(&sandbox, &seed(""));
        let held: Vec<_> = (0..70).map(|_| begun(&server, service, user, line)).collect();
        for who in ["alice", "carol"] {
            let took = list(&sandbox, &with_password(&server.repo("iris"), who));
            assert!(took < SERVED, "{attack}: {who} was served after {took:?}");
        }
        drop(held);
    }
}

/// The same with few permits and places, so that all are asked for: a push that stops gives its permit away, and its place.
#[test]
fn who_waits_makes_room_for_who_works() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, &seed("git_conversations = 2\ngit_open = 4"));
    let held: Vec<_> = (0..4).map(|_| begun(&server, "git-receive-pack", Some("carol"), b"0090")).collect();
    for who in ["alice", "carol"] {
        let took = list(&sandbox, &with_password(&server.repo("iris"), who));
        assert!(took < Duration::from_secs(40), "{who} was served after {took:?}");
    }
    drop(held);
}

#[test]
fn a_conversation_ends_when_its_time_is_over() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, &seed("git_seconds = 1"));
    let mut push = begun(&server, "git-receive-pack", Some("carol"), b"0090");
    let mut answer = String::new();
    let begun = Instant::now();
    push.read_to_string(&mut answer).expect("the server ends the connection");
    assert!(begun.elapsed() < SERVED, "{answer}");
}

/// S3: answers that nobody reads held permits for 90 s, and their memory as long.
#[test]
fn an_answer_that_nobody_reads_ends() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, &seed("write_seconds = 1\ngit_conversations = 4"));
    let work = sandbox.dir("work");
    let git = |args: &[&str]| {
        let mut git = sandbox.command("git", sandbox.path(), &work);
        git.args(["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "core.compression=0"]);
        sandbox.run(git, args, None).ok()
    };
    let mut seed = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed.to_be_bytes()[0]
    })
    .take(24 << 20)
    .collect();
    std::fs::write(work.join("noise"), noise).expect("a file is written");
    let url = with_password(&server.repo("extra"), "alice");
    let _made = (git(&["init", "-q", "-b", "master"]), git(&["add", "."]), git(&["commit", "-qm", "noise"]));
    let _pushed = git(&["push", "-q", &url, "master"]);
    let id = git(&["rev-parse", "master"]).stdout;
    let want = format!("0032want {}\n00000009done\n", id.trim());
    let before = Usage::of(server.pid());
    let mut held: Vec<_> = (0..6)
        .map(|_| {
            let mut stream = begun(&server, "git-upload-pack", None, want.as_bytes());
            // The rest of the announced length: empty lines after the end are never read.
            let rest = "0".repeat(5000 - want.len());
            stream.write_all(rest.as_bytes()).expect("the request is sent");
            let mut first = [0; 12];
            stream.read_exact(&mut first).expect("the answer begins");
            assert_eq!(&first, b"HTTP/1.1 200");
            stream
        })
        .collect();
    let took = list(&sandbox, &server.repo("extra"));
    assert!(took < SERVED, "served after {took:?}");
    let begun = Instant::now();
    while Usage::of(server.pid()).descriptors > before.descriptors + 2 {
        assert!(begun.elapsed() < SERVED, "{:?}", Usage::of(server.pid()));
        let _listed = list(&sandbox, &server.repo("extra"));
    }
    let mut rest = Vec::new();
    let _cut = held[0].read_to_end(&mut rest);
    assert!(rest.len() < 24 << 20, "the answer was cut");
}

fn silent(sandbox: &Sandbox, server: &Server, ssh: &str) -> Child {
    let words: Vec<&str> = ssh.split(' ').collect();
    let (host, port) = server.ssh().trim_start_matches("ssh://").rsplit_once(':').expect("a port");
    let mut command: Command = sandbox.command(words[0], sandbox.path(), sandbox.path());
    command.args(&words[1..]).args([
        "-p",
        port,
        &format!("acme@{host}"),
        "git-upload-pack '/iris/_git/iris'",
    ]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("ssh starts");
    let mut greeting = [0; 4];
    let stdout = child.stdout.as_mut().expect("stdout was asked for as a pipe");
    stdout.read_exact(&mut greeting).expect("the server speaks first");
    child
}

/// S3: silence over SSH kept everybody away for 200 s and more.
#[test]
fn commands_that_say_nothing_make_room_and_end() {
    let sandbox = Sandbox::new();
    let limits = "[limits]\ngit_conversations = 2\nssh_silence_seconds = 3\n";
    let (server, ssh) = Server::with_ssh_key_and(&sandbox, limits);
    let mut held: Vec<Child> = (0..4).map(|_| silent(&sandbox, &server, &ssh)).collect();
    let took = list(&sandbox, &with_password(&server.repo("iris"), "alice"));
    assert!(took < SERVED, "served after {took:?}");
    let begun = Instant::now();
    // Waiting for a child would close its stdin, which ends a conversation well.
    let inputs: Vec<_> = held.iter_mut().map(|child| child.stdin.take()).collect();
    for child in &mut held {
        let status = child.wait().expect("ssh ends");
        assert!(!status.success());
    }
    assert!(begun.elapsed() < SERVED, "{:?}", begun.elapsed());
    drop(inputs);
}
