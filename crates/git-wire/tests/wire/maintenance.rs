//! Maintenance, with stock git as the judge: nothing is lost, what is replaced goes, and readers don't notice.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use git_wire::AllowAll;
use git_wire::maintenance::{self, Limits, Options, Report};

use crate::sandbox::{Sandbox, commit, fsck, git, lines};

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

    let old = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_hours(24 * 365 * 40);
    let left = origin.join("objects/tmp_objdir-incoming-old");
    fs::create_dir_all(left.join("pack")).expect("a folder");
    fs::File::open(&left).and_then(|folder| folder.set_modified(old)).expect("an old time");
    let young = origin.join("objects/tmp_objdir-incoming-young");
    fs::create_dir_all(&young).expect("a folder");
    let report = maintenance::maintain(&repository, &SMALL).expect("it works");
    assert!(report.removed >= 1 && report.packs_replaced >= 6, "{report:?}");
    assert!(!left.exists() && young.exists());
}
