//! The changed-path filters of histories that random ones are not like: many files, deep folders, names of all bytes.

use std::fmt::Write as _;
use std::path::Path;

use bstr::ByteSlice as _;
use git_wire::history::{Graph, History, LogOptions, PathQuery};
use git_wire::{Interrupt, Repository, maintenance};

use super::{graph_file, graph_of, log, options, write_graph, write_graph_by_git};
use crate::sandbox::{command, feed, git};

/// Imports a row of commits, each of which changes one of ten files.
pub(super) fn import_chain(path: &Path, commits: usize) {
    let mut stream = String::new();
    for number in 0..commits {
        begin(&mut stream, number);
        let folder = if number % 10 == 0 { "rare" } else { "often" };
        // The rare one changes in the first commits alone.
        let name = if number < 20 { number % 10 } else { 1 + number % 9 };
        let folder = if number < 20 { folder } else { "often" };
        file(&mut stream, &format!("{folder}/file{name}"), number);
    }
    feed(path, &["fast-import", "--quiet"], stream.as_bytes());
}

fn begin(stream: &mut String, number: usize) {
    let time = 1_400_000_000 + number * 60;
    write!(stream, "commit refs/heads/main\ncommitter c <c@example.com> {time} +0000\ndata 2\nc\n")
        .expect("memory");
}

fn file(stream: &mut String, path: &str, content: usize) {
    let content = content.to_string();
    write!(stream, "M 100644 inline {path}\ndata {}\n{content}\n", content.len()).expect("memory");
}

/// Commits of every size around the one that is too large, deep ones, and names that are no ASCII.
fn import_unusual(path: &Path) {
    let mut stream = String::new();
    let mut number = 0;
    let mut next = |stream: &mut String| {
        begin(stream, number);
        number += 1;
    };
    for (folder, files) in [("f", 0), ("g", 1), ("h", 510), ("i", 511), ("j", 512), ("k", 513), ("l", 2_000)]
    {
        next(&mut stream);
        for number in 0..files {
            file(&mut stream, &format!("{folder}/{number}"), number);
        }
    }
    next(&mut stream);
    file(&mut stream, &format!("{}/file", ["d"; 600].join("/")), 1);
    next(&mut stream);
    file(&mut stream, "\"caf\\303\\251/\\377\\376/stra\\303\\237e\"", 1);
    next(&mut stream);
    stream += "D f\nD g\nD l\n";
    next(&mut stream);
    file(&mut stream, "h", 1);
    next(&mut stream);
    file(&mut stream, "h/again", 1);
    // A clock that was eighty years ahead: later commits have dates that take another chunk. In dates that take more
    // than 32 bits stock git errs.
    for time in [4_200_000_000_u64, 1_400_000_000] {
        write!(stream, "commit refs/heads/main\ncommitter c <c@example.com> {time} +0000\ndata 2\nc\n")
            .expect("memory");
    }
    feed(path, &["fast-import", "--quiet"], stream.as_bytes());
}

#[test]
fn unusual_commits_have_the_filters_of_stock_git() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    git(path, &["init", "-q", "--bare", "-b", "main"]);
    import_unusual(path);
    assert_eq!(write_graph(path), 14);
    let ours = std::fs::read(graph_file(path)).expect("written");
    assert!(ours[..200].contains_str("GDO2"), "there are dates that do not fit");
    std::fs::remove_file(graph_file(path)).expect("removed");
    write_graph_by_git(path, 2);
    assert!(ours == std::fs::read(graph_file(path)).expect("written"), "the files differ");

    // Whose first version hashes the same letters otherwise: it is not believed where it matters.
    for version in [1, 2] {
        std::fs::remove_file(graph_file(path)).expect("removed");
        write_graph_by_git(path, version);
        let repo = gix::open_opts(path, gix::open::Options::isolated()).expect("opened");
        let tip = repo.rev_parse_single("main").expect("there").detach();
        let mut history = History::new(&repo, graph_of(path), &|| true);
        for asked in ["caf\u{e9}".as_bytes(), b"caf\xc3\xa9/\xff\xfe", b"h", b"h/again", b"d/d/d", b"l/1999"]
        {
            let query = PathQuery::new(asked.as_bstr());
            let options = LogOptions { tips: vec![tip], path: query, ..LogOptions::default() };
            let mut log_by_git = command(path);
            log_by_git.args(["log", "--format=%H", "main", "--"]);
            log_by_git.arg(std::os::unix::ffi::OsStrExt::from_bytes(asked) as &std::ffi::OsStr);
            let theirs = log_by_git.output().expect("git is installed").stdout;
            assert_eq!(log(&mut history, options).join("\n"), theirs.to_str_lossy().trim_end(), "{asked:?}");
        }
    }
}

/// Stock git's trace shows that it uses the filters.
#[test]
fn stock_git_reads_our_filters() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    git(path, &["init", "-q", "--bare", "-b", "main"]);
    import_chain(path, 400);
    assert_eq!(write_graph(path), 400);
    let traced = command(path)
        .args(["log", "--format=%H", "main", "--", "rare/file0"])
        .env("GIT_TRACE2_EVENT", path.join("trace"))
        .output()
        .expect("git is installed");
    assert_eq!(traced.stdout.lines().count(), 2);
    let trace = std::fs::read_to_string(path.join("trace")).expect("traced");
    let statistics =
        trace.lines().find(|line| line.contains("filter_not_present")).expect("filters were asked");
    assert!(statistics.contains("\"filter_not_present\":0"), "{statistics}");
    assert!(!statistics.contains("\"definitely_not\":0"), "{statistics}");
}

#[test]
fn filters_that_there_was_no_time_for_come_with_the_next_graph() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    git(path, &["init", "-q", "--bare", "-b", "main"]);
    import_chain(path, 300);
    let repository = Repository::open(path).expect("opened");
    let interrupt = Interrupt::default();
    interrupt.set();
    let commits = maintenance::write_commit_graph(&repository, &options(), &interrupt).expect("written");
    assert_eq!(commits, 300);
    git(path, &["commit-graph", "verify"]);
    let first = std::fs::read(graph_file(path)).expect("written");
    assert_eq!(write_graph(path), 300);
    let second = std::fs::read(graph_file(path)).expect("written");
    assert!(second.len() > first.len(), "now with filters");
    assert!(Graph::parse(first).is_some() && Graph::parse(second).is_some());
    assert_eq!(write_graph(path), 0, "nothing is left to do");
}
