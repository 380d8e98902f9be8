//! The pack builder, judged by `git index-pack --strict`.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use git_wire::pack::{CountOptions, IngestOptions, WriteOptions, Written, count, ingest, write};

use crate::sandbox::{Sandbox, command, commit, fsck, git, lines};

/// Builds the pack of what `wants` reaches and `haves` doesn't.
fn build(repository: &Path, wants: &[&str], haves: &[&str], options: WriteOptions) -> (Written, Vec<u8>) {
    let repo = gix::open_opts(repository, gix::open::Options::isolated()).expect("opened");
    let ids = |names: &[&str]| -> Vec<gix::ObjectId> {
        names
            .iter()
            .map(|name| {
                gix::ObjectId::from_hex(git(repository, &["rev-parse", name]).as_bytes()).expect("an id")
            })
            .collect()
    };
    let counted =
        count(&repo, &ids(wants), &ids(haves), &CountOptions::default(), &mut |_| Ok(())).expect("counted");
    let mut bytes = Vec::new();
    let written = write(&repo, &counted, options, &mut bytes).expect("written");
    assert_eq!((written.objects as usize, written.bytes), (counted.objects.len(), bytes.len() as u64));
    (written, bytes)
}

#[track_caller]
fn index_pack(repository: &Path, pack: &[u8], args: &[&str]) {
    let mut child = command(repository)
        .args(["index-pack", "--stdin", "--strict"])
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("git is installed");
    child.stdin.take().expect("piped").write_all(pack).expect("all taken");
    assert!(child.wait().expect("ended").success());
}

/// A repository whose history makes git store deltas.
fn with_deltas(sandbox: &Sandbox) -> std::path::PathBuf {
    let work = sandbox.seed();
    let mut text = lines(3000);
    for number in 0..12 {
        text.push_str("more\n");
        text.push_str(&lines(number));
        commit(&work, "dir/long", &text);
    }
    git(&work, &["tag", "-a", "v1", "-m", "one", "HEAD~6"]);
    git(&work, &["repack", "-adfq"]);
    work
}

#[test]
fn stock_git_takes_our_packs_whole_and_thin() {
    let sandbox = Sandbox::new();
    let work = with_deltas(&sandbox);
    for ofs_delta in [true, false] {
        let options = WriteOptions { ofs_delta, ..WriteOptions::default() };
        let (written, bytes) = build(&work, &["main", "v1"], &[], options);
        let all = git(&work, &["rev-list", "--objects", "main", "v1"]).lines().count();
        assert_eq!(written.objects as usize, all);
        assert!(written.deltas > 10 && written.reused == written.objects, "{written:?}");
        let target = sandbox.path(&format!("whole-{ofs_delta}"));
        git(&sandbox.path(""), &["init", "-q", "--bare", target.to_str().expect("UTF-8")]);
        index_pack(&target, &bytes, &[]);
        git(&target, &["update-ref", "refs/heads/main", &git(&work, &["rev-parse", "main"])]);
        fsck(&target);

        // What came after the tag, for someone who has the tag: with bases over there.
        let (thick, _) = build(&work, &["main~8"], &["main~9"], options);
        let thin_options = WriteOptions { thin: true, ..options };
        let (thin, bytes) = build(&work, &["main~8"], &["main~9"], thin_options);
        assert_eq!((thick.objects, thin.objects), (4, 4));
        assert!(thin.bytes <= thick.bytes);
        let target = sandbox.path(&format!("thin-{ofs_delta}"));
        git(
            &sandbox.path(""),
            &["clone", "-q", "--bare", work.to_str().expect("UTF-8"), target.to_str().expect("UTF-8")],
        );
        index_pack(&target, &bytes, &["--fix-thin"]);
        fsck(&target);
    }
}

#[test]
fn we_take_the_thin_packs_of_stock_git() {
    let sandbox = Sandbox::new();
    let work = with_deltas(&sandbox);
    let old = git(&work, &["rev-parse", "main~3"]);
    let target = sandbox.path("target");
    git(&sandbox.path(""), &["init", "-q", "--bare", target.to_str().expect("UTF-8")]);
    git(&work, &["push", "-q", target.to_str().expect("UTF-8"), &format!("{old}:refs/heads/main")]);
    let mut child = command(&work)
        .args(["pack-objects", "--revs", "--thin", "--stdout", "-q"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("git is installed");
    write!(child.stdin.take().expect("piped"), "main\n^{old}\n").expect("taken");
    let pack = child.wait_with_output().expect("ended").stdout;
    let repo = gix::open_opts(&target, gix::open::Options::isolated()).expect("opened");
    let mut followed = pack.clone();
    followed.extend_from_slice(b"what follows");
    let mut stream = &followed[..];
    let quarantine = ingest(&repo, &mut stream, &IngestOptions::default(), &mut |_| {}).expect("good");
    assert_eq!(stream, b"what follows", "not a byte beyond the pack is read");
    assert_eq!(quarantine.received().objects, 12);
    let stored = quarantine.accept().expect("stored");
    assert!(stored.objects > 12, "bases were added");
    git(&target, &["update-ref", "refs/heads/main", &git(&work, &["rev-parse", "main"])]);
    fsck(&target);
    git(&target, &["verify-pack", stored.path.expect("a file").to_str().expect("UTF-8")]);
}

/// Objects of a pack below the limit are loose afterwards, deltas or not; a larger pack is kept as a pack.
#[test]
fn small_packs_become_loose_objects() {
    let sandbox = Sandbox::new();
    let work = with_deltas(&sandbox);
    let old = git(&work, &["rev-parse", "main~3"]);
    let target = sandbox.path("target");
    git(&sandbox.path(""), &["init", "-q", "--bare", target.to_str().expect("UTF-8")]);
    git(&work, &["push", "-q", target.to_str().expect("UTF-8"), &format!("{old}:refs/heads/main")]);
    let repo = gix::open_opts(&target, gix::open::Options::isolated()).expect("opened");
    let pack = |options: &[&str], revisions: &str| {
        let mut child = command(&work)
            .args(["pack-objects", "--revs", "--stdout", "-q"])
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("git is installed");
        child.stdin.take().expect("piped").write_all(revisions.as_bytes()).expect("taken");
        child.wait_with_output().expect("ended").stdout
    };
    let since = format!("main\n^{old}\n");
    let small = IngestOptions { unpack_below: 100, ..IngestOptions::default() };
    let loose = || git(&target, &["count-objects"]).split(' ').next().map(str::to_owned);
    let before = loose();
    let thin = pack(&["--thin", "--delta-base-offset"], &since);
    let mut damaged = thin.clone();
    damaged[40] ^= 1;
    for broken in [&damaged[..], &thin[..thin.len() - 1], &thin[..9]] {
        assert!(ingest(&repo, &mut &*broken, &small, &mut |_| {}).is_err());
    }
    assert_eq!(loose(), before, "nothing is left of what is broken");
    for bytes in [&thin, &pack(&[], &since)] {
        let mut followed = bytes.clone();
        followed.extend_from_slice(b"what follows");
        let mut stream = &followed[..];
        let quarantine = ingest(&repo, &mut stream, &small, &mut |_| {}).expect("good");
        assert_eq!(stream, b"what follows", "not a byte beyond the pack is read");
        assert_eq!((quarantine.received().objects, quarantine.received().bytes), (12, bytes.len() as u64));
        let stored = quarantine.accept().expect("stored");
        assert_eq!((stored.path, stored.objects), (None, 12));
    }
    git(&target, &["update-ref", "refs/heads/main", &git(&work, &["rev-parse", "main"])]);
    fsck(&target);
    // One that stands alone is worth keeping as it is, and one at the limit is none of the small.
    let whole = ingest(&repo, &mut &pack(&[], "main\n")[..], &small, &mut |_| {}).expect("good");
    assert!(whole.accept().expect("stored").path.is_some());
    let limit = IngestOptions { unpack_below: 12, ..IngestOptions::default() };
    let pack = ingest(&repo, &mut &thin[..], &limit, &mut |_| {}).expect("good");
    assert!(pack.accept().expect("stored").path.is_some());
    fsck(&target);
}

#[test]
fn loose_objects_and_several_packs_go_into_one() {
    let sandbox = Sandbox::new();
    let work = with_deltas(&sandbox);
    commit(&work, "dir/other", "other\n");
    git(&work, &["repack", "-dq"]);
    commit(&work, "loose", "loose\n");
    fs::write(work.join("empty"), "").expect("written");
    git(&work, &["add", "-A"]);
    git(&work, &["commit", "-q", "-m", "empty file"]);
    git(&work, &["commit-graph", "write", "--reachable"]);
    let (written, bytes) = build(&work, &["main"], &[], WriteOptions::default());
    assert!(written.reused < written.objects && written.deltas > 5, "{written:?}");
    let target = sandbox.path("target");
    git(&sandbox.path(""), &["init", "-q", "--bare", target.to_str().expect("UTF-8")]);
    index_pack(&target, &bytes, &[]);
    git(&target, &["update-ref", "refs/heads/main", &git(&work, &["rev-parse", "main"])]);
    fsck(&target);
}

#[test]
fn the_difference_of_any_two_commits_is_what_rev_list_says_at_most() {
    let sandbox = Sandbox::new();
    let work = sandbox.seed();
    for number in 0..6 {
        commit(&work, &format!("d{}/f{number}", number % 2), &format!("{number}\n"));
        git(&work, &["checkout", "-q", "-b", &format!("b{number}"), "HEAD~1"]);
        commit(&work, &format!("side{number}"), &format!("side {number}\n"));
        git(&work, &["checkout", "-q", "main"]);
        git(&work, &["merge", "-q", "--no-edit", &format!("b{number}")]);
    }
    for graph in [false, true] {
        if graph {
            git(&work, &["commit-graph", "write", "--reachable"]);
        }
        let commits = git(&work, &["rev-list", "--all"]);
        let commits: Vec<&str> = commits.lines().collect();
        let repo = gix::open_opts(&work, gix::open::Options::isolated()).expect("opened");
        for want in commits.iter().step_by(3) {
            for have in commits.iter().step_by(4) {
                let id = |hex: &str| gix::ObjectId::from_hex(hex.as_bytes()).expect("an id");
                let counted =
                    count(&repo, &[id(want)], &[id(have)], &CountOptions::default(), &mut |_| Ok(()))
                        .expect("counted");
                let exact = git(&work, &["rev-list", "--objects", want, "--not", have]);
                let mut ours: Vec<String> = counted.objects.iter().map(ToString::to_string).collect();
                let mut theirs: Vec<String> =
                    exact.lines().map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect();
                ours.sort_unstable();
                theirs.sort_unstable();
                assert_eq!(ours, theirs, "{want} ^{have}");
            }
        }
    }
}
