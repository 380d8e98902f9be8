//! Edits made while a restore goes on are never lost.

use std::cell::Cell;

use super::*;

/// Does something once, before the first step that is `what` is done to `path`.
struct Meanwhile<F> {
    what: &'static str,
    path: &'static str,
    act: F,
    done: Cell<bool>,
}

fn meanwhile<F: Fn()>(what: &'static str, path: &'static str, act: F) -> Meanwhile<F> {
    Meanwhile { what, path, act, done: Cell::new(false) }
}

impl<F: Fn()> Steps for Meanwhile<F> {
    fn before(&self, step: Step<'_>) -> Result<(), Stopped> {
        let here = step.what == self.what
            && (self.path.is_empty() || step.path.is_some_and(|path| path == self.path));
        if here && !self.done.replace(true) {
            (self.act)();
        }
        Ok(())
    }
}

/// The content that the newest backup has at `path`.
fn backed_up(project: &Project, path: &str) -> Option<String> {
    let tree = newest_backup(&project.history).unwrap().unwrap().tree;
    let tree = project.history.git().find_tree(tree).unwrap();
    let entry = tree.lookup_entry_by_path(path).unwrap()?;
    Some(String::from_utf8(entry.object().unwrap().data.clone()).unwrap())
}

#[test]
fn a_file_edited_before_it_is_replaced_or_removed_is_in_the_backup_as_edited() {
    for (what, path) in [
        ("write the content for", "changed"),
        ("put in the place of", "changed"),
        ("move away", "removed"),
        ("flush the backup", ""),
        ("move the journal to its place", ""),
    ] {
        let edited = if path.is_empty() { "changed" } else { path };
        let (project, done) = restore_and_edit(what, path, edited);
        assert_ne!(project.read(edited).as_deref(), Some("edited"), "{what}");
        assert_eq!(backed_up(&project, edited).as_deref(), Some("edited"), "{what}");
        assert_eq!(done.saved, [BString::from(edited)], "{what}");
        project.undo().unwrap();
        assert_eq!(project.read(edited).as_deref(), Some("edited"), "{what}");
        project.is_clean();
        project.fsck();
    }
}

#[test]
fn a_file_edited_after_it_was_replaced_stays_as_edited() {
    let (project, done) = restore_and_edit("remove what was at", "changed", "changed");
    assert_eq!(project.read("changed").as_deref(), Some("edited"));
    assert_eq!(backed_up(&project, "changed").as_deref(), Some("1"), "as it was before the restore");
    assert!(done.saved.is_empty(), "{:?}", done.saved);
    project.is_clean();
    project.fsck();
}

/// Restores one file's older content and removes another file; saves `edited` anew before the step `what` on `path`.
fn restore_and_edit(what: &'static str, path: &'static str, edited: &str) -> (Project, Done) {
    let project = Project::with(&state([("changed", file("1")), ("removed", file("1"))]));
    let tree = project.tree_of(&state([("changed", file("2"))]));
    let target = project.root().join(edited);
    let steps = meanwhile(what, path, || {
        // As editors save: beside it, then renamed over it.
        fs::write(target.with_extension("tmp"), "edited").unwrap();
        fs::rename(target.with_extension("tmp"), &target).unwrap();
    });
    let plan = plan(&project.history, tree).unwrap();
    let done = execute(&project.history, &plan, &context(), &steps).unwrap();
    assert!(steps.done.get(), "{what}");
    (project, done)
}

#[test]
fn a_file_that_appears_where_one_is_to_be_is_saved() {
    let project = Project::with(&state([("a", file("1"))]));
    let tree = project.tree_of(&state([("a", file("1")), ("new/b", file("2"))]));
    let place = project.root().join("new/b");
    let steps = meanwhile("move into the free place", "new/b", || fs::write(&place, "somebody's").unwrap());
    let done = execute(&project.history, &plan(&project.history, tree).unwrap(), &context(), &steps).unwrap();
    assert_eq!(project.read("new/b").as_deref(), Some("2"));
    assert_eq!(done.saved, [BString::from("new/b")]);
    assert_eq!(backed_up(&project, "new/b").as_deref(), Some("somebody's"));
}

#[test]
fn a_folder_that_appears_in_the_way_stops_and_undoes_the_restore() {
    let before = state([("a", file("1")), ("c", file("1"))]);
    let project = Project::with(&before);
    let tree = project.tree_of(&state([("a", file("2")), ("b", file("2"))]));
    let place = project.root().join("b");
    let steps = meanwhile("flush the backup", "", || {
        fs::create_dir(&place).unwrap();
        fs::write(place.join("mine"), "mine").unwrap();
    });
    let failed = execute(&project.history, &plan(&project.history, tree).unwrap(), &context(), &steps);
    assert!(matches!(failed, Err(Error::Undone(_))), "{failed:?}");
    assert_eq!(project.read("b/mine").as_deref(), Some("mine"));
    assert_eq!(project.read("a").as_deref(), Some("1"));
    assert_eq!(project.read("c").as_deref(), Some("1"));
    project.is_clean();
}

#[test]
fn an_edit_between_a_kill_and_the_recovery_is_saved() {
    let project = Project::with(&new());
    let tree = project.tree_of(&old());
    let plan = plan(&project.history, tree).unwrap();
    struct AtPlacing;
    impl Steps for AtPlacing {
        fn before(&self, step: Step<'_>) -> Result<(), Stopped> {
            if step.path.is_some_and(|path| path == "train.py") && step.what == "put in the place of" {
                Err(Stopped)
            } else {
                Ok(())
            }
        }
    }
    execute(&project.history, &plan, &context(), &AtPlacing).unwrap_err();
    project.write("train.py", "edited after the kill");
    let Recovered::Finished(done) = recover(&project.reopened(), &NoSteps).unwrap() else {
        panic!("not finished")
    };
    assert_eq!(done.saved, [BString::from("train.py")]);
    assert_eq!(project.state(), old());
    assert_eq!(backed_up(&project, "train.py").as_deref(), Some("edited after the kill"));
}

#[test]
fn a_plan_made_for_another_folder_is_refused() {
    let project = Project::with(&state([("a", file("1")), ("b", file("1"))]));
    let tree = project.tree_of(&state([("a", file("2"))]));
    let stale = plan(&project.history, tree).unwrap();
    project.write("b", "edited since");
    let refused = execute(&project.history, &stale, &context(), &NoSteps);
    assert!(matches!(&refused, Err(Error::FolderChanged { path }) if path == "b"), "{refused:?}");
    assert_eq!(project.read("b").as_deref(), Some("edited since"));
    assert_eq!(backups(&project.history).unwrap(), []);
}

#[test]
fn two_restores_at_once_go_one_after_the_other() {
    let project = Project::with(&new());
    let goals = [old(), state([("alone", file("1"))])];
    let trees = goals.each_ref().map(|goal| project.tree_of(goal));
    std::thread::scope(|scope| {
        for tree in trees {
            let history = project.reopened();
            scope.spawn(move || {
                let done = execute(&history, &plan(&history, tree).unwrap(), &context(), &NoSteps);
                assert!(matches!(done, Ok(_) | Err(Error::FolderChanged { .. })), "{done:?}");
            });
        }
    });
    assert!(goals.contains(&project.state()), "{:#?}", project.state());
    project.is_clean();
    let first = backups(&project.history).unwrap().last().unwrap().clone();
    project.restore(first.tree.into()).unwrap();
    assert_eq!(project.state(), new(), "the first backup is what was there before both");
}
