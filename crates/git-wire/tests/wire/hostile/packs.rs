//! Packs that break whoever believes them.

use std::time::{Duration, Instant};

use git_wire::{AllowAll, ProtocolVersion, Repository, Server, Service};

use super::{options, push};
use crate::forge::{
    BLOB, COMMIT, OFS_DELTA, Pack, REF_DELTA, TREE, blob, commit_of, files, good, id_of, pack_around, tree,
};
use crate::sandbox::fsck;

/// The fault, the pack, the commit that is pushed, and the message expected.
type Row = (&'static str, Vec<u8>, gix::ObjectId, &'static str);

#[test]
fn hostile_packs_are_refused_and_leave_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("repo.git");
    let repository = Repository::init_bare(&path, "main").expect("created");
    let (pack, good_id) = good();
    let whole = pack.finish();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        bytes
    };
    let with = |tree: &[u8]| {
        let (pack, id) = pack_around(tree, "");
        (pack.finish(), id)
    };
    let absent = gix::ObjectId::from_hex(b"1234567890123456789012345678901234567890").expect("hex");
    let delta = |base: u8, result: u8, instructions: &[u8]| [&[base, result][..], instructions].concat();
    let mut version = whole.clone();
    version[7] = 9;
    let (no_parent, no_parent_id) =
        pack_around(&tree(&[("100644", "file", blob())]), &format!("parent {absent}\n"));
    let bad_commit = b"tree x\n\n".to_vec();
    let many_parents = format!("parent {absent}\n").repeat(20_000);
    let (many_parents, many_parents_id) = pack_around(&tree(&[("100644", "file", blob())]), &many_parents);
    let names: Vec<String> = (0..40_000).map(|number| format!("{number:05}")).collect();
    let many: Vec<_> = names.iter().map(|name| ("100644", name.as_str(), blob())).collect();
    let many = tree(&many);
    let long_header = commit_of(id_of(gix::objs::Kind::Tree, b""), &format!("x {}\n", "y".repeat(2 << 20)));
    let rows: Vec<(&str, Vec<Row>)> = vec![
        (
            "dulwich 1.2.9, gix-features CVE-2025-31130, git t5300",
            vec![
                ("no pack at all", Vec::new(), good_id, "ends early"),
                ("no signature", b"JUNKJUNKJUNKJUNK".to_vec(), good_id, "doesn't begin with PACK"),
                ("another version", version, good_id, "its version"),
                ("cut in the header", whole[..8].to_vec(), good_id, "ends early"),
                ("cut in an entry", whole[..40].to_vec(), good_id, ""),
                ("cut in the trailer", whole[..whole.len() - 3].to_vec(), good_id, "ends early"),
                ("a wrong trailer", flipped(whole.len() - 1), good_id, "checksum"),
                ("a flipped bit", flipped(16), good_id, ""),
                ("too few objects", pack.finish_saying(99), good_id, ""),
                ("too many objects", pack.finish_saying(u32::MAX), good_id, "limit of 20000 objects"),
                ("a count that leaves bytes over", pack.finish_saying(2), good_id, ""),
                ("type 0", Pack::default().entry(0, b"x").finish(), good_id, "damaged"),
                ("type 5", Pack::default().entry(5, b"x").finish(), good_id, "damaged"),
                (
                    "inflates to more",
                    Pack::default().entry_saying(BLOB, 3, &[], &vec![0; 5000]).finish(),
                    good_id,
                    "more than it says",
                ),
                (
                    "a bomb",
                    Pack::default().entry_saying(BLOB, 3, &[], &vec![0; 3 << 20]).finish(),
                    good_id,
                    "more than it says",
                ),
                (
                    "inflates to less",
                    Pack::default().entry_saying(BLOB, 30, &[], b"x").finish(),
                    good_id,
                    "less than it says",
                ),
                (
                    "an object too large",
                    Pack::default().entry(BLOB, &vec![0; (1 << 20) + 1]).finish(),
                    good_id,
                    "bytes in an object",
                ),
                (
                    "a size of all ones",
                    {
                        let mut bytes = b"PACK\0\0\0\x02\0\0\0\x01".to_vec();
                        bytes.extend_from_slice(&[0xff; 30]);
                        bytes
                    },
                    good_id,
                    "",
                ),
                (
                    "its own base",
                    Pack::default().entry_saying(OFS_DELTA, 4, &[0], &delta(1, 1, &[1, b'x'])).finish(),
                    good_id,
                    "",
                ),
                (
                    "a base before the pack",
                    Pack::default().entry_saying(OFS_DELTA, 4, &[0x7f], &delta(1, 1, &[1, b'x'])).finish(),
                    good_id,
                    "outside the pack",
                ),
                (
                    "a base within an entry",
                    Pack::default()
                        .entry(BLOB, b"blob\n")
                        .entry_saying(OFS_DELTA, 4, &[5], &delta(5, 1, &[1, b'x']))
                        .finish(),
                    good_id,
                    "within an entry",
                ),
                (
                    "no base",
                    Pack::default()
                        .entry_saying(REF_DELTA, 4, absent.as_slice(), &delta(1, 1, &[1, b'x']))
                        .finish(),
                    good_id,
                    "neither in the pack nor in the repository",
                ),
                (
                    "two that wait for one another",
                    Pack::default()
                        .entry_saying(REF_DELTA, 4, absent.as_slice(), &delta(1, 1, &[1, b'x']))
                        .entry_saying(REF_DELTA, 4, blob().as_slice(), &delta(1, 1, &[1, b'y']))
                        .finish(),
                    good_id,
                    "neither in the pack nor in the repository",
                ),
                (
                    "a delta for another base",
                    Pack::default()
                        .entry(BLOB, b"blob\n")
                        .entry_saying(REF_DELTA, 4, blob().as_slice(), &delta(9, 1, &[1, b'x']))
                        .finish(),
                    good_id,
                    "damaged or has another base",
                ),
                (
                    "a delta that says too much",
                    Pack::default()
                        .entry(BLOB, b"blob\n")
                        .entry_saying(REF_DELTA, 4, blob().as_slice(), &delta(5, 99, &[1, b'x']))
                        .finish(),
                    good_id,
                    "damaged or has another base",
                ),
                (
                    "a copy beyond the base",
                    Pack::default()
                        .entry(BLOB, b"blob\n")
                        .entry_saying(REF_DELTA, 5, blob().as_slice(), &delta(5, 99, &[0x91, 3, 99]))
                        .finish(),
                    good_id,
                    "damaged or has another base",
                ),
                (
                    "a delta to gigabytes",
                    Pack::default()
                        .entry(BLOB, b"blob\n")
                        .entry_saying(
                            REF_DELTA,
                            8,
                            blob().as_slice(),
                            &[5, 0xff, 0xff, 0xff, 0xff, 0x7f, 1, b'x'],
                        )
                        .finish(),
                    good_id,
                    "bytes in an object",
                ),
                (
                    "an empty delta",
                    Pack::default()
                        .entry(BLOB, b"blob\n")
                        .entry_saying(REF_DELTA, 0, blob().as_slice(), b"")
                        .finish(),
                    good_id,
                    "damaged or has another base",
                ),
                (
                    "no such object",
                    Pack::default().entry(BLOB, b"blob\n").finish(),
                    good_id,
                    "missing necessary objects",
                ),
                (
                    "a branch to a blob",
                    Pack::default().entry(BLOB, b"blob\n").finish(),
                    blob(),
                    "anything but a commit",
                ),
                (
                    "a missing blob",
                    {
                        let (p, _) = pack_around(&tree(&[("100644", "file", absent)]), "");
                        p.finish()
                    },
                    pack_around(&tree(&[("100644", "file", absent)]), "").1,
                    "missing necessary objects",
                ),
                ("a missing parent", no_parent.finish(), no_parent_id, "missing necessary objects"),
                (
                    "a commit without tree",
                    Pack::default().entry(COMMIT, &bad_commit).finish(),
                    id_of(gix::objs::Kind::Commit, &bad_commit),
                    "badTreeSha1",
                ),
                (
                    "a tree that is a blob",
                    {
                        let c = commit_of(blob(), "");
                        Pack::default().entry(BLOB, b"blob\n").entry(COMMIT, &c).finish()
                    },
                    id_of(gix::objs::Kind::Commit, &commit_of(blob(), "")),
                    "badLink",
                ),
            ],
        ),
        (
            "git t1450, Gogs CVE-2021-32546, CVE-2026-44471",
            vec![
                ("..", with(&tree(&[("40000", "..", blob())])).0, good_id, "hasDotdot"),
                (".git", with(&tree(&[("100644", ".GiT", blob())])).0, good_id, "hasDotgit"),
                (
                    "a twin",
                    with(&tree(&[("100644", "a", blob()), ("120000", "a", blob())])).0,
                    good_id,
                    "duplicateEntries",
                ),
                (
                    "no order",
                    with(&tree(&[("100644", "b", blob()), ("100644", "a", blob())])).0,
                    good_id,
                    "treeNotSorted",
                ),
                ("an odd mode", with(&tree(&[("0104755", "a", blob())])).0, good_id, "zeroPaddedFilemode"),
                ("a cut tree", with(&tree(&[("100644", "a", blob())])[..20]).0, good_id, "badTree"),
                ("a folder of 40,000 files", with(&many).0, good_id, "bytes in an object"),
            ],
        ),
        (
            "dulwich's cubic parser, gix-date CVE-2026-0810",
            vec![
                (
                    "a header of megabytes",
                    Pack::default().entry(COMMIT, &long_header).finish(),
                    good_id,
                    "bytes in an object",
                ),
                ("20,000 parents", many_parents.finish(), many_parents_id, "missing necessary objects"),
            ],
        ),
    ];
    let before = files(&path);
    let rows = rows.into_iter().flat_map(|(source, rows)| rows.into_iter().map(move |row| (source, row)));
    for (source, (what, bytes, id, expected)) in rows {
        let what = format!("{what} ({source})");
        let (result, answer) = push(&repository, &options(), id, &bytes);
        let told = match &result {
            Ok(summary) => {
                assert!(summary.updated.is_empty(), "{what}: {answer}");
                answer.clone()
            }
            Err(error) => format!("{error} {answer}"),
        };
        assert!(!answer.contains("ok refs/heads/x"), "{what}: {answer}");
        assert!(told.contains(expected), "{what}: expected '{expected}' in: {told}");
        // What is sound and merely not wanted in the end may stay as unreachable objects; here nothing does.
        assert_eq!(files(&path), before, "{what}");
    }
    let (result, answer) = push(&repository, &options(), good_id, &whole);
    assert!(answer.contains("ok refs/heads/x"), "the pack that all were made from is good: {answer}");
    assert_eq!(result.expect("taken").updated.len(), 1);
    fsck(&path);
}

#[test]
fn every_cut_and_flip_of_a_good_pack_is_harmless() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("repo.git");
    let repository = Repository::init_bare(&path, "main").expect("created");
    let (pack, id) = good();
    let whole = pack.finish();
    let before = files(&path);
    for cut in 0..whole.len() {
        let (_, answer) = push(&repository, &options(), id, &whole[..cut]);
        assert!(!answer.contains("ok refs"), "cut at {cut}");
    }
    for at in 0..whole.len() {
        for bit in [0x01, 0x80] {
            let mut bytes = whole.clone();
            bytes[at] ^= bit;
            let (_, answer) = push(&repository, &options(), id, &bytes);
            assert!(!answer.contains("ok refs"), "flipped at {at}");
        }
    }
    assert_eq!(files(&path), before);
}

#[test]
fn long_delta_chains_and_tree_bombs_are_taken_and_served_in_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("repo.git");
    let repository = Repository::init_bare(&path, "main").expect("created");
    let begin = Instant::now();
    // Ten thousand deltas, each on the one before.
    let mut pack = Pack::default().entry(BLOB, b"blob\n");
    for number in 0_u32..10_000 {
        let distance = pack.entries.len() - pack.last;
        let base_size = if number == 0 { 5 } else { 9 };
        let text = format!("{number:08}\n");
        let delta = [&[base_size, 9, 9][..], text.as_bytes()].concat();
        assert!(distance < 128);
        pack = pack.entry_saying(OFS_DELTA, delta.len(), &[u8::try_from(distance).expect("short")], &delta);
    }
    // Ten levels of ten equal folders each: ten thousand million files.
    let mut inner = tree(&[("100644", "file", id_of(gix::objs::Kind::Blob, b"00009999\n"))]);
    pack = pack.entry(TREE, &inner);
    for _ in 0..10 {
        let id = id_of(gix::objs::Kind::Tree, &inner);
        let names: Vec<String> = (0..10).map(|number| format!("d{number}")).collect();
        let entries: Vec<_> = names.iter().map(|name| ("40000", name.as_str(), id)).collect();
        inner = tree(&entries);
        pack = pack.entry(TREE, &inner);
    }
    let commit = commit_of(id_of(gix::objs::Kind::Tree, &inner), "");
    let id = id_of(gix::objs::Kind::Commit, &commit);
    let (result, answer) = push(&repository, &options(), id, &pack.entry(COMMIT, &commit).finish());
    assert!(answer.contains("ok refs/heads/x"), "{answer}");
    assert_eq!(result.expect("taken").objects_received, 10_013);
    let mut request = Vec::new();
    let lines = [&b"command=fetch"[..], b"object-format=sha1"];
    for line in lines {
        git_wire::pktline::encode_text(line, &mut request).expect("fits");
    }
    request.extend_from_slice(b"0001");
    for line in [format!("want {id}"), "ofs-delta".to_owned(), "done".to_owned()] {
        git_wire::pktline::encode_text(line.as_bytes(), &mut request).expect("fits");
    }
    request.extend_from_slice(b"0000");
    let mut answer = Vec::new();
    let summary = Server { repository: &repository, policy: &AllowAll, options: &options() }
        .respond(Service::UploadPack, ProtocolVersion::V2, &mut &request[..], &mut answer)
        .expect("served");
    assert_eq!(summary.objects_sent, 13, "a commit, eleven trees, a blob");
    assert!(begin.elapsed() < Duration::from_mins(2), "{:?}", begin.elapsed());
}
