//! Snapshots without the trailer: a pointer in them is the text of a file.

use std::path::Path;

use e2e::folder::write;
use e2e::{Actor, Sandbox, contents, git};

const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\nsize 12345\n";

/// Commits the folder on the history branch as azml did before it knew large files: by stock git, every file a blob.
fn snapshot_of_old(alice: &Actor<'_>, project: &Path) -> String {
    let (history, branch) = (git::history_of(project), git::history_branch(project));
    let script = format!(
        "export GIT_DIR='{}' GIT_WORK_TREE=. GIT_INDEX_FILE=\"$PWD/../old-index\" \
         && git add -A && tree=$(git write-tree) \
         && commit=$(git commit-tree $tree -p {branch} -m 'Snapshot of old') \
         && git update-ref refs/heads/{branch} $commit && echo $commit",
        history.display()
    );
    alice.sh(project, &script).ok().text().to_owned()
}

#[test]
fn a_pointer_in_a_snapshot_without_the_trailer_is_a_text_and_comes_back_as_one() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice").with_env("AZML_LARGE_FILE", "1kB");
    let remote = sandbox.bare_repo("remote.git");
    let url = remote.to_string_lossy();
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", &url);
    write(&project, "train.py", "print('trained')\n");
    write(&project, "literal.bin", POINTER);
    let old = snapshot_of_old(&alice, &project);
    let of_old = contents(&project);
    let shown = alice.azml_json(&project, &["snapshot", "show", &old]);
    assert_eq!(shown["large_files"], serde_json::json!([]), "{shown}");
    // The same path is a large file in the next one, and its text another one's in the last.
    write(&project, "literal.bin", [7; 12_345]);
    let large = alice.azml_json(&project, &["snapshot"])["commit"].as_str().expect("a commit").to_owned();
    write(&project, "literal.bin", POINTER);
    let text = alice.azml_json(&project, &["snapshot"])["commit"].as_str().expect("a commit").to_owned();
    let message = |commit: &str| {
        alice.git(&git::history_of(&project), &["log", "-1", "--format=%B", commit]).ok().stdout
    };
    assert!(!message(&old).contains("Large-Files") && message(&large).contains("Large-Files: lfs/1"));
    assert!(message(&text).contains("Large-Files: lfs/1"), "the text is an object of its own");

    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    let sound = alice.azml_json(&project, &["project", "fsck"]);
    assert_eq!(sound["problems"], serde_json::json!([]), "nothing is missed: {sound}");
    let _cloned = alice.azml(&sandbox.dir("there"), &["project", "clone", &url, "iris"]).ok();
    for at in [&project, &sandbox.dir("there").join("iris")] {
        for (commit, expected) in [
            (&old, POINTER.as_bytes().to_vec()),
            (&large, vec![7; 12_345]),
            (&text, POINTER.into()),
            (&old, POINTER.into()),
        ] {
            let _restored = alice.azml(at, &["snapshot", "restore", commit]).ok();
            assert!(std::fs::read(at.join("literal.bin")).expect("a file") == expected, "{commit}");
        }
        contents(at).assert_same(&of_old, "the old snapshot");
        let out = at.join("../out");
        let _written = alice.azml(at, &["snapshot", "restore", &old, "--to", &out.to_string_lossy()]).ok();
        assert_eq!(std::fs::read_to_string(out.join("literal.bin")).expect("a text"), POINTER);
        std::fs::remove_dir_all(out).expect("a folder");
    }
    // The next snapshot of the restored folder has the text, too.
    let again = alice.azml_json(&project, &["snapshot"])["commit"].as_str().expect("a commit").to_owned();
    write(&project, "literal.bin", "other");
    let _restored = alice.azml(&project, &["snapshot", "restore", &again]).ok();
    assert_eq!(std::fs::read_to_string(project.join("literal.bin")).expect("a text"), POINTER);
    git::assert_sound(&alice, &git::history_of(&project));
}
