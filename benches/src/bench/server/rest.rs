//! The REST API's reading: refs, items and commits of a large repository, beside what stock git takes as a process for
//! each request, without any HTTP, which is the least that a server around it would need; and how long a reset takes.

use std::io;
use std::path::Path;
use std::time::Duration;

use super::http::{Connection, Head, Sample, load};
use super::report::{Goal, Value};
use super::sides::Side;
use super::{Bench, CLIENTS};
use crate::bench::{median, stock, timed};
use crate::server::{Server, request};
use crate::{Outcome, process};

/// Repositories of the server that is reset.
const REPOS: usize = 100;
/// The time limit of a reset.
const RESET: Duration = Duration::from_millis(50);
/// The number of resets.
const RESETS: usize = 11;

/// One request, and git's command for the same.
struct Reading {
    work: String,
    repo: &'static str,
    path: String,
    git: Vec<String>,
    goal: Goal,
}

impl Bench {
    pub(super) fn rest(&mut self) -> Outcome {
        let (refs, files, commits) = (self.scale.refs, self.scale.files, self.scale.history);
        let repos = self.dir.join("repos");
        let many = repos.join("many-refs.git");
        if !many.exists() {
            stock::many_refs(&many, refs)?;
        }
        let wide =
            stock::cached(&format!("wide-{files}-{commits}.git"), |path| stock::wide(path, files, commits))?;
        let sources = [("refs".to_owned(), Some(many.clone())), ("wide".to_owned(), Some(wide.clone()))];
        let server = self.start("rest", &sources)?;
        let ours = Self::ours(&server)?;
        for reading in readings(refs, files, commits) {
            let folder = if reading.repo == "refs" { &many } else { &wide };
            self.read(&ours, folder, &reading)?;
        }
        drop(server);
        self.report.note(
            "In the rows of the REST API, git is a process for each request, writing to a pipe: no HTTP, no JSON, no access control.",
        );
        self.reset()
    }

    fn read(&mut self, ours: &Side, folder: &Path, reading: &Reading) -> Outcome {
        let head = format!(
            "GET /acme/bench/_apis/git/repositories/{}/{} HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\n\
             Accept: application/json\r\n",
            reading.repo, reading.path, ours.address, ours.authorization
        );
        let ask = Head(head).request(false, None);
        let once = || -> io::Result<()> {
            let reply = Connection::open(ours.address)?.exchange(&ask)?;
            if reply.status == 200 {
                return Ok(());
            }
            let shown = String::from_utf8_lossy(&reply.begin).into_owned();
            Err(io::Error::other(format!("{}: status {}: {shown}", reading.work, reply.status)))
        };
        let git = || -> io::Result<()> {
            let mut git = stock::git(folder);
            let output = process::capture(git.args(&reading.git));
            output.map(drop).map_err(|error| io::Error::other(error.to_string()))
        };
        let window = self.scale.window;
        for clients in [1, CLIENTS] {
            let (us, them) = self.in_turns(
                &mut || -> Outcome<Sample> { Ok(load(clients, window, &|_| once())?) },
                &mut || -> Outcome<Sample> { Ok(load(clients, window, &|_| git())?) },
            )?;
            let goal = if clients == 1 { reading.goal } else { Goal::None };
            let plural = if clients == 1 { "client" } else { "clients" };
            self.report.push(format!("REST: {}, {clients} {plural}", reading.work), us, them, goal);
        }
        Ok(())
    }

    /// Back to the seed, after a change each time.
    fn reset(&mut self) -> Outcome {
        let sources: Vec<_> = (0..REPOS).map(|n| (format!("repo-{n}"), None)).collect();
        let server = self.start("reset", &sources)?;
        let bearer = format!("Bearer {}", server.admin_token());
        let mut times = Vec::new();
        for round in 0..RESETS {
            let name = format!("{{\"name\":\"more-{round}\"}}");
            post(&server, &bearer, "accounts/acme/projects/bench/repos", name.as_bytes())?;
            times.push(timed(|| post(&server, &bearer, "reset", b""))?.0);
        }
        let work = format!("reset to the seed, {REPOS} repositories");
        self.report.push(work, Value::Wall(median(times)), Value::Nothing, Goal::Wall(RESET));
        Ok(())
    }
}

fn post(server: &Server, bearer: &str, path: &str, body: &[u8]) -> Outcome {
    let url = format!("{}/_mock/{path}", server.http());
    let answer = request("POST", &url, &[("Authorization", bearer)], body)?;
    if answer.status < 300 {
        return Ok(());
    }
    Err(format!("{path}: status {}: {}", answer.status, String::from_utf8_lossy(&answer.body)).into())
}

fn readings(refs: usize, files: usize, commits: usize) -> Vec<Reading> {
    let one = |work: String, repo, path: &str, git: &[&str], times| Reading {
        work,
        repo,
        path: path.to_owned(),
        git: git.iter().map(ToString::to_string).collect(),
        goal: Goal::Times(times),
    };
    let format = "--format=%(objectname) %(refname)";
    let file = stock::wide_file(files / 2);
    let log = "--format=%H%n%an%n%ae%n%aI%n%cn%n%ce%n%cI%n%B";
    vec![
        one(format!("all of {refs} refs"), "refs", "refs", &["for-each-ref", format], 1.0),
        one(
            format!("one prefix of {refs} refs"),
            "refs",
            "refs?filter=heads/topic/00042",
            &["for-each-ref", format, "refs/heads/topic/00042*"],
            1.0,
        ),
        one(
            format!("items, a file's content of {files}"),
            "wide",
            &format!("items?path=/{file}&$format=octetStream"),
            &["cat-file", "blob", &format!("HEAD:{file}")],
            1.0,
        ),
        one(
            format!("items, a folder of {files} files"),
            "wide",
            "items?scopePath=/part00/sub00&recursionLevel=oneLevel",
            &["ls-tree", "-t", "HEAD:part00/sub00"],
            1.0,
        ),
        one(
            format!("items, all {files} files"),
            "wide",
            "items?scopePath=/&recursionLevel=full",
            &["ls-tree", "-r", "-t", "HEAD"],
            1.0,
        ),
        one(
            format!("commits, the newest 100 of {commits}, with counts of changes"),
            "wide",
            "commits?searchCriteria.$top=100",
            &["log", "-100", "--raw", log],
            1.0,
        ),
        one(
            format!("commits, the newest 10 of {commits} that changed one file"),
            "wide",
            &format!("commits?searchCriteria.itemPath=/{file}&searchCriteria.$top=10"),
            &["log", "-10", "--raw", log, "--", &file],
            1.0,
        ),
        one(
            format!("commits, 100 after {} of {commits}", commits / 2),
            "wide",
            &format!("commits?searchCriteria.$top=100&searchCriteria.$skip={}", commits / 2),
            &["log", "-100", &format!("--skip={}", commits / 2), "--raw", log],
            1.0,
        ),
    ]
}
