//! Serving Git over HTTP, by vsts-mock and by stock git's http-backend. The load speaks the protocol itself, a
//! new connection per request, so that no client's start-up is measured. vsts-mock checks a token each time.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::table::Table;
use super::{Effort, cgi, repository, take_turns, timed};
use crate::server::{Server, basic, request};
use crate::{Outcome, process};

const SEED: &str = r#"
[[users]]
name = "bench"
email = "bench@example.com"
tokens = [{ name = "bench", value = "bench-token", scopes = ["vso.code_full"] }]
[[accounts]]
name = "acme"
owner = "bench"
[[accounts.projects]]
name = "history"
[[accounts.projects]]
name = "refs"
"#;

/// One served repository under one server.
struct Peer {
    url: String,
    authorization: String,
}

pub(crate) fn measure(vsts_mock: &Path, effort: Effort) -> Outcome<Table> {
    let scratch = tempfile::Builder::new().prefix("vsts-bench-").tempdir()?;
    let root = scratch.path().join("repos");
    repository::history(&root.join("history.git"), effort.commits)?;
    repository::many_refs(&root.join("refs.git"), effort.refs)?;

    let seed = scratch.path().join("seed.toml");
    std::fs::write(&seed, SEED)?;
    let server = Server::start(vsts_mock, &seed, &scratch.path().join("data"), &scratch.path().join("log"))?;
    let authorization = basic("bench-token");
    for name in ["history", "refs"] {
        let url = format!("{}/acme/_git/{name}", server.http());
        let header = format!("http.extraHeader=Authorization: {authorization}");
        let mut push = repository::git(&root.join(format!("{name}.git")));
        process::capture(push.args(["-c", &header, "push", "--quiet", "--mirror", &url]))?;
    }
    let cgi = cgi::serve(&root)?;
    let ours = |name: &str| Peer {
        url: format!("{}/acme/_git/{name}", server.http()),
        authorization: authorization.clone(),
    };
    let theirs = |name: &str| Peer { url: format!("{cgi}/{name}.git"), authorization: String::new() };

    let title = format!(
        "Git over HTTP (`cargo xtask bench serve`; medians of {} turns, protocol v2; the history has {} commits)",
        effort.many, effort.commits
    );
    let mut table = Table::new(title, "vsts-mock", "git http-backend");
    let mut compare =
        |work: &str, name: &str, body: &[u8], repetitions: usize, clients: usize, pack: bool| {
            let (ours, theirs) = (ours(name), theirs(name));
            let times = take_turns(repetitions, &mut |_| ours.load(body, clients, pack), &mut |_| {
                theirs.load(body, clients, pack)
            })?;
            table.push(work, times);
            Outcome::Ok(())
        };
    let tip = revision(&root.join("history.git"), "master")?;
    let parent = revision(&root.join("history.git"), "master~1")?;
    let all = command("ls-refs", &["peel", "symrefs"]);
    let one = command("ls-refs", &["peel", "symrefs", "ref-prefix refs/heads/topic/00042"]);
    let clone = command("fetch", &["ofs-delta", "no-progress", &format!("want {tip}"), "done"]);
    let fetch = command(
        "fetch",
        &["thin-pack", "ofs-delta", "no-progress", &format!("want {tip}"), &format!("have {parent}"), "done"],
    );
    let shallow = command("fetch", &["ofs-delta", "no-progress", "deepen 1", &format!("want {tip}"), "done"]);
    compare("ls-refs, 1 ref", "history", &all, effort.many, 1, false)?;
    compare("ls-refs, 1 ref, 16 clients at once, each", "history", &all, effort.many, 16, false)?;
    compare(&format!("ls-refs, {} refs", effort.refs), "refs", &all, effort.many, 1, false)?;
    compare(&format!("ls-refs, one prefix of {} refs", effort.refs), "refs", &one, effort.many, 1, false)?;
    compare("fetch of one commit", "history", &fetch, effort.many, 1, true)?;
    compare("clone of depth 1", "history", &shallow, effort.many, 1, true)?;
    compare("full clone", "history", &clone, effort.few.max(3), 1, true)?;
    Ok(table)
}

impl Peer {
    /// Sends the request from this many clients at once; returns the time divided by the clients.
    fn load(&self, body: &[u8], clients: usize, pack: bool) -> Outcome<Duration> {
        if clients == 1 {
            return Ok(timed(|| self.post(body, pack))?.0);
        }
        let failures = AtomicUsize::new(0);
        let (time, ()) = timed(|| {
            std::thread::scope(|scope| {
                for _ in 0..clients {
                    scope.spawn(|| {
                        if self.post(body, pack).is_err() {
                            failures.fetch_add(1, Ordering::Relaxed);
                        }
                    });
                }
            });
            Ok(())
        })?;
        match failures.into_inner() {
            0 => Ok(time / u32::try_from(clients)?),
            failed => Err(format!("{failed} of {clients} clients got no answer from {}", self.url).into()),
        }
    }

    fn post(&self, body: &[u8], pack: bool) -> Outcome {
        let url = format!("{}/git-upload-pack", self.url);
        let mut headers =
            vec![("Content-Type", "application/x-git-upload-pack-request"), ("Git-Protocol", "version=2")];
        if !self.authorization.is_empty() {
            headers.push(("Authorization", &self.authorization));
        }
        let answer = request("POST", &url, &headers, body)?;
        let whole = answer.body.ends_with(b"0000");
        let has_pack = answer.body.windows(4).take(4096).any(|window| window == b"PACK");
        if answer.status == 200 && whole && has_pack == pack {
            return Ok(());
        }
        let shown: String = String::from_utf8_lossy(&answer.body).chars().take(300).collect();
        Err(format!("{url}: {} {shown}", answer.status).into())
    }
}

/// A protocol v2 request.
fn command(name: &str, arguments: &[&str]) -> Vec<u8> {
    let line = |text: &str| format!("{:04x}{text}\n", text.len() + 5);
    let mut body = line(&format!("command={name}")) + "0001";
    body.extend(arguments.iter().map(|argument| line(argument)));
    body.push_str("0000");
    body.into_bytes()
}

fn revision(repository: &Path, name: &str) -> Outcome<String> {
    let id = process::capture(repository::git(repository).args(["rev-parse", name]))?;
    Ok(String::from_utf8(id)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::command;

    #[test]
    fn a_request_is_packet_lines() {
        assert_eq!(command("ls-refs", &["peel"]), b"0014command=ls-refs\n00010009peel\n0000");
    }
}
