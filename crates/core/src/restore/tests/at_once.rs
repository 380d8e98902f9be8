//! Restores of many files, which are written at once; and files that have other names, or are large.

use std::os::unix::fs::MetadataExt;

use super::*;

/// Enough files that they are written at once: new ones, changed ones, links among them.
fn many(content: &str, from: usize) -> State {
    let mut state = State::new();
    for n in from..from + 120 {
        let node = match n % 10 {
            0 => link(&format!("{content}-{n}")),
            1 => executable(&format!("{content} {n}")),
            _ => file(&format!("{content} {n}")),
        };
        state.insert(format!("part{}/sub{}/file{n}", n / 50, n / 10 % 5).into(), node);
    }
    state
}

#[test]
fn many_files_come_and_go_exactly() {
    let project = Project::with(&many("new", 0));
    for wanted in [many("old", 60), State::new(), many("new", 0), many("old", 0)] {
        let before = project.state();
        let tree = project.tree_of(&wanted);
        let (plan, done) = restore(&project.history, tree, &context(), &NoSteps).unwrap();
        assert_eq!(project.state(), wanted);
        assert_eq!(plan.changes.len(), done.added + done.changed + done.removed);
        assert_eq!(done.saved, Vec::<BString>::new());
        let (backup, _, done) = go_back(&project.history, &context(), &NoSteps).unwrap();
        assert_eq!((project.state(), done.saved), (before, Vec::new()), "backup {}", backup.number);
        project.restore(tree).unwrap();
        project.is_clean();
    }
    project.fsck();
}

#[test]
fn what_is_in_the_way_of_many_is_not_overwritten() {
    let project = Project::with(&State::new());
    let tree = project.tree_of(&many("wanted", 0));
    let outside = tempfile::tempdir().unwrap();
    // A folder that the restore needs is a link out of the project.
    symlink(outside.path(), project.root().join("part0")).unwrap();
    let before = project.tree();
    let done = restore(&project.history, tree, &context(), &NoSteps);
    assert!(done.is_ok(), "{done:?}");
    assert_eq!(project.state(), many("wanted", 0));
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0, "nothing is written through a link");
    project.undo().unwrap();
    assert_eq!(project.tree(), before);
}

/// A kill in the middle of the writing leaves beginnings of files; they are nobody's edits.
#[test]
fn an_unfinished_file_in_a_free_place_is_known_for_ours() {
    for (half, is_ours) in
        [("", true), ("old", true), ("old 1\0\0", true), ("odd", false), ("old 12345678 and more", false)]
    {
        let project = Project::new();
        let wanted = state([("a/new.txt", file("old 12345")), ("b.txt", file("b"))]);
        let tree = project.tree_of(&wanted);
        let plan = plan(&project.history, tree).unwrap();
        execute(&project.history, &plan, &context(), &Until("make a folder for")).unwrap_err();
        project.write("a/new.txt", half);
        let recovered = recover(&project.reopened(), &NoSteps).unwrap();
        let Recovered::Finished(done) = recovered else { panic!("{recovered:?}") };
        assert_eq!(project.state(), wanted, "{half:?}");
        assert_eq!(done.saved.is_empty(), is_ours, "{half:?}: {:?}", done.saved);
        project.is_clean();
    }
}

/// Stops before the first step of this kind.
struct Until(&'static str);

impl Steps for Until {
    fn before(&self, step: Step<'_>) -> Result<(), Stopped> {
        if step.what == self.0 { Err(Stopped) } else { Ok(()) }
    }
}

#[test]
fn a_restore_does_not_write_through_another_name_of_a_file() {
    let project = Project::with(&state([("data.csv", file("now"))]));
    let tree = project.tree_of(&state([("data.csv", file("then"))]));
    let elsewhere = project.root().parent().unwrap().join("elsewhere.csv");
    fs::hard_link(project.root().join("data.csv"), &elsewhere).unwrap();
    project.restore(tree).unwrap();
    assert_eq!(project.read("data.csv").as_deref(), Some("then"));
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "now");
    assert_eq!(fs::metadata(&elsewhere).unwrap().nlink(), 1);
}

/// Larger than what is read at once; in a pack, and as a file of its own.
#[test]
fn large_files_come_back_whole() {
    let mut content = "0123456789abcdef".repeat(600_000);
    content.push_str("the end");
    for more in [0, 40] {
        let mut wanted = state([("large.bin", file(&content))]);
        wanted.extend(many("beside", 0).into_iter().take(more));
        let project = Project::with(&wanted);
        let tree = project.tree();
        project.become_(&State::new());
        project.restore(tree).unwrap();
        assert!(project.state() == wanted, "with {more} others");
    }
}
