//! Killed before every step, the folder ends in exactly one of the two states.

use std::{
    cell::{Cell, RefCell},
    path::PathBuf,
};

use super::*;

/// Stops before the `n`th step, as a kill would.
pub(super) struct StopAt(pub(super) u64);

impl Steps for StopAt {
    fn before(&self, step: Step<'_>) -> Result<(), Stopped> {
        if step.number == self.0 { Err(Stopped) } else { Ok(()) }
    }
}

/// Counts, and remembers what the steps are.
#[derive(Default)]
struct Count {
    last: Cell<u64>,
    whats: RefCell<Vec<&'static str>>,
}

impl Steps for Count {
    fn before(&self, step: Step<'_>) -> Result<(), Stopped> {
        assert_eq!(step.number, self.last.get() + 1, "steps are counted without gaps");
        self.last.set(step.number);
        self.whats.borrow_mut().push(step.what);
        Ok(())
    }
}

/// Moves a file away when the backup is kept.
struct Hide {
    from: PathBuf,
    to: PathBuf,
}

impl Steps for Hide {
    fn before(&self, step: Step<'_>) -> Result<(), Stopped> {
        if step.what == "keep the backup" {
            fs::rename(&self.from, &self.to).unwrap();
        }
        Ok(())
    }
}

fn steps_of(project: &Project, plan: &Plan) -> u64 {
    let count = Count::default();
    execute(&project.history, plan, &context(), &count).unwrap();
    for what in [
        "write the backup",
        "move the journal to its place",
        "keep the backup",
        "move away",
        "put in the place of",
        "flush the folder",
        "remove the journal",
    ] {
        assert!(count.whats.borrow().contains(&what), "{what}: {:?}", count.whats);
    }
    count.last.get()
}

#[test]
fn a_restore_killed_before_any_step_is_finished_or_never_happened() {
    killed_before_any_step(&Project::with(&new()), 1);
}

#[test]
fn a_restore_of_large_files_killed_before_any_step_is_finished_or_never_happened() {
    killed_before_any_step(&Project::of_large_files(&new()), 5);
}

/// At every so-manieth step.
fn killed_before_any_step(project: &Project, every: usize) {
    let tree = project.tree_of(&old());
    let steps = steps_of(project, &plan(&project.history, tree).unwrap());
    let mut finished = 0;
    for step in (1..=steps).step_by(every) {
        project.become_(&new());
        let history = project.reopened();
        let backups_before = newest_backup(&history).unwrap().map_or(0, |backup| backup.number);
        let plan = plan(&history, tree).unwrap();
        let stopped = execute(&history, &plan, &context(), &StopAt(step));
        assert!(matches!(stopped, Err(Error::Stopped { step: at }) if at == step), "{stopped:?}");

        // The next command is killed too, somewhere else each time; the one after that is not.
        let history = project.reopened();
        let again = recover(&history, &StopAt(1 + step % 11));
        assert!(matches!(again, Ok(_) | Err(Error::Stopped { .. })), "{again:?}");
        let history = project.reopened();
        recover(&history, &NoSteps).unwrap();
        project.is_clean();
        let is_old = project.state() == old();
        assert!(is_old || project.state() == new(), "step {step}: {:#?}", project.state());
        assert_eq!(recover(&history, &NoSteps).unwrap(), Recovered::Nothing);

        let newest = newest_backup(&history).unwrap().map_or(0, |backup| backup.number);
        if is_old {
            finished += 1;
            assert_eq!(newest, backups_before + 1, "step {step}");
            undo(&history, &context(), &NoSteps).unwrap();
            assert_eq!(project.state(), new(), "step {step}: undo");
        } else {
            assert_eq!(newest, backups_before, "step {step}: what never happened leaves no backup");
        }
    }
    assert!(finished > steps / 2 / every as u64, "{finished} of {steps}");
    project.fsck();
}

#[test]
fn an_undo_killed_before_any_step_is_finished_or_never_happened() {
    undo_killed_before_any_step(&Project::with(&new()));
    undo_killed_before_any_step(&Project::of_large_files(&new()));
}

fn undo_killed_before_any_step(project: &Project) {
    let tree = project.tree_of(&old());
    project.restore(tree).unwrap();
    let count = Count::default();
    undo(&project.history, &context(), &count).unwrap();
    for step in (1..=count.last.get()).step_by(3) {
        project.become_(&new());
        let history = project.reopened();
        execute(&history, &plan(&history, tree).unwrap(), &context(), &NoSteps).unwrap();
        let stopped = undo(&history, &context(), &StopAt(step));
        assert!(matches!(stopped, Err(Error::Stopped { .. })), "{stopped:?}");
        recover(&project.reopened(), &NoSteps).unwrap();
        project.is_clean();
        assert!([old(), new()].contains(&project.state()), "step {step}: {:#?}", project.state());
    }
}

#[test]
fn files_that_a_power_cut_tore_are_made_whole() {
    power_cut(&Project::with(&new()));
    power_cut(&Project::of_large_files(&new()));
}

fn power_cut(project: &Project) {
    let tree = project.tree_of(&old());
    let plan = plan(&project.history, tree).unwrap();
    let count = Count::default();
    execute(&project.history, &plan, &context(), &count).unwrap();
    let flush = count.whats.borrow().iter().position(|what| *what == "flush the folder").unwrap() + 1;
    project.become_(&new());
    execute(&project.history, &plan, &context(), &StopAt(flush as u64)).unwrap_err();
    // Names arrived on the disk, content did not; and some names did not.
    fs::write(project.root().join("train.py"), "").unwrap();
    fs::write(project.root().join("deep/a/b/c/d/only.txt"), "\0\0\0\0").unwrap();
    fs::remove_file(project.root().join("link-then-file")).unwrap();
    fs::remove_dir_all(project.root().join("folder-then-file")).unwrap();
    let recovered = recover(&project.reopened(), &NoSteps).unwrap();
    assert!(matches!(recovered, Recovered::Finished(_)), "{recovered:?}");
    assert_eq!(project.state(), old());
}

#[test]
fn what_cannot_be_finished_is_undone() {
    let project = Project::with(&new());
    let repo = project.history.git();
    let id = repo.write_blob("a content in a file of its own").unwrap().detach();
    let entry =
        crate::checkout::listing::Entry { kind: gix::objs::tree::EntryKind::Blob, id, is_large: false };
    let tree = backup::add_to_tree(repo, project.tree_of(&old()).id, [("train.py".into(), entry)]).unwrap();
    let first = plan(&project.history, tree).unwrap();
    // A content of the target is not here: nothing begins.
    let id = id.to_string();
    let object = project.history.path().join("objects").join(&id[..2]).join(&id[2..]);
    let hidden = object.with_extension("hidden");
    fs::rename(&object, &hidden).unwrap();
    let refused = execute(&project.reopened(), &first, &context(), &NoSteps);
    assert!(matches!(&refused, Err(Error::Missing { path }) if path == "train.py"), "{refused:?}");
    assert_eq!(project.state(), new());

    // It goes while the restore is going on: it fails in the middle and goes back by itself.
    fs::rename(&hidden, &object).unwrap();
    let hide = Hide { from: object.clone(), to: hidden.clone() };
    let failed = execute(&project.reopened(), &first, &context(), &hide);
    assert!(matches!(failed, Err(Error::Undone(_))), "{failed:?}");
    assert_eq!(project.state(), new());
    project.is_clean();
    assert_eq!(backups(&project.history).unwrap(), [], "the backup of what did not happen is gone");

    // Killed in the middle, then the content is gone: the next command goes back.
    fs::rename(&hidden, &object).unwrap();
    execute(&project.history, &first, &context(), &StopAt(40)).unwrap_err();
    assert_ne!(project.state(), new());
    fs::rename(&object, &hidden).unwrap();
    let recovered = recover(&project.reopened(), &NoSteps).unwrap();
    assert_eq!(recovered, Recovered::RolledBack { saved: Vec::new() });
    assert_eq!(project.state(), new());
    project.is_clean();
}

#[test]
fn a_restore_ends_what_was_left_before_it_begins() {
    let project = Project::with(&new());
    let tree = project.tree_of(&old());
    let plan = plan(&project.history, tree).unwrap();
    execute(&project.history, &plan, &context(), &StopAt(30)).unwrap_err();
    let done = undo(&project.reopened(), &context(), &NoSteps).unwrap();
    assert_eq!(done.backup, Some(2));
    assert_eq!(project.state(), new());
}
