//! Refusals that stop a restore before it begins.

use gix::objs::{Tree, tree};

use super::*;

#[test]
fn an_ignored_file_in_the_way_is_named_and_nothing_is_written_unless_forced() {
    let ignore = (".gitignore", file("*.cfg\nvenv\n"));
    let project = Project::with(&state([
        ignore.clone(),
        ("a", file("1")),
        ("b.cfg", file("mine")),
        ("same.cfg", file("same")),
        ("venv/bin/x", file("mine")),
        ("c", file("1")),
    ]));
    let here = project.state();
    let goal = state([
        ("a", file("2")),
        ("b.cfg", file("theirs")),
        ("same.cfg", file("same")),
        ("venv", file("a file")),
        ("c/d", file("2")),
    ]);
    let tree = project.tree_of(&goal);
    let plan = plan(&project.history, tree).unwrap();
    assert_eq!(plan.in_the_way, ["b.cfg", "venv/bin/x"].map(BString::from));
    let refused = execute(&project.history, &plan, &context(), &NoSteps);
    assert!(matches!(&refused, Err(Error::InTheWay { paths }) if paths.len() == 2), "{refused:?}");
    assert_eq!((project.state(), backups(&project.history).unwrap().len()), (here.clone(), 0));

    let forced = Context { force: true, ..context() };
    execute(&project.history, &plan, &forced, &NoSteps).unwrap();
    assert_eq!(project.state(), goal);
    project.undo().unwrap();
    assert_eq!(project.state(), here, "what was forced away comes back");
}

#[test]
fn an_ignored_parent_is_in_the_way_too() {
    let project = Project::with(&state([(".gitignore", file("data\n")), ("data", link("/etc"))]));
    let tree = project.tree_of(&state([("data/x", file("1"))]));
    let plan = plan(&project.history, tree).unwrap();
    assert_eq!(plan.in_the_way, [BString::from("data")]);
    let forced = Context { force: true, ..context() };
    execute(&project.history, &plan, &forced, &NoSteps).unwrap();
    assert_eq!(project.state(), state([("data/x", file("1"))]));
}

#[test]
fn what_cannot_be_backed_up_is_not_forced_away() {
    let project = Project::with(&state([("a", file("1")), ("sub/x", file("1"))]));
    let tree = project.tree_of(&state([("sub", file("a file"))]));
    project.write("sub/.git/HEAD", "ref: refs/heads/master\n");
    let here = project.state();
    let plan = plan(&project.history, tree).unwrap();
    assert_eq!(plan.in_the_way, [BString::from("sub/.git")]);
    let forced = Context { force: true, ..context() };
    let refused = execute(&project.history, &plan, &forced, &NoSteps);
    assert!(matches!(&refused, Err(Error::CannotBackUp { path }) if path == "sub/.git"), "{refused:?}");
    assert_eq!(project.state(), here);
}

#[test]
fn nothing_is_written_through_a_symbolic_link() {
    let project = Project::with(&state([("a", file("1"))]));
    let tree = project.tree_of(&state([("dir/train.py", file("theirs")), ("x/y/z", file("1"))]));
    let outside = project.root().parent().unwrap().join("outside");
    fs::create_dir_all(outside.join("y")).unwrap();
    fs::write(outside.join("train.py"), "outside").unwrap();
    symlink(&outside, project.root().join("dir")).unwrap();
    symlink(&outside, project.root().join("x")).unwrap();
    project.restore(tree).unwrap();
    assert_eq!(project.state(), state([("dir/train.py", file("theirs")), ("x/y/z", file("1"))]));
    assert_eq!(fs::read_to_string(outside.join("train.py")).unwrap(), "outside");
    project.undo().unwrap();
    assert!(project.root().join("dir").is_symlink());
    assert_eq!(fs::read_to_string(outside.join("train.py")).unwrap(), "outside");
    assert!(outside.join("y").is_dir() && !outside.join("y/z").exists());
}

#[test]
fn trees_with_unsafe_paths_are_refused_before_anything_is_written() {
    let project = Project::with(&state([("a", file("1"))]));
    let here = project.state();
    let repo = project.history.git();
    let blob = repo.write_blob("evil").unwrap().detach();
    let entry = |name: &str, kind: tree::EntryKind, oid| tree::Entry {
        mode: kind.into(),
        filename: name.into(),
        oid,
    };
    let write = |entries: Vec<tree::Entry>| repo.write_object(Tree { entries }).unwrap().detach();
    let inner = write(vec![entry("post-checkout", tree::EntryKind::BlobExecutable, blob)]);
    for name in [
        ".git",
        ".GIT",
        "git~1",
        ".git.",
        ".git ",
        ".g\u{200c}it",
        ".git::$INDEX_ALLOCATION",
        "..",
        ".azuremlhistory_git",
    ] {
        let tree = write(vec![entry(name, tree::EntryKind::Tree, inner)]);
        let refused = plan(&project.history, tree);
        assert!(matches!(refused, Err(Error::Target { .. })), "{name}: {refused:?}");
    }
    let twice =
        write(vec![entry("a", tree::EntryKind::Link, blob), entry("a", tree::EntryKind::Tree, inner)]);
    assert!(matches!(plan(&project.history, twice), Err(Error::Target { .. })));
    let slash = write(vec![entry("x/../../y", tree::EntryKind::Blob, blob)]);
    assert!(matches!(plan(&project.history, slash), Err(Error::Target { .. })));
    assert_eq!(project.state(), here);
}

#[test]
fn without_a_backup_there_is_nothing_to_undo() {
    let project = Project::with(&state([("a", file("1"))]));
    assert!(matches!(project.undo(), Err(Error::NoBackup)));
    assert_eq!(recover(&project.history, &NoSteps).unwrap(), Recovered::Nothing);
}

#[test]
fn another_repositorys_commit_is_passed_over_and_named() {
    let project =
        Project::with(&state([("a", file("1")), ("was-a-file", file("1")), ("stays/x", file("1"))]));
    let repo = project.history.git();
    let commit = |path: &'static str| {
        let id = repo.write_blob("any id").unwrap().detach();
        (path.into(), crate::checkout::listing::Entry { kind: tree::EntryKind::Commit, id, is_large: false })
    };
    let tree = project.tree_of(&state([("a", file("2"))]));
    let tree = backup::add_to_tree(repo, tree.id, [commit("module"), commit("stays"), commit("was-a-file")])
        .unwrap();
    let planned = plan(&project.history, tree).unwrap();
    assert_eq!(planned.passed_over, ["module", "stays", "was-a-file"]);
    execute(&project.history, &planned, &context(), &NoSteps).unwrap();
    assert_eq!(project.state(), state([("a", file("2"))]));
    project.undo().unwrap();
    assert_eq!(project.read("was-a-file").as_deref(), Some("1"));
}
