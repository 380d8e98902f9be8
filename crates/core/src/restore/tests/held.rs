//! Keeps out of snapshots what was ignored before a restore, and by no rule since.

use std::collections::BTreeSet;

use super::*;
use crate::snapshot::{LeftOut, TreeTaken, Why};

fn take(project: &Project) -> TreeTaken {
    let request = TreeRequest { limits: Limits::NONE, ..TreeRequest::default() };
    crate::snapshot::tree(&project.history, &request, &Silent).unwrap()
}

fn names(project: &Project, tree: Tree) -> Vec<String> {
    let mut git = std::process::Command::new("git");
    git.arg("--git-dir").arg(project.history.path());
    let output = git.args(["ls-tree", "-r", "--name-only", &tree.id.to_string()]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn held(project: &Project) -> Vec<String> {
    project.history.held_back().unwrap().lines().iter().map(ToString::to_string).collect()
}

fn set(paths: &[&str]) -> BTreeSet<BString> {
    paths.iter().map(|path| BString::from(*path)).collect()
}

/// A project whose first tree ignores nothing, and what is ignored by now.
fn ignoring(rules: &str, ignored: &[&str]) -> (Project, Tree, Tree) {
    let project = Project::new();
    project.write("s.py", "1");
    let first = project.tree();
    project.write(".gitignore", rules);
    for path in ignored {
        project.write(path, "secret");
    }
    let second = project.tree();
    (project, first, second)
}

#[test]
fn it_is_named_and_held_back_until_an_amlignore_takes_it_in() {
    let (project, first, _) = ignoring("patients/\n*.csv\n", &["patients/p", "deep/x.csv", "patients/b/c"]);
    let plan = plan(&project.history, first).unwrap();
    assert_eq!(plan.unignored, set(&["deep/x.csv", "patients/"]));
    project.restore(first).unwrap();
    let taken = take(&project);
    assert_eq!(taken.tree(), first);
    let left_out = |path: &str| LeftOut { path: path.into(), why: Why::Held };
    assert_eq!(taken.left_out, [left_out("deep/x.csv"), left_out("patients")]);
    assert_eq!(held(&project), ["/deep/x.csv", "/patients/"]);
    // What comes into a folder later is held back as well.
    project.write("patients/later", "secret");
    assert_eq!(take(&project).tree(), first);

    project.write(".amlignore", "!/patients/\n/deep/x.csv\n");
    let taken = take(&project);
    let expected = [".amlignore", "patients/b/c", "patients/later", "patients/p", "s.py"];
    assert_eq!((names(&project, taken.tree()), taken.left_out), (expected.map(str::to_owned).into(), vec![]));
    assert_eq!(held(&project), Vec::<String>::new());
    assert!(!project.history.held_back_path().exists());
}

#[test]
fn it_is_held_back_no_longer_where_it_is_ignored_again() {
    let (project, first, second) = ignoring("patients/\n", &["patients/p"]);
    project.restore(first).unwrap();
    assert_eq!(held(&project), ["/patients/"]);
    // To an older snapshot still: it stays held back.
    assert_eq!(plan(&project.history, first).unwrap().unignored, set(&[]));
    project.undo().unwrap();
    assert_eq!(take(&project).tree(), second);
    assert_eq!(held(&project), Vec::<String>::new());
    // Undoing brings older rules as well.
    project.restore(first).unwrap();
    project.undo().unwrap();
    let (_, back) = plan_undo(&project.history).unwrap();
    assert_eq!(back.unignored, set(&["patients/"]));
    project.undo().unwrap();
    assert_eq!(take(&project).tree(), first);
    assert_eq!(names(&project, first), ["s.py"]);
}

#[test]
fn older_rules_of_any_folder_and_kind_count() {
    let project = Project::new();
    project.write("deep/s.py", "1");
    let first = project.tree();
    project.write("deep/.amlignore", "raw/\n");
    project.write("deep/raw/a", "secret");
    let second = project.tree();
    project.write("deep/.gitignore", "*.log\n");
    project.write("deep/x.log", "secret");
    let _third = project.tree();
    // The middle one still has the rule for `raw/`.
    assert_eq!(plan(&project.history, second).unwrap().unignored, set(&["deep/x.log"]));
    project.restore(second).unwrap();
    assert_eq!(take(&project).tree(), second);
    project.restore(first).unwrap();
    assert_eq!(held(&project), ["/deep/raw/", "/deep/x.log"]);
    assert_eq!(take(&project).tree(), first);
}

#[test]
fn what_the_snapshot_has_of_an_ignored_folder_is_its_own() {
    let project = Project::new();
    project.write("data/kept", "1");
    let first = project.tree();
    fs::remove_dir_all(project.root().join("data")).unwrap();
    project.write(".gitignore", "data/\n");
    project.write("data/secret", "1");
    project.write("data/more/secret", "1");
    let _second = project.tree();
    project.restore(first).unwrap();
    assert_eq!(held(&project), ["/data/more/", "/data/secret"]);
    assert_eq!(take(&project).tree(), first);
}

#[test]
fn what_is_ignored_by_its_own_folder_or_is_a_secret_needs_no_hold() {
    let (project, first, _) =
        ignoring("venv/\n.env\nempty/\nlib/\n", &["venv/.gitignore", "venv/lib/x.py", ".env", "lib/tracked"]);
    project.write("venv/.gitignore", "*\n");
    fs::create_dir_all(project.root().join("empty/folder")).unwrap();
    let git = |args: &[&str]| {
        let output =
            std::process::Command::new("git").args(args).current_dir(project.root()).output().unwrap();
        assert!(output.status.success());
    };
    git(&["init", "-q"]);
    git(&["add", "-f", "lib/tracked"]);
    assert_eq!(plan(&project.history, first).unwrap().unignored, set(&[]));
}

#[test]
fn a_killed_restore_holds_back_all_the_same() {
    let (project, first, _) = ignoring("patients/\n", &["patients/p"]);
    let mut number = 1;
    loop {
        let tree = project.tree();
        let steps = faults::StopAt(number);
        let plan = plan(&project.history, first).unwrap();
        let done = execute(&project.history, &plan, &context(), &steps);
        let history = project.reopened();
        recover(&history, &NoSteps).unwrap();
        let taken = take(&project);
        assert!(taken.tree() == first || taken.tree() == tree, "step {number}");
        assert!(
            !names(&project, taken.tree()).iter().any(|name| name.starts_with("patients")),
            "step {number}"
        );
        if done.is_ok() {
            break;
        }
        if taken.tree() == first {
            project.undo().unwrap();
        }
        number += 1;
    }
    assert!(number > 3, "it was killed {number} times");
}
