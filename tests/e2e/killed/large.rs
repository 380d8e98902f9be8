//! Large files, with azml killed at every step of a snapshot, a push, a restore, a fetch and a prune: the folder never has a half
//! file, what the remote lacks is here, and the next command goes on without help.
//!
//! The usual tests kill at a few steps; those in `heavy` at all, beside them with a folder as the remote.

use std::path::{Path, PathBuf};

use e2e::folder::{everything, noise, remove, write};
use e2e::git::UserState;
use e2e::{Actor, Contents, Output, Sandbox, Server, contents, git};
use serde_json::json;
use test_support::Step;
use test_support::steps::{self, EVERY, Plan, SOME, SOME_AND_EVERY_WRITE};

use super::{leftovers, was_killed};

/// Bytes of a large file: it is written in several pieces.
const LENGTH: usize = 2_500_000;

/// A remote, a project that is linked to it, and another computer's clone.
struct Bed<'s> {
    alice: Actor<'s>,
    sandbox: &'s Sandbox,
    /// The server; none: the remote is a folder.
    server: Option<Server>,
    url: String,
    project: PathBuf,
}

impl<'s> Bed<'s> {
    fn new(sandbox: &'s Sandbox, is_folder: bool) -> Self {
        let server = (!is_folder).then(|| sandbox.server());
        let url = match &server {
            Some(server) => server.repo("iris"),
            None => sandbox.bare_repo("remote.git").to_str().expect("UTF-8").to_owned(),
        };
        let alice = sandbox.actor("alice", "alicepat").with_env("AZML_LARGE_FILE", "100kB");
        let project = alice.create_linked_project(&sandbox.dir("work"), "iris", &url);
        write(&project, "train.py", "print('trained')\n");
        Self { alice, sandbox, server, url, project }
    }

    /// Writes the large file, of which no other number gives the content; gives its id.
    fn write(&self, number: usize) -> (Vec<u8>, String) {
        let content = noise(number, LENGTH + number);
        write(&self.project, "big.bin", &content);
        write(&self.project, "edit", format!("{number}\n"));
        let said = self.alice.run("sha256sum", &self.project, &["big.bin"]).ok().stdout;
        (content, said[..64].to_owned())
    }

    fn history(&self) -> PathBuf {
        git::history_of(&self.project)
    }

    /// The folder of the remote that has the large files, and the place of one.
    fn remote_objects(&self) -> PathBuf {
        match &self.server {
            Some(server) => server.data().join("lfs"),
            None => Path::new(&self.url).join("lfs/objects"),
        }
    }

    fn kill(&self, step: Step, args: &[&str]) -> Output {
        self.alice.azml_killed_at(&self.project, step, args)
    }

    fn azml(&self, args: &[&str]) -> Output {
        self.alice.azml(&self.project, args).ok()
    }

    /// Counts the large files that the remote is not known to have.
    fn unpushed(&self) -> serde_json::Value {
        self.alice.azml_json(&self.project, &["project", "show"])["large_files"]["unpushed"]["files"].clone()
    }

    /// Asserts that stock git finds no damage, and that each object of the stores is what its name says.
    #[track_caller]
    fn assert_sound(&self, what: &str) {
        git::assert_sound(&self.alice, &self.history());
        let (here, there) = (self.history().join("lfs/objects"), self.remote_objects());
        for store in [here, there].iter().filter(|store| store.is_dir()) {
            let script = "find . -type f -regex '.*/[0-9a-f]*' -printf '%f  %p\\n' > \"$HOME/sums\" \
                          && { [ ! -s \"$HOME/sums\" ] || sha256sum --quiet --strict -c \"$HOME/sums\"; }";
            let checked = self.alice.sh(store, script);
            assert!(checked.code == Some(0), "{what}: {} {checked}", store.display());
        }
    }

    /// Asserts that nothing is left of the killed commands, once nobody can be at work on it.
    #[track_caller]
    fn assert_swept(&self) {
        let remote = Path::new(&self.url).join("lfs/tmp");
        let folders: Vec<_> = [self.history(), remote].into_iter().filter(|folder| folder.is_dir()).collect();
        for folder in &folders {
            let _aged = self.alice.sh(folder, "find . -exec touch -h -d '8 days ago' {} +").ok();
        }
        let _written = self.write(99_999);
        let _taken = self.azml(&["snapshot"]);
        let _synced = self.azml(&["history", "sync"]);
        let mut left = leftovers(&self.alice, &self.project);
        for folder in [self.history().join("lfs/incomplete"), folders[folders.len() - 1].join("../tmp")] {
            left.extend(
                std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("an entry").path()),
            );
        }
        assert_eq!(left, Vec::<PathBuf>::new());
    }

    /// Asserts that stock git-lfs gets the folder from the remote.
    #[track_caller]
    fn assert_cloned(&self, expected: &Contents) {
        let branch = git::history_branch(&self.project);
        let to = self.sandbox.path().join("clone");
        let url = self.url.replacen("http://", "http://alice:alicepat@", 1);
        let script = format!(
            "git clone -q --no-checkout -b {branch} '{url}' '{to}' && cd '{to}' \
             && echo '* filter=lfs -text' > .git/info/attributes && git lfs install --local --skip-repo \
             && git checkout -q {branch} && git lfs pull && git lfs fsck",
            to = to.display()
        );
        let _done = self.alice.sh(self.sandbox.path(), &script).ok();
        contents(&to).assert_same(expected, "a clone by stock git-lfs");
    }
}

/// Works with azml killed at steps of each call; gives each a number.
fn at_steps(plan: Plan, mut work: impl FnMut(usize, Step) -> bool) {
    let mut number = 0;
    let kills = steps::each(plan, |step| {
        number += 1;
        work(number, step)
    });
    assert!(kills > 2, "{kills} kills");
}

fn snapshots(is_folder: bool, plan: Plan) {
    let sandbox = Sandbox::new();
    let bed = Bed::new(&sandbox, is_folder);
    let _first = bed.azml(&["snapshot"]);
    let mut taken = Vec::new();
    at_steps(plan, |number, step| {
        let (content, oid) = bed.write(number);
        let before = contents(&bed.project);
        let user = UserState::of(&bed.alice, &bed.project);
        let output = bed.kill(step, &["snapshot", "-m", "killed"]);
        let what = format!("killed at {step:?}: {output}");
        contents(&bed.project).assert_same(&before, &what);
        user.assert_same(&UserState::of(&bed.alice, &bed.project), &what);
        bed.assert_sound(&what);

        let snapshot = bed.alice.azml_json(&bed.project, &["snapshot"]);
        let commit = snapshot["commit"].as_str().unwrap_or_else(|| panic!("{what}: {snapshot}")).to_owned();
        let object = bed.history().join("lfs/objects").join(&oid[..2]).join(&oid[2..4]).join(&oid);
        assert!(std::fs::read(object).is_ok_and(|kept| kept == content), "{what}");
        taken.push((commit, content));
        was_killed(&output)
    });
    let last = contents(&bed.project);
    for (commit, content) in &taken {
        let _restored = bed.azml(&["snapshot", "restore", commit]);
        assert!(std::fs::read(bed.project.join("big.bin")).expect("a file") == *content, "{commit}");
    }
    contents(&bed.project).assert_same(&last, "the last one");
    let _synced = bed.azml(&["history", "sync"]);
    assert_eq!(bed.unpushed(), json!(0));
    bed.assert_sound("in the end");
    bed.assert_cloned(&last);
    bed.assert_swept();
}

fn pushes(is_folder: bool, plan: Plan) {
    let sandbox = Sandbox::new();
    let bed = Bed::new(&sandbox, is_folder);
    at_steps(plan, |number, step| {
        let (_, oid) = bed.write(number);
        // This one is not pushed.
        let _taken = bed.azml(&["project", "snapshot"]);
        let there = bed.remote_objects().join(&oid[..2]).join(&oid[2..4]).join(&oid);
        let output = bed.kill(step, &["history", "sync"]);
        let what = format!("killed at {step:?}: {output}");
        bed.assert_sound(&what);
        // What the remote has of the branch, it has with the large file.
        let commit = bed.alice.azml_json(&bed.project, &["snapshot", "show"])["commit"]
            .as_str()
            .expect("a commit")
            .to_owned();
        let branch = git::history_branch(&bed.project);
        let url = bed.url.replacen("http://", "http://alice:alicepat@", 1);
        let tip =
            bed.alice.git(&bed.project, &["ls-remote", &url, &format!("refs/heads/{branch}")]).ok().stdout;
        assert!(there.is_file() || !tip.starts_with(&commit), "{what}: the snapshot came before its file");
        let _synced = bed.azml(&["history", "sync"]);
        assert_eq!(bed.unpushed(), json!(0), "{what}");
        assert!(there.is_file(), "{what}");
        was_killed(&output)
    });
    bed.assert_sound("in the end");
    bed.assert_cloned(&contents(&bed.project));
    bed.assert_swept();
}

fn restores(is_folder: bool, plan: Plan) {
    let sandbox = Sandbox::new();
    let bed = Bed::new(&sandbox, is_folder);
    let _old = bed.write(1);
    write(&bed.project, "gone/later.bin", noise(3, LENGTH));
    let commit =
        bed.alice.azml_json(&bed.project, &["snapshot"])["commit"].as_str().expect("a commit").to_owned();
    let of_old = contents(&bed.project);
    remove(&bed.project.join("gone"));
    let _new = bed.write(2);
    write(&bed.project, "new/never.bin", noise(4, LENGTH));
    let before = contents(&bed.project);
    let mut ends = [0; 2];
    at_steps(plan, |_, step| {
        let output = bed.kill(step, &["snapshot", "restore", &commit]);
        let what = format!("killed at {step:?}: {output}");
        let _repaired = bed.azml(&["project", "show"]);
        let is_done = contents(&bed.project) == of_old;
        if is_done {
            let _undone = bed.azml(&["project", "restore", "--undo"]);
        }
        ends[usize::from(is_done)] += usize::from(was_killed(&output));
        contents(&bed.project).assert_same(&before, &format!("{what}: neither finished nor undone"));
        bed.assert_sound(&what);
        was_killed(&output)
    });
    assert!(ends[0] > 0 && ends[1] > 0, "{ends:?}");
    let _restored = bed.azml(&["snapshot", "restore", &commit]);
    contents(&bed.project).assert_same(&of_old, "in the end");
    bed.assert_swept();
}

fn fetches(is_folder: bool, plan: Plan) {
    let sandbox = Sandbox::new();
    let bed = Bed::new(&sandbox, is_folder);
    let taken = [1, 2].map(|number| {
        let taken = bed.write(number);
        let _taken = bed.azml(&["snapshot"]);
        taken
    });
    let _synced = bed.azml(&["history", "sync"]);
    let before = contents(&bed.project);
    at_steps(plan, |_, step| {
        let dropped = bed.alice.azml_json(&bed.project, &["project", "prune", "--keep", "0"]);
        assert_eq!(dropped["dropped"]["files"], json!(taken.len()), "{dropped}");
        let output = bed.kill(step, &["history", "sync", "--large"]);
        let what = format!("killed at {step:?}: {output}");
        contents(&bed.project).assert_same(&before, &what);
        bed.assert_sound(&what);
        let _synced = bed.azml(&["history", "sync", "--large"]);
        for (content, oid) in &taken {
            let object = bed.history().join("lfs/objects").join(&oid[..2]).join(&oid[2..4]).join(oid);
            assert!(std::fs::read(object).is_ok_and(|kept| kept == *content), "{what}");
        }
        was_killed(&output)
    });
    bed.assert_sound("in the end");
    bed.assert_swept();
}

fn prunes(is_folder: bool, plan: Plan) {
    let sandbox = Sandbox::new();
    let bed = Bed::new(&sandbox, is_folder);
    let mut taken = Vec::new();
    for number in 1..=3 {
        let (content, oid) = bed.write(number);
        let snapshot = bed.alice.azml_json(&bed.project, &["snapshot"]);
        taken.push((snapshot["commit"].as_str().expect("a commit").to_owned(), content, oid));
    }
    let _synced = bed.azml(&["history", "sync"]);
    // The remote loses one: this computer alone has it.
    let lost = &taken[0].2;
    let at = |objects: &Path, oid: &str| objects.join(&oid[..2]).join(&oid[2..4]).join(oid);
    std::fs::remove_file(at(&bed.remote_objects(), lost)).expect("an object");
    let objects = bed.history().join("lfs/objects");
    let before = contents(&bed.project);
    at_steps(plan, |_, step| {
        let output = bed.kill(step, &["project", "prune", "--keep", "0"]);
        let what = format!("killed at {step:?}: {output}");
        assert!(at(&objects, lost).is_file(), "{what}");
        contents(&bed.project).assert_same(&before, &what);
        let _again = bed.azml(&["project", "prune", "--keep", "0"]);
        assert_eq!(everything(&objects).len(), 1, "{what}");
        bed.assert_sound(&what);
        let _back = bed.azml(&["history", "sync", "--large"]);
        assert_eq!(everything(&objects).len(), 3, "{what}");
        // The remote has it again by then.
        drop(std::fs::remove_file(at(&bed.remote_objects(), lost)));
        was_killed(&output)
    });
    for (commit, content, _) in &taken {
        let _restored = bed.azml(&["snapshot", "restore", commit]);
        assert!(std::fs::read(bed.project.join("big.bin")).expect("a file") == *content, "{commit}");
    }
    bed.assert_swept();
}

#[test]
fn a_snapshot_that_is_killed_has_nothing_half_and_the_next_has_all() {
    snapshots(false, SOME);
}

#[test]
fn a_push_that_is_killed_brings_no_snapshot_without_its_files_and_the_next_goes_on() {
    pushes(false, SOME);
}

#[test]
fn a_restore_that_is_killed_ends_in_one_of_two_states() {
    restores(false, SOME_AND_EVERY_WRITE);
}

#[test]
fn a_fetch_that_is_killed_goes_on_where_it_was() {
    fetches(false, SOME);
}

#[test]
fn a_prune_that_is_killed_has_dropped_nothing_that_the_remote_lacks() {
    prunes(false, SOME);
}

mod heavy {
    use super::{EVERY, fetches, prunes, pushes, restores, snapshots};

    #[test]
    fn snapshots_killed_at_any_step() {
        snapshots(false, EVERY);
    }

    #[test]
    fn pushes_killed_at_any_step() {
        pushes(false, EVERY);
    }

    #[test]
    fn pushes_to_a_folder_killed_at_any_step() {
        pushes(true, EVERY);
    }

    #[test]
    fn restores_killed_at_any_step() {
        restores(false, EVERY);
    }

    #[test]
    fn fetches_killed_at_any_step() {
        fetches(false, EVERY);
    }

    #[test]
    fn fetches_from_a_folder_killed_at_any_step() {
        fetches(true, EVERY);
    }

    #[test]
    fn prunes_killed_at_any_step() {
        prunes(false, EVERY);
    }
}
