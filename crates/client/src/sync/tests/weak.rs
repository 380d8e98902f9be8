//! Hosts that offer less than they could, and those that say no in the middle.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::sync::{CloneOptions, Context, LinkMode, SyncError, clone, fetch_snapshot, link, pull};
use azml_core::history::HistoryRepo;

use super::computer::{Computer, bare, by, fsck, git, is_in, project_id, remote, remote_at};
use super::hosts::{Host, answer, git_http_as};

/// A host whose git lacks some capabilities.
#[derive(Debug, Clone, Copy)]
struct Lacks {
    name: &'static str,
    /// Words of the advertisement that are made unrecognisable.
    words: &'static [&'static str],
}

const HOSTS: [Lacks; 3] = [
    Lacks { name: "protocol version 0 alone", words: &[] },
    Lacks { name: "no shallow clones", words: &["shallow", "deepen-since", "deepen-not", "deepen-relative"] },
    Lacks {
        name: "next to nothing",
        words: &[
            "shallow",
            "deepen-since",
            "deepen-not",
            "deepen-relative",
            "no-done",
            "thin-pack",
            "side-band-64k",
            "side-band",
            "ofs-delta",
            "include-tag",
            "atomic",
            "push-options",
            "quiet",
            "report-status-v2",
        ],
    },
];

/// Makes words unrecognisable, leaving every length as it is.
fn without(words: &[&str], advertisement: &[u8]) -> Vec<u8> {
    let end = advertisement.windows(4).position(|w| w == b"0000").map_or(0, |at| at + 4);
    // Capabilities stand after the first NUL.
    let Some(start) = advertisement[end..].iter().position(|byte| *byte == 0).map(|at| end + at) else {
        return advertisement.to_vec();
    };
    let stop = advertisement[start..]
        .iter()
        .position(|byte| *byte == b'\n')
        .map_or(advertisement.len(), |at| start + at);
    let line = String::from_utf8_lossy(&advertisement[start..stop]).into_owned();
    let changed: Vec<String> = line
        .split(' ')
        .map(|word| {
            if words.contains(&word.trim_matches('\0')) {
                word.replace(|c: char| c.is_alphabetic(), "x")
            } else {
                word.to_owned()
            }
        })
        .collect();
    [&advertisement[..start], changed.join(" ").as_bytes(), &advertisement[stop..]].concat()
}

fn host(root: &std::path::Path, lacks: Lacks) -> Host {
    git_http_as(root, None, false, move |asked, body| {
        if asked.target.contains("/info/refs") { without(lacks.words, body) } else { body.to_vec() }
    })
}

#[test]
fn a_host_that_can_do_little_gets_everything_and_gives_everything() {
    for lacks in HOSTS {
        let what = lacks.name;
        let root = tempfile::tempdir().unwrap();
        git(root.path(), &["init", "-q", "--bare", "-b", "master", "iris"]);
        let bare = root.path().join("iris");
        git(&bare, &["config", "http.receivepack", "true"]);
        let host = host(root.path(), lacks);
        let remote = remote(&format!("{}/iris", host.url));
        let one = Computer::with_project(project_id());
        let (_, first) = one.run("one", 1);
        link(&one.history, &one.user(), &remote, LinkMode::Empty, Context::quiet(&by()))
            .unwrap_or_else(|error| panic!("{what}: {error:?}"));
        let (_, second) = one.run("two", 2);
        one.push(&remote).unwrap_or_else(|error| panic!("{what}: {error:?}"));
        fsck(&bare);

        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("iris");
        clone(&remote, &folder, &CloneOptions::default(), Context::quiet(&by()))
            .unwrap_or_else(|error| panic!("{what}: {error:?}"));
        let two = Computer::at(dir, folder);
        assert_eq!(two.run_ids(), one.run_ids(), "{what}");
        fetch_snapshot(&two.history, &remote, first, Context::quiet(&by()))
            .unwrap_or_else(|error| panic!("{what}: {error:?}"));
        git(two.history.path(), &["cat-file", "-e", &format!("{first}:one.txt")]);

        // Both go on, and meet.
        let (_, theirs) = two.run("three", 3);
        let (_, ours) = one.run("four", 4);
        two.push(&remote).unwrap_or_else(|error| panic!("{what}: {error:?}"));
        one.push(&remote).unwrap_or_else(|error| panic!("{what}: {error:?}"));
        pull(&two.history, &remote, Context::quiet(&by()))
            .unwrap_or_else(|error| panic!("{what}: {error:?}"));
        assert_eq!(two.run_ids().len(), 4, "{what}");
        let branch = format!("AzureMLHistory/{}", project_id());
        for commit in [first, second, theirs, ours] {
            assert!(is_in(&bare, commit, &branch), "{what}");
        }
        fsck(&bare);
        fsck(two.history.path());
    }
}

#[test]
fn a_push_that_is_refused_is_told_in_words_and_stays_unpushed() {
    type Expected = fn(&SyncError) -> bool;
    let cases: [(&str, &str, Expected); 6] = [
        ("413 Payload Too Large", "size", |error| matches!(error, SyncError::Wire(_))),
        ("507 Insufficient Storage", "room", |error| matches!(error, SyncError::Wire(_))),
        ("429 Too Many Requests", "429", |error| matches!(error, SyncError::Unreachable { .. })),
        ("503 Service Unavailable", "503", |error| matches!(error, SyncError::Unreachable { .. })),
        ("500 Internal Server Error", "500", |error| matches!(error, SyncError::Wire(_))),
        ("401 Unauthorized", "credentials", |error| matches!(error, SyncError::Unauthorized { .. })),
    ];
    for (status, words, is_expected) in cases {
        let root = tempfile::tempdir().unwrap();
        git(root.path(), &["init", "-q", "--bare", "-b", "master", "iris"]);
        git(&root.path().join("iris"), &["config", "http.receivepack", "true"]);
        let refuses = Arc::new(AtomicBool::new(true));
        let host = git_http_as(root.path(), None, true, {
            let refuses = Arc::clone(&refuses);
            move |asked, body| {
                if asked.method == "POST" && refuses.load(Ordering::Relaxed) {
                    Vec::new()
                } else {
                    body.to_vec()
                }
            }
        });
        let denying = Host::new({
            let (inner, refuses) = (host.url.clone(), Arc::clone(&refuses));
            move |asked| {
                if asked.method == "POST" && refuses.load(Ordering::Relaxed) {
                    return answer(status, &[("Content-Type", "text/html")], b"<html>no</html>");
                }
                super::hosts::pass_on(&inner, asked)
            }
        });
        let one = Computer::with_project(project_id());
        one.run("one", 1);
        let remote = remote(&format!("{}/iris", denying.url));
        let error = one.push(&remote).unwrap_err();
        assert!(is_expected(&error), "{status}: {error:?}");
        let told = crate::error::CommandError::from(error);
        let text = told.chain().join(": ");
        assert!(text.contains(words), "{status}: {text}");
        assert!(!one.history.unpushed().unwrap().is_empty(), "{status}");
        refuses.store(false, Ordering::Relaxed);
        assert!(one.push(&remote).unwrap().sent, "{status}");
        fsck(&root.path().join("iris"));
    }
}

#[test]
fn clocks_that_differ_lose_nothing_and_order_nothing_wrongly() {
    let server = bare();
    let remote = remote_at(server.path());
    let (ahead, behind) = (Computer::with_project(project_id()), Computer::with_project(project_id()));
    // A day ahead, and a day behind.
    let (_, first) = ahead.run("ahead", 86_400);
    ahead.push(&remote).unwrap();
    let (_, second) = behind.run("behind", -86_400);
    assert_eq!(behind.push(&remote).unwrap().joins, 1);
    let (_, third) = ahead.run("ahead", 86_401);
    assert_eq!(ahead.push(&remote).unwrap().joins, 1);
    let again = HistoryRepo::open(&behind.root, project_id()).unwrap();
    pull(&again, &remote, Context::quiet(&by())).unwrap();
    assert_eq!(behind.run_ids().len(), 3);
    assert_eq!(behind.run_ids(), ahead.run_ids());
    let branch = format!("AzureMLHistory/{}", project_id());
    for commit in [first, second, third] {
        assert!(is_in(server.path(), commit, &branch));
    }
    fsck(server.path());
}
