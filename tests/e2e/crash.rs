//! Restore, killed at every step of its journal: the next command ends in exactly one of the two states.

use std::os::unix::fs::symlink;

use e2e::folder::{copy, remove, set_executable, write};
use e2e::git::UserState;
use e2e::{Sandbox, contents, git};

#[test]
fn killed_at_every_step_the_next_command_ends_in_one_of_two_states() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let work = sandbox.dir("work");
    let original = alice.create_project(&work, "iris");
    write(&original, "train.py", "print('trained')\n");
    write(&original, "removed later/file", "x\n");
    write(&original, "a file", "becomes a folder\n");
    symlink("train.py", original.join("link")).expect("a link");
    let run = alice.submit(&original, &["train.py"]);
    let of_run = contents(&original);
    write(&original, "train.py", "print('edited')\n");
    set_executable(&original.join("train.py"), true);
    std::fs::remove_dir_all(original.join("removed later")).expect("removed");
    std::fs::remove_file(original.join("a file")).expect("removed");
    write(&original, "a file/in a folder", "y\n");
    std::fs::remove_file(original.join("link")).expect("removed");
    write(&original, "new", "never in a snapshot\n");
    let before = contents(&original);
    let user = UserState::of(&alice, &original).without_status();

    let (mut steps, mut finished, mut undone) = (0, 0, 0);
    for step in 1.. {
        assert!(step < 500, "the restore never gets to its end");
        let project = work.join("killed");
        copy(&original, &project);
        let faulty = alice.clone().with_env("AZML_FAULT", format!("restore:{step}"));
        let output = faulty.azml(&project, &["project", "restore", "--run-id", &run]);
        if output.signal.is_none() {
            let _complete = output.ok();
            contents(&project).assert_same(&of_run, "the restore that nothing killed");
            break;
        }
        steps = step;

        // Any command will do: it repairs before it does its own work.
        let _repaired = alice.azml(&project, &["project", "show"]).ok();
        let after = contents(&project);
        if after == of_run {
            finished += 1;
            let _undone = alice.azml(&project, &["project", "restore", "--undo"]).ok();
            contents(&project).assert_same(&before, &format!("undone after a kill at step {step}"));
        } else {
            after.assert_same(&before, &format!("killed at step {step}: neither finished nor undone"));
            undone += 1;
            let _again = alice.azml(&project, &["project", "restore", "--run-id", &run]).ok();
            contents(&project).assert_same(&of_run, &format!("restored again after a kill at step {step}"));
        }
        user.assert_same(
            &UserState::of(&alice, &project).without_status(),
            &format!("a kill at step {step}"),
        );
        git::assert_sound(&alice, &git::history_of(&project));
        remove(&project);
    }
    assert!(steps >= 5, "only {steps} steps of the journal were seen");
    assert!(finished > 0 && undone > 0, "{finished} finished, {undone} undone");
}

#[test]
fn killed_while_undoing_the_next_command_ends_in_one_of_two_states() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let work = sandbox.dir("work");
    let original = alice.create_project(&work, "iris");
    write(&original, "train.py", "print('trained')\n");
    let run = alice.submit(&original, &["train.py"]);
    let of_run = contents(&original);
    write(&original, "train.py", "print('edited')\n");
    write(&original, "new", "never in a snapshot\n");
    let before = contents(&original);
    let _restored = alice.azml(&original, &["project", "restore", "--run-id", &run]).ok();

    let mut steps = 0;
    for step in 1..500 {
        let project = work.join("killed");
        copy(&original, &project);
        let faulty = alice.clone().with_env("AZML_FAULT", format!("restore:{step}"));
        let output = faulty.azml(&project, &["project", "restore", "--undo"]);
        if output.signal.is_none() {
            let _complete = output.ok();
            contents(&project).assert_same(&before, "the undo that nothing killed");
            break;
        }
        steps = step;
        let _repaired = alice.azml(&project, &["project", "show"]).ok();
        let after = contents(&project);
        if after != of_run {
            after.assert_same(&before, &format!("undo killed at step {step}: neither finished nor undone"));
        }
        remove(&project);
    }
    assert!(steps >= 3, "only {steps} steps of the journal were seen");
}
