//! Large files: snapshots with Git LFS pointers. Stock git and git-lfs are the judges.

mod existing;
mod literal;
mod manual;

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

/// Five snapshots, each with a run and a large file of its own, all of them at the remote.
fn five_snapshots(alice: &Actor<'_>, sandbox: &Sandbox, url: &str) -> (std::path::PathBuf, Vec<String>) {
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", url);
    write(
        &project,
        "train.py",
        "import os\nos.makedirs('outputs')\nopen('outputs/m.pt', 'wb').write(open('big.bin', 'rb').read() * 2)\n",
    );
    let mut runs = Vec::new();
    for n in 1..=5_u8 {
        write(&project, "big.bin", vec![n; 4_000]);
        let submit = ["experiment", "submit", "--attachments-limit", "6kB", "train.py"];
        runs.push(alice.azml(&project, &submit).ok().run_id());
    }
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    (project, runs)
}

fn pruned(actor: &Actor<'_>, project: &Path, options: &[&str]) -> serde_json::Value {
    actor.azml(project, &[&["project", "prune", "-o", "json"], options].concat()).ok().json()
}

/// The same steps with any remote; `lose` makes it lose the object with this content.
fn prunes(sandbox: &Sandbox, alice: &Actor<'_>, url: &str, lose: &dyn Fn(&[u8])) {
    use serde_json::json;
    let (project, runs) = five_snapshots(alice, sandbox, url);
    let history = git::history_of(&project);
    let count = || git_lfs_objects(&history).len();
    assert_eq!(count(), 10, "five files, five outputs");
    let all = contents(&history).names();
    let planned = pruned(alice, &project, &["--keep", "2", "--dry-run"]);
    assert_eq!(planned["dropped"], json!({"files": 6, "bytes": 36_000}), "{planned}");
    assert_eq!(
        (&planned["needed"]["files"], &planned["freed_bytes"]),
        (&json!(4), &json!(36_000)),
        "{planned}"
    );
    assert_eq!(contents(&history).names(), all, "it was a question");

    // The first is at this computer alone now, and one of the second run too.
    lose(&[1; 4_000]);
    lose(&[2; 8_000]);
    let done = pruned(alice, &project, &["--keep", "2"]);
    assert_eq!(done["dropped"], json!({"files": 4, "bytes": 24_000}), "{done}");
    assert_eq!(
        (&done["not_confirmed"]["files"], &done["freed_bytes"]),
        (&json!(2), &json!(24_000)),
        "{done}"
    );
    assert_eq!(count(), 6);
    let shown = alice.azml_json(&project, &["project", "show"]);
    assert_eq!(shown["large_files"]["unpushed"]["files"], 2, "{shown}");
    // What is owed stays, and is delivered again.
    let unpushed = pruned(alice, &project, &["--keep", "0"]);
    assert_eq!(
        (&unpushed["unpushed"]["files"], &unpushed["dropped"]["files"]),
        (&json!(2), &json!(4)),
        "{unpushed}"
    );
    let synced = alice.azml(&project, &["history", "sync", "-o", "json"]).ok().json();
    assert_eq!(
        (&synced["large_files_sent"], &synced["large_files_unpushed"]),
        (&json!(2), &json!(0)),
        "{synced}"
    );
    let rest = pruned(alice, &project, &["--keep", "0"]);
    assert_eq!((&rest["dropped"]["files"], count()), (&json!(2), 0), "{rest}");

    // All of it comes back, and the next snapshot needs none of it.
    write(&project, "more.txt", "more");
    let _taken = alice.azml(&project, &["snapshot"]).ok();
    assert_eq!(count(), 0);
    for (n, run) in (1..).zip(&runs) {
        let _restored = alice.azml(&project, &["project", "restore", "--run-id", run]).ok();
        assert!(std::fs::read(project.join("big.bin")).expect("a file") == vec![n; 4_000]);
        let output = project.join("azureml-logs").join(run).join("outputs/m.pt");
        let _written = alice.azml(&project, &["history", "download", "-r", run]).ok();
        assert!(std::fs::read(output).expect("a file") == vec![n; 8_000], "{run}");
    }
    let sound = alice.azml(&project, &["project", "fsck", "-o", "json"]).ok().json();
    assert_eq!(sound["problems"], json!([]), "{sound}");
    git::assert_sound(alice, &history);
}

/// The id that git-lfs gives to a content.
fn oid_of(actor: &Actor<'_>, content: &[u8], dir: &Path) -> String {
    write(dir, "content", content);
    actor.sh(dir, "sha256sum content").ok().stdout[..64].to_owned()
}

#[test]
fn prune_drops_what_a_folder_has_and_keeps_what_it_has_lost() {
    let sandbox = Sandbox::new();
    let alice = alice(&sandbox, "alice");
    let bare = sandbox.bare_repo("remote.git");
    prunes(&sandbox, &alice, &bare.to_string_lossy(), &|content| {
        let oid = oid_of(&alice, content, &sandbox.dir("contents"));
        let object = bare.join("lfs/objects").join(&oid[..2]).join(&oid[2..4]).join(&oid);
        // One is gone, and one is not what it was.
        std::fs::remove_file(&object).expect("an object");
        if content.len() == 4_000 {
            std::fs::write(&object, vec![0; content.len()]).expect("a file");
        }
    });
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
/// A shell script in the place of ssh that notes what is asked for; `before` may refuse some of it.
fn noting_ssh(sandbox: &Sandbox, ssh: &str, before: &str) -> (String, std::path::PathBuf) {
    let notes = sandbox.path().join("asked");
    let text = format!("#!/bin/sh\necho \"$*\" >> '{}'\n{before}\nexec {ssh} \"$@\"\n", notes.display());
    (sandbox.script("noting-ssh", &text).to_string_lossy().into_owned(), notes)
}

/// Submits with an SSH remote, and roams; gives the programs of Git LFS that the server was asked for.
fn over_ssh(refused: &str) -> String {
    let sandbox = Sandbox::new();
    let (server, ssh) = e2e::Server::with_ssh_key(&sandbox);
    let (ssh, notes) = noting_ssh(&sandbox, &ssh, refused);
    let alice = alice(&sandbox, "alice").with_env("GIT_SSH_COMMAND", &ssh).with_env("GIT_SSH_VARIANT", "ssh");
    let url = server.ssh_repo("iris");
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", &url);
    fill(&project);
    for n in 0..12 {
        write(&project, format!("many/{n}.bin"), vec![n; 70_000]);
    }
    let _run = alice.submit(&project, &["train.py"]);
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    let shown = alice.azml_json(&project, &["project", "show"]);
    assert_eq!(shown["large_files"]["unpushed"]["files"], 0, "{shown}");
    let _cloned = alice.azml(&sandbox.dir("there"), &["project", "clone", &url, "iris"]).ok();
    contents(&sandbox.dir("there").join("iris")).assert_same(&contents(&project), "the roamed folder");
    // What the server has is dropped, and comes back.
    let dropped = pruned(&alice, &project, &["--keep", "0"]);
    assert_eq!(
        (&dropped["dropped"]["files"], &dropped["not_confirmed"]["files"]),
        (&16.into(), &0.into()),
        "{dropped}"
    );
    std::fs::remove_dir_all(project.join("many")).expect("a folder");
    let _restored = alice.azml(&project, &["snapshot", "restore", "HEAD"]).ok();
    contents(&sandbox.dir("there").join("iris")).assert_same(&contents(&project), "the restored folder");
    let asked = std::fs::read_to_string(notes).expect("it was asked");
    assert!(
        asked.lines().all(|line| !line.contains("git-lfs") || line.contains("'/iris/_git/iris'")),
        "{asked}"
    );
    asked
}

#[test]
fn an_ssh_server_transfers_large_files_itself() {
    let asked = over_ssh("");
    assert!(asked.contains("git-lfs-transfer") && !asked.contains("git-lfs-authenticate"), "{asked}");
}

#[test]
fn an_ssh_server_that_can_not_transfer_tells_its_http_address() {
    let asked = over_ssh(
        "case \"$*\" in *git-lfs-transfer*) echo 'sh: 1: git-lfs-transfer: not found' >&2; exit 127;; esac",
    );
    assert!(asked.contains("git-lfs-transfer") && asked.contains("git-lfs-authenticate"), "{asked}");
}

#[test]
fn large_files_go_where_the_history_says_and_never_where_the_content_says() {
    let sandbox = Sandbox::new();
    let alice = alice(&sandbox, "alice");
    let (bare, store) = (sandbox.bare_repo("remote.git"), sandbox.bare_repo("store.git"));
    let evil = sandbox.bare_repo("evil.git");
    let evil_url = format!("file://{}", evil.display());
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", &bare.to_string_lossy());
    let config = format!(
        "[lfs]\n\turl = {evil_url}\n\tstandalonetransferagent = evil\n[remote \"origin\"]\n\tlfsurl = {evil_url}\n\
         [lfs \"customtransfer.evil\"]\n\tpath = touch\n\targs = {}/started\n",
        sandbox.path().display()
    );
    // CVE-2026-105803 and CVE-2026-105802: the content of a repository names a server, and a program.
    write(&project, ".lfsconfig", &config);
    write(
        &project.join(".git"),
        "config",
        std::fs::read_to_string(project.join(".git/config")).expect("a text") + &config,
    );
    fill(&project);
    let run = alice.submit(&project, &["train.py"]);
    assert_eq!(git_lfs_objects(&bare).len(), 4);
    // The history repository's own configuration is the user's.
    let history = git::history_of(&project);
    for (key, n) in [("lfs.url", 1_u8), ("remote.origin.lfsurl", 2)] {
        let url = format!("file://{}", store.display());
        let _set = alice.git(&history, &["config", key, &url]).ok();
        write(&project, "new.bin", vec![n; 9_000]);
        let _run = alice.submit(&project, &["train.py"]);
        let _synced = alice.azml(&project, &["history", "sync"]).ok();
        assert_eq!(git_lfs_objects(&store).len(), usize::from(n), "{key}");
        let _unset = alice.git(&history, &["config", "--unset", key]).ok();
    }
    assert_eq!(git_lfs_objects(&bare).len(), 4);
    let bob = self::alice(&sandbox, "bob");
    let cloned = bob.azml(&sandbox.dir("there"), &["project", "clone", &bare.to_string_lossy(), "iris"]).ok();
    assert!(cloned.stderr.contains("not on this computer"), "one is at the other place alone: {cloned}");
    let _restored =
        bob.azml(&sandbox.dir("there").join("iris"), &["project", "restore", "--run-id", &run]).ok();
    assert!(!evil.join("lfs").exists(), "nothing went there");
    assert!(!sandbox.path().join("started").exists());
}
