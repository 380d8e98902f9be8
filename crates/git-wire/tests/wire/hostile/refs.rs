//! Refs: names that none may have, loops, and many who want the same one.

use git_wire::{AllowAll, Limits, Options, ProtocolVersion, Repository, Server, Service};

use super::{options, push};
use crate::forge::{Pack, blob, files, good, pack_around, tree};
use crate::raw::{Answer, lines, ours, v2};
use crate::sandbox::{fsck, git};

/// git check-ref-format, rule by rule; git t1402 and t5516; dulwich's and Gogs's path traversals.
const NAMES: [&str; 36] = [
    "refs/heads/a..b",
    "refs/heads/.a",
    "refs/heads/a/.b",
    "refs/heads/a.lock",
    "refs/heads/a.lock/b",
    "refs/heads/a//b",
    "/refs/heads/a",
    "refs/heads/a/",
    "refs/heads/a.",
    "refs/heads/@{",
    "refs/heads/a@{b",
    "refs/heads/a\\b",
    "refs/heads/a b",
    "refs/heads/a~",
    "refs/heads/a^",
    "refs/heads/a:b",
    "refs/heads/a?",
    "refs/heads/a*",
    "refs/heads/[a",
    "refs/heads/a\u{1}",
    "refs/heads/a\u{7f}",
    "refs/heads/a\u{1b}[31m",
    "refs/heads/HEAD",
    "refs/heads/-x",
    "refs/heads/--upload-pack=x",
    "refs/heads/",
    "refs/heads",
    "refs/",
    "@",
    "HEAD",
    "main",
    "config",
    "objects/info/alternates",
    "../../x",
    "refs/../config",
    "refs/heads/../../config",
];

#[test]
fn names_that_no_ref_may_have_are_refused_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    Repository::init_bare(path, "main").expect("created");
    let (pack, id) = good();
    let zero = "0".repeat(40);
    let long = format!("refs/heads/{}", "x".repeat(4_096));
    let names: Vec<&str> = NAMES.iter().copied().chain([long.as_str(), "refs/heads/good"]).collect();
    let mut texts: Vec<String> = names.iter().map(|name| format!("{zero} {id} {name}")).collect();
    texts[0].push_str("\0report-status");
    texts.push("0000".to_owned());
    let mut request = lines(&texts);
    request.extend_from_slice(&pack.finish());
    let answer = ours(path, &AllowAll, &options(), Service::ReceivePack, ProtocolVersion::V0, &request);
    let told = Answer::of(&answer).lines;
    let mut told = told.iter();
    assert_eq!(told.next().map(String::as_str), Some("unpack ok"));
    for name in &NAMES {
        assert_eq!(told.next(), Some(&format!("ng {name} funny refname")));
    }
    assert!(told.next().is_some_and(|line| *line == format!("ng {long} funny refname")));
    assert_eq!(told.next().map(String::as_str), Some("ok refs/heads/good"));
    assert_eq!(git(path, &["for-each-ref", "--format=%(refname)"]), "refs/heads/good");
    assert!(!files(path).iter().any(|file| file.contains(".lock")));
}

#[test]
fn loops_of_refs_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let repository = Repository::init_bare(path, "main").expect("created");
    let (pack, id) = good();
    push(&repository, &options(), id, &pack.finish()).0.expect("taken");
    // git t1403: two that point to one another, one that points to itself, and HEAD into them.
    for (name, target) in [("a", "b"), ("b", "a"), ("self", "self")] {
        std::fs::write(path.join("refs/heads").join(name), format!("ref: refs/heads/{target}\n"))
            .expect("written");
    }
    std::fs::write(path.join("HEAD"), "ref: refs/heads/self\n").expect("written");
    let ask = |request: &[u8]| {
        Answer::of(&ours(path, &AllowAll, &options(), Service::UploadPack, ProtocolVersion::V2, request))
            .lines
    };
    let listed = ask(&v2("ls-refs", &["symrefs", "peel"]));
    assert_eq!(listed, [format!("{id} refs/heads/x"), "0000".to_owned()]);
    for name in ["HEAD", "refs/heads/a", "refs/heads/self"] {
        let told = ask(&v2("fetch", &[format!("want-ref {name}"), "done".to_owned()]));
        assert!(told[0].contains(&format!("unknown ref {name}")), "{told:?}");
    }
    let zero = "0".repeat(40);
    let commands = [format!("{zero} {id} refs/heads/a\0report-status"), "0000".to_owned()];
    let mut request = lines(&commands);
    request.extend_from_slice(&Pack::default().finish());
    let answer = ours(path, &AllowAll, &options(), Service::ReceivePack, ProtocolVersion::V0, &request);
    assert_eq!(Answer::of(&answer).lines[1], "ng refs/heads/a refusing to update a symbolic ref");
}

#[test]
fn more_than_the_limits_allow_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let repository = Repository::init_bare(folder.path(), "main").expect("created");
    let limits =
        Limits { max_commands: 100, max_ids: 50, max_push_options: 3, max_lines: 60, ..Limits::default() };
    let options = Options { limits, ..options() };
    let (zero, id) = ("0".repeat(40), good().1);
    let commands = |count: usize, words: &str| -> Vec<String> {
        let mut texts: Vec<String> = (0..count).map(|at| format!("{id} {zero} refs/heads/{at}")).collect();
        texts[0] = format!("{}\0{words}", texts[0]);
        texts.push("0000".to_owned());
        texts
    };
    let fetch = |word: &str, count: usize| {
        let mut request = v2::<&str>("fetch", &[]);
        request.truncate(request.len() - 4);
        request.extend(lines(&vec![format!("{word} {id}"); count]));
        request.extend_from_slice(b"0000");
        request
    };
    let with_options =
        [commands(1, "push-options"), vec!["x".to_owned(); 4], vec!["0000".to_owned()]].concat();
    let (receive, upload) = (Service::ReceivePack, Service::UploadPack);
    for (source, service, request, words) in [
        (
            "100,000 refs in one push: Gitea",
            receive,
            lines(&commands(101, "report-status")),
            "100 ref updates",
        ),
        ("push options without end: git t5545", receive, lines(&with_options), "3 push options"),
        ("a million wants: git's 10 MiB buffer", upload, fetch("want", 51), "50 wanted objects"),
        ("a million haves", upload, fetch("have", 51), "50 objects the client has"),
        ("lines without end", upload, fetch("deepen-not", 300), "lines in a command"),
    ] {
        let mut answer = Vec::new();
        let version = ProtocolVersion::V2;
        let result = Server { repository: &repository, policy: &AllowAll, options: &options }.respond(
            service,
            version,
            &mut &request[..],
            &mut answer,
        );
        assert!(result.is_err(), "{source}");
        let answer = String::from_utf8_lossy(&answer).into_owned();
        assert!(answer.contains("exceeds the limit") && answer.contains(words), "{source}: {answer}");
    }
}

#[test]
fn of_many_pushes_to_one_ref_at_once_one_wins() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("repo.git");
    let repository = Repository::init_bare(&path, "main").expect("created");
    let won: usize = std::thread::scope(|scope| {
        let pushes: Vec<_> = (0..8)
            .map(|number| {
                let repository = repository.clone();
                scope.spawn(move || {
                    let blob_name = format!("file{number}");
                    let (pack, id) = pack_around(&tree(&[("100644", &blob_name, blob())]), "");
                    let (_, answer) = push(&repository, &options(), id, &pack.finish());
                    usize::from(answer.contains("ok refs/heads/x"))
                })
            })
            .collect();
        pushes.into_iter().map(|push| push.join().expect("no panic")).sum()
    });
    assert_eq!(won, 1);
    fsck(&path);
}
