//! Thousands of repositories on one server: how long it starts, how long the list of them takes, what memory stays when
//! each has been read, and how long it takes to make one more. Stock git has no such server to compare with.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::report::{Goal, Value};
use super::{Bench, TOKEN};
use crate::Outcome;
use crate::bench::{median, stock, timed};
use crate::server::{Server, basic, request};
use crate::usage::Figures;

/// The time limit of a start beside 10,000 repositories.
const START: Duration = Duration::from_secs(1);
/// The time limit of the list of 10,000.
const LIST: Duration = Duration::from_millis(300);
/// The number of times that it is asked for again.
const LISTS: usize = 5;
/// The most memory in use when 10,000 have been read.
const MEMORY: u64 = 150_000_000;
/// The time limit for the creation of one more.
const CREATE: Duration = Duration::from_millis(10);
/// The number that is created in addition.
const MADE: usize = 51;

impl Bench {
    pub(super) fn scale(&mut self) -> Outcome {
        let count = self.scale.repositories;
        let repos: Vec<_> = (0..count).map(|number| (format!("repo-{number}"), None)).collect();
        // The first server makes them.
        drop(self.start("scale", &repos)?);
        self.fill(&self.dir.join("scale/repos"))?;
        let (took, server) = timed(|| self.start("scale", &repos))?;
        self.own_row(format!("start beside {count} repositories"), Value::Wall(took), Goal::Wall(START));

        let list = "acme/_apis/git/repositories";
        let (first, answer) = timed(|| get(&server, list))?;
        let answer: serde_json::Value = serde_json::from_slice(&answer)?;
        let all = answer["value"].as_array().cloned().unwrap_or_default();
        let is_whole = all.iter().all(|repo| repo["defaultBranch"] == "refs/heads/main");
        // The project has one of its own as well.
        if all.len() != count + 1 || !is_whole {
            return Err(
                format!("{} of {count} repositories are listed, or without a branch", all.len()).into()
            );
        }
        self.own_row(
            format!("REST: list of {count} repositories, first"),
            Value::Wall(first),
            Goal::Wall(LIST),
        );
        let again: Outcome<Vec<Duration>> = (0..LISTS).map(|_| Ok(timed(|| get(&server, list))?.0)).collect();
        let work = format!("REST: list of {count} repositories");
        self.own_row(work, Value::Wall(median(again?)), Goal::Wall(LIST));

        for repo in &all {
            let id = repo["id"].as_str().ok_or("a repository without an id")?;
            get(&server, &format!("acme/_apis/git/repositories/{id}/refs"))?;
        }
        let used = Figures::of(server.id()).ok_or("the server has ended")?;
        let work = format!("memory when {count} repositories have been read");
        self.own_row(work, Value::Bytes(used.anonymous), Goal::Bytes(MEMORY));
        self.report.note(format!("After that vsts-mock has {} descriptors open.", used.descriptors));

        let made: Outcome<Vec<Duration>> = (0..MADE).map(|number| create(&server, number)).collect();
        let work = format!("REST: make a repository beside {count}");
        self.own_row(work, Value::Wall(median(made?)), Goal::Wall(CREATE));
        Ok(())
    }

    fn own_row(&mut self, work: String, ours: Value, goal: Goal) {
        self.report.push(work, ours, Value::Nothing, goal);
    }

    /// Gives each repository a commit, by links to the same files.
    fn fill(&self, repos: &Path) -> Outcome {
        let one = self.dir.join("one.git");
        stock::ask(&self.dir, &["init", "-q", "--bare", "-b", "main", "one.git"])?;
        let tree = stock::ask(&one, &["mktree"])?;
        let as_somebody = ["-c", "user.name=bench", "-c", "user.email=bench@example.com"];
        let commit = stock::ask(&one, &[&as_somebody[..], &["commit-tree", "-m", "one", &tree]].concat())?;
        for entry in fs::read_dir(repos)? {
            let path = entry?.path();
            for id in [&tree, &commit] {
                let name = format!("objects/{}/{}", &id[..2], &id[2..]);
                fs::create_dir_all(path.join(&name).parent().unwrap_or(&path))?;
                fs::hard_link(one.join(&name), path.join(&name))?;
            }
            fs::write(path.join("refs/heads/main"), format!("{commit}\n"))?;
            fs::write(path.join("HEAD"), "ref: refs/heads/main\n")?;
        }
        Ok(())
    }
}

fn get(server: &Server, path: &str) -> Outcome<Vec<u8>> {
    let url = format!("{}/{path}", server.http());
    let answer = request("GET", &url, &[("Authorization", &basic(TOKEN))], b"")?;
    if answer.status == 200 {
        Ok(answer.body)
    } else {
        Err(format!("{path}: status {}", answer.status).into())
    }
}

/// Measures the creation of one more.
fn create(server: &Server, number: usize) -> Outcome<Duration> {
    let url = format!("{}/acme/bench/_apis/git/repositories?api-version=1.0", server.http());
    let authorization = basic(TOKEN);
    let headers = [("Authorization", authorization.as_str()), ("Content-Type", "application/json")];
    let body = format!("{{\"name\":\"made-{number}\"}}");
    let (took, answer) = timed(|| request("POST", &url, &headers, body.as_bytes()))?;
    if answer.status == 201 {
        return Ok(took);
    }
    Err(format!("a repository is not made: status {}", answer.status).into())
}
