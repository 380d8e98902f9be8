//! `cargo xtask bench server`: vsts-mock and stock git behind nginx, side by side in one run, in turns. The load
//! speaks the protocol itself, so that no client's start-up is measured; vsts-mock checks a token each time.

mod clones;
mod history;
mod http;
mod large;
mod packets;
mod peer;
mod pushes;
mod report;
mod rest;
mod scale;
mod secure;
mod sides;
mod small;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::stock;
use crate::server::{Server, basic};
use crate::{Outcome, process, workspace};
use http::Sample;
use peer::Peer;
use report::{Report, Value};
use sides::Side;

/// The names of the rows.
pub(super) const ROWS: [&str; 12] = [
    "ls-refs",
    "push",
    "many-pushes",
    "memory",
    "ssh",
    "first-push",
    "fetch",
    "clone",
    "rest",
    "history",
    "scale",
    "large",
];

/// The amount of work that is measured.
#[derive(Debug, Clone, Copy)]
struct Scale {
    /// Turns of each side.
    rounds: usize,
    /// The length of one turn of small work.
    window: Duration,
    refs: usize,
    snapshots: usize,
    /// Bytes of sources in the large repository.
    sources: u64,
    /// Pushes to one repository, one after the other.
    pushes: usize,
    /// Files and commits of the repository that the REST API reads.
    files: usize,
    history: usize,
    /// Commits of the history whose shape is that of git's own.
    long_history: usize,
    /// Repositories of one server.
    repositories: usize,
    /// Bytes of a large file.
    large: u64,
}

const NORMAL: Scale = Scale {
    rounds: 3,
    window: Duration::from_millis(600),
    refs: 10_000,
    snapshots: 10_000,
    sources: 300_000_000,
    pushes: 2_000,
    files: 100_000,
    history: 10_000,
    long_history: 200_000,
    repositories: 10_000,
    large: 2_000_000_000,
};
const QUICK: Scale = Scale {
    rounds: 1,
    window: Duration::from_millis(200),
    refs: 1_000,
    snapshots: 300,
    sources: 10_000_000,
    pushes: 200,
    files: 5_000,
    history: 500,
    long_history: 10_000,
    repositories: 1_000,
    large: 100_000_000,
};
/// The pushes of a full run.
const ALL_PUSHES: usize = 10_000;
/// Clients at once, and repositories that they push to.
const CLIENTS: usize = 16;

const TOKEN: &str = "bench-token";

/// Both servers with the same repositories, and what has been measured.
struct Bench {
    scale: Scale,
    vsts_mock: PathBuf,
    dir: PathBuf,
    peer: Peer,
    report: Report,
}

/// Measures the rows that `args` name, or all of them, and prints the table.
pub(super) fn run(vsts_mock: &Path, args: &[String]) -> Outcome<String> {
    let mut scale = NORMAL;
    let mut chosen = Vec::new();
    let mut history = None;
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        match arg.as_str() {
            "--history" => {
                let path = rest.next().ok_or("--history takes the path of a repository")?;
                history = Some(std::path::absolute(path)?);
            }
            "--quick" => scale = QUICK,
            "--full" => scale.pushes = ALL_PUSHES,
            row if ROWS.contains(&row) => chosen.push(row),
            other => {
                return Err(format!("no row is called `{other}`; there are {}", ROWS.join(", ")).into());
            }
        }
    }
    let wanted = |row: &str| chosen.is_empty() || chosen.contains(&row);
    let base = workspace::root().join("target/bench");
    std::fs::create_dir_all(&base)?;
    let scratch = tempfile::Builder::new().prefix("run-").tempdir_in(&base)?;
    let dir = scratch.path().to_path_buf();
    std::fs::create_dir_all(dir.join("repos"))?;
    let git = stock::ask(&dir, &["--version"])?;
    let title = format!(
        "Git server, vsts-mock against nginx + fcgiwrap + `git http-backend` ({git}), `cargo xtask bench server{}`; \
         {} rounds in turns, a new connection per request unless output",
        args.iter().fold(String::new(), |all, arg| all + " " + arg),
        scale.rounds
    );
    let peer = Peer::start(&dir.join("repos"), &dir.join("peer"))?;
    let mut bench =
        Bench { scale, vsts_mock: vsts_mock.to_path_buf(), dir, peer, report: Report::new(title) };
    if ["ls-refs", "push", "many-pushes", "memory", "ssh"].iter().any(|row| wanted(row)) {
        let server = bench.start_small()?;
        let ours = Bench::ours(&server)?;
        if wanted("ls-refs") {
            bench.ls_refs(&ours)?;
        }
        if wanted("push") {
            bench.push(&ours)?;
        }
        if wanted("memory") {
            bench.memory(&ours, &server)?;
        }
        if wanted("ssh") {
            bench.ssh(&server)?;
        }
        if wanted("many-pushes") {
            bench.many_pushes(&ours)?;
        }
    }
    if wanted("rest") {
        bench.rest()?;
    }
    if wanted("history") {
        bench.history(history.as_deref())?;
    }
    if wanted("scale") {
        bench.scale()?;
    }
    if wanted("large") {
        bench.large()?;
    }
    if ["first-push", "fetch", "clone"].iter().any(|row| wanted(row)) {
        let large = bench.prepare_large()?;
        let rounds = if wanted("first-push") { bench.scale.rounds.min(2) } else { 1 };
        bench.first_push(&large, rounds, wanted("first-push"))?;
        if wanted("clone") {
            bench.cold_clone(&large)?;
        }
        let server = bench.start_large()?;
        let ours = Bench::ours(&server)?;
        if wanted("fetch") {
            bench.fetch(&ours, &large)?;
        }
        if wanted("clone") {
            bench.clone(&ours, &server, &large)?;
        }
    }
    Ok(bench.report.to_string())
}

impl Bench {
    /// Starts vsts-mock on the small repositories, which the peer gets too.
    fn start_small(&self) -> Outcome<Server> {
        let branches: Vec<String> = (0..CLIENTS).map(pushes::branch).collect();
        let mut repos = vec!["tiny".to_owned(), "refs".to_owned(), "many".to_owned()];
        repos.extend((0..CLIENTS).map(pushes::repo));
        for name in &repos {
            let path = self.dir.join("repos").join(format!("{name}.git"));
            if name == "refs" {
                stock::many_refs(&path, self.scale.refs)?;
            } else {
                stock::tiny(&path, &branches)?;
            }
        }
        let sources: Vec<_> = repos
            .iter()
            .map(|name| (name.clone(), Some(self.dir.join("repos").join(format!("{name}.git")))))
            .collect();
        self.start("small", &sources)
    }

    /// Starts vsts-mock on the folder called `name`, with these repositories of one project if it is new.
    fn start(&self, name: &str, repos: &[(String, Option<PathBuf>)]) -> Outcome<Server> {
        use std::fmt::Write as _;
        let keys = self.dir.join("ssh");
        std::fs::create_dir_all(&keys)?;
        let key = secure::client_key(&keys)?;
        let mut seed = format!(
            "[[users]]\nname = \"bench\"\nemail = \"bench@example.com\"\n\
             tokens = [{{ name = \"bench\", value = \"{TOKEN}\", scopes = [\"vso.code_full\"] }}]\n\
             ssh_keys = [{{ name = \"bench\", key = \"{key}\" }}]\n\
             [[accounts]]\nname = \"acme\"\nowner = \"bench\"\n[[accounts.projects]]\nname = \"bench\"\n"
        );
        for (repo, import) in repos {
            writeln!(seed, "[[accounts.projects.repos]]\nname = \"{repo}\"")?;
            if let Some(path) = import {
                writeln!(seed, "import = \"{}\"", path.display())?;
            }
        }
        let path = self.dir.join(format!("{name}.toml"));
        std::fs::write(&path, seed)?;
        Server::start(&self.vsts_mock, &path, &self.dir.join(name), &self.dir.join(format!("{name}.log")))
    }

    fn ours(server: &Server) -> Outcome<Side> {
        let around = ("/acme/bench/_git/".to_owned(), "");
        Ok(Side { address: server.address()?, around, authorization: basic(TOKEN) })
    }

    fn theirs(&self) -> Side {
        Side { address: self.peer.address, around: ("/".to_owned(), ".git"), authorization: String::new() }
    }

    /// The peer at the location that writes down the processor time of what it starts.
    fn theirs_timed(&self) -> Side {
        Side { around: ("/timed/".to_owned(), ".git"), ..self.theirs() }
    }

    /// Lets both sides work in turns; the middle one of each.
    fn in_turns(
        &self,
        ours: &mut dyn FnMut() -> Outcome<Sample>,
        theirs: &mut dyn FnMut() -> Outcome<Sample>,
    ) -> Outcome<(Value, Value)> {
        let (mut our_samples, mut their_samples) = (Vec::new(), Vec::new());
        for round in 0..self.scale.rounds {
            // Who goes first changes.
            if round % 2 == 0 {
                our_samples.push(ours()?);
                their_samples.push(theirs()?);
            } else {
                their_samples.push(theirs()?);
                our_samples.push(ours()?);
            }
        }
        let middle = |mut samples: Vec<Sample>| {
            samples.sort_by(|one, other| one.rate.total_cmp(&other.rate));
            Value::Rate(samples[samples.len() / 2])
        };
        Ok((middle(our_samples), middle(their_samples)))
    }
}

/// Copies a folder as it is.
fn copy(from: &Path, to: &Path) -> Outcome {
    process::capture(Command::new("cp").arg("-a").arg(from).arg(to)).map(drop)
}
