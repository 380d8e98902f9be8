//! A long history by the REST API: the commits of a path that changed seldom, how far branches are from each other, what
//! differs between two releases; beside a git process for each, which has a commit-graph with changed-path filters.

use std::io;
use std::path::{Path, PathBuf};

use super::Bench;
use super::http::{Connection, Head, Sample, load};
use super::report::{Goal, Value};
use super::sides::Side;
use crate::bench::{long_history, stock};
use crate::{Outcome, process};

/// The questions about a history.
struct Questions {
    /// A path that changed seldom.
    path: String,
    /// Two releases, the older one first.
    releases: (String, String),
    /// Commits from which the branches' distances are asked, each once.
    bases: Vec<String>,
    described: String,
}

impl Bench {
    /// Measures the history at `given`, or one that is made.
    pub(super) fn history(&mut self, given: Option<&Path>) -> Outcome {
        let commits = self.scale.long_history;
        let repository = match given {
            Some(given) => self.copy_with_graph(given)?,
            None => {
                stock::cached(&format!("history-{commits}.git"), |path| long_history::make(path, commits))?
            }
        };
        let questions = questions(&repository, given.is_none())?;
        let server = self.start("history", &[("history".to_owned(), Some(repository.clone()))])?;
        let ours = Self::ours(&server)?;
        let Questions { path, releases: (older, newer), bases, described } = questions;

        let log = "--format=%H%n%an%n%ae%n%aI%n%cn%n%ce%n%cI%n%B";
        self.ask_both(
            &ours,
            &repository,
            "path history: the commits of a file that changed seldom",
            |_| format!("commits?searchCriteria.itemPath=/{path}&searchCriteria.$top=100"),
            |_| {
                vec![
                    "log".to_owned(),
                    "-100".to_owned(),
                    "--raw".to_owned(),
                    log.to_owned(),
                    "--".to_owned(),
                    path.clone(),
                ]
            },
        )?;
        let distances = |base: &str| format!("--format=%(refname) %(objectname) %(ahead-behind:{base})");
        let base = |number: usize| bases[number % bases.len()].as_str();
        self.ask_both(
            &ours,
            &repository,
            "branch statistics: how far each branch is from a commit, another one each time",
            |number| {
                let base = base(number);
                format!("stats/branches?baseVersionDescriptor.version={base}&baseVersionDescriptor.versionType=commit")
            },
            |number| vec!["for-each-ref".to_owned(), distances(base(number)), "refs/heads".to_owned()],
        )?;
        self.ask_both(
            &ours,
            &repository,
            "branch statistics: how far each branch is from the default one",
            |_| "stats/branches".to_owned(),
            |_| vec!["for-each-ref".to_owned(), distances("HEAD"), "refs/heads".to_owned()],
        )?;
        self.ask_both(
            &ours,
            &repository,
            "diff of two releases, with how far they are apart",
            |_| {
                format!(
                    "diffs/commits?baseVersion={older}&baseVersionType=tag&targetVersion={newer}&targetVersionType=tag&$top=100"
                )
            },
            |_| vec!["diff".to_owned(), "--name-status".to_owned(), format!("{older}...{newer}")],
        )?;
        self.report.note(format!(
            "The long history has {described}; git has a commit-graph with changed-path filters."
        ));
        Ok(())
    }

    /// A history of the user's is left as it is.
    fn copy_with_graph(&self, given: &Path) -> Outcome<PathBuf> {
        let path = self.dir.join("given.git");
        process::capture(stock::git(&self.dir).args(["clone", "--quiet", "--mirror"]).arg(given).arg(&path))?;
        long_history::write_graph(&path)?;
        Ok(path)
    }

    /// Measures one question, in turns. Both sides are told how often they were asked before.
    fn ask_both(
        &mut self,
        ours: &Side,
        repository: &Path,
        work: &str,
        request: impl Fn(usize) -> String + Sync,
        command: impl Fn(usize) -> Vec<String> + Sync,
    ) -> Outcome {
        let (asked, commanded) =
            (std::sync::atomic::AtomicUsize::new(0), std::sync::atomic::AtomicUsize::new(0));
        let next =
            |count: &std::sync::atomic::AtomicUsize| count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let once = || -> io::Result<()> {
            let head = format!(
                "GET /acme/bench/_apis/git/repositories/history/{} HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\n\
                 Accept: application/json\r\n",
                request(next(&asked)),
                ours.address,
                ours.authorization
            );
            let reply = Connection::open(ours.address)?.exchange(&Head(head).request(false, None))?;
            if reply.status == 200 {
                return Ok(());
            }
            let shown = String::from_utf8_lossy(&reply.begin).into_owned();
            Err(io::Error::other(format!("{work}: status {}: {shown}", reply.status)))
        };
        let git = || -> io::Result<()> {
            let output = process::capture(stock::git(repository).args(command(next(&commanded))));
            output.map(drop).map_err(|error| io::Error::other(error.to_string()))
        };
        let window = self.scale.window;
        let (us, them): (Value, Value) = self.in_turns(
            &mut || -> Outcome<Sample> { Ok(load(1, window, &|_| once())?) },
            &mut || -> Outcome<Sample> { Ok(load(1, window, &|_| git())?) },
        )?;
        self.report.push(work, us, them, Goal::Times(1.0));
        Ok(())
    }
}

/// Finds out what to ask of a repository.
fn questions(repository: &Path, is_made: bool) -> Outcome<Questions> {
    let ask = |args: &[&str]| stock::ask(repository, args);
    let path = if is_made {
        long_history::RARE.to_owned()
    } else {
        let files = ask(&["ls-tree", "-r", "--name-only", "HEAD"])?;
        let files: Vec<&str> =
            files.lines().filter(|name| !name.contains(['"', '%', '&', '#', '?', ' ', '+'])).collect();
        (*files.get(files.len() / 2).ok_or("the history has no file")?).to_owned()
    };
    let tags = ask(&[
        "for-each-ref",
        "--format=%(refname:short)",
        "--sort=creatordate",
        "--merged=HEAD",
        "refs/tags",
    ])?;
    let tags: Vec<&str> = tags.lines().collect();
    let tag = |eighths: usize| -> Outcome<String> {
        Ok((*tags.get(tags.len() * eighths / 8).ok_or("the history has no release")?).to_owned())
    };
    let bases = ask(&["rev-list", "--first-parent", "--max-count=400", "HEAD"])?;
    let commits = ask(&["rev-list", "--count", "--all"])?;
    let branches = ask(&["for-each-ref", "--format=x", "refs/heads"])?.lines().count();
    Ok(Questions {
        path,
        releases: (tag(4)?, tag(6)?),
        bases: bases.lines().map(str::to_owned).collect(),
        described: format!("{commits} commits and {branches} branches"),
    })
}
