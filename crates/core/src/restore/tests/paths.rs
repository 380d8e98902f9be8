//! Restores of some paths: these are the tree's, all others are left alone, whatever happens.

use proptest::prelude::*;

use super::{faults::StopAt, *};

fn target(tree: Tree, paths: &[&str]) -> Target {
    Target { tree: tree.id, paths: paths.iter().map(|path| (*path).into()).collect(), has_large: false }
}

/// The folder as it is to be: at and below the paths as in `old`, elsewhere as in `new`.
fn mixed(old: &State, new: &State, paths: &[&str]) -> State {
    let is_named = |path: &BString| {
        paths.iter().any(|named| {
            path.strip_prefix(named.as_bytes()).is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
        })
    };
    let of = |state: &State, named: bool| {
        let kept = state.iter().filter(move |(path, _)| is_named(path) == named);
        kept.map(|(path, node)| (path.clone(), node.clone())).collect::<State>()
    };
    of(old, true).into_iter().chain(of(new, false)).collect()
}

const PATHS: [&str; 6] =
    ["train.py", "folder-then-file", "größe", "link-then-folder", "other", "deep/a/b/c/d/only.txt"];

#[test]
fn killed_before_any_step_only_these_paths_are_restored_or_nothing_is() {
    let project = Project::with(&new());
    let tree = project.tree_of(&old());
    let wanted = mixed(&old(), &new(), &PATHS);
    for step in 1..1000 {
        project.become_(&new());
        let history = project.reopened();
        let plan = plan(&history, target(tree, &PATHS)).unwrap();
        let done = execute(&history, &plan, &context(), &StopAt(step));
        if done.is_err() {
            recover(&project.reopened(), &NoSteps).unwrap();
        }
        project.is_clean();
        assert!(project.state() == wanted || project.state() == new(), "step {step}: {:#?}", project.state());
        if done.is_ok() {
            assert!(step > 20, "there are steps");
            // What is edited since and was not named stays through the undo.
            project.write("same/unchanged.txt", "edited since");
            project.undo().unwrap();
            let mut before = new();
            before.insert("same/unchanged.txt".into(), file("edited since"));
            assert_eq!(project.state(), before);
            project.undo().unwrap();
            let mut again = wanted;
            again.insert("same/unchanged.txt".into(), file("edited since"));
            assert_eq!(project.state(), again);
            project.fsck();
            return;
        }
    }
    panic!("it never ends");
}

#[test]
fn paths_that_are_nowhere_or_not_reachable_are_refused_and_nothing_is_changed() {
    let project = Project::with(&new());
    let tree = project.tree_of(&old());
    let refused = |path: &str| plan(&project.history, target(tree, &["train.py", path])).unwrap_err();
    assert!(matches!(refused("nowhere"), Error::NoSuchPath { path } if path == "nowhere"));
    assert!(matches!(refused("run.sh/below"), Error::NoSuchPath { .. }));
    // The snapshot has a folder there, and the project a file that was not named.
    let refused_file = refused("folder-then-file/a");
    assert!(
        matches!(&refused_file, Error::FileAbove { file, .. } if file == "folder-then-file"),
        "{refused_file:?}"
    );
    for bad in ["../x", "a//b", ".git/config", "", "/etc/passwd", ".azuremlhistory_git/config"] {
        assert!(matches!(refused(bad), Error::Target { .. }), "{bad:?}: {:?}", refused(bad));
    }
    assert_eq!(project.state(), new());
    // An ignored file in the way stops it as it stops any other.
    project.write(".gitignore", "tool\n");
    fs::write(project.root().join("tool"), "mine").unwrap();
    let plan = plan(&project.history, target(tree, &["tool"])).unwrap();
    assert_eq!(plan.in_the_way, ["tool"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_paths_of_any_folder_are_restored_and_given_back(
        chosen in prop::sample::subsequence(old().into_keys().chain(new().into_keys()).collect::<Vec<_>>(), 1..6),
    ) {
        let (old, new) = (old(), new());
        let chosen: Vec<String> = chosen.iter().map(ToString::to_string).collect();
        let paths: Vec<&str> = chosen.iter().map(String::as_str).collect();
        let project = Project::with(&new);
        let tree = project.tree_of(&old);
        match restore(&project.history, target(tree, &paths), &context(), &NoSteps) {
            Ok(_) => {
                prop_assert_eq!(project.state(), mixed(&old, &new, &paths));
                let _done = project.undo();
                prop_assert_eq!(project.state(), new);
            }
            Err(Error::FileAbove { .. }) => prop_assert_eq!(project.state(), new),
            Err(error) => prop_assert!(false, "{error:?}"),
        }
    }
}
