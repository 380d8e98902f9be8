//! Nothing is missing from a pack: trees and blobs that return, move or are merged arrive whatever was sent before.

pub(crate) mod histories;
mod model;
mod real;

use std::collections::{BTreeSet, HashSet};
use std::io::{Cursor, Read};
use std::path::Path;

use git_wire::client::{Connection, PushRequest, PushSession, PushUpdate, TransportError};
use git_wire::pack::{Counted, WriteOptions, count, write};
use git_wire::{AllowAll, Options, ProtocolVersion, Server, Service, maintenance};
use gix::ObjectId;
use gix::objs::Write as _;
use gix::refs::FullName;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use crate::raw::{ours, theirs};
use crate::sandbox::{Sandbox, WAYS, commit, feed, fsck, git, try_git};

use histories::{History, Pick, Plan, Query, Sieve, pick, plan, query};
use model::Expected;

/// So many cases for each 256 that `PROPTEST_CASES` asks for, which is the default.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: u32::try_from(u64::from(default.cases) * u64::from(cases) / 256).unwrap_or(u32::MAX).max(1),
        failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
        ..default
    }
}

/// Replays three states of one folder where the last is the first again, and what else makes a tree return.
fn returning_histories(work: &Path) -> Vec<&'static str> {
    git(work, &["checkout", "-q", "-b", "file", "main"]);
    commit(work, "conf", "rate 1\n");
    commit(work, "conf", "rate 2\n");
    commit(work, "conf", "rate 1\n");
    git(work, &["checkout", "-q", "-b", "folder", "main"]);
    commit(work, "model/deep/layer", "one\n");
    commit(work, "model/deep/layer", "two\n");
    git(work, &["revert", "--no-edit", "HEAD"]);
    git(work, &["checkout", "-q", "-b", "moved", "main"]);
    commit(work, "here/deep/file", "moves\n");
    git(work, &["mv", "here", "there"]);
    git(work, &["commit", "-q", "-m", "moved"]);
    commit(work, "there/deep/file", "changed\n");
    git(work, &["revert", "--no-edit", "HEAD", "HEAD~1"]);
    git(work, &["checkout", "-q", "-b", "mode", "main"]);
    commit(work, "script", "#!/bin/sh\n");
    git(work, &["update-index", "--chmod=+x", "script"]);
    git(work, &["commit", "-q", "-m", "executable"]);
    git(work, &["update-index", "--chmod=-x", "script"]);
    git(work, &["commit", "-q", "-m", "not any more"]);
    git(work, &["checkout", "-q", "-b", "merged", "file~1"]);
    git(work, &["merge", "-q", "-s", "ours", "--no-edit", "folder~1"]);
    commit(work, "conf", "rate 1\n");
    vec!["file", "folder", "moved", "mode", "merged"]
}

#[test]
fn a_state_that_returns_is_fetched() {
    let sandbox = Sandbox::new();
    let work = sandbox.seed();
    for (scheme, version) in WAYS {
        let name = format!("clone-{scheme}-{version}");
        git(&sandbox.path(""), &["clone", "-q", &sandbox.url(scheme, "origin.git"), &name]);
    }
    let branches = returning_histories(&work);
    git(&work, &["push", "-q", "origin", "--all"]);
    for (scheme, version) in WAYS {
        let clone = sandbox.path(&format!("clone-{scheme}-{version}"));
        let version = format!("protocol.version={version}");
        for branch in &branches {
            git(&clone, &["-c", &version, "fetch", "-q", "origin", branch]);
        }
        fsck(&clone);
    }
}

/// Clones begin with the pack of the first push, and what came since is sent behind it.
#[test]
fn a_state_that_returns_is_cloned() {
    let sandbox = Sandbox::new();
    let work = sandbox.seed();
    git(&sandbox.path(""), &["init", "-q", "--bare", "-b", "main", "first.git"]);
    let url = sandbox.url("http", "first.git");
    git(&work, &["push", "-q", &url, "main"]);
    assert!(sandbox.path("first.git/git-wire/closure").is_file(), "the first push is remembered");
    returning_histories(&work);
    git(&work, &["push", "-q", &url, "--all"]);
    for (scheme, version) in WAYS {
        let (name, version) = (format!("{scheme}-{version}"), format!("protocol.version={version}"));
        let url = sandbox.url(scheme, "first.git");
        git(&sandbox.path(""), &["-c", &version, "clone", "-q", "--bare", &url, &name]);
        fsck(&sandbox.path(&name));
    }
}

/// A repository in memory; what is on the disk is nothing.
fn in_memory() -> (tempfile::TempDir, gix::Repository) {
    let folder = tempfile::tempdir().expect("a folder");
    git_wire::Repository::create_bare(folder.path(), "main").expect("created");
    let repo = gix::open_opts(folder.path(), gix::open::Options::isolated()).expect("opened");
    (folder, repo.with_object_memory())
}

/// Counts for `query` and compares with what the model says is due.
fn check(history: &History, query: &Query) -> Result<(Counted, Expected), TestCaseError> {
    let (wants, haves) = (history.ids(&query.wants), history.ids(&query.haves));
    let counted = count(&history.repo, &wants, &haves, &history.options(query), &mut |_| Ok(()));
    let counted = counted.map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
    let sent: BTreeSet<ObjectId> = counted.objects.iter().copied().collect();
    prop_assert_eq!(sent.len(), counted.objects.len(), "each object once");
    // A clock that goes wrong may hide that the receiver has a commit.
    let mut commits: HashSet<ObjectId> = counted.objects[..counted.commits].iter().copied().collect();
    let expected = history.expected(query, &commits);
    if history.is_skewed && !query.filter.shows_commits() {
        // Which commits were found new is not to be seen.
        commits.clone_from(&expected.reached);
    }
    let expected = history.expected(query, &commits);
    prop_assert!(
        history.is_skewed || commits.iter().all(|id| !expected.had.contains(id)),
        "a commit that the receiver has"
    );
    let missing: Vec<_> = expected.must.difference(&sent).collect();
    prop_assert!(missing.is_empty(), "missing: {missing:?}");
    let needless: Vec<_> = sent.difference(&expected.may).collect();
    prop_assert!(needless.is_empty(), "needless: {needless:?}");
    let unknown: Vec<_> = counted.known.iter().filter(|id| !expected.had.contains(*id)).collect();
    prop_assert!(unknown.is_empty(), "not had, so no base of a delta: {unknown:?}");
    Ok((counted, expected))
}

proptest! {
    #![proptest_config(config(128))]

    #[test]
    fn what_the_receiver_lacks_is_counted(plan in plan(), queries in vec(query(true), 1..12)) {
        let (_folder, repo) = in_memory();
        let history = History::make(&plan, repo, &mut |_| {});
        for query in &queries {
            check(&history, query)?;
        }
    }
}

/// The storage of a repository's objects, and the part of its history that the commit-graph holds.
#[derive(Debug, Clone, Copy)]
enum Storage {
    Loose,
    Packed,
    Graph,
    HalfAGraph,
    /// All that half of the branches reach is one pack, which clones begin with.
    HalfConsolidated,
}

/// Writes the history of `plan` at `path`, a branch for each commit.
fn on_disk(plan: &Plan, path: &Path, storage: Storage) -> History {
    git_wire::Repository::create_bare(path, "main").expect("created");
    let repo = gix::open_opts(path, gix::open::Options::isolated()).expect("opened");
    let graph = || git(path, &["commit-graph", "write", "--reachable"]);
    let mut history = History::make(plan, repo, &mut |made| {
        if let (Storage::HalfAGraph, Some(last)) = (storage, made.last()) {
            git(path, &["update-ref", "refs/heads/half", &last.id.to_string()]);
            graph();
        }
    });
    if let Storage::HalfConsolidated = storage {
        history.publish(history.commits.len().div_ceil(2));
        let repository = git_wire::Repository::open(path).expect("opened");
        let options = maintenance::Options { everything: true, durable: false, ..Default::default() };
        maintenance::maintain(&repository, &options).expect("consolidated");
    }
    history.publish(history.commits.len());
    if let Storage::Packed | Storage::Graph = storage {
        git(path, &["repack", "-adfq"]);
    }
    if let Storage::Graph = storage {
        graph();
    }
    history.reopen();
    history
}

/// Returns stock git's list for the query.
fn rev_list(history: &History, query: &Query, filter: Option<String>) -> BTreeSet<ObjectId> {
    let mut input = String::new();
    history.ids(&query.wants).iter().for_each(|id| input.extend([&id.to_string(), "\n"]));
    history.ids(&query.haves).iter().for_each(|id| input.extend(["^", &id.to_string(), "\n"]));
    let mut args = vec!["rev-list".to_owned(), "--objects".to_owned(), "--no-object-names".to_owned()];
    args.extend(filter.map(|spec| format!("--filter={spec}")));
    args.push("--stdin".to_owned());
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let list = feed(history.repo.git_dir(), &args, input.as_bytes());
    list.lines().map(|line| ObjectId::from_hex(line.as_bytes()).expect("an id")).collect()
}

/// Sends what was counted to a repository that has what `expected` says, and lets stock git look at it.
fn deliver(history: &History, wants: &[ObjectId], counted: &Counted, expected: &Expected, ofs_delta: bool) {
    let folder = tempfile::tempdir().expect("a folder");
    git_wire::Repository::create_bare(folder.path(), "main").expect("created");
    let receiver = gix::open_opts(folder.path(), gix::open::Options::isolated()).expect("opened");
    for id in &expected.had {
        let object = history.repo.find_object(*id).expect("written");
        receiver.write_buf(object.kind, &object.data).expect("written");
    }
    let mut pack = Vec::new();
    let options = WriteOptions { ofs_delta, thin: true, ..WriteOptions::default() };
    write(&history.repo, counted, options, &mut pack).expect("written");
    feed(folder.path(), &["index-pack", "--stdin", "--fix-thin", "--strict"], &pack);
    let refs: Vec<_> = wants.iter().enumerate().map(|(at, id)| format!("{id} refs/tags/{at}\n")).collect();
    std::fs::write(folder.path().join("packed-refs"), refs.concat()).expect("written");
    git(folder.path(), &["fsck", "--connectivity-only", "--no-dangling"]);
}

proptest! {
    #![proptest_config(config(10))]

    #[test]
    fn stock_git_lists_and_takes_the_same(
        plan in plan(),
        queries in vec(query(false), 1..5),
        storage in proptest::sample::select(vec![Storage::Loose, Storage::Packed, Storage::Graph, Storage::HalfAGraph]),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let history = on_disk(&plan, folder.path(), storage);
        for mut query in queries {
            query.include_tags = false;
            if query.wants.iter().any(|want| !matches!(want, Pick::Commit(_))) {
                // What is asked for by name and met on the way as well, stock git may leave out with the filter.
                query.wants.truncate(if query.filter == Sieve::default() { query.wants.len() } else { 1 });
            }
            let (counted, expected) = check(&history, &query)?;
            let filter = query.filter.spec();
            let is_whole = query.filter == Sieve::default();
            if filter.is_some() || is_whole {
                let listed = rev_list(&history, &query, filter);
                let missing: Vec<_> = expected.must.difference(&listed).collect();
                prop_assert!(missing.is_empty(), "not listed: {missing:?}");
                let more: Vec<_> =
                    listed.difference(&expected.must).filter(|id| !expected.had.contains(*id)).collect();
                prop_assert!(more.is_empty(), "listed, and not had: {more:?}");
            }
            if is_whole && !counted.objects.is_empty() {
                deliver(&history, &history.ids(&query.wants), &counted, &expected, query.wants.len() > 1);
            }
        }
    }
}

/// A fetch by stock git.
#[derive(Debug, Clone)]
struct Fetch {
    way: usize,
    branch: u8,
    how: How,
}

#[derive(Debug, Clone, Copy)]
enum How {
    Plain,
    Depth(u8),
    Deepen(u8),
    Unshallow,
    Since(u8),
    Exclude(u8),
}

fn fetches() -> impl Strategy<Value = Vec<Fetch>> {
    let how = prop_oneof![
        4 => Just(How::Plain),
        3 => (1_u8..5).prop_map(How::Depth),
        2 => (1_u8..4).prop_map(How::Deepen),
        1 => Just(How::Unshallow),
        1 => (0_u8..12).prop_map(How::Since),
        1 => any::<u8>().prop_map(How::Exclude),
    ];
    vec((0..WAYS.len(), any::<u8>(), how).prop_map(|(way, branch, how)| Fetch { way, branch, how }), 1..5)
}

proptest! {
    #![proptest_config(config(8))]

    #[test]
    fn a_clone_stays_whole_however_it_is_fetched_and_cut(
        plan in plan(),
        fetches in fetches(),
        storage in proptest::sample::select(vec![Storage::Loose, Storage::Graph, Storage::HalfConsolidated]),
    ) {
        let sandbox = Sandbox::new();
        let history = on_disk(&plan, &sandbox.path("origin.git"), storage);
        let branch = |number: u8| usize::from(number) % history.commits.len();
        git(&sandbox.path(""), &["init", "-q", "--bare", "client.git"]);
        let client = sandbox.path("client.git");
        for Fetch { way, branch: wanted, how } in fetches {
            let (scheme, version) = WAYS[way];
            let is_shallow = client.join("shallow").exists();
            let how = match how {
                How::Depth(depth) => Some(format!("--depth={depth}")),
                How::Deepen(more) if is_shallow => Some(format!("--deepen={more}")),
                How::Unshallow if is_shallow => Some("--unshallow".to_owned()),
                How::Since(minutes) => Some(format!("--shallow-since={}", 1_500_000_000 + u32::from(minutes) * 60)),
                How::Exclude(other) => Some(format!("--shallow-exclude=b{}", branch(other))),
                How::Plain | How::Deepen(_) | How::Unshallow => None,
            };
            let (url, version) = (sandbox.url(scheme, "origin.git"), format!("protocol.version={version}"));
            let refspec = format!("+refs/heads/b{0}:refs/heads/b{0}", branch(wanted));
            let mut args = vec!["-c", &version, "fetch", "-q"];
            args.extend(how.as_deref());
            args.extend([url.as_str(), &refspec]);
            let output = try_git(&client, &args);
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            // Nothing is as new as that, or all is excluded.
            let is_nothing_left = told.contains("no commits selected");
            prop_assert!(output.status.success() || is_nothing_left, "{args:?}: {told}");
            let output = try_git(&client, &["fsck", "--connectivity-only", "--no-dangling"]);
            prop_assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

/// A receive-pack of a repository, this crate's or stock git's, asked request by request.
struct Remote<'a> {
    path: &'a Path,
    is_stock: bool,
}

impl Connection for Remote<'_> {
    fn advertisement(&mut self) -> Result<Box<dyn Read + '_>, TransportError> {
        let mut answer = Vec::new();
        if self.is_stock {
            let args = ["receive-pack", "--stateless-rpc", "--advertise-refs", "."];
            answer = try_git(self.path, &args).stdout;
        } else {
            let repository = git_wire::Repository::open(self.path).expect("opened");
            let (options, version) = (Options { durable: false, ..Options::default() }, ProtocolVersion::V0);
            Server { repository: &repository, policy: &AllowAll, options: &options }
                .advertise(Service::ReceivePack, version, &mut answer)
                .expect("advertised");
        }
        Ok(Box::new(Cursor::new(answer)))
    }

    fn exchange(&mut self, request: &mut dyn Read) -> Result<Box<dyn Read + '_>, TransportError> {
        let mut bytes = Vec::new();
        request.read_to_end(&mut bytes).expect("read");
        let (service, version) = (Service::ReceivePack, ProtocolVersion::V0);
        let options = Options { durable: false, ..Options::default() };
        let answer = if self.is_stock {
            theirs(self.path, service, version, &bytes)
        } else {
            ours(self.path, &AllowAll, &options, service, version, &bytes)
        };
        Ok(Box::new(Cursor::new(answer)))
    }

    fn is_stateless(&self) -> bool {
        true
    }
}

proptest! {
    #![proptest_config(config(10))]

    #[test]
    fn what_is_pushed_part_by_part_is_whole_over_there(
        plan in plan(),
        pushes in vec(vec(pick(), 1..3), 1..6),
        is_stock in any::<bool>(),
        is_packed in any::<bool>(),
    ) {
        let (local, remote) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let history = on_disk(&plan, local.path(), if is_packed { Storage::Packed } else { Storage::Loose });
        git_wire::Repository::create_bare(remote.path(), "main").expect("created");
        for (at, tips) in pushes.iter().enumerate() {
            let mut connection = Remote { path: remote.path(), is_stock };
            let mut session = PushSession::start(&mut connection).expect("started");
            let updates = history.ids(tips).into_iter().enumerate().map(|(tip, new)| {
                let name = FullName::try_from(format!("refs/tags/p{at}-{tip}")).expect("a name");
                PushUpdate { name, old: None, new: Some(new) }
            });
            let request = PushRequest { updates: updates.collect(), ..PushRequest::default() };
            let report = session.push(&history.repo, &request, &mut |_| {}).expect("answered");
            prop_assert!(report.is_ok(), "{tips:?}: {report:?}");
        }
        let output = try_git(remote.path(), &["fsck", "--connectivity-only", "--no-dangling"]);
        prop_assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
