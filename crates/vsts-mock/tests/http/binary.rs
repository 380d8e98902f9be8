//! The binary: its command line, its ready line, its log, and a state that outlives it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::git::{Git, SEED};
use crate::raw;

const BINARY: &str = env!("CARGO_BIN_EXE_vsts-mock");

pub(crate) fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.env_clear().env("PATH", "/usr/bin:/bin").env("TMPDIR", dir).current_dir(dir).args(args);
    command
}

pub(crate) fn run(dir: &Path, args: &[&str]) -> Output {
    command(dir, args).output().expect("the binary runs")
}

/// A served state; killed when dropped.
pub(crate) struct Served {
    child: Child,
    pub(crate) ready: Value,
}

impl Served {
    pub(crate) fn start(dir: &Path, args: &[&str]) -> Self {
        let fixed = ["serve", "--config", "seed.toml", "--http", "127.0.0.1:0"];
        let mut command = command(dir, &[&fixed, args].concat());
        command.env("RUST_LOG", "trace");
        Self::of(dir, command)
    }

    /// Starts a server by a command that reads `seed.toml` in this folder.
    pub(crate) fn of(dir: &Path, mut command: Command) -> Self {
        std::fs::write(dir.join("seed.toml"), SEED).expect("a seed");
        let log = std::fs::File::options().create(true).append(true).open(dir.join("log")).expect("a log");
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("the binary starts");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("stdout is a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let ready = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not ready: {line}"));
        Self { child, ready }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn url(&self) -> &str {
        self.ready["http"].as_str().expect("a URL")
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, body: &str) -> raw::Reply {
        let head = format!(
            "{method} {path} HTTP/1.1\nHost: x\nConnection: close\nAuthorization: Bearer {}\nContent-Length: {}\n\n",
            self.ready["admin_token"].as_str().expect("a token"),
            body.len()
        );
        raw::send(self.url(), &head, body.as_bytes().to_vec()).await
    }

    pub(crate) fn terminate(mut self) -> ExitStatus {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
        self.child.wait().expect("it ends")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ready_line_says_everything_and_a_signal_ends_it() {
    let dir = TempDir::new().expect("a folder");
    let served = Served::start(dir.path(), &["--ready-file", "ready.json"]);
    let ready = &served.ready;
    let keys: Vec<_> = ready.as_object().expect("an object").keys().map(String::as_str).collect();
    let expected =
        ["event", "http", "https", "ssh", "ca_pem", "known_hosts", "admin_token", "pid", "version"];
    assert_eq!(keys, expected);
    assert_eq!((&ready["event"], &ready["pid"]), (&Value::from("ready"), &Value::from(served.child.id())));
    let file = std::fs::read_to_string(dir.path().join("ready.json")).expect("the ready file");
    assert_eq!(&serde_json::from_str::<Value>(&file).expect("JSON"), ready);
    assert_eq!(served.ask("GET", "/_mock/health", "").await.status, 200);
    assert!(served.terminate().success());
    assert!(!dir.path().join("ready.json").exists());
    let left: Vec<_> = std::fs::read_dir(dir.path())
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .filter(|name| name.starts_with("vsts-mock-"))
        .collect();
    assert_eq!(left, [""; 0], "the temporary state goes with the process");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_finds_the_state_of_the_first() {
    let dir = TempDir::new().expect("a folder");
    let at = ["--data-dir", "data"];
    let served = Served::start(dir.path(), &at);
    let made = served
        .ask("POST", "/_mock/users/alice/tokens", r#"{"name":"made","value":"made-at-run-time"}"#)
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let url = format!("{}/acme/iris/_git/extra", served.url());
    let alice = Git::of(dir.path(), "made-at-run-time").clone_to(&url, "alice").await;
    let id = alice.commit("file", b"kept\n").await;
    alice.run(&["push", "-q", "origin", "master"]).await.ok();

    let second = run(dir.path(), &["serve", "--http", "127.0.0.1:0", "--data-dir", "data"]);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success() && said.contains("in use by another server"), "{said}");
    assert!(second.stdout.is_empty());

    assert!(served.terminate().success());
    let mut again = Served::start(dir.path(), &at);
    for _ in 0..2 {
        let url = format!("{}/acme/iris/_git/extra", again.url());
        let listed =
            Git::of(dir.path(), "made-at-run-time").run(&["ls-remote", &url, "refs/heads/*"]).await.ok();
        assert_eq!(listed, format!("{id}\trefs/heads/master\n"));
        // Killed, not asked to stop.
        drop(again);
        again = Served::start(dir.path(), &at);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_revoked_stays_so_until_a_reset() {
    let dir = TempDir::new().expect("a folder");
    let at = ["--data-dir", "data"];
    let projects = async |served: &Served, token: &str| {
        let head = format!(
            "GET /acme/_apis/projects HTTP/1.1\nHost: x\nConnection: close\nAuthorization: Bearer {token}\n\n"
        );
        raw::send(served.url(), &head, Vec::new()).await.status
    };
    let served = Served::start(dir.path(), &at);
    assert_eq!(served.ask("DELETE", "/_mock/users/alice/tokens/ci", "").await.status, 204);
    assert!(served.terminate().success());
    let served = Served::start(dir.path(), &at);
    assert_eq!(projects(&served, "alicepat").await, 401, "the seed does not bring it back");
    assert_eq!(projects(&served, "bobspat").await, 200);
    assert_eq!(served.ask("POST", "/_mock/reset", "").await.status, 200);
    assert_eq!(projects(&served, "alicepat").await, 200, "a reset does");
}

#[test]
fn mistakes_are_told_before_anything_listens() {
    let dir = TempDir::new().expect("a folder");
    std::fs::write(dir.path().join("bad.toml"), "[[users]]\nname = \"a\"\ncolour = \"red\"\n")
        .expect("a seed");
    std::fs::write(dir.path().join("unknown.toml"), "[[accounts]]\nname = \"a\"\nowner = \"nobody\"\n")
        .expect("a seed");
    let rows: [(&[&str], i32, &[&str]); 7] = [
        (&["serve", "--http", "0.0.0.0:0"], 1, &["allow_remote"]),
        (&["serve", "--http", "127.0.0.1:0", "--config", "bad.toml"], 1, &["bad.toml", "line 3", "colour"]),
        (&["serve", "--http", "127.0.0.1:0", "--config", "none.toml"], 1, &["none.toml"]),
        (&["serve", "--http", "127.0.0.1:0", "--config", "unknown.toml"], 1, &["no user named \"nobody\""]),
        (&["serve", "--http", "127.0.0.1:0", "--external-url", "ftp://x"], 1, &["ftp://x"]),
        (&["serve", "--http", "nonsense"], 2, &["--http"]),
        (&["serve", "--profile", "github"], 2, &["azure-devops"]),
    ];
    for (args, code, words) in rows {
        let output = run(dir.path(), args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(output.stdout.is_empty(), "{args:?}");
        for word in words {
            assert!(said.contains(word), "{args:?} should say {word}: {said}");
        }
    }
}

#[test]
fn init_prints_a_seed_that_serves() {
    let dir = TempDir::new().expect("a folder");
    let output = run(dir.path(), &["init"]);
    assert!(output.status.success());
    std::fs::write(dir.path().join("example.toml"), &output.stdout).expect("a seed");
    let script = r#"test -n "$VSTS_MOCK_HTTP" && test -n "$VSTS_MOCK_ADMIN_TOKEN" && echo "$VSTS_MOCK_READY" && exit 7"#;
    let output = run(dir.path(), &["exec", "--config", "example.toml", "--", "sh", "-c", script]);
    assert_eq!(output.status.code(), Some(7), "{}", String::from_utf8_lossy(&output.stderr));
    let ready: Value = serde_json::from_slice(&output.stdout).expect("the command's output alone");
    assert_eq!(ready["tokens"]["alice"]["laptop"].as_str().map(str::len), Some(52));
    let missing = run(dir.path(), &["exec", "--", "no-such-command-anywhere"]);
    let said = String::from_utf8_lossy(&missing.stderr);
    assert!(missing.status.code() == Some(1) && said.contains("no-such-command-anywhere"), "{said}");
}

#[test]
fn health_asks_a_server_and_says_so_by_its_exit_code() {
    let dir = TempDir::new().expect("a folder");
    let served = Served::start(dir.path(), &[]);
    assert!(run(dir.path(), &["health", served.url()]).status.success());
    let free =
        std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    let rows = [format!("http://{free}"), "https://127.0.0.1".to_owned(), "http://".to_owned()];
    for url in rows {
        let output = run(dir.path(), &["health", &url]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && said.contains(&url), "{url}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_expires_when_the_clock_is_moved_and_a_reset_moves_it_back() {
    let dir = TempDir::new().expect("a folder");
    let served = Served::start(dir.path(), &[]);
    let before = served.ask("GET", "/_mock/clock", "").await;
    let before: Value = serde_json::from_slice(&before.body).expect("JSON");
    assert_eq!(before["ahead"], 0);
    let day = 24 * 60 * 60;
    let expires: jiff::Timestamp = before["now"].as_str().expect("a time").parse().expect("a time");
    let expires = expires + jiff::SignedDuration::from_secs(day / 2);
    let made = format!(r#"{{"name":"short","value":"shortpat","expires":"{expires}"}}"#);
    assert_eq!(served.ask("POST", "/_mock/users/alice/tokens", &made).await.status, 201);
    let status = async || {
        let head = "GET /acme/_apis/projects HTTP/1.1\nHost: x\nConnection: close\nAuthorization: Bearer shortpat\n\n";
        raw::send(served.url(), head, Vec::new()).await.status
    };
    assert_eq!(status().await, 200);
    assert_eq!(served.ask("PUT", "/_mock/clock", &format!(r#"{{"ahead":{day}}}"#)).await.status, 200);
    assert_eq!(status().await, 401);
    assert_eq!(served.ask("PUT", "/_mock/clock", r#"{"ahead":-1}"#).await.status, 400);
    assert_eq!(served.ask("PUT", "/_mock/clock", r#"{"ahead":0}"#).await.status, 200);
    assert_eq!(status().await, 200);
    served.ask("PUT", "/_mock/clock", r#"{"ahead":5}"#).await;
    assert_eq!(served.ask("POST", "/_mock/reset", "").await.status, 200);
    let after = served.ask("GET", "/_mock/clock", "").await;
    assert!(String::from_utf8_lossy(&after.body).contains("\"ahead\":0"));
}
