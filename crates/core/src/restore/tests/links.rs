//! A folder of the project becomes a link while a restore goes on: nothing outside is written, removed or read.

use std::{
    cell::Cell,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use super::*;

/// Puts a link in the place of a folder once, before a step of this kind.
struct Swap {
    what: &'static str,
    folder: PathBuf,
    outside: PathBuf,
    done: Cell<bool>,
}

impl Steps for Swap {
    fn before(&self, step: Step<'_>) -> Result<(), Stopped> {
        if step.what == self.what && !self.done.replace(true) {
            fs::rename(&self.folder, self.folder.with_extension("moved")).unwrap();
            symlink(&self.outside, &self.folder).unwrap();
        }
        Ok(())
    }
}

fn outside(project: &Project) -> PathBuf {
    let outside = project.root().parent().unwrap().join("outside");
    fs::create_dir_all(&outside).unwrap();
    for name in ["changed", "removed"] {
        fs::write(outside.join(name), "of the user").unwrap();
    }
    outside
}

fn is_untouched(outside: &Path, when: &str) {
    let mut names: Vec<_> = fs::read_dir(outside).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["changed", "removed"], "{when}");
    for name in names {
        assert_eq!(fs::read_to_string(outside.join(name)).unwrap(), "of the user", "{when}");
    }
}

fn here() -> State {
    state([("d/e/changed", file("1")), ("d/e/removed", file("1")), ("d/e/stays", file("1"))])
}

fn wanted() -> State {
    state([("d/e/changed", file("2")), ("d/e/new", file("2")), ("d/e/stays", file("1"))])
}

#[test]
fn a_folder_that_becomes_a_link_before_any_step_leads_nowhere() {
    for what in [
        "write the backup",
        "keep the backup",
        "move away",
        "remove what was at",
        "write the content for",
        "name as whole the content for",
        "move into the free place",
        "put in the place of",
        "flush the folder",
    ] {
        let project = Project::with(&here());
        let tree = project.tree_of(&wanted());
        let outside = outside(&project);
        let folder = project.root().join("d/e");
        let swap = Swap { what, folder, outside: outside.clone(), done: Cell::new(false) };
        let plan = plan(&project.history, tree).unwrap();
        let done = execute(&project.history, &plan, &context(), &swap);
        assert!(swap.done.get(), "{what}: {done:?}");
        is_untouched(&outside, what);
        // What the next commands do about it does not lead there either.
        drop(recover(&project.reopened(), &NoSteps));
        drop(project.restore(tree));
        is_untouched(&outside, what);
    }
}

#[test]
fn a_folder_that_becomes_a_link_again_and_again_leads_nowhere() {
    const TIMES: usize = 40;
    let many = |content: &str| {
        let path = |n: usize| BString::from(format!("d/e/file{n}"));
        (0..60).map(|n| (path(n), file(content))).collect::<State>()
    };
    let project = Project::with(&many("1"));
    let trees = [project.tree_of(&many("2")), project.tree()];
    let outside = outside(&project);
    let (folder, moved) = (project.root().join("d/e"), project.root().join("moved"));
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.load(Ordering::Relaxed) {
                if fs::rename(&folder, &moved).is_ok() {
                    drop(symlink(&outside, &folder));
                    std::thread::yield_now();
                    drop(fs::remove_file(&folder));
                    drop(fs::rename(&moved, &folder));
                }
                drop(fs::rename(&moved, &folder));
            }
        });
        for n in 0..TIMES {
            // It may fail: somebody plays with the folder.
            drop(restore(&project.history, trees[n % 2], &context(), &NoSteps));
            is_untouched(&outside, &format!("restore {n}"));
        }
        ended.store(true, Ordering::Relaxed);
    });
    is_untouched(&outside, "at the end");
}
