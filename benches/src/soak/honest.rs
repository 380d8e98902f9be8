//! Clients with honest work: they clone, fetch, push, ask the REST API and read pages, and check what they get.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};

use super::ledger::Fate;
use super::testbed::{Endpoint, TRAPS, Testbed, authorization, repo};
use crate::server::request;
use crate::{Outcome, process};

/// One client of a kind; its number makes it somebody and gives it a place of its own.
pub(super) struct Client<'a> {
    pub(super) testbed: &'a Testbed,
    pub(super) number: usize,
    /// Rounds so far.
    pub(super) round: usize,
}

/// A client's work, as the table of latencies names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    Clone,
    Fetch,
    Push,
    SshFetch,
    SshPush,
    RestRead,
    RestPush,
    RestRepository,
    Pages,
}

impl Work {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Clone => "clone",
            Self::Fetch => "fetch",
            Self::Push => "push",
            Self::SshFetch => "fetch over SSH",
            Self::SshPush => "push over SSH",
            Self::RestRead => "REST: refs, items, commits",
            Self::RestPush => "REST: push",
            Self::RestRepository => "REST: create and delete a repository",
            Self::Pages => "pages",
        }
    }
}

impl Client<'_> {
    /// Does one round of the work.
    pub(super) fn work(&self, work: Work, at: &Endpoint) -> Outcome {
        match work {
            Work::Clone => self.clone_a_repository(at),
            Work::Fetch => self.fetch(&self.some_repo(), &at.repo(&self.some_repo()), "fetch"),
            Work::Push => self.push(at, &at.repo(&self.own_repo())),
            Work::SshFetch => self.fetch(&self.some_repo(), &at.ssh_repo(&self.some_repo()), "fetch"),
            Work::SshPush => self.push(at, &at.ssh_repo(&self.own_repo())),
            Work::RestRead => self.read(at),
            Work::RestPush => self.push_by_rest(at),
            Work::RestRepository => self.repository(at),
            Work::Pages => pages(at),
        }
    }

    fn own_repo(&self) -> String {
        repo(self.number)
    }

    /// Another repository each round.
    fn some_repo(&self) -> String {
        repo(self.number + self.round)
    }

    fn branch(&self) -> String {
        format!("refs/heads/clients/{}", self.number)
    }

    /// A folder of this client alone.
    fn place(&self, name: &str) -> PathBuf {
        self.testbed.dir.join(format!("client-{}-{name}", self.number))
    }

    fn clone_a_repository(&self, at: &Endpoint) -> Outcome {
        let repo = self.some_repo();
        let expected = self.testbed.ledger.any_tip(&repo, self.round);
        let path = self.place("clone");
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        let mut git = self.testbed.git(&self.testbed.dir, self.number);
        git.args(["clone", "--quiet", "--bare"]);
        match self.round % 4 {
            1 => git.args(["--depth", "3", "--no-single-branch"]),
            2 => git.args(["--filter=blob:none"]),
            _ => &mut git,
        };
        process::capture(git.arg(at.repo(&repo)).arg(&path))?;
        let Some((_, id)) = expected else { return Ok(()) };
        if self.round % 4 == 1 {
            // A shallow clone need not hold what was the tip a moment ago.
            return Ok(());
        }
        process::capture(self.testbed.git(&path, self.number).args(["cat-file", "-e", &id]))
            .map(drop)
            .map_err(|error| format!("a clone lacks {id}, which was acknowledged before it: {error}").into())
    }

    fn fetch(&self, repo: &str, url: &str, place: &str) -> Outcome {
        let path = self.place(place).join(repo);
        if !path.exists() {
            fs::create_dir_all(&path)?;
            process::capture(self.testbed.git(&path, self.number).args(["init", "--quiet", "--bare"]))?;
        }
        let expected = self.testbed.ledger.any_tip(repo, self.round);
        let refs = "+refs/heads/*:refs/heads/*";
        process::capture(
            self.testbed.git(&path, self.number).args(["fetch", "--quiet", "--prune", url, refs]),
        )?;
        let Some((_, id)) = expected else { return Ok(()) };
        process::capture(self.testbed.git(&path, self.number).args(["cat-file", "-e", &id]))
            .map(drop)
            .map_err(|error| {
                format!("a fetch brought no {id}, which was acknowledged before it: {error}").into()
            })
    }

    /// Commits some files on this client's branch and pushes it; now and then so many that they stay a pack.
    fn push(&self, at: &Endpoint, url: &str) -> Outcome {
        let (repo, branch) = (self.own_repo(), self.branch());
        let path = self.place("push");
        if !path.exists() {
            // A stop of the server in the middle leaves nothing that looks ready.
            let unfinished = self.place("push-unfinished");
            if unfinished.exists() {
                fs::remove_dir_all(&unfinished)?;
            }
            fs::create_dir_all(&unfinished)?;
            process::capture(self.testbed.git(&unfinished, self.number).args(["init", "--quiet", "--bare"]))?;
            let (url, refs) = (at.repo(&repo), format!("refs/heads/master:{branch}"));
            process::capture(
                self.testbed.git(&unfinished, self.number).args(["fetch", "--quiet", &url, &refs]),
            )?;
            fs::rename(&unfinished, &path)?;
        }
        let files = if self.round % 5 == 4 { 150 } else { 1 + self.round % 7 };
        let mut import = self.testbed.git(&path, self.number);
        import.args(["fast-import", "--quiet", "--date-format=now"]);
        let mut child = import.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut stdin = child.stdin.take().expect("stdin was asked for as a pipe");
        let message = format!("round {}", self.round);
        let mut script = format!(
            "commit {branch}\ncommitter soak <soak@example.com> now\ndata {}\n{message}\nfrom {branch}^0\n",
            message.len()
        );
        for file in 0..files {
            let line = format!("client {}, round {}, file {file}\n", self.number, self.round);
            let text = line.repeat(20 + 50 * (self.round % 9));
            write!(script, "M 100644 inline src/file{file}.py\ndata {}\n{text}\n", text.len())?;
        }
        stdin.write_all(script.as_bytes())?;
        drop(stdin);
        let output = child.wait_with_output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        let id = process::capture(self.testbed.git(&path, self.number).args(["rev-parse", &branch]))?;
        let id = String::from_utf8(id)?.trim().to_owned();
        self.testbed.ledger.attempt(&repo, &branch, &id);
        let refs = format!("{branch}:{branch}");
        process::capture(self.testbed.git(&path, self.number).args(["push", "--quiet", url, &refs]))?;
        self.testbed.ledger.acknowledge(&repo, &branch, &id);
        Ok(())
    }

    /// Asks for something and expects this status; the answer's JSON.
    fn ask(&self, method: &str, url: &str, body: Option<&Value>, status: u16) -> Outcome<Value> {
        let text = body.map(ToString::to_string).unwrap_or_default();
        let authorization = authorization(self.number);
        let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
        let answer = request(method, url, &headers, text.as_bytes())?;
        if answer.status != status {
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            return Err(format!("{method} {url}: status {}, not {status}: {body}", answer.status).into());
        }
        Ok(serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
    }

    fn read(&self, at: &Endpoint) -> Outcome {
        let repo = self.some_repo();
        let expected = self.testbed.ledger.any_tip(&repo, self.round);
        let refs = self.ask("GET", &at.rest(&repo, "/refs?api-version=4.1&filter=heads/"), None, 200)?;
        let names = refs["value"].as_array().into_iter().flatten().filter_map(|found| found["name"].as_str());
        let names: Vec<&str> = names.collect();
        if let Some((name, _)) = expected
            && !names.contains(&name.as_str())
        {
            return Err(format!("the refs of {repo} lack {name}, which was acknowledged before").into());
        }
        for resource in [
            "/items?api-version=4.1&recursionLevel=full",
            "/commits?api-version=4.1&$top=20",
            "/items?api-version=4.1&path=/README.md",
            "/stats/branches?api-version=4.1",
        ] {
            self.ask("GET", &at.rest(&repo, resource), None, 200)?;
        }
        self.ask("GET", &at.rest("", "?api-version=4.1"), None, 200).map(drop)
    }

    fn push_by_rest(&self, at: &Endpoint) -> Outcome {
        let (repo, branch) = (self.own_repo(), format!("refs/heads/rest/{}", self.number));
        let url = at.rest(&repo, &format!("/refs?api-version=4.1&filter={}", &branch["refs/".len()..]));
        let found = self.ask("GET", &url, None, 200)?;
        let tip =
            found["value"].as_array().into_iter().flatten().find(|found| found["name"] == branch.as_str());
        let old = tip.and_then(|tip| tip["objectId"].as_str()).map(ToOwned::to_owned);
        if let Some(acknowledged) = self.testbed.ledger.tip(&repo, &branch)
            && old.is_none()
        {
            return Err(format!("{repo} lacks {branch}, acknowledged at {acknowledged}").into());
        }
        let name = format!("/notes/{}.txt", self.round);
        let zero = "0".repeat(40);
        let body = json!({
            "refUpdates": [{ "name": branch, "oldObjectId": old.as_deref().unwrap_or(&zero) }],
            "commits": [{ "comment": format!("round {}", self.round), "changes": [{
                "changeType": "add", "item": { "path": name },
                "newContent": { "content": "text\n".repeat(1 + self.round % 500), "contentType": "rawtext" } }] }],
        });
        // The service chooses the commit's id: until it tells, the ref may be anywhere beyond the old tip.
        let pushed = self.ask("POST", &at.rest(&repo, "/pushes?api-version=4.1"), Some(&body), 201)?;
        let id = pushed["refUpdates"][0]["newObjectId"].as_str().ok_or("a push tells the new tip")?;
        let commit =
            self.ask("GET", &at.rest(&repo, &format!("/commits/{id}?api-version=4.1")), None, 200)?;
        if commit["commitId"] == id { Ok(()) } else { Err(format!("{id} is {commit}").into()) }
    }

    /// Makes a repository, and deletes three in four.
    fn repository(&self, at: &Endpoint) -> Outcome {
        let name = format!("made-{}-{}", self.number, self.round);
        let ledger = &self.testbed.ledger;
        ledger.set_fate(&name, Fate::Unknown);
        let made = self.ask("POST", &at.rest("", "?api-version=4.1"), Some(&json!({ "name": name })), 201)?;
        ledger.set_fate(&name, Fate::Made);
        let id = made["id"].as_str().ok_or("a new repository has an id")?;
        self.ask("GET", &at.rest(&name, "/refs?api-version=4.1"), None, 200)?;
        if !self.round.is_multiple_of(4) {
            ledger.set_fate(&name, Fate::Unknown);
            self.ask("DELETE", &at.rest(id, "?api-version=4.1"), None, 204)?;
            ledger.set_fate(&name, Fate::Deleted);
        }
        Ok(())
    }
}

/// The public repository's cheap pages: who isn't signed in is sent away from the others.
fn pages(at: &Endpoint) -> Outcome {
    for page in ["?path=/README.md", "/commits", "/branches", "/tags"] {
        let url = format!("{}{page}", at.repo(TRAPS));
        let answer = request("GET", &url, &[("Accept", "text/html")], b"")?;
        if answer.status != 200 {
            return Err(format!("{url}: status {}", answer.status).into());
        }
    }
    Ok(())
}
