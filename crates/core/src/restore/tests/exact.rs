//! The folder becomes exactly what it was, and goes back exactly.

use std::os::unix::fs::MetadataExt;

use proptest::prelude::*;

use super::*;

#[test]
fn a_restore_gives_the_exact_folder_and_undo_gives_it_back() {
    let project = Project::with(&new());
    let tree = project.tree_of(&old());
    let done = project.restore(tree).unwrap();
    assert_eq!(project.state(), old());
    assert_eq!((done.backup, done.saved.len()), (Some(1), 0));
    assert_eq!(done.added + done.changed + done.removed, plan_size(&project, &new()));

    assert_eq!(project.undo().unwrap().backup, Some(2));
    assert_eq!(project.state(), new());
    assert_eq!(project.undo().unwrap().backup, Some(3));
    assert_eq!(project.state(), old(), "an undo can be undone");
    project.is_clean();
    project.fsck();
    assert_eq!(project.tree(), tree);
}

fn plan_size(project: &Project, state: &State) -> usize {
    let tree = project.tree_of(state);
    plan(&project.history, tree).unwrap().changes.len()
}

#[test]
fn a_plan_says_what_would_happen_and_does_none_of_it() {
    let project = Project::with(&state([("a", file("1")), ("b", file("1")), ("d/e", file("1"))]));
    let tree = project.tree_of(&state([("a", file("2")), ("b", file("1")), ("c", file("1"))]));
    let plan = plan(&project.history, tree).unwrap();
    let names = |paths: Vec<&BString>| paths.into_iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(plan.added().collect()), ["c"]);
    assert_eq!(names(plan.changed().collect()), ["a"]);
    assert_eq!(names(plan.removed().collect()), ["d/e"]);
    assert!(!plan.is_empty() && plan.in_the_way.is_empty());
    assert_eq!(project.read("a").unwrap(), "1");
    assert_eq!(backups(&project.history).unwrap(), []);
}

#[test]
fn only_what_differs_is_written_and_nothing_if_nothing_does() {
    let project = Project::with(&state([("a", file("1")), ("same", file("1")), ("l", link("a"))]));
    let tree = project.tree_of(&state([("a", file("2")), ("same", file("1")), ("l", link("a"))]));
    let inodes = || ["same", "l"].map(|name| project.root().join(name).symlink_metadata().unwrap().ino());
    let before = inodes();
    project.restore(tree).unwrap();
    assert_eq!(inodes(), before);
    assert_eq!(project.restore(tree).unwrap(), Done::default());
    assert_eq!(backups(&project.history).unwrap().len(), 1, "nothing to back up, no backup");
}

#[test]
fn ignored_files_and_the_users_repository_are_left_alone() {
    let ignore = (".gitignore", file("*.log\ndata/\n"));
    let project = Project::with(&state([
        ignore.clone(),
        ("a", file("1")),
        ("x.log", file("kept")),
        ("d/y.log", file("kept")),
        ("d/z", file("1")),
        ("data/big", file("kept")),
    ]));
    let tree = project.tree_of(&state([ignore, ("a", file("2"))]));
    project.write("sub/.git/HEAD", "ref: refs/heads/master\n");
    let git = |arguments: &[&str]| {
        let mut git = std::process::Command::new("git");
        git.arg("-C").arg(project.root()).args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null");
        assert!(git.output().unwrap().status.success(), "{arguments:?}");
    };
    git(&["init", "-q", "-b", "work"]);
    git(&["add", "a", ".gitignore"]);
    let own = || [".git/HEAD", ".git/index"].map(|path| fs::read(project.root().join(path)).unwrap());
    let before = own();
    project.restore(tree).unwrap();
    assert_eq!(own(), before);
    assert_eq!(project.read("a").unwrap(), "2");
    for path in ["x.log", "d/y.log", "data/big"] {
        assert_eq!(project.read(path).as_deref(), Some("kept"), "{path}");
    }
    assert_eq!(project.read("d/z"), None);
    assert_eq!(project.read("sub/.git/HEAD").as_deref(), Some("ref: refs/heads/master\n"));
}

#[test]
fn a_file_that_only_the_targets_rules_ignore_is_left_alone_and_undo_is_exact() {
    let strict = state([(".gitignore", file("*.pkl\n/logs/\n")), ("a", file("1"))]);
    let mut loose = state([
        (".gitignore", file("")),
        ("a", file("2")),
        ("m.pkl", file("mine")),
        ("logs/l", file("mine")),
    ]);
    let project = Project::with(&loose);
    let tree = project.tree_of(&strict);
    project.restore(tree).unwrap();
    assert_eq!(project.read("m.pkl").as_deref(), Some("mine"));
    assert_eq!(project.read("logs/l").as_deref(), Some("mine"));
    assert_eq!(project.tree(), tree, "a snapshot sees exactly the target");
    project.undo().unwrap();
    assert_eq!(project.state(), loose);

    // The other way: what a restore brought goes with its undo, ignored or not.
    project.become_(&strict);
    loose.remove(&BString::from("logs/l"));
    let tree = project.tree_of(&loose);
    project.restore(tree).unwrap();
    assert_eq!(project.state(), loose);
    project.undo().unwrap();
    assert_eq!(project.state(), strict);
}

#[test]
fn a_secret_that_only_the_newer_rules_take_in_is_left_alone() {
    let taken = state([(".amlignore", file("!.env\n")), ("a", file("2")), (".env", file("KEY=1"))]);
    let project = Project::with(&taken);
    let tree = project.tree_of(&state([("a", file("1"))]));
    project.restore(tree).unwrap();
    assert_eq!(project.state(), state([("a", file("1")), (".env", file("KEY=1"))]));
    project.undo().unwrap();
    assert_eq!(project.state(), taken);
}

#[test]
fn folders_that_become_empty_go_and_others_stay() {
    let project = Project::with(&state([("a/b/c", file("1")), ("k/l", file("1"))]));
    fs::create_dir_all(project.root().join("k/empty/er")).unwrap();
    fs::create_dir_all(project.root().join("alone")).unwrap();
    fs::create_dir_all(project.root().join("x/y/z")).unwrap();
    let tree = project.tree_of(&state([("x", file("a file where empty folders are"))]));
    fs::create_dir_all(project.root().join("k/empty/er")).unwrap();
    fs::create_dir_all(project.root().join("alone")).unwrap();
    fs::create_dir_all(project.root().join("x/y/z")).unwrap();
    project.restore(tree).unwrap();
    let there = |path: &str| project.root().join(path).is_dir();
    assert!(!there("a") && there("k/empty/er") && there("alone") && project.root().join("x").is_file());
}

#[test]
fn the_newest_twenty_backups_are_kept() {
    let project = Project::new();
    project.write("a", "0");
    for turn in 0..KEPT + 5 {
        let tree = project.tree_of(&state([("a", file(&format!("{}", turn + 1)))]));
        project.restore(tree).unwrap();
    }
    let numbers: Vec<_> = backups(&project.history).unwrap().iter().map(|backup| backup.number).collect();
    assert_eq!(numbers, (6..=25).rev().collect::<Vec<_>>());
    assert_eq!(newest_backup(&project.history).unwrap().unwrap().number, 25);
    project.fsck();
}

fn any_state() -> impl Strategy<Value = State> {
    let part = prop::sample::select(vec!["a", "b", "c d", "ü", ".x"]);
    let path = prop::collection::vec(part, 1..4).prop_map(|parts| parts.join("/"));
    let node = (0..3_usize, 0..3_usize).prop_map(|(kind, content)| {
        let content = ["", "one\r\n", "two"][content];
        [file(content), executable(content), link(["a", "../b", "nowhere"][content.len().min(2)])][kind]
            .clone()
    });
    prop::collection::vec((path, node), 0..12).prop_map(|nodes| {
        let mut state = State::new();
        for (path, node) in nodes {
            // A file is no folder: the first that comes wins.
            let clash = |other: &BString| {
                other.starts_with(format!("{path}/").as_bytes())
                    || path.as_bytes().starts_with(format!("{other}/").as_bytes())
            };
            if !state.keys().any(clash) {
                state.insert(path.into(), node);
            }
        }
        state
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_folder_becomes_any_other_and_itself_again(a in any_state(), b in any_state()) {
        let project = Project::with(&b);
        let tree = project.tree_of(&a);
        project.restore(tree).unwrap();
        prop_assert_eq!(project.state(), a.clone());
        if a != b {
            project.undo().unwrap();
            prop_assert_eq!(project.state(), b);
        }
        project.is_clean();
    }
}
