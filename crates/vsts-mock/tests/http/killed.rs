//! The server, killed while completions of pull requests and a push meet: after the next start each of them has one outcome,
//! the repository is sound, and what was promised is done.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::{Answer, Step, http};
use tokio::runtime::Handle;

use crate::binary::Served;
use crate::git::Git;

const REPO: &str = "/acme/iris/_apis/git/repositories/extra";
const ZEROS: &str = "0000000000000000000000000000000000000000";
/// Calls at which a seed kills, and how often about each comes: some change the repository, the last three the database.
const CALLS: [(&str, u64); 7] = [
    ("?rename", 12),
    ("?renameat", 12),
    ("?unlink", 12),
    ("?mkdir", 12),
    ("?write", 60),
    ("?pwrite64", 60),
    ("?fdatasync", 20),
];

/// A request by alice.
fn ask(url: &str, method: &str, path: &str, body: &Value) -> std::io::Result<Answer> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let lines = "Authorization: Bearer alicepat\nContent-Type: application/json\n";
    http::send(url, &http::head(url, method, path, lines, body.len()), body.as_bytes())
}

fn expect(url: &str, method: &str, path: &str, body: &Value) -> Value {
    let answer = ask(url, method, path, body).expect("an answer");
    assert!(answer.status < 300, "{method} {path}: {}", answer.text());
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

fn push(url: &str, branch: &str, old: &str, path: &str) -> std::io::Result<Answer> {
    let change = json!({
        "changeType": "add", "item": { "path": path }, "newContent": { "content": path, "contentType": "rawtext" },
    });
    let body = json!({
        "refUpdates": [{ "name": format!("refs/heads/{branch}"), "oldObjectId": old }],
        "commits": [{ "comment": format!("Add {path}"), "changes": [change] }],
    });
    ask(url, "POST", &format!("{REPO}/pushes"), &body)
}

fn pushed(url: &str, branch: &str, old: &str, path: &str) -> String {
    let answer = push(url, branch, old, path).expect("an answer");
    assert_eq!(answer.status, 201, "{}", answer.text());
    let made: Value = serde_json::from_slice(&answer.body).expect("JSON");
    made["refUpdates"][0]["newObjectId"].as_str().expect("an id").to_owned()
}

fn pull(url: &str, id: i64) -> Value {
    expect(url, "GET", &format!("{REPO}/pullrequests/{id}"), &Value::Null)
}

fn completion(tip: &str, strategy: u8) -> Value {
    json!({
        "status": "completed", "lastMergeSourceCommit": { "commitId": tip },
        "completionOptions": { "mergeStrategy": strategy, "deleteSourceBranch": true },
    })
}

/// The data of a server with two pull requests, of which the first waits in the queue to be completed.
struct Prepared {
    dir: TempDir,
    /// The folder of the repository below the data.
    repo: PathBuf,
    /// The tip of the second one's source.
    two: String,
}

impl Prepared {
    async fn new(strategy: u8) -> Self {
        let dir = TempDir::new().expect("a folder");
        let served = Served::start(dir.path(), &["--data-dir", "data"]);
        let url = served.url();
        let master = pushed(url, "master", ZEROS, "/m");
        let mut tips = Vec::new();
        for name in ["one", "two"] {
            tips.push(pushed(url, name, &master, &format!("/{name}")));
            let body = json!({
                "sourceRefName": format!("refs/heads/{name}"), "targetRefName": "refs/heads/master", "title": name,
            });
            expect(url, "POST", &format!("{REPO}/pullrequests"), &body);
        }
        assert_eq!(pull(url, 2)["mergeStatus"], "succeeded");
        assert_eq!(served.ask("PUT", "/_mock/completions/held", "").await.status, 204);
        expect(url, "PATCH", &format!("{REPO}/pullrequests/1"), &completion(&tips[0], strategy));
        let shown = served.ask("GET", "/_mock/accounts/acme/projects/iris/repos/extra", "").await.text();
        let shown: Value = serde_json::from_str(&shown).expect("JSON");
        let path = Path::new(shown["path"].as_str().expect("a path"));
        let below = path.components().skip_while(|part| part.as_os_str() != "data").skip(1).collect();
        assert!(served.terminate().success());
        Self { dir, repo: below, two: tips.remove(1) }
    }

    /// A copy of the data.
    fn copy(&self, name: &str) {
        let copied = Command::new("cp").args(["-a", "data", name]).current_dir(self.dir.path()).status();
        assert!(copied.expect("cp runs").success());
    }

    /// Lets a server complete both and push, and kills it at a step. Checks what the next server makes of it; returns
    /// whether the step came at all.
    async fn kill_at(&self, step: Step, strategy: u8) -> bool {
        let name = "step";
        self.copy(name);
        let mut traced = self.start_traced(step, name);
        let ready = ready_line(&mut traced);
        let (mut was_killed, mut statuses) = (true, (None, None));
        if let Some((url, pid)) = &ready {
            statuses = std::thread::scope(|scope| {
                let second = scope.spawn(|| {
                    let path = format!("{REPO}/pullrequests/2");
                    Some(ask(url, "PATCH", &path, &completion(&self.two, strategy)).ok()?.status)
                });
                let third = scope.spawn(|| push_to_the_tip(url));
                (second.join().expect("no panic"), third.join().expect("no panic"))
            });
            was_killed = loop {
                match is_settled(url) {
                    None => break true,
                    Some(true) => break false,
                    Some(false) => {}
                }
            };
            // A server that no step has ended is ended now. strace ends with it.
            Command::new("kill")
                .args(["-KILL", &pid.to_string()])
                .stderr(Stdio::null())
                .status()
                .expect("kill runs");
        }
        traced.wait().expect("strace ends");
        self.judge(name, &format!("{step:?}, strategy {strategy}"), strategy, statuses).await;
        fs::remove_dir_all(self.dir.path().join(name)).expect("it goes");
        was_killed
    }

    fn start_traced(&self, step: Step, data: &str) -> Child {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null"]).args(step.options());
        strace.arg(env!("CARGO_BIN_EXE_vsts-mock"));
        strace.args(["serve", "--config", "seed.toml", "--http", "127.0.0.1:0", "--data-dir", data]);
        strace.env_clear().env("PATH", "/usr/bin:/bin").env("TMPDIR", self.dir.path());
        let log = fs::File::options().create(true).append(true).open(self.dir.path().join("log"));
        strace
            .stdin(Stdio::null())
            .stderr(log.expect("a log"))
            .stdout(Stdio::piped())
            .current_dir(self.dir.path());
        strace.spawn().expect("strace starts")
    }

    /// Starts a server on what the killed one has left.
    async fn judge(&self, data: &str, what: &str, strategy: u8, (second, third): (Option<u16>, Option<u16>)) {
        let served = Served::start(self.dir.path(), &["--data-dir", data]);
        let url = served.url();
        while !is_settled(url).unwrap_or_else(|| panic!("{what}: the next server answers")) {}
        let (one, two) = (pull(url, 1), pull(url, 2));
        assert_eq!(one["status"], "completed", "{what}: it was in the queue: {one}");
        if second == Some(200) {
            assert_eq!(two["status"], "completed", "{what}: it was promised: {two}");
        }
        let repo = self.dir.path().join(data).join(&self.repo);
        let git = Git::new(self.dir.path());
        let repo = repo.to_str().expect("UTF-8");
        let git = async |args: &[&str]| git.run(&[&["--git-dir", repo], args].concat()).await;
        git(&["fsck", "--strict"]).await.ok();
        let log = git(&["log", "--format=%s", "master"]).await.ok();
        let times = |subject: &str| log.lines().filter(|line| *line == subject).count();
        for (pull, name) in [(&one, "one"), (&two, "two")] {
            let is_completed = pull["status"] == "completed";
            let id = &pull["pullRequestId"];
            // Commits that are replayed keep their messages.
            let subject =
                if strategy == 3 { format!("Add /{name}") } else { format!("Merged PR {id}: {name}") };
            assert_eq!(times(&subject), usize::from(is_completed), "{what}: {pull}\n{log}");
            let branch = git(&["rev-parse", "-q", "--verify", &format!("refs/heads/{name}")]).await;
            assert_eq!(branch.is_ok(), !is_completed, "{what}: the branch of {id} goes with its completion");
            if is_completed {
                let commit = pull["lastMergeCommit"]["commitId"].as_str().expect("the commit that landed");
                git(&["merge-base", "--is-ancestor", commit, "master"]).await.ok();
                assert!(pull["closedBy"].is_object() && pull["closedDate"].is_string(), "{what}: {pull}");
            } else {
                let tip = git(&["rev-parse", "master"]).await.ok();
                assert_eq!(pull["lastMergeTargetCommit"]["commitId"], tip.trim(), "{what}: {pull}");
                assert_eq!(pull["mergeStatus"], "succeeded", "{what}: {pull}");
            }
        }
        let landed = times("Add /p");
        assert!(if third == Some(201) { landed == 1 } else { landed <= 1 }, "{what}: {third:?}\n{log}");
        assert_eq!(times("Add /m"), 1, "{what}: nothing is lost\n{log}");
        // It goes on.
        if two["status"] == "active" {
            expect(url, "PATCH", &format!("{REPO}/pullrequests/2"), &completion(&self.two, 1));
            while !is_settled(url).expect("the server answers") {}
            assert_eq!(pull(url, 2)["status"], "completed", "{what}");
        }
    }
}

/// The address and the process in the ready line; none if the server was killed before.
fn ready_line(traced: &mut Child) -> Option<(String, u64)> {
    let mut line = String::new();
    let stdout = traced.stdout.as_mut().expect("stdout is a pipe");
    BufReader::new(stdout).read_line(&mut line).ok()?;
    let ready: Value = serde_json::from_str(&line).ok()?;
    Some((ready["http"].as_str()?.to_owned(), ready["pid"].as_u64()?))
}

/// Pushes to master, after what has landed there meanwhile; the status of the push that was answered last.
fn push_to_the_tip(url: &str) -> Option<u16> {
    for _ in 0..20 {
        let refs = ask(url, "GET", &format!("{REPO}/refs/heads/master"), &Value::Null).ok()?;
        let refs: Value = serde_json::from_slice(&refs.body).ok()?;
        let status = push(url, "master", refs["value"][0]["objectId"].as_str()?, "/p").ok()?.status;
        if status != 409 {
            return Some(status);
        }
    }
    Some(409)
}

/// Returns whether no completion is queued any more; none if nobody answers.
fn is_settled(url: &str) -> Option<bool> {
    let mut is_over = true;
    for id in [1, 2] {
        let answer = ask(url, "GET", &format!("{REPO}/pullrequests/{id}"), &Value::Null).ok()?;
        let pull: Value = serde_json::from_slice(&answer.body).ok()?;
        is_over &= pull["status"] != "active" || pull["completionQueueTime"].is_null();
    }
    Some(is_over)
}

/// Kills at four steps. A seed chooses them, so that a failure can be had again.
async fn kill_at_random(seed: u64, strategy: u8) {
    let prepared = Prepared::new(strategy).await;
    let mut random = seed;
    let mut below = |bound: u64| {
        // Knuth's generator.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((random >> 33) % bound).expect("it is small")
    };
    for _ in 0..4 {
        let (call, often) = CALLS[below(CALLS.len() as u64)];
        prepared.kill_at(Step { call, nth: 1 + below(often) }, strategy).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_amid_completions_and_a_push_leaves_one_outcome_of_each() {
    kill_at_random(1, 1).await;
    kill_at_random(2, 3).await;
    // Mostly about to make the lock of master its value.
    let prepared = Prepared::new(1).await;
    for nth in [2, 4] {
        let _was_killed = prepared.kill_at(Step { call: "?renameat", nth }, 1).await;
    }
}

mod heavy {
    use test_support::steps;

    use super::*;

    /// Kills a server at every step of completions by one strategy.
    async fn at_every_step(strategy: u8) {
        let prepared = Prepared::new(strategy).await;
        let kills = steps::each(steps::EVERY, |step| {
            tokio::task::block_in_place(|| Handle::current().block_on(prepared.kill_at(step, strategy)))
        });
        assert!(kills > 20, "{kills} kills");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn at_every_step_without_fast_forward() {
        at_every_step(1).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn at_every_step_of_a_squash() {
        at_every_step(2).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn at_every_step_of_a_rebase() {
        at_every_step(3).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn at_every_step_of_a_rebase_with_a_merge() {
        at_every_step(4).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn with_many_seeds() {
        for seed in 0..40 {
            kill_at_random(seed, 1 + u8::try_from(seed % 4).expect("it is small")).await;
        }
    }
}
