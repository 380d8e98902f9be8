//! Pushes that lack objects: which refs are refused is as stock git has it, and nothing that was refused does harm.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use git_wire::{Options, Repository, maintenance};
use proptest::prelude::*;

use crate::forge::{BLOB, COMMIT, Pack, TAG, TREE, WHO, commit_of, id_of, tree};
use crate::raw::{Answer, lines};
use crate::receive::{NONE, filled, options, push, request};
use crate::sandbox::{command, git};

/// Returns stock git's answer to the same push; its own default is not to check objects by its rules.
fn stock(path: &Path, request: &[u8]) -> Vec<String> {
    let mut child = command(path)
        .args(["-c", "receive.fsckObjects=false", "receive-pack", "--stateless-rpc", "."])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("git is installed");
    child.stdin.take().expect("piped").write_all(request).expect("all taken");
    Answer::of(&child.wait_with_output().expect("it ended").stdout).lines
}

/// Commits with parents among those before them, each with a folder and a file of its own: the commits' ids, and a pack
/// without what is `left_out` of each, its commit, tree, folder and blob.
fn torn(parents: &[Vec<usize>], left_out: &[[bool; 4]]) -> (Vec<String>, Pack) {
    let mut commits: Vec<String> = Vec::new();
    let mut pack = Pack::default();
    for (number, (parents, left_out)) in parents.iter().zip(left_out).enumerate() {
        let content = format!("file {number}\n").into_bytes();
        let folder = tree(&[("100644", "file", id_of(gix::objs::Kind::Blob, &content))]);
        let root = tree(&[("40000", "folder", id_of(gix::objs::Kind::Tree, &folder))]);
        let lines: Vec<String> =
            parents.iter().map(|parent| format!("parent {}\n", commits[*parent])).collect();
        let commit = commit_of(id_of(gix::objs::Kind::Tree, &root), &lines.concat());
        commits.push(id_of(gix::objs::Kind::Commit, &commit).to_string());
        let entries = [(COMMIT, commit), (TREE, root), (TREE, folder), (BLOB, content)];
        for ((kind, bytes), is_left_out) in entries.into_iter().zip(left_out) {
            if !is_left_out {
                pack = pack.entry(kind, &bytes);
            }
        }
    }
    (commits, pack)
}

/// Two repositories that both hold the forged commit on `refs/heads/a`.
fn twins() -> [tempfile::TempDir; 2] {
    [(); 2].map(|()| filled().0)
}

#[test]
fn a_ref_that_lacks_objects_is_refused_alone() {
    let none = [false; 4];
    // A root, a child without its blob, a grandchild of that, a second child of the root, a child of what is nowhere.
    let parents = [vec![], vec![0], vec![1], vec![0], vec![0], vec![4], vec![3, 2]];
    let left_out = [none, [false, false, false, true], none, none, [true; 4], none, none];
    let (commits, pack) = torn(&parents, &left_out);
    let names = ["fine", "blob", "above", "side", "absent", "parent", "merge"];
    let names = names.map(|name| format!("refs/heads/{name}"));
    let tag = format!("object {}\ntype commit\ntag t\ntagger {WHO}\n\nm\n", commits[2]).into_bytes();
    let tag_id = id_of(gix::objs::Kind::Tag, &tag).to_string();
    let pack = pack.entry(TAG, &tag).finish();
    let tips = commits.iter().zip(names.iter().map(String::as_str)).chain([(&tag_id, "refs/tags/t")]);
    let commands: Vec<_> = tips.map(|(id, name)| (NONE.to_owned(), id.clone(), name)).collect();
    for (unpack_below, words) in [(100, "report-status"), (0, "report-status"), (100, "report-status atomic")]
    {
        let [folder, twin] = twins();
        let path = folder.path();
        let request = request(words, &commands, &pack);
        let told = push(path, &Options { unpack_below, ..options() }, &request);
        if words.ends_with("atomic") {
            assert!(!told.iter().any(|line| line.starts_with("ok")), "{told:?}");
            assert_eq!(git(path, &["for-each-ref", "refs/heads/fine"]), "");
            continue;
        }
        assert_eq!(told, stock(twin.path(), &request));
        assert_eq!(
            told[..3],
            ["unpack ok", "ok refs/heads/fine", "ng refs/heads/blob missing necessary objects"]
        );
        let refs = |path: &Path| git(path, &["for-each-ref", "--format=%(refname) %(objectname)"]);
        assert_eq!(
            refs(path).replace("refs/heads/Dir/x", ""),
            refs(twin.path()).replace("refs/heads/Dir/x", "")
        );
        // What the refused refs brought is unreachable; nobody gets at it by a second push either.
        git(path, &["fsck", "--connectivity-only"]);
        let empty = Pack::default().finish();
        let again = push(path, &options(), &self::request("report-status", &commands[1..3], &empty));
        assert_eq!(again[1..3], told[2..4]);
        let everything = maintenance::Options { everything: true, ..maintenance::Options::default() };
        maintenance::maintain(&Repository::open(path).expect("opened"), &everything).expect("done");
        git(path, &["fsck", "--connectivity-only"]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn which_refs_lack_objects_is_seen_as_stock_git_sees_it(
        picks in proptest::collection::vec((any::<[u8; 2]>(), 0_usize..3, 0_u8..12), 1..12),
        in_memory: bool,
    ) {
        let parents: Vec<Vec<usize>> = picks
            .iter()
            .enumerate()
            .map(|(at, (seeds, count, _))| {
                let seeds = seeds.iter().take(if at == 0 { 0 } else { *count });
                let mut all: Vec<usize> = seeds.map(|seed| usize::from(*seed) % at.max(1)).collect();
                all.sort_unstable();
                all.dedup();
                all
            })
            .collect();
        let left_out: Vec<[bool; 4]> = picks
            .iter()
            .map(|(_, _, kind)| [*kind == 1, *kind == 2, *kind == 3, *kind == 4])
            .collect();
        let (commits, pack) = torn(&parents, &left_out);
        let names: Vec<String> = (0..commits.len()).map(|number| format!("refs/heads/n{number}")).collect();
        let tips = commits.iter().zip(names.iter().map(String::as_str));
        let commands: Vec<_> = tips.map(|(id, name)| (NONE.to_owned(), id.clone(), name)).collect();
        let [folder, twin] = twins();
        let request = request("report-status", &commands, &pack.finish());
        let options = Options { unpack_below: if in_memory { 100 } else { 0 }, ..options() };
        prop_assert_eq!(push(folder.path(), &options, &request), stock(twin.path(), &request));
        git(folder.path(), &["fsck", "--connectivity-only"]);
    }
}

#[test]
fn a_push_from_a_shallow_clone_is_refused_for_the_refs_that_lack_parents() {
    let (commits, pack) =
        torn(&[vec![], vec![0], vec![1], vec![]], &[[true; 4], [false; 4], [false; 4], [false; 4]]);
    let [folder, twin] = twins();
    let commands = [("cut", 1), ("above", 2), ("root", 3)]
        .map(|(name, at)| (NONE.to_owned(), commits[at].clone(), ["refs/heads/", name].concat()));
    let mut texts = vec![format!("shallow {}", commits[1])];
    texts.extend(commands.iter().map(|(old, new, name)| format!("{old} {new} {name}\0report-status")));
    texts.push("0000".into());
    let mut request = lines(&texts);
    request.extend_from_slice(&pack.finish());
    let told = push(folder.path(), &options(), &request);
    assert_eq!(told, stock(twin.path(), &request));
    let refused = "shallow update not allowed";
    let expected = [
        &format!("ng refs/heads/cut {refused}"),
        &format!("ng refs/heads/above {refused}"),
        "ok refs/heads/root",
    ];
    assert_eq!(told[1..4], expected);
    assert!(!folder.path().join("shallow").exists());
}
