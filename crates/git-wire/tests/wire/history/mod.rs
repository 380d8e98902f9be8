//! Walks through history and the commit-graph beneath them, about random histories under clocks that go wrong: stock git
//! reads the same commits, and writes the same file.

mod damaged;
mod filters;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use bstr::{BString, ByteSlice as _};
use git_wire::history::{Apart, Graph, History, LogOptions, PathQuery};
use git_wire::{Interrupt, Repository, maintenance};
use gix::ObjectId;
use proptest::prelude::*;

use crate::complete::config;
use crate::complete::histories::{self, Made, Plan, plan};
use crate::sandbox::git;

const PATHS: [&str; 7] = ["a", "b", "a/a", "b/c", "c/a/b", "d/d/d", "nothing"];

/// Writes a commit-graph however few commits there are.
fn options() -> maintenance::Options {
    let limits = maintenance::Limits { commits: 0, ..maintenance::Limits::default() };
    maintenance::Options { limits, durable: false, threads: 2, ..maintenance::Options::default() }
}

fn write_graph(path: &Path) -> usize {
    let repository = Repository::open(path).expect("opened");
    maintenance::write_commit_graph(&repository, &options(), &Interrupt::default()).expect("written")
}

fn graph_file(path: &Path) -> std::path::PathBuf {
    path.join("objects/info/commit-graph")
}

/// Lets stock git write the same.
fn write_graph_by_git(path: &Path, version: u32) {
    let version = format!("commitGraph.changedPathsVersion={version}");
    git(path, &["-c", &version, "commit-graph", "write", "--reachable", "--changed-paths"]);
}

/// The part of the history that a commit-graph has, and its writer.
#[derive(Debug, Clone, Copy)]
enum Written {
    Nothing,
    Half,
    /// Half, and the rest on top of it.
    Twice,
    All,
    ByGit(u32),
}

fn written() -> impl Strategy<Value = Written> {
    use Written::{All, ByGit, Half, Nothing, Twice};
    proptest::sample::select(vec![Nothing, Half, Twice, All, ByGit(1), ByGit(2)])
}

/// Writes the history of `plan` at `path`, with a branch for each commit.
fn on_disk(plan: &Plan, path: &Path, written: Written) -> histories::History {
    Repository::create_bare(path, "main").expect("created");
    let repo = gix::open_opts(path, gix::open::Options::isolated()).expect("opened");
    let mut history = histories::History::make(plan, repo, &mut |made: &[Made]| {
        if let (Written::Half | Written::Twice, Some(last)) = (written, made.last()) {
            git(path, &["update-ref", "refs/heads/half", &last.id.to_string()]);
            write_graph(path);
        }
    });
    history.publish(history.commits.len());
    match written {
        Written::Nothing | Written::Half => {}
        Written::Twice | Written::All => drop(write_graph(path)),
        Written::ByGit(version) => write_graph_by_git(path, version),
    }
    history.reopen();
    history
}

fn graph_of(path: &Path) -> Option<Arc<Graph>> {
    Graph::open(&graph_file(path)).map(Arc::new)
}

fn log(history: &mut History<'_>, options: LogOptions) -> Vec<String> {
    let mut log = history.log(options).expect("begun");
    let mut ids = Vec::new();
    while let Some(id) = log.next_commit().expect("walked") {
        ids.push(id.to_string());
    }
    ids
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

proptest! {
    #![proptest_config(config(12))]

    #[test]
    fn the_file_is_what_stock_git_writes(plan in plan(), in_two_steps in any::<bool>()) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        let written = if in_two_steps { Written::Twice } else { Written::All };
        let history = on_disk(&plan, path, written);
        let ours = std::fs::read(graph_file(path)).expect("written");
        git(path, &["commit-graph", "verify"]);
        prop_assert_eq!(write_graph(path), 0, "it has everything");
        std::fs::remove_file(graph_file(path)).expect("removed");
        write_graph_by_git(path, 2);
        let theirs = std::fs::read(graph_file(path)).expect("written");
        prop_assert!(ours == theirs, "{} and {} bytes", ours.len(), theirs.len());
        let graph = Graph::parse(ours).expect("sound");
        prop_assert_eq!(graph.len() as usize, history.commits.iter().map(|made| made.id).collect::<BTreeSet<_>>().len());
    }

    #[test]
    fn walks_agree_with_stock_git(plan in plan(), written in written(), picks in any::<[u8; 4]>()) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        let made = on_disk(&plan, path, written);
        let pick = |number: usize| made.commits[usize::from(picks[number]) % made.commits.len()].id;
        let graph = graph_of(path);
        prop_assert_eq!(graph.is_some(), !matches!(written, Written::Nothing) && (made.commits.len() > 1 || !matches!(written, Written::Half)));
        let mut history = History::new(&made.repo, graph, &|| true);

        let tip = made.commits[made.commits.len() - 1].id;
        for (number, asked) in PATHS.iter().enumerate() {
            let first_parent = number % 3 == 2;
            let query = PathQuery::new(asked.as_bytes().as_bstr());
            let ours = log(&mut history, LogOptions { tips: vec![tip], path: query, first_parent, ..LogOptions::default() });
            let tip = tip.to_string();
            let mut args = vec!["log", "--format=%H", &tip];
            args.extend(first_parent.then_some("--first-parent"));
            args.extend(["--", asked]);
            prop_assert_eq!(ours, lines(&git(path, &args)), "{} first_parent={}", asked, first_parent);
        }

        // A walk by dates that is told what to leave out misses some of it where clocks went wrong, in stock git.
        let (one, other) = (pick(0), pick(1));
        let ours = log(&mut history, LogOptions { tips: vec![one], hidden: vec![other], ..LogOptions::default() });
        let exclude = format!("^{other}");
        let theirs = lines(&git(path, &["rev-list", &one.to_string(), &exclude]));
        prop_assert!(made.is_skewed || ours == theirs, "{ours:?} {theirs:?}");

        let base = pick(2);
        let tips: Vec<ObjectId> = made.commits.iter().map(|made| made.id).collect();
        let ours: Vec<String> = history
            .apart(base, &tips)
            .expect("walked")
            .iter()
            .map(|Apart { ahead, behind }| format!("{ahead} {behind}"))
            .collect();
        let format = format!("--format=%(refname:lstrip=2) %(ahead-behind:{base})");
        let mut theirs: Vec<(usize, String)> = git(path, &["for-each-ref", &format, "refs/heads/b*"])
            .lines()
            .filter_map(|line| {
                let (name, counts) = line.split_once(' ')?;
                Some((name.strip_prefix('b')?.parse().ok()?, counts.to_owned()))
            })
            .collect();
        theirs.sort();
        prop_assert_eq!(ours, theirs.into_iter().map(|(_, counts)| counts).collect::<Vec<_>>());

        for (one, other) in [(pick(0), pick(1)), (pick(2), pick(3))] {
            let ours: BTreeSet<String> =
                history.merge_bases(one, other).expect("walked").iter().map(ToString::to_string).collect();
            let theirs = crate::sandbox::try_git(path, &["merge-base", "--all", &one.to_string(), &other.to_string()]);
            let theirs: BTreeSet<String> = lines(&String::from_utf8_lossy(&theirs.stdout)).into_iter().collect();
            prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn the_last_change_of_each_entry_is_what_stock_git_says(plan in plan(), written in written()) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        let made = on_disk(&plan, path, written);
        let tip = made.commits[made.commits.len() - 1].id;
        let mut history = History::new(&made.repo, graph_of(path), &|| true);
        let names: Vec<BString> = ["a", "b", "c", "d", "nothing"].map(BString::from).to_vec();
        for below in ["", "a", "b"] {
            let query = PathQuery::new(below.as_bytes().as_bstr());
            let mut ours = vec![String::new(); names.len()];
            history
                .latest_changes(tip, query.as_ref(), &names, |at, id| ours[at] = id.to_string())
                .expect("walked");
            for (name, ours) in names.iter().zip(ours) {
                let entry = if below.is_empty() { name.to_string() } else { format!("{below}/{name}") };
                let is_there = crate::sandbox::try_git(path, &["rev-parse", "-q", "--verify", &format!("{tip}:{entry}")]);
                let theirs = if is_there.status.success() {
                    git(path, &["log", "-1", "--format=%H", &tip.to_string(), "--", &entry])
                } else {
                    String::new()
                };
                prop_assert_eq!(ours, theirs, "{}", entry);
            }
        }
    }
}

#[test]
fn a_walk_that_nobody_waits_for_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    git(path, &["init", "-q", "--bare", "-b", "main"]);
    filters::import_chain(path, 2_000);
    let repo = gix::open_opts(path, gix::open::Options::isolated()).expect("opened");
    let tip = repo.rev_parse_single("main").expect("there").detach();
    let asked = std::cell::Cell::new(0);
    let may_go_on = || {
        asked.set(asked.get() + 1);
        asked.get() < 3
    };
    for graph in [false, true] {
        if graph {
            assert_eq!(write_graph(path), 2_000);
        }
        asked.set(0);
        let mut history = History::new(&repo, graph_of(path), &may_go_on);
        let path = PathQuery::new("nothing".into());
        let options = LogOptions { tips: vec![tip], path, ..LogOptions::default() };
        let ended = history.log(options).expect("begun").next_commit();
        assert!(matches!(ended, Err(git_wire::history::Error::Ended)), "{ended:?}");
    }
}
