//! Partial clones: the same objects come through each filter as through stock git's.

use std::path::Path;

use git_wire::{AllowAll, Options, ProtocolVersion, Service};

use crate::raw::{Answer, objects_in, ours, theirs, v2};
use crate::sandbox::{Sandbox, commit, git};

/// A history in which the same folder and file lie at several depths, with tags of each kind of object.
fn history() -> (Sandbox, std::path::PathBuf) {
    let sandbox = Sandbox::new();
    let work = sandbox.seed();
    let big = "big\n".repeat(1000);
    for path in ["a/b/c/d/small", "c/d/small", "x/y/z", "small"] {
        commit(&work, path, "small\n");
    }
    commit(&work, "a/b/big", &big);
    commit(&work, "big", &big);
    commit(&work, "a/b/c/changed", "changed\n");
    git(&work, &["mv", "x", "a/x"]);
    git(&work, &["commit", "-q", "-m", "moved"]);
    git(&work, &["tag", "-a", "on-commit", "-m", "t"]);
    git(&work, &["tag", "-a", "on-tag", "-m", "t", "on-commit"]);
    std::fs::create_dir_all(work.join("apart/below")).expect("created");
    std::fs::write(work.join("apart/below/file"), "apart\n").expect("written");
    git(&work, &["add", "apart"]);
    let apart = git(&work, &["write-tree", "--prefix=apart/"]);
    git(&work, &["tag", "-a", "on-tree", "-m", "t", &apart]);
    git(&work, &["reset", "-q", "--hard"]);
    std::fs::write(sandbox.path("alone"), "in no folder\n").expect("written");
    let alone = git(&work, &["hash-object", "-w", "../alone"]);
    git(&work, &["tag", "-a", "on-blob", "-m", "t", &alone]);
    git(&work, &["push", "-q", "origin", "main", "--tags"]);
    let origin = sandbox.path("origin.git");
    (sandbox, origin)
}

/// Returns the answers of both servers.
fn both(origin: &Path, arguments: &[String]) -> (Vec<String>, Vec<String>) {
    let request = v2("fetch", arguments);
    let (service, version) = (Service::UploadPack, ProtocolVersion::V2);
    let ours = Answer::of(&ours(origin, &AllowAll, &Options::default(), service, version, &request));
    let theirs = Answer::of(&theirs(origin, service, version, &request));
    assert_eq!(ours.lines, theirs.lines, "{arguments:?}: {} {}", ours.error, theirs.error);
    // What the client has already may be sent again where finding that out would cost more: a folder that moved.
    let haves: Vec<&str> = arguments.iter().filter_map(|line| line.strip_prefix("have ")).collect();
    let known = match haves[..] {
        [] => String::new(),
        _ => git(origin, &[&["rev-list", "--objects"][..], &haves].concat()),
    };
    let objects = |pack: &[u8]| -> Vec<String> {
        objects_in(pack, origin).into_iter().filter(|id| !known.contains(id.as_str())).collect()
    };
    (objects(&ours.pack), objects(&theirs.pack))
}

fn arguments(wants: &[String], haves: &[String], filter: &str) -> Vec<String> {
    let mut arguments = vec!["no-progress".to_owned(), "ofs-delta".to_owned()];
    arguments.extend(wants.iter().map(|id| format!("want {id}")));
    arguments.extend(haves.iter().map(|id| format!("have {id}")));
    arguments.extend([format!("filter {filter}"), "done".to_owned()]);
    arguments
}

#[test]
fn each_filter_lets_the_same_through_as_stock_git_s() {
    let (_sandbox, origin) = history();
    let id = |name: &str| git(&origin, &["rev-parse", name]);
    let (head, old) = (id("main"), id("main~3"));
    let wants = [
        ("a branch", vec![head.clone()], vec![]),
        ("what is new on it", vec![head.clone()], vec![old]),
        ("a folder and a commit", vec![id("main:a"), id("main~2")], vec![]),
        ("a folder and a file", vec![id("main:a/b"), id("main:README")], vec![]),
        ("tags", vec![id("on-tag"), id("on-tree"), id("on-blob")], vec![]),
    ];
    for (what, wants, haves) in &wants {
        for filter in [
            "blob:none",
            "blob:limit=0",
            "blob:limit=6",
            "blob:limit=7",
            "blob:limit=1k",
            "tree:0",
            "tree:1",
            "tree:2",
            "tree:3",
            "tree:4",
            "tree:100",
            "object:type=commit",
            "object:type=tree",
            "object:type=blob",
            "object:type=tag",
        ] {
            let (ours, theirs) = both(&origin, &arguments(wants, haves, filter));
            assert_eq!(ours, theirs, "{what} through {filter}");
        }
        if !["a branch", "tags"].contains(what) {
            continue;
        }
        // Combined, stock git leaves out more than the parts do if it meets a folder in a deep place first. What is
        // meant is what all parts let through.
        for (combined, parts) in [
            ("combine:blob:none+tree:3", ["blob:none", "tree:3"]),
            ("combine:object:type=blob+blob:limit=1k", ["object:type=blob", "blob:limit=1k"]),
            ("combine:object%3atype%3dtree+tree%3A2", ["object:type=tree", "tree:2"]),
            ("combine:object:type=blob+object:type=tree", ["object:type=blob", "object:type=tree"]),
        ] {
            let (ours, theirs) = both(&origin, &arguments(wants, haves, combined));
            assert!(theirs.iter().all(|id| ours.contains(id)), "{what} through {combined}");
            let [mut meant, other] = parts.map(|part| both(&origin, &arguments(wants, haves, part)).1);
            meant.retain(|id| other.contains(id));
            assert_eq!(ours, meant, "{what} through {combined}");
        }
    }
}

#[test]
fn tags_come_along_with_what_they_point_to() {
    let (_sandbox, origin) = history();
    let id = |name: &str| git(&origin, &["rev-parse", name]);
    for (wants, haves) in [
        (vec![id("main")], vec![]),
        (vec![id("main")], vec![id("main~1")]),
        (vec![id("main")], vec![id("main")]),
        (vec![id("main~1")], vec![]),
        (vec![id("main:big")], vec![]),
        (vec![id("on-tag")], vec![]),
    ] {
        let mut arguments = vec!["no-progress".to_owned(), "include-tag".to_owned()];
        arguments.extend(wants.iter().map(|id| format!("want {id}")));
        arguments.extend(haves.iter().map(|id| format!("have {id}")));
        arguments.push("done".to_owned());
        let (ours, theirs) = both(&origin, &arguments);
        assert_eq!(ours, theirs, "{wants:?} {haves:?}");
    }
}

#[test]
fn a_partial_clone_with_any_filter_is_usable() {
    let (sandbox, origin) = history();
    for (scheme, version, filter) in [
        ("http", "2", "tree:2"),
        ("git", "0", "tree:1"),
        ("git", "2", "object:type=commit"),
        ("http", "0", "combine:blob:none+tree:4"),
        ("git", "2", "object:type=tree"),
    ] {
        let name = format!("{scheme}{version}{}", filter.len());
        let (url, clone) = (sandbox.url(scheme, "origin.git"), sandbox.path(&name));
        let (protocol, filter) = (format!("protocol.version={version}"), format!("--filter={filter}"));
        git(&sandbox.path(""), &["-c", &protocol, "clone", "-q", "-n", &filter, &url, &name]);
        let there = |path: &Path| git(path, &["count-objects", "-v"]);
        assert_ne!(there(&clone), there(&origin));
        git(&clone, &["-c", &protocol, "checkout", "-q", "main"]);
        assert_eq!(git(&clone, &["status", "--porcelain"]), "", "{filter}");
    }
}
