//! Maintenance, with stock git as the judge: nothing is lost, what is replaced goes, and readers don't notice.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use git_wire::maintenance::{self, Limits, Options, Report};
use git_wire::pack::{IngestOptions, ingest};
use git_wire::{AllowAll, Interrupt};

use crate::chains::spent;
use crate::forge::{BLOB, Pack};
use crate::sandbox::{Sandbox, commit, feed, fsck, git, lines};

const SMALL: Options = Options {
    limits: Limits { small_packs: 6, loose_objects: 200, commits: 100 },
    everything: false,
    durable: false,
    threads: 1,
};

/// Finds work in a few small pushes.
const EAGER: Options =
    Options { limits: Limits { small_packs: 2, loose_objects: 10, commits: 100 }, ..SMALL };

/// A host that keeps every push as the pack that it is.
fn sandbox() -> Sandbox {
    let options = git_wire::Options { durable: false, unpack_below: 0, ..git_wire::Options::default() };
    Sandbox::with(Arc::new(AllowAll), options)
}

fn all_objects(repository: &Path) -> BTreeSet<String> {
    let all =
        git(repository, &["cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)"]);
    all.lines().map(str::to_owned).collect()
}

fn packs(repository: &Path) -> usize {
    let entries = fs::read_dir(repository.join("objects/pack")).expect("packs");
    entries
        .filter(|entry| {
            let path = entry.as_ref().expect("an entry").path();
            path.extension().is_some_and(|extension| extension == "pack")
        })
        .count()
}

/// Pushes `count` commits, one by one, to `origin.git`.
fn push_many(sandbox: &Sandbox, work: &Path, count: usize) {
    let before: usize = git(work, &["rev-list", "--count", "HEAD"]).parse().expect("a number");
    for at in before..before + count {
        let text = lines(300).replace(&format!("line {at}\n"), "the line that changed\n");
        commit(work, &format!("folder{}/numbers", at % 3), &text);
        git(work, &["push", "-q", &sandbox.url("http", "origin.git"), "main"]);
    }
}

#[test]
fn many_pushes_become_few_packs_and_nothing_is_lost() {
    let sandbox = sandbox();
    let work = sandbox.seed();
    let origin = sandbox.path("origin.git");
    git(&origin, &["repack", "-adq"]);
    let repository = sandbox.repository("origin.git");
    // How many objects are loose is guessed by whether it is due, so that does not decide here.
    let limits = Limits { loose_objects: usize::MAX, ..SMALL.limits };
    let packs_alone = Options { limits, ..SMALL };
    let mut most = 0;
    for _ in 0..8 {
        push_many(&sandbox, &work, 3);
        // Objects that nothing reaches, and some that only another ref does.
        git(&work, &["push", "-q", &sandbox.url("git", "origin.git"), "+HEAD~1:refs/heads/side"]);
        git(&work, &["push", "-q", &sandbox.url("git", "origin.git"), "HEAD:refs/azureml/runs/x"]);
        let before = all_objects(&origin);
        if maintenance::is_due(&repository, &packs_alone) {
            let report = maintenance::maintain(&repository, &packs_alone).expect("it works");
            assert!(report.packs_replaced > 0, "{report:?}");
            assert!(!maintenance::is_due(&repository, &packs_alone), "done is done");
        }
        assert_eq!(all_objects(&origin), before);
        most = most.max(packs(&origin));
        fsck(&origin);
    }
    assert!(most <= SMALL.limits.small_packs + 4, "{most} packs");

    let everything = Options { everything: true, ..packs_alone };
    let report = maintenance::maintain(&repository, &everything).expect("it works");
    assert!(report.consolidated, "{report:?}");
    assert!(packs(&origin) <= 2);
    let again = maintenance::maintain(&repository, &everything).expect("it works");
    assert_eq!((again.packs_replaced, again.consolidated), (0, false), "there is nothing to do");
    fsck(&origin);

    // Much of it is deltas, and a clone is that pack.
    let index = fs::read_dir(origin.join("objects/pack"))
        .expect("packs")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "idx"))
        .max_by_key(|path| fs::metadata(path).expect("a file").len())
        .expect("an index");
    let verified = git(&origin, &["verify-pack", "-v", index.to_str().expect("UTF-8")]);
    assert!(verified.contains("chain length = 1:"), "{verified}");
    git(&sandbox.path(""), &["clone", "-q", "--bare", &sandbox.url("http", "origin.git"), "copy.git"]);
    fsck(&sandbox.path("copy.git"));
}

#[test]
fn loose_objects_are_packed_and_what_nothing_reaches_stays() {
    let sandbox = sandbox();
    let work = sandbox.seed();
    let origin = sandbox.path("origin.git");
    for at in 0..70 {
        commit(&work, &format!("f{at}"), &format!("{at}\n"));
    }
    // By stock git's own transport, which keeps few objects loose.
    git(&origin, &["config", "receive.unpackLimit", "10000"]);
    git(&work, &["push", "-q", "origin", "main", "HEAD~20:refs/heads/gone"]);
    git(&origin, &["update-ref", "-d", "refs/heads/gone"]);
    git(&work, &["push", "-q", "-f", "origin", "HEAD~3:refs/heads/main"]);
    let before = all_objects(&origin);
    let repository = sandbox.repository("origin.git");
    let report = maintenance::maintain(&repository, &SMALL).expect("it works");
    assert!(report.loose_packed > 200 && report.consolidated, "{report:?}");
    assert_eq!(all_objects(&origin), before);
    assert_eq!(git(&origin, &["count-objects"]).split(' ').next(), Some("0"));
    fsck(&origin);
    git(&sandbox.path(""), &["clone", "-q", "--bare", &sandbox.url("git", "origin.git"), "copy.git"]);
    let reachable = git(&origin, &["rev-list", "--objects", "--branches"]).lines().count();
    assert_eq!(all_objects(&sandbox.path("copy.git")).len(), reachable, "a clone gets what branches reach");
}

#[test]
fn the_commit_graph_is_one_that_stock_git_finds_right() {
    let sandbox = sandbox();
    let work = sandbox.seed();
    let origin = sandbox.path("origin.git");
    for at in 0..60 {
        git(&work, &["commit", "-q", "--allow-empty", "-m", &format!("{at}")]);
    }
    git(&work, &["checkout", "-q", "-b", "a", "HEAD~30"]);
    commit(&work, "a", "a");
    git(&work, &["checkout", "-q", "-b", "b", "HEAD~9"]);
    commit(&work, "b", "b");
    git(&work, &["checkout", "-q", "-b", "c", "HEAD~5"]);
    commit(&work, "c", "c");
    git(&work, &["merge", "-q", "-m", "four", "a", "b", "main"]);
    for at in 0..40 {
        git(&work, &["commit", "-q", "--allow-empty", "-m", &format!("more {at}")]);
    }
    git(&work, &["push", "-q", "origin", "--all"]);
    let repository = sandbox.repository("origin.git");
    let report =
        maintenance::maintain(&repository, &Options { everything: true, ..SMALL }).expect("it works");
    let commits = git(&origin, &["rev-list", "--all", "--count"]);
    assert_eq!(report.commits_in_graph.to_string(), commits);
    git(&origin, &["commit-graph", "verify"]);
    git(&sandbox.path(""), &["clone", "-q", "--depth=3", &sandbox.url("http", "origin.git"), "copy"]);
    git(&sandbox.path("copy"), &["fetch", "-q", "--unshallow"]);
    fsck(&sandbox.path("copy"));
}

#[test]
fn clients_that_come_and_go_meanwhile_do_not_notice() {
    let sandbox = Sandbox::new();
    let work = sandbox.seed();
    let origin = sandbox.path("origin.git");
    push_many(&sandbox, &work, 4);
    let repository = sandbox.repository("origin.git");
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let maintaining = scope.spawn(|| {
            let mut replaced = 0;
            while !over.load(Ordering::Relaxed) {
                let report = maintenance::maintain(&repository, &EAGER).expect("it works");
                replaced += report.packs_replaced + report.loose_packed;
            }
            replaced
        });
        let cloning = scope.spawn(|| {
            for at in 0..12 {
                let name = format!("copy{at}");
                git(&sandbox.path(""), &["clone", "-q", &sandbox.url("http", "origin.git"), &name]);
                fsck(&sandbox.path(&name));
            }
        });
        let outcome = catch_unwind(AssertUnwindSafe(|| push_many(&sandbox, &work, 15)));
        let cloned = cloning.join();
        over.store(true, Ordering::Relaxed);
        assert!(outcome.is_ok() && cloned.is_ok(), "every push and every clone is whole");
        assert!(maintaining.join().expect("no maintenance fails") > 10);
    });
    fsck(&origin);
    assert_eq!(git(&origin, &["rev-parse", "main"]), git(&work, &["rev-parse", "HEAD"]));
}

#[test]
fn one_at_a_time_and_what_a_killed_one_left_goes() {
    let sandbox = sandbox();
    let work = sandbox.seed();
    let origin = sandbox.path("origin.git");
    push_many(&sandbox, &work, 7);
    let repository = sandbox.repository("origin.git");
    fs::create_dir_all(origin.join("git-wire")).expect("a folder");
    let lock = fs::File::create(origin.join("git-wire/maintenance.lock")).expect("a file");
    lock.lock().expect("a lock");
    let report = maintenance::maintain(&repository, &SMALL).expect("it works");
    assert_eq!(report, Report { busy: true, ..Report::default() });
    drop(lock);

    let old = std::time::SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365 * 40);
    let left = origin.join("objects/tmp_objdir-incoming-old");
    fs::create_dir_all(left.join("pack")).expect("a folder");
    fs::File::open(&left).and_then(|folder| folder.set_modified(old)).expect("an old time");
    let young = origin.join("objects/tmp_objdir-incoming-young");
    fs::create_dir_all(&young).expect("a folder");
    let report = maintenance::maintain(&repository, &SMALL).expect("it works");
    assert!(report.removed >= 1 && report.packs_replaced >= 6, "{report:?}");
    assert!(!left.exists() && young.exists());
}

/// Runs maintenance, and sets its interrupt as soon as `is_time` says so.
fn maintain_until(
    repository: &git_wire::Repository,
    options: &Options,
    is_time: impl Fn() -> bool + Sync,
) -> Report {
    let (interrupt, over) = (Interrupt::default(), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_time() && !over.load(Ordering::Relaxed) {
                thread::yield_now();
            }
            interrupt.set();
        });
        let report = maintenance::maintain_until(repository, options, &interrupt);
        over.store(true, Ordering::Relaxed);
        report.expect("an end that was asked for is no failure")
    })
}

fn has_quarantine(repository: &Path) -> bool {
    let entries = fs::read_dir(repository.join("objects")).expect("a folder");
    entries.filter_map(Result::ok).any(|entry| entry.file_name().to_string_lossy().starts_with("tmp_objdir-"))
}

#[test]
fn whenever_it_is_interrupted_nothing_is_lost_and_the_rest_is_done_the_next_time() {
    let sandbox = sandbox();
    let work = sandbox.seed();
    let origin = sandbox.path("origin.git");
    push_many(&sandbox, &work, 8);
    git(&work, &["push", "-q", &sandbox.url("git", "origin.git"), "+HEAD~1:refs/heads/side"]);
    let repository = sandbox.repository("origin.git");
    let everything = Options { everything: true, ..SMALL };
    let before = all_objects(&origin);
    let count = packs(&origin);

    let at_once = maintain_until(&repository, &everything, || true);
    assert_eq!((at_once.packs_replaced, at_once.consolidated), (0, false), "{at_once:?}");
    assert!(at_once.interrupted, "{at_once:?}");
    assert_eq!(packs(&origin), count);
    let moments: [&(dyn Fn() -> bool + Sync); 3] =
        [&|| has_quarantine(&origin), &|| packs(&origin) != count, &|| {
            origin.join("objects/info/commit-graph").exists()
        }];
    for is_time in moments {
        maintain_until(&repository, &everything, is_time);
        assert_eq!(all_objects(&origin), before);
        assert!(!has_quarantine(&origin), "a pack that is not complete goes");
        fsck(&origin);
    }
    let report = maintenance::maintain(&repository, &everything).expect("it works");
    assert!(!report.interrupted, "{report:?}");
    assert!(packs(&origin) <= 2);
    assert_eq!(all_objects(&origin), before);
    fsck(&origin);
}

/// A text in which a search for what it has in common with another one finds much, and nothing long.
fn repetitive(seed: u32, bytes: usize) -> Vec<u8> {
    let mut state = seed;
    let mut text = Vec::with_capacity(bytes);
    while text.len() < bytes {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.extend_from_slice(b"aaaaaaaaaaaaaaaa");
        text.push(u8::try_from(state >> 24).expect("a byte"));
    }
    text
}

/// Looking for deltas among these takes a quarter of a minute if it is not ended.
#[test]
fn the_search_for_deltas_ends_in_its_middle() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("repo.git");
    let new = git_wire::Repository::init_bare(&path, "main").expect("made");
    let pack = (0..300).fold(Pack::default(), |pack, seed| pack.entry(BLOB, &repetitive(seed, 200_000)));
    let options = IngestOptions { fsck: false, durable: false, ..IngestOptions::default() };
    let taken = ingest(&new.to_gix(), &mut pack.finish().as_slice(), &options, &mut |_| {});
    taken.expect("a good pack").accept().expect("stored");
    feed(&path, &["hash-object", "-w", "--stdin"], b"loose\n");
    let repository = git_wire::Repository::open(&path).expect("opened");
    let before = all_objects(&path);

    let begun = spent();
    let report =
        maintain_until(&repository, &Options { everything: true, ..SMALL }, || has_quarantine(&path));
    let took = spent().checked_sub(begun).expect("time goes on");
    assert_eq!(report, Report { interrupted: true, ..Report::default() });
    assert!(took < Duration::from_secs(5), "it took {took:?}");
    assert_eq!(all_objects(&path), before);
    assert!(!has_quarantine(&path));
}
