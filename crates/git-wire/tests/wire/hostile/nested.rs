//! Trees in trees and tags of tags, far deeper than a thread's stack: git gives up at 2,048 levels of trees
//! (`core.maxTreeDepth`); programs that call themselves for each level overflow their stack.

use std::time::Duration;

use git_wire::history::{History, LogOptions, PathQuery};
use git_wire::{AllowAll, Options, ProtocolVersion, Repository, Server, Service, maintenance};
use gix::ObjectId;
use gix::objs::Kind;

use super::push;
use crate::chains::spent;
use crate::forge::{BLOB, COMMIT, Pack, TAG, TREE, WHO, commit_of, id_of, tree};

const LEVELS: usize = 100_000;
/// Enough for functions that do not call themselves, also unoptimised.
const STACK: usize = 256 << 10;
/// Processor time for all of a test; a walk that is quadratic takes many times as long.
const TIME: Duration = Duration::from_mins(1);

/// Runs a test on a thread with a small stack, in bounded time.
fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let begun = spent();
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(test).expect("a thread");
    thread.join().expect("no panic");
    let took = spent().checked_sub(begun).expect("time goes on");
    assert!(took < TIME, "it took {took:?}");
}

fn options() -> Options {
    Options { durable: false, ..Options::default() }
}

/// Adds a tree with a file, so many trees around it, and a commit of the outermost; and gives the commit's id.
fn nest(pack: Pack, levels: usize, blob: ObjectId, parent: &str) -> (Pack, ObjectId) {
    let mut inner = tree(&[("100644", "file", blob)]);
    let mut pack = pack.entry(TREE, &inner);
    for _ in 0..levels {
        inner = tree(&[("40000", "d", id_of(Kind::Tree, &inner))]);
        pack = pack.entry(TREE, &inner);
    }
    let commit = commit_of(id_of(Kind::Tree, &inner), parent);
    let id = id_of(Kind::Commit, &commit);
    (pack.entry(COMMIT, &commit), id)
}

/// Fetches; returns how many objects came.
fn fetch(repository: &Repository, arguments: &[&str]) -> u64 {
    let line = |text: &str| format!("{:04x}{text}", text.len() + 4);
    let arguments: String = arguments.iter().map(|text| line(text)).collect();
    let request = format!("{}0001{arguments}{}0000", line("command=fetch"), line("done"));
    let (service, version) = (Service::UploadPack, ProtocolVersion::V2);
    let mut answer = Vec::new();
    Server { repository, policy: &AllowAll, options: &options() }
        .respond(service, version, &mut request.as_bytes(), &mut answer)
        .expect("served")
        .objects_sent
}

#[test]
fn a_hundred_thousand_levels_of_trees_are_taken_and_served() {
    on_a_small_stack(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let repository = Repository::init_bare(&folder.path().join("repo.git"), "main").expect("created");
        let blobs = [b"one\n", b"two\n"].map(|data| id_of(Kind::Blob, data));
        let (pack, first) = nest(Pack::default().entry(BLOB, b"one\n"), LEVELS, blobs[0], "");
        let (_, answer) = push(&repository, &options(), first, &pack.finish());
        assert!(answer.contains("ok refs/heads/x"), "{answer}");

        // A second commit changes the innermost file, so that each pair of trees is compared.
        let parent = format!("parent {first}\n");
        let (pack, second) = nest(Pack::default().entry(BLOB, b"two\n"), LEVELS, blobs[1], &parent);
        let (_, answer) = super::push_to(&repository, &options(), "refs/heads/y", second, &pack.finish());
        assert!(answer.contains("ok refs/heads/y"), "{answer}");

        // One that lacks its innermost file.
        let lost = id_of(Kind::Blob, b"lost\n");
        let (pack, third) = nest(Pack::default(), LEVELS, lost, "");
        let (_, answer) = super::push_to(&repository, &options(), "refs/heads/z", third, &pack.finish());
        assert!(answer.contains("ng refs/heads/z missing necessary objects"), "{answer}");

        let [want, have] = [format!("want {second}"), format!("have {first}")];
        let levels = LEVELS as u64;
        assert_eq!(fetch(&repository, &[&want]), 2 * (levels + 3));
        assert_eq!(fetch(&repository, &[&want, &have]), levels + 3);
        assert_eq!(fetch(&repository, &[&want, &have, "filter blob:none"]), levels + 2);
        assert_eq!(
            fetch(&repository, &[&want, &have, &format!("filter tree:{}", LEVELS / 2)]),
            levels / 2 + 1
        );

        let limits = maintenance::Limits { commits: 1, ..maintenance::Limits::default() };
        let all = maintenance::Options { limits, everything: true, durable: false, threads: 1 };
        let report = maintenance::maintain(&repository, &all).expect("it works");
        assert!(report.consolidated && report.commits_in_graph == 2, "{report:?}");
        assert_eq!(fetch(&repository, &[&want]), 2 * (levels + 3));

        let repo = repository.to_gix();
        let path = PathQuery::new(vec!["d"; LEVELS].join("/").as_str().into()).expect("a path");
        let mut history = History::new(&repo, None, &|| true);
        let log = LogOptions { tips: vec![second], path: Some(path), ..LogOptions::default() };
        let mut log = history.log(log).expect("a log");
        assert_eq!(log.next_commit().expect("walked"), Some(second));
        assert_eq!(log.next_commit().expect("walked"), Some(first));
    });
}

#[test]
fn a_hundred_thousand_tags_of_tags_are_taken_and_served() {
    on_a_small_stack(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let repository = Repository::init_bare(&folder.path().join("repo.git"), "main").expect("created");
        let (mut pack, mut id) = crate::forge::good();
        let mut kind = "commit";
        for _ in 0..LEVELS {
            let tag = format!("object {id}\ntype {kind}\ntag t\ntagger {WHO}\n\nm\n").into_bytes();
            pack = pack.entry(TAG, &tag);
            (id, kind) = (id_of(Kind::Tag, &tag), "tag");
        }
        let (_, answer) = super::push_to(&repository, &options(), "refs/tags/t", id, &pack.finish());
        assert!(answer.contains("ok refs/tags/t"), "{answer}");
        assert_eq!(fetch(&repository, &[&format!("want {id}")]), LEVELS as u64 + 3);
    });
}
