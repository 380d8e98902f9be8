//! Folders with large files that become projects, and have no Git repository yet.

use e2e::folder::write;
use e2e::{Sandbox, contents, git};

#[test]
fn a_folder_with_large_files_becomes_a_project_and_its_own_git_gets_none_of_them() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let remote = sandbox.bare_repo("remote.git");
    let folder = sandbox.dir("old-experiment");
    write(&folder, "train.py", "print('trained')\n");
    write(&folder, "data/big.bin", vec![7; 51_000_000]);
    // What the folder's own attributes give to Git LFS, whatever its size: in Git it would stay as it is for good.
    write(&folder, ".gitattributes", "*.pt filter=lfs diff=lfs merge=lfs -text\n");
    write(&folder, "model.pt", [9; 100]);
    let before = contents(&folder);
    let made =
        alice.azml(&folder, &["project", "create", "--existing", "-r", &remote.to_string_lossy()]).ok();
    assert!(made.stderr.contains("Large: data/big.bin, model.pt;"), "{made}");
    let files = alice.git(&folder, &["ls-tree", "-r", "--name-only", "HEAD"]).ok().stdout;
    assert!(files.contains("train.py") && files.contains(".gitattributes"), "{files}");
    assert!(!files.contains("big.bin") && !files.contains("model.pt"), "{files}");
    let status = alice.git(&folder, &["status", "--porcelain", "-uall"]).ok().stdout;
    assert_eq!(status, "?? data/big.bin\n?? model.pt\n");
    let shown = alice.azml_json(&folder, &["snapshot", "show"]);
    let large: Vec<&str> = shown["large_files"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|file| file["path"].as_str())
        .collect();
    assert_eq!(large, ["data/big.bin", "model.pt"], "{shown}");
    git::assert_sound(&alice, &git::history_of(&folder));
    git::assert_sound(&alice, &folder);

    let there = sandbox.dir("there");
    let _cloned = alice.azml(&there, &["project", "clone", &remote.to_string_lossy(), "iris"]).ok();
    let roamed = contents(&there.join("iris"));
    for name in before.names() {
        assert!(roamed.has(&name), "{name}");
    }
    contents(&there.join("iris")).assert_same(&contents(&folder), "the roamed folder");

    // With none that counts as large, what is too large for Git is refused, and the folder is as it was.
    let other = sandbox.dir("other");
    write(&other, "big.bin", vec![7; 51_000_000]);
    let none = alice.clone().with_env("AZML_LARGE_FILE", "0").with_env("AZML_LARGE_LIMIT", "1MB");
    let limited = alice.clone().with_env("AZML_LARGE_LIMIT", "1MB");
    let untouched = e2e::folder::everything(&other);
    let refused = limited.azml(&other, &["project", "create", "--existing"]).fails();
    assert!(refused.stderr.contains("big.bin") && refused.stderr.contains("--allow-large"), "{refused}");
    e2e::folder::everything(&other).assert_same(&untouched, "a refusal");
    let _made = none.azml(&other, &["project", "create", "--existing", "--allow-large"]).ok();
    assert!(none.git(&other, &["ls-files"]).ok().stdout.contains("big.bin"), "it is Git's");
}
