//! Random trees, compared as `git diff` compares them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;

use gix::ObjectId;
use gix::bstr::{BString, ByteSlice as _};
use gix::objs::tree::EntryKind;
use proptest::prelude::*;

use super::code::{Detail, changes};
use super::patch::{name_status, patch};

/// Files by path.
type Files = BTreeMap<String, (EntryKind, Vec<u8>)>;

fn git(dir: &Path, args: &[&str], input: &[u8]) -> Vec<u8> {
    let stdin = dir.join("stdin");
    std::fs::write(&stdin, input).unwrap();
    let output = Command::new("git")
        .current_dir(dir)
        .args(["-c", "core.quotePath=false", "-c", "core.abbrev=7", "-c", "core.bare=true", "--git-dir=."])
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(std::fs::File::open(stdin).unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {}", output.stderr.to_str_lossy());
    output.stdout
}

/// Names whose files and folders can't be at one path.
fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]\\.txt", "[d-f]/[a-c] \\.py", "[d-f]/(g\"h|t\tb|ü☃|b\\\\s)", Just("last".to_owned()),]
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        4 => "[a-d]{1,2}".prop_map(|line| (line + "\n").into_bytes()),
        1 => "    [a-c]".prop_map(|line| (line + "\n").into_bytes()),
        1 => Just(b"caf\xe9\r\n".to_vec()),
        1 => Just(b"\n".to_vec()),
    ];
    let end =
        prop_oneof![4 => Just(Vec::new()), 1 => Just(b"no newline".to_vec()), 1 => Just(b"\0".to_vec())];
    (prop::collection::vec(line, 0..40), end).prop_map(|(lines, end)| [lines.concat(), end].concat())
}

fn file() -> impl Strategy<Value = (EntryKind, Vec<u8>)> {
    prop_oneof![
        6 => content().prop_map(|text| (EntryKind::Blob, text)),
        1 => content().prop_map(|text| (EntryKind::BlobExecutable, text)),
        1 => "[a-c]{1,3}".prop_map(|target| (EntryKind::Link, target.into_bytes())),
    ]
}

/// Two trees that have much in common: most files of the second are edited ones of the first.
fn two() -> impl Strategy<Value = (Files, Files)> {
    let edit = (0usize..4, 0usize..40, "[a-d]{1,2}");
    let files = prop::collection::btree_map(name(), file(), 0..8);
    (files, prop::collection::vec(edit, 0..8), prop::collection::btree_map(name(), file(), 0..3)).prop_map(
        |(old, edits, more)| {
            let mut new = old.clone();
            for ((how, at, text), path) in edits.into_iter().zip(old.keys()) {
                let Some((kind, content)) = new.get_mut(path) else { continue };
                if *kind == EntryKind::Link {
                    continue;
                }
                let mut lines: Vec<Vec<u8>> = content.lines_with_terminator().map(<[u8]>::to_vec).collect();
                match how {
                    0 => drop(new.remove(path)),
                    1 => *kind = EntryKind::BlobExecutable,
                    2 if at < lines.len() => {
                        lines.remove(at);
                        *content = lines.concat();
                    }
                    _ => {
                        lines.insert(at.min(lines.len()), (text + "\n").into_bytes());
                        *content = lines.concat();
                    }
                }
            }
            new.extend(more);
            (old, new)
        },
    )
}

fn write(repo: &gix::Repository, files: &Files) -> ObjectId {
    let mut editor =
        gix::objs::tree::Editor::new(gix::objs::Tree::empty(), &repo.objects, repo.object_hash());
    for (path, (kind, content)) in files {
        let id = repo.write_blob(content).unwrap().detach();
        editor.upsert(path.split('/').map(|part| part.as_bytes().as_bstr()), *kind, id).unwrap();
    }
    editor.write(|tree| repo.write_object(tree).map(gix::Id::detach)).unwrap()
}

/// Reads a patch's files: their headers, without the ids and the hunks.
fn headers(patch: &[u8]) -> Vec<BString> {
    let is_header = |line: &&[u8]| !matches!(line.first(), Some(b' ' | b'+' | b'-' | b'@' | b'\\'));
    patch.lines().filter(is_header).map(BString::from).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_differs_is_what_git_says_and_the_patch_makes_one_of_the_other((old, new) in two()) {
        let folder = tempfile::tempdir().unwrap();
        let repo = gix::init_bare(folder.path()).unwrap();
        let dir = folder.path();
        let (old, new) = (write(&repo, &old), write(&repo, &new));
        let ids = (old.to_string(), new.to_string());
        let never = AtomicBool::new(false);
        let detail = Detail { renames: false, ..Detail::ALL };
        let found = changes(&repo, old, new, detail, &never).unwrap().unwrap();
        let ours: Vec<u8> = found.iter().flat_map(patch).collect();
        let status: Vec<u8> = found.iter().flat_map(name_status).collect();
        let gits = git(dir, &["diff", "--no-renames", &ids.0, &ids.1], b"");
        prop_assert_eq!(headers(&ours), headers(&gits));
        let statuses = git(dir, &["diff", "--no-renames", "--name-status", &ids.0, &ids.1], b"");
        prop_assert_eq!(status.as_bstr(), statuses.as_bstr());
        // Git takes as many lines for changed, and where it writes others than we do, ours make one tree of the other all
        // the same.
        let numbers = git(dir, &["diff", "--no-renames", "--numstat", "-z", &ids.0, &ids.1], b"");
        let git_lines: u64 = numbers.split(|b| *b == 0).filter_map(|line| {
            let mut words = line.to_str_lossy().split('\t').map(|word| word.parse::<u64>().unwrap_or(0)).collect::<Vec<_>>();
            words.truncate(2);
            (!line.is_empty()).then(|| words.iter().sum::<u64>())
        }).sum();
        let our_lines: u64 = found.iter().map(|file| match file.halves.as_deref() {
            Some(halves) => halves.iter().map(|half| half.added + half.removed).sum(),
            None => file.added + file.removed,
        }).sum();
        prop_assert!(our_lines <= git_lines + 4, "{} lines, and git has {}", our_lines, git_lines);
        if found.iter().all(|file| file.opaque.is_none()) && !ours.is_empty() {
            git(dir, &["read-tree", &ids.0], b"");
            git(dir, &["apply", "--cached", "--whitespace=nowarn"], &ours);
            let made = git(dir, &["write-tree"], b"");
            prop_assert_eq!(made.to_str_lossy().trim().to_owned(), ids.1);
        }
    }
}
