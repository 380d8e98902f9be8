//! Large objects that are packed anew for a client: bounded in memory, however many clients ask at once.

use std::fs;
use std::io;

use git_wire::{AllowAll, Options, ProtocolVersion, Repository, Server, Service};
use gix::objs::Kind;

use super::push;
use crate::forge::{BLOB, COMMIT, Pack, REF_DELTA, TREE, commit_of, id_of, tree};
use crate::sandbox::{feed, git};

/// Bytes of the object, of which a pack has about a thousandth.
const SIZE: usize = 64 << 20;
const CLIENTS: usize = 6;

fn options() -> Options {
    Options { durable: false, unpack_below: 0, ..Options::default() }
}

/// A number of bytes, as a delta has it.
fn length(mut length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while length >= 0x80 {
        bytes.push(u8::try_from(length & 0x7f).expect("masked") | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).expect("short"));
    bytes
}

/// The kilobytes that were in memory at once, at most.
fn peak() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Has many clients clone the last commit at once; returns by how many megabytes memory has grown.
fn clone_by_many(repository: &Repository, id: &str) -> usize {
    fs::write("/proc/self/clear_refs", "5").expect("the peak is reset");
    let before = peak();
    let line = |text: &str| format!("{:04x}{text}", text.len() + 4);
    let wants =
        [format!("want {id}"), "deepen 1".to_owned(), "done".to_owned()].map(|text| line(&text)).concat();
    let request = format!("{}0001{wants}0000", line("command=fetch"));
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let (service, version) = (Service::UploadPack, ProtocolVersion::V2);
                let mut request = request.as_bytes();
                let summary = Server { repository, policy: &AllowAll, options: &options() }.respond(
                    service,
                    version,
                    &mut request,
                    &mut io::sink(),
                );
                assert_eq!(summary.expect("served").objects_sent, 3);
            });
        }
    });
    (peak() - before) >> 10
}

#[test]
fn large_objects_made_of_deltas_take_turns() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("repo.git");
    let repository = Repository::init_bare(&path, "main").expect("created");
    let base = vec![0; SIZE];
    let mut made = vec![0; SIZE];
    made[0] = b'x';
    let [base_id, made_id] = [&base, &made].map(|bytes| id_of(Kind::Blob, bytes));
    // One byte of its own, then the base in pieces of 8 MB.
    let mut delta = [length(SIZE), length(SIZE), vec![1, b'x']].concat();
    for piece in 0..8_u8 {
        let size = (8 << 20) - usize::from(piece == 7);
        let size = u32::try_from(size).expect("short").to_le_bytes();
        delta.extend([0xfc, (piece & 1) << 7, piece >> 1, size[0], size[1], size[2]]);
    }
    let [first, second] = [base_id, made_id].map(|id| tree(&[("100644", "file", id)]));
    let parent = commit_of(id_of(Kind::Tree, &first), "");
    let commit = commit_of(id_of(Kind::Tree, &second), &format!("parent {}\n", id_of(Kind::Commit, &parent)));
    let id = id_of(Kind::Commit, &commit);
    let pack = Pack::default()
        .entry(BLOB, &base)
        .entry_saying(REF_DELTA, delta.len(), base_id.as_slice(), &delta)
        .entry(TREE, &first)
        .entry(TREE, &second)
        .entry(COMMIT, &parent)
        .entry(COMMIT, &commit);
    let (_, answer) = push(&repository, &options(), id, &pack.finish());
    assert!(answer.contains("ok refs/heads/x"), "{answer}");
    drop((base, made));

    let grown = clone_by_many(&repository, &id.to_string());
    assert!(grown < 400, "{grown} MB, where each takes 128");
    let copy = folder.path().join("copy");
    git(&path, &["symbolic-ref", "HEAD", "refs/heads/x"]);
    let url = format!("file://{}", path.display());
    git(folder.path(), &["clone", "-q", "--depth=1", &url, copy.to_str().expect("UTF-8")]);
    assert_eq!(git(&copy, &["hash-object", "file"]), made_id.to_string());
}

#[test]
fn large_loose_objects_are_streamed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("repo.git");
    let repository = Repository::init_bare(&path, "main").expect("created");
    let blob = feed(&path, &["hash-object", "-w", "--stdin"], &vec![b'y'; SIZE]);
    let tree = feed(&path, &["mktree"], format!("100644 blob {}\tfile\n", blob.trim()).as_bytes());
    let who = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
    let commit = git(&path, &[&who[..], &["commit-tree", "-m", "m", tree.trim()]].concat());
    git(&path, &["update-ref", "refs/heads/main", &commit]);
    let grown = clone_by_many(&repository, &commit);
    assert!(grown < 100, "{grown} MB, where each has 64");
}
