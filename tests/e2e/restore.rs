//! Restoring: exact, undone, shown beforehand, with obstacles in the way.

use std::os::unix::fs::symlink;

use e2e::folder::{copy, set_executable, write};
use e2e::{Sandbox, contents, git};

#[test]
fn the_folder_is_exactly_the_runs_and_undo_brings_back_what_was_there() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(&project, "train.py", "print('trained')\n");
    write(&project, "old/kept.txt", "kept\n");
    write(&project, "becomes a folder", "file\n");
    symlink("train.py", project.join("link")).expect("a link");
    let first = alice.submit(&project, &["train.py"]);
    let of_first = contents(&project);

    // Every kind of change, none of it in any snapshot yet.
    write(&project, "train.py", "print('edited')\r\n");
    set_executable(&project.join("train.py"), true);
    std::fs::remove_dir_all(project.join("old")).expect("removed");
    std::fs::remove_file(project.join("becomes a folder")).expect("removed");
    write(&project, "becomes a folder/with a file", "x\n");
    std::fs::remove_file(project.join("link")).expect("removed");
    write(&project, "link", "now a file\n");
    write(&project, "new/file ☃", "new\n");
    let before = contents(&project);

    // `--dry-run` says it and does nothing.
    let plan = alice.azml(&project, &["project", "restore", "--run-id", &first, "--dry-run"]).ok();
    let said = format!("{}{}", plan.stdout, plan.stderr);
    for name in ["train.py", "old/kept.txt", "new/file"] {
        assert!(said.contains(name), "{name} is not in the plan: {plan}");
    }
    contents(&project).assert_same(&before, "after --dry-run");

    let output = alice.azml(&project, &["project", "restore", "--run-id", &first]).ok();
    contents(&project).assert_same(&of_first, "after restore");
    assert!(!project.join("new").exists(), "a folder that restore emptied is left behind");
    assert!(output.stderr.contains("--undo") || output.stdout.contains("--undo"), "how to go back: {output}");

    let _undone = alice.azml(&project, &["project", "restore", "--undo"]).ok();
    contents(&project).assert_same(&before, "after --undo");
    git::assert_sound(&alice, &git::history_of(&project));
}

#[test]
fn ignored_files_stay_and_one_in_the_way_stops_the_restore() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(&project, "train.py", "print('trained')\n");
    write(&project, "result.dat", "in the snapshot\n");
    let first = alice.submit(&project, &["train.py"]);

    let rules = std::fs::read_to_string(project.join(".gitignore")).expect("a project has a .gitignore");
    write(&project, ".gitignore", format!("{}\nscratch/\nresult.dat\n", rules.trim_end()));
    write(&project, "scratch/huge.bin", "ignored\n");
    write(&project, "result.dat", "mine, and ignored now\n");
    let _second = alice.submit(&project, &["train.py"]);
    let before = contents(&project);

    let output = alice.azml(&project, &["project", "restore", "--run-id", &first]).fails();
    assert!(output.stderr.contains("result.dat") && output.stderr.contains("--force"), "{output}");
    contents(&project).assert_same(&before, "after a restore that was stopped");

    let _restored = alice.azml(&project, &["project", "restore", "--run-id", &first, "--force"]).ok();
    assert_eq!(std::fs::read(project.join("result.dat")).expect("restored"), b"in the snapshot\n");
    assert_eq!(std::fs::read(project.join("scratch/huge.bin")).expect("kept"), b"ignored\n");
    let _undone = alice.azml(&project, &["project", "restore", "--undo"]).ok();
    contents(&project).assert_same(&before, "after --undo");
}

/// Makes the run's record name another commit, as a hostile push to the runs ref could.
const REWRITE_RECORD: &str = r#"
    ref=$(git for-each-ref --format='%(refname)' refs/azureml/runs/)
    path=$(git ls-tree -r --name-only "$ref" | grep "$run")
    export GIT_INDEX_FILE=rewrite-index
    git read-tree "$ref"
    blob=$(git cat-file blob "$ref:$path" | sed "s/$good/$bad/" | git hash-object -w --stdin)
    git update-index --cacheinfo "100644,$blob,$path"
    git update-ref "$ref" "$(git commit-tree "$(git write-tree)" -p "$ref" -m hostile)"
    rm -f rewrite-index
"#;

#[test]
fn a_snapshot_that_would_escape_or_write_into_git_is_refused() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let original = alice.create_project(&sandbox.dir("work"), "iris");
    write(&original, "train.py", "print('trained')\n");
    let run = alice.submit(&original, &["train.py"]);
    let commit = alice.commit_of(&original, &run);

    for (number, name) in [".git", ".GIT", "git~1", "..", ".azuremlhistory_git"].into_iter().enumerate() {
        let project = sandbox.path().join(format!("work/hostile{number}"));
        copy(&original, &project);
        let history = git::history_of(&project);
        let config = std::fs::read(project.join(".git/config")).expect("the user's repository");
        // `git mktree` writes such a tree; no stock client checks it out.
        let script = format!(
            "blob=$(echo '[core] evil' | git hash-object -w --stdin)
             inner=$(printf '100644 blob %s\\tconfig\\n' $blob | git mktree)
             tree=$( (git ls-tree {commit}; printf '040000 tree %s\\t{name}\\n' $inner) | git mktree)
             good={commit} run={run} bad=$(git commit-tree $tree -p {commit} -m hostile)
             {REWRITE_RECORD}"
        );
        let _made = alice.sh(&history, &script).ok();
        assert_ne!(alice.commit_of(&project, &run), commit, "the record names the hostile commit");
        write(&project, "train.py", "print('mine')\n");
        let before = contents(&project);

        let _refused = alice.azml(&project, &["project", "restore", "--run-id", &run]).fails();
        contents(&project).assert_same(&before, name);
        assert_eq!(std::fs::read(project.join(".git/config")).expect("still there"), config, "{name}");
        assert!(!sandbox.path().join("work/config").exists(), "{name}: written outside the project");
    }
}

#[test]
fn a_run_is_found_by_its_full_id_and_an_unknown_one_is_not_found() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(&project, "train.py", "print('trained')\n");
    let run = alice.submit(&project, &["train.py"]);
    let _found = alice.azml(&project, &["history", "info", "--run", &run]).ok();
    let output = alice.azml(&project, &["project", "restore", "--run-id", "iris_1234567890123"]).exits(3);
    assert!(output.stderr.starts_with("error: "), "{output}");
    assert!(output.stderr.contains("iris_1234567890123"), "{output}");
}

/// Many snapshots are few files: azml sees to it, and nothing is lost by it.
#[test]
fn a_long_history_is_consolidated_and_every_run_of_it_can_be_restored() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(&project, "train.sh", "exit 0\n");
    write(&project, "settings.txt", "first\n");
    let first = alice.submit(&project, &["train.sh"]);
    let of_first = contents(&project);
    for turn in 0..60 {
        write(&project, "settings.txt", format!("turn {turn}\n"));
        // Enough files that each snapshot is a pack.
        for number in 0..30 {
            write(&project, format!("data/{number}.txt"), format!("{number} at {turn}\n"));
        }
        let _taken = alice.azml(&project, &["project", "snapshot"]).ok();
    }
    let last = alice.submit(&project, &["train.sh"]);
    let of_last = contents(&project);

    // Whatever the background has done by now, this finishes it, or finds it at work and asks again.
    let consolidate = ["project", "consolidate"];
    let mut done = alice.azml_json(&project, &consolidate);
    while done["busy"] == true {
        done = alice.azml_json(&project, &consolidate);
    }
    let packs = done["packs"].as_u64().expect("a number of packs");
    assert!(packs < 40, "{done}");
    let all = alice.azml_json(&project, &["project", "consolidate", "--all"]);
    assert!(all["packs"].as_u64().expect("a number of packs") <= 2, "{all}");
    assert_eq!(all["loose_objects"], 0, "{all}");
    git::assert_sound(&alice, &git::history_of(&project));

    let _restored = alice.azml(&project, &["project", "restore", "--run-id", &first]).ok();
    contents(&project).assert_same(&of_first, "the first run");
    let _restored = alice.azml(&project, &["project", "restore", "--run-id", &last]).ok();
    contents(&project).assert_same(&of_last, "the last run");
}
