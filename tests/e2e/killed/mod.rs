//! azml, killed at every step: submit, sync and restore leave nothing that the next command can't go on from.
//!
//! The usual tests kill at a few steps; those in `heavy` at all.

mod large;

use std::path::{Path, PathBuf};

use e2e::folder::{copy, remove, write};
use e2e::git::UserState;
use e2e::{Actor, Output, Sandbox, contents, git};
use test_support::steps::{self, EVERY, Plan, SOME, SOME_AND_EVERY_WRITE};

/// Returns whether the kill came: strace passes the signal on as its own end.
fn was_killed(output: &Output) -> bool {
    output.signal == Some(9) || output.code == Some(137)
}

/// Lists the files that killed commands left behind, after two hours without a command and one more snapshot.
fn leftovers(alice: &Actor<'_>, project: &Path) -> Vec<PathBuf> {
    let history = git::history_of(project);
    let _ago = alice.sh(&history, "find . -exec touch -h -d '2 hours ago' {} +").ok();
    let _snapshot = alice.azml(project, &["project", "snapshot"]).ok();
    let mut found = Vec::new();
    for folder in ["azml/tmp", "objects/pack", "objects", "azml"] {
        for entry in std::fs::read_dir(history.join(folder)).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let is_ours = folder == "azml" && ["tmp", "tmp.lock"].contains(&name.as_str());
            if folder == "azml/tmp" || (!is_ours && (name.starts_with("tmp") || name.starts_with(".tmp"))) {
                found.push(entry.path());
            }
        }
    }
    found
}

fn unpushed(alice: &Actor<'_>, project: &Path) -> String {
    alice.azml_json(project, &["project", "show"])["owed"].to_string()
}

fn submits(plan: Plan) {
    let sandbox = Sandbox::new();
    let (remote, alice, project) = sandbox.project_with_remote();
    write(&project, "train.py", "print('trained')\n");
    let mut known = vec![alice.submit(&project, &["train.py"])];
    let history = git::history_of(&project);
    let (mut tries, mut recorded) = (0, 0);
    let kills = steps::each(plan, |step| {
        tries += 1;
        write(&project, "edit", format!("{tries}\n"));
        write(&project, format!("more/{tries}"), "x\n");
        let before = contents(&project);
        let user = UserState::of(&alice, &project);
        let args = ["experiment", "submit", "-c", "local", "train.py"];
        let output = alice.azml_killed_at(&project, step, &args);
        let what = format!("killed at {step:?}: {output}");

        let _repaired = alice.azml(&project, &["project", "show"]).ok();
        contents(&project).assert_same(&before, &what);
        user.assert_same(&UserState::of(&alice, &project), &what);
        let runs = alice.run_ids(&project);
        assert!(known.iter().all(|run| runs.contains(run)), "{what}");
        // What a person has seen is there.
        if output.stdout.starts_with("RunId: ") && output.stdout.contains('\n') {
            assert!(runs.contains(&output.run_id()), "{what}");
            recorded += 1;
        }
        known = runs;
        was_killed(&output)
    });
    assert!(kills > 8 && recorded > 2, "{kills} kills, of which {recorded} after the record");
    git::assert_sound(&alice, &history);
    git::assert_sound(&alice, &remote);
    let last = alice.submit(&project, &["train.py"]);
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    assert_eq!(unpushed(&alice, &project), "[]");
    assert_eq!(leftovers(&alice, &project), Vec::<PathBuf>::new());
    let branch = git::history_branch(&project);
    known.push(last);
    for run in &known {
        assert!(git::reaches(&alice, &remote, &branch, &alice.commit_of(&project, run)), "{run}");
    }
    let sound = alice.azml(&project, &["project", "fsck", "-o", "json"]).ok();
    assert_eq!(sound.json()["problems"].as_array().map(Vec::len), Some(0), "{sound}");
}

fn syncs(plan: Plan) {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice").with_env("AZML_PUSH_WAIT", "0");
    let remote = sandbox.bare_repo("remote.git");
    let url = remote.to_str().expect("UTF-8").to_owned();
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", &url);
    let other = sandbox.actor_at("laptop", "alice", "none");
    write(&project, "train.py", "print('trained')\n");
    let _first = alice.submit(&project, &["train.py"]);
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    let there = sandbox.dir("laptop");
    let _cloned = other.azml(&there, &["project", "clone", &url, "iris"]).ok();
    let mut runs = 1;
    let kills = steps::each(plan, |step| {
        // Both have something new: there is to be fetched, joined and pushed.
        write(&project, "edit", format!("{runs}\n"));
        let _mine = alice.azml(&project, &["experiment", "submit", "-c", "local", "train.py"]).ok();
        let roamed = there.join("iris");
        write(&roamed, "theirs", format!("{runs}\n"));
        let _theirs = other.azml(&roamed, &["experiment", "submit", "-c", "local", "train.py"]).ok();
        let _synced = other.azml(&roamed, &["history", "sync"]).ok();
        runs += 2;
        let output = alice.azml_killed_at(&project, step, &["history", "sync"]);
        let what = format!("killed at {step:?}: {output}");
        git::assert_sound(&alice, &remote);
        let _synced = alice.azml(&project, &["history", "sync"]).ok();
        assert_eq!(unpushed(&alice, &project), "[]", "{what}");
        assert_eq!(alice.run_ids(&project).len(), runs, "{what}");
        was_killed(&output)
    });
    assert!(kills > 8, "only {kills} kills");
    git::assert_sound(&alice, &git::history_of(&project));
    git::assert_sound(&alice, &remote);
    assert_eq!(leftovers(&alice, &project), Vec::<PathBuf>::new());
}

fn restores(plan: Plan) {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let work = sandbox.dir("work");
    let original = alice.create_project(&work, "iris");
    write(&original, "train.py", "print('trained')\n");
    write(&original, "gone later/file", "x\n");
    let run = alice.submit(&original, &["train.py"]);
    let of_run = contents(&original);
    write(&original, "train.py", "print('edited')\n");
    std::fs::remove_dir_all(original.join("gone later")).expect("removed");
    write(&original, "new/deeper", "never in a snapshot\n");
    let before = contents(&original);
    let mut finished = 0;
    let kills = steps::each(plan, |step| {
        let project = work.join("killed");
        copy(&original, &project);
        let output = alice.azml_killed_at(&project, step, &["project", "restore", "--run-id", &run]);
        let what = format!("neither finished nor undone after a kill at {step:?}: {output}");
        let _repaired = alice.azml(&project, &["project", "show"]).ok();
        let after = contents(&project);
        if after == of_run {
            finished += usize::from(was_killed(&output));
            let _undone = alice.azml(&project, &["project", "restore", "--undo"]).ok();
            contents(&project).assert_same(&before, &what);
        } else {
            after.assert_same(&before, &what);
        }
        git::assert_sound(&alice, &git::history_of(&project));
        remove(&project);
        was_killed(&output)
    });
    assert!(kills > 8 && finished > 0, "{kills} kills, {finished} finished");
}

#[test]
fn a_submit_killed_at_any_step_loses_nothing_and_the_next_one_works() {
    submits(SOME);
}

#[test]
fn a_sync_killed_at_any_step_delivers_the_next_time() {
    syncs(SOME);
}

#[test]
fn a_restore_killed_at_any_step_ends_in_one_of_two_states() {
    restores(SOME_AND_EVERY_WRITE);
}

mod heavy {
    use super::{EVERY, restores, submits, syncs};

    #[test]
    fn submits_killed_at_any_step() {
        submits(EVERY);
    }

    #[test]
    fn syncs_killed_at_any_step() {
        syncs(EVERY);
    }

    #[test]
    fn restores_killed_at_any_step() {
        restores(EVERY);
    }
}
