//! Stock git-lfs and vsts-mock: each operation by each transport, HTTP, HTTPS, SSH with HTTP behind it, and SSH alone.

use std::path::{Path, PathBuf};

use e2e::folder::{everything, noise, write};
use e2e::{Actor, Output, Sandbox, Server};
use serde_json::{Value, json};
use test_support::http;

/// Bytes of a large file.
const LENGTH: usize = 400_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Transport {
    Http,
    Https,
    /// `git-lfs-authenticate` tells the HTTP address and a credential.
    SshAuthenticate,
    /// `git-lfs-transfer`.
    SshTransfer,
}

/// A server, alice with a clone that pushes and locks by the transport, and carol, who comes by HTTP.
struct Bed<'s> {
    sandbox: &'s Sandbox,
    server: &'s Server,
    transport: Transport,
    url: String,
    alice: Actor<'s>,
    carol: Actor<'s>,
    work: PathBuf,
}

/// An operation; each goes on with what those before it have left.
type Operation = fn(&Bed<'_>);

const OPERATIONS: [Operation; 6] = [push, clone, locks, push_of_locked, cut_upload, cut_download];

fn all_operations(transport: Transport) {
    let sandbox = Sandbox::new();
    let (server, ssh) = Server::with_ssh_key_and_https(&sandbox);
    let asked = sandbox.path().join("asked");
    // As a server answers that does not know it.
    let refuse = match transport {
        Transport::SshAuthenticate => "case \"$*\" in *git-lfs-transfer*) exit 1;; esac",
        _ => "",
    };
    let text = format!("#!/bin/sh\necho \"$*\" >> '{}'\n{refuse}\nexec {ssh} \"$@\"\n", asked.display());
    let ssh = sandbox.script("noting-ssh", &text);
    let is_ssh = matches!(transport, Transport::SshAuthenticate | Transport::SshTransfer);
    let alice = if is_ssh { sandbox.stranger("alice") } else { sandbox.actor("alice", "alicepat") };
    let alice = alice
        .with_env("GIT_SSH_COMMAND", ssh.into_os_string())
        .with_env("GIT_SSH_VARIANT", "ssh")
        .with_env("GIT_SSL_CAINFO", server.ca_file(&sandbox).into_os_string());
    let url = match transport {
        Transport::Http => server.repo("extra"),
        Transport::Https => server.repo("extra").replace(server.http(), server.https()),
        Transport::SshAuthenticate | Transport::SshTransfer => server.ssh_repo("extra"),
    };
    let carol = sandbox.actor("carol", "carolpat");
    for person in [&alice, &carol] {
        let settings = "git config --global lfs.locksverify true && git config --global lfs.concurrenttransfers 2 \
                        && git config --global lfs.transfer.maxretries 1 && git lfs install --skip-repo";
        let _set = person.sh(sandbox.path(), settings).ok();
    }
    let work = sandbox.dir("work").join("extra");
    let bed = Bed { sandbox: &sandbox, server: &server, transport, url, alice, carol, work };
    let _cloned = bed.alice.git(&sandbox.dir("work"), &["clone", "-q", &bed.url, "extra"]).ok();
    for operation in OPERATIONS {
        operation(&bed);
    }
    let asked = std::fs::read_to_string(asked).unwrap_or_default();
    let programs = ["git-lfs-transfer", "git-lfs-authenticate"].map(|program| asked.contains(program));
    let expected = match transport {
        Transport::Http | Transport::Https => [false, false],
        Transport::SshAuthenticate => [true, true],
        Transport::SshTransfer => [true, false],
    };
    assert_eq!(programs, expected, "{asked}");
}

#[test]
fn by_http() {
    all_operations(Transport::Http);
}

#[test]
fn by_https() {
    all_operations(Transport::Https);
}

#[test]
fn by_ssh_and_the_http_address_that_it_tells() {
    all_operations(Transport::SshAuthenticate);
}

#[test]
fn by_ssh_alone() {
    all_operations(Transport::SshTransfer);
}

impl Bed<'_> {
    fn lfs(&self, args: &[&str]) -> Output {
        self.alice.git(&self.work, &[&["lfs"], args].concat())
    }

    /// Commits a file of alice's.
    fn commit(&self, name: &str, content: &[u8]) {
        write(&self.work, name, content);
        let _done = self.alice.sh(&self.work, "git add -A && git commit -q -m change").ok();
    }

    fn push(&self) -> Output {
        self.alice.git(&self.work, &["push", "-q", "origin", "HEAD:master"])
    }

    fn admin(&self, method: &str, body: &Value) {
        let token = self.server.ready()["admin_token"].as_str().expect("a token");
        let lines = format!("Authorization: Bearer {token}\nContent-Type: application/json\n");
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let head = http::head(self.server.http(), method, "/_mock/faults", &lines, body.len());
        let answer = http::send(self.server.http(), &head, body.as_bytes()).expect("an answer");
        assert!((200..300).contains(&answer.status), "{}", answer.text());
    }

    /// Cuts every transfer of that kind after some bytes, until [`Bed::heal`].
    fn cut(&self, kind: &str, method: &str) {
        let fault = match self.transport {
            Transport::SshTransfer => {
                json!({ "kind": kind, "method": "SSH", "path": "*/_git/extra", "after": 150_000 })
            }
            _ => json!({ "kind": kind, "method": method, "path": "*/info/lfs/objects/*", "after": 150_000 }),
        };
        self.admin("POST", &fault);
    }

    fn heal(&self) {
        self.admin("DELETE", &Value::Null);
    }

    /// The contents that the server has, by their names.
    fn stored(&self) -> Vec<String> {
        let is_object = |name: &String| !name.starts_with("incoming/");
        everything(&self.server.data().join("lfs")).names().into_iter().filter(is_object).collect()
    }
}

fn push(bed: &Bed<'_>) {
    let _tracked = bed.lfs(&["track", "*.bin"]).ok();
    bed.commit("a.bin", &noise(1, LENGTH));
    let _pushed = bed.push().ok();
    assert_eq!(bed.stored().len(), 1);
}

fn clone(bed: &Bed<'_>) {
    let _cloned = bed.alice.git(&bed.sandbox.dir("clones"), &["clone", "-q", &bed.url, "extra"]).ok();
    let clone = bed.sandbox.dir("clones").join("extra");
    assert!(read(&clone, "a.bin") == noise(1, LENGTH));
    let _whole = bed.alice.git(&clone, &["lfs", "fsck"]).ok();
    assert_eq!(bed.alice.git(&clone, &["status", "--porcelain"]).ok().text(), "");
}

fn locks(bed: &Bed<'_>) {
    let _locked = bed.lfs(&["lock", "a.bin"]).ok();
    for (args, expected) in [(&["locks"][..], ""), (&["locks", "--verify"], "O ")] {
        let listed = bed.lfs(args).ok();
        let is_listed =
            listed.stdout.starts_with(&format!("{expected}a.bin")) && listed.stdout.contains("alice");
        assert!(is_listed, "{listed}");
    }
    let others = bed.sandbox.dir("carol");
    let _cloned = bed.carol.git(&others, &["clone", "-q", &bed.server.repo("extra"), "extra"]).ok();
    let refused = bed.carol.git(&others.join("extra"), &["lfs", "lock", "a.bin"]);
    assert!(refused.code != Some(0) && refused.stderr.contains("alice"), "{refused}");
    // The owner of a lock may push.
    bed.commit("a.bin", &noise(2, LENGTH));
    let _pushed = bed.push().ok();
    let _unlocked = bed.lfs(&["unlock", "a.bin"]).ok();
    assert_eq!(bed.lfs(&["locks"]).ok().text(), "");
}

fn push_of_locked(bed: &Bed<'_>) {
    let others = bed.sandbox.dir("carol").join("extra");
    let _locked = bed.carol.git(&others, &["lfs", "lock", "a.bin"]).ok();
    let theirs = bed.lfs(&["locks", "--verify"]).ok();
    assert!(theirs.stdout.starts_with("  a.bin") && theirs.stdout.contains("carol"), "{theirs}");
    let twice = bed.lfs(&["lock", "a.bin"]);
    assert!(twice.code != Some(0) && twice.stderr.contains("carol"), "{twice}");
    let before = bed.stored();
    bed.commit("a.bin", &noise(3, LENGTH));
    let refused = bed.push();
    let said = format!("{}{}", refused.stdout, refused.stderr);
    assert!(refused.code != Some(0) && said.contains("a.bin") && said.contains("carol"), "{refused}");
    assert_eq!(bed.stored(), before, "nothing was sent");
    let not_hers = bed.lfs(&["unlock", "a.bin"]);
    assert!(not_hers.code != Some(0), "{not_hers}");
    let _unlocked = bed.carol.git(&others, &["lfs", "unlock", "a.bin"]).ok();
    let _pushed = bed.push().ok();
    assert_eq!(bed.stored().len(), before.len() + 1);
}

fn cut_upload(bed: &Bed<'_>) {
    let before = bed.stored().len();
    write(&bed.work, "small.bin", noise(4, 1_000));
    bed.commit("large.bin", &noise(5, LENGTH));
    bed.cut("cut-request", "PUT");
    let cut = bed.push();
    assert!(cut.code != Some(0), "{cut}");
    bed.heal();
    let there = bed.stored();
    assert!(there.len() <= before + 1, "nothing half: {there:?}");
    let _pushed = bed.push().ok();
    assert_eq!(bed.stored().len(), before + 2);
}

fn cut_download(bed: &Bed<'_>) {
    let dir = bed.sandbox.dir("cut");
    let skipping = bed.alice.clone().with_env("GIT_LFS_SKIP_SMUDGE", "1");
    let _cloned = skipping.git(&dir, &["clone", "-q", &bed.url, "extra"]).ok();
    let clone = dir.join("extra");
    bed.cut("cut-answer", "GET");
    let cut = bed.alice.git(&clone, &["lfs", "fetch"]);
    assert!(cut.code != Some(0), "{cut}");
    bed.heal();
    let _pulled = bed.alice.git(&clone, &["lfs", "pull"]).ok();
    let _whole = bed.alice.git(&clone, &["lfs", "fsck"]).ok();
    for (name, content) in
        [("a.bin", noise(3, LENGTH)), ("small.bin", noise(4, 1_000)), ("large.bin", noise(5, LENGTH))]
    {
        assert!(read(&clone, name) == content, "{name}");
    }
}

fn read(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).expect("a file")
}
