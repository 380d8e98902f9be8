//! Large files: snapshots with Git LFS pointers. Stock git and git-lfs are the judges.

use std::path::Path;

use e2e::folder::{set_executable, write};
use e2e::{Actor, Sandbox, contents, git};

/// The project of the tests: large from 1,000 bytes on, and with texts that are pointers.
fn fill(project: &Path) {
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\nsize 12\n";
    write(project, "train.py", "print('trained')\n");
    write(project, "data/big.csv", "1,2,3\n".repeat(1_000));
    write(project, "run.bin", [7; 5_000]);
    set_executable(&project.join("run.bin"), true);
    write(project, "same.bin", [7; 5_000]);
    write(project, "literal.txt", pointer);
    write(project, "literal-without-end.txt", pointer.trim_end());
    write(project, "almost.txt", pointer.replace("size", "sizes"));
    write(project, "empty.bin", "");
}

fn alice<'s>(sandbox: &'s Sandbox, name: &str) -> Actor<'s> {
    sandbox.stranger(name).with_env("AZML_LARGE_FILE", "1kB")
}

/// A clone of the history branch by stock git with git-lfs's filters on every file.
#[track_caller]
fn clone_by_git_lfs(actor: &Actor<'_>, project: &Path, from: &Path, to: &Path, variables: &str) {
    let branch = git::history_branch(project);
    let script = format!(
        "git clone -q --no-checkout -b {branch} '{from}' '{to}' && cd '{to}' \
         && echo '* filter=lfs -text' > .git/info/attributes && git lfs install --local --skip-repo \
         && {variables} git checkout -q {branch} && {variables} git lfs pull",
        from = from.display(),
        to = to.display()
    );
    let _done = actor.sh(project, &script).ok();
}

#[test]
fn stock_git_lfs_clones_a_folder_remote_to_the_exact_folder_and_azml_roams_through_it() {
    let sandbox = Sandbox::new();
    let alice = alice(&sandbox, "alice");
    let bare = sandbox.dir("remote").join("iris.git");
    let _done = alice.git(&sandbox.dir("remote"), &["init", "-q", "--bare", "iris.git"]).ok();
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", &bare.to_string_lossy());
    fill(&project);
    let run = alice.submit(&project, &["train.py"]);
    let shown = alice.azml_json(&project, &["project", "show"]);
    assert_eq!(shown["large_files"]["unpushed"]["files"], 0, "{shown}");
    assert_eq!(shown["large_files"]["here"]["files"], 4, "{shown}");
    let project_files = contents(&project).without(".git").without(".azuremlhistory_git");

    for (name, variables) in [("smudged", ""), ("skipped", "GIT_LFS_SKIP_SMUDGE=1")] {
        let clone = sandbox.dir("clones").join(name);
        clone_by_git_lfs(&alice, &project, &bare, &clone, variables);
        contents(&clone).without(".git").assert_same(&project_files, name);
    }
    // The history repository itself is one that git-lfs reads.
    let clone = sandbox.dir("clones").join("of-the-history");
    clone_by_git_lfs(&alice, &project, &git::history_of(&project), &clone, "");
    contents(&clone).without(".git").assert_same(&project_files, "of the history repository");
    let _done = alice.git(&bare, &["lfs", "fsck", "--objects", &git::history_branch(&project)]).ok();

    // Another computer gets the folder, and an older one when it is asked for.
    write(&project, "data/big.csv", "4,5,6\n".repeat(2_000));
    std::fs::remove_file(project.join("same.bin")).expect("a file");
    alice.submit(&project, &["train.py"]);
    let bob = self::alice(&sandbox, "bob");
    let there = sandbox.dir("there").join("iris");
    let _done = bob.azml(&sandbox.dir("there"), &["project", "clone", &bare.to_string_lossy(), "iris"]).ok();
    let newest = contents(&project).without(".git").without(".azuremlhistory_git");
    contents(&there).without(".git").without(".azuremlhistory_git").assert_same(&newest, "roamed");
    let _done = bob.azml(&there, &["project", "restore", "--run-id", &run]).ok();
    contents(&there).without(".git").without(".azuremlhistory_git").assert_same(&project_files, "restored");
    // What is at the remote alone is no damage, and comes when it is asked for.
    let objects = git_lfs_objects(&git::history_of(&there));
    let is_run_bin = |path: &&std::path::PathBuf| path.metadata().expect("a file").len() == 5_000;
    let object = objects.iter().find(is_run_bin).expect("an object");
    std::fs::remove_file(object).expect("a file");
    let checked = bob.azml(&there, &["project", "fsck", "-o", "json"]).ok().json();
    assert_eq!(checked["large_files_elsewhere"], 1, "{checked}");
    let synced = bob.azml(&there, &["history", "sync", "--large", "-o", "json"]).ok().json();
    assert!(synced["large_files_received"] == 1 && object.is_file(), "{synced}");
    let _done = bob.azml(&there, &["project", "restore", "--undo"]).ok();
    contents(&there).without(".git").without(".azuremlhistory_git").assert_same(&newest, "undone");
    let out = sandbox.dir("there").join("out");
    let _done =
        bob.azml(&there, &["project", "restore", "--run-id", &run, "--to", &out.to_string_lossy()]).ok();
    contents(&out).assert_same(&project_files, "written elsewhere");
    let bare_url = bare.to_string_lossy();
    let _done = bob.azml(&sandbox.dir("there"), &["project", "clone", "--no-large", &bare_url, "small"]).ok();
    let pointer = std::fs::read_to_string(sandbox.dir("there").join("small/data/big.csv")).expect("a text");
    assert!(pointer.starts_with("version https://git-lfs") && pointer.ends_with("size 12000\n"), "{pointer}");
    assert!(!git::history_of(&sandbox.dir("there").join("small")).join("lfs/objects").exists());
    git::assert_sound(&alice, &git::history_of(&project));
}

#[test]
fn what_the_remote_does_not_have_is_told_and_an_object_that_is_damaged_is_never_put_in_place() {
    let sandbox = Sandbox::new();
    let alice = alice(&sandbox, "alice");
    let remotes = sandbox.dir("remote");
    let _done = alice.git(&remotes, &["init", "-q", "--bare", "iris.git"]).ok();
    let bare = remotes.join("iris.git");
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", &bare.to_string_lossy());
    write(&project, "train.py", "print('trained')\n");
    // A file where the remote's store should be: it takes no large files.
    write(&bare, "lfs", "in the way");
    write(&project, "big.bin", [1; 4_000]);
    let run = alice.submit(&project, &["train.py"]);
    let shown = alice.azml_json(&project, &["project", "show"]);
    assert_eq!(shown["large_files"]["unpushed"], serde_json::json!({"files": 1, "bytes": 4_000}), "{shown}");
    assert!(
        shown["large_files"]["last_error"].is_string() && shown["owed"] == serde_json::json!([]),
        "{shown}"
    );

    let bob = self::alice(&sandbox, "bob");
    let there = sandbox.dir("there").join("iris");
    let cloned = bob.azml(&sandbox.dir("there"), &["project", "clone", &bare.to_string_lossy(), "iris"]).ok();
    assert!(cloned.stderr.contains("big.bin") && cloned.stderr.contains("4000 bytes"), "{cloned}");

    std::fs::remove_file(bare.join("lfs")).expect("a file");
    let synced = alice.azml(&project, &["history", "sync", "-o", "json"]).ok().json();
    assert_eq!(
        (&synced["large_files_sent"], &synced["large_files_unpushed"]),
        (&1.into(), &0.into()),
        "{synced}"
    );
    let object = git_lfs_objects(&bare).pop().expect("an object");
    std::fs::remove_file(&object).expect("a file");
    std::fs::write(&object, [2; 4_000]).expect("a file");
    let before = contents(&there);
    let refused = bob.azml(&there, &["project", "restore", "--run-id", &run]).fails();
    assert!(refused.stderr.contains("other content"), "{refused}");
    contents(&there).assert_same(&before, "a refused restore");
    std::fs::write(&object, [1; 4_000]).expect("a file");
    let _done = bob.azml(&there, &["project", "restore", "--run-id", &run]).ok();
    assert_eq!(std::fs::read(there.join("big.bin")).expect("a file"), [1; 4_000]);
}

/// The objects in a store of git-lfs.
fn git_lfs_objects(repository: &Path) -> Vec<std::path::PathBuf> {
    let all = e2e::folder::everything(&repository.join("lfs/objects"));
    all.names()
        .iter()
        .map(|name| repository.join("lfs/objects").join(name))
        .filter(|path| path.is_file())
        .collect()
}

#[test]
fn fsck_names_what_is_damaged_and_brings_it_back_from_the_folder() {
    let sandbox = Sandbox::new();
    let alice = alice(&sandbox, "alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    write(&project, "big.bin", [1; 4_000]);
    let _done = alice.azml(&project, &["snapshot"]).ok();
    let history = git::history_of(&project);
    let object = git_lfs_objects(&history).pop().expect("an object");
    std::fs::remove_file(&object).expect("a file");
    std::fs::write(&object, [2; 4_000]).expect("a file");
    let found = alice.azml(&project, &["project", "fsck", "--dry-run", "-o", "json"]).fails();
    assert!(found.stdout.contains("large file"), "{found}");
    let _done = alice.azml(&project, &["project", "fsck"]).ok();
    assert_eq!(std::fs::read(&object).expect("it is here again"), [1; 4_000]);
    // What is in no folder either is named, with its size.
    std::fs::remove_file(&object).expect("a file");
    write(&project, "big.bin", [3; 10]);
    let found = alice.azml(&project, &["project", "fsck"]).fails();
    assert!(found.stdout.contains("of 4000 bytes"), "{found}");
}

#[test]
fn a_server_gets_large_files_by_its_lfs_api_and_they_roam_from_there() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let url = server.repo("iris");
    let alice = sandbox.actor("alice", "alicepat").with_env("AZML_LARGE_FILE", "1kB");
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", &url);
    fill(&project);
    let run = alice.submit(&project, &["train.py"]);
    let _done = alice.azml(&project, &["history", "sync"]).ok();
    let shown = alice.azml_json(&project, &["project", "show"]);
    assert_eq!(shown["large_files"]["unpushed"]["files"], 0, "{shown}");
    let first = contents(&project);

    let with_token = url.replacen("http://", "http://alice:alicepat@", 1);
    let clone = sandbox.dir("clones").join("by-git-lfs");
    clone_by_git_lfs(&alice, &project, Path::new(&with_token), &clone, "");
    contents(&clone).assert_same(&first, "a clone by stock git-lfs");

    write(&project, "data/big.csv", "4,5,6\n".repeat(2_000));
    let _done = alice.submit(&project, &["train.py"]);
    let _done = alice.azml(&project, &["history", "sync"]).ok();
    let laptop = sandbox.actor_at("laptop", "alice", "alicepat").with_env("AZML_LARGE_FILE", "1kB");
    let _done = laptop.azml(&sandbox.dir("laptop"), &["project", "clone", &url, "iris"]).ok();
    let roamed = sandbox.dir("laptop").join("iris");
    contents(&roamed).assert_same(&contents(&project), "the roamed folder");
    let _done = laptop.azml(&roamed, &["project", "restore", "--run-id", &run]).ok();
    contents(&roamed).assert_same(&first, "the first run's folder");
}
