//! Tests of the user's repository: stock Git says what it sees.

use std::{fs, process::Command};

use super::*;
use crate::{
    id::ProjectId,
    project::{self, ProjectName, Scope},
    remote_url::RemoteUrl,
    snapshot::{Limits, Silent, initial_commit},
};

fn git(root: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=T", "-c", "user.email=t@example.com"])
        .args(args)
        .current_dir(root)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

fn author() -> Signature {
    Signature { name: "ada@example.com".into(), email: "ada@example.com".into() }
}

fn new_project(root: &Path) -> UserRepo {
    let id: ProjectId = "0a1b2c3d-0000-4000-8000-000000000001".parse().unwrap();
    project::create_files(root, id, Scope::local(&ProjectName::parse("iris").unwrap()), true, None).unwrap();
    let repo = UserRepo::init(root).unwrap();
    let time = jiff::Timestamp::from_second(1_511_000_000).unwrap();
    initial_commit(&repo, &author(), time, (Limits::default(), 50_000_000), &Silent).unwrap();
    repo
}

#[test]
fn a_new_project_is_one_commit_on_master_and_clean() {
    let folder = tempfile::tempdir().unwrap();
    let repo = new_project(folder.path());
    assert_eq!(git(folder.path(), &["status", "--porcelain"]), "");
    assert_eq!(
        git(folder.path(), &["log", "--format=%an|%ae|%ad|%cd|%P|%B", "--date=raw"]),
        "ada@example.com|ada@example.com|1511000000 +0000|1511000000 +0000||Initial commit"
    );
    let head = repo.head().unwrap().unwrap();
    assert_eq!(head.branch.as_deref(), Some("master"));
    assert_eq!(head.commit.to_string(), git(folder.path(), &["rev-parse", "HEAD"]));
    assert_eq!(repo.master_tip().unwrap(), Some(head.commit));
    assert!(git(folder.path(), &["ls-files"]).contains(".azureml/project.json"));
    assert_eq!(git(folder.path(), &["fsck", "--strict"]), "");
    let left: Vec<_> = fs::read_dir(folder.path().join(".git")).unwrap().flatten().collect();
    assert!(left.iter().all(|entry| !entry.file_name().to_string_lossy().starts_with("azml-")));
    assert!(matches!(UserRepo::init(folder.path()), Err(Error::Exists { .. })));
}

#[test]
fn heads_of_all_kinds() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    assert!(UserRepo::open(root).unwrap().is_none());
    fs::create_dir(root.join(".git")).unwrap();
    assert!(UserRepo::open(root).unwrap().is_none(), "an empty folder is no repository");
    fs::remove_dir(root.join(".git")).unwrap();
    let repo = UserRepo::init(root).unwrap();
    assert_eq!(repo.head().unwrap(), None);
    assert_eq!(git(root, &["symbolic-ref", "HEAD"]), "refs/heads/master");
    fs::write(root.join("a"), "1").unwrap();
    git(root, &["add", "."]);
    git(root, &["commit", "-qm", "1"]);
    git(root, &["checkout", "-q", "-b", "feature/x"]);
    assert_eq!(
        UserRepo::open(root).unwrap().unwrap().head().unwrap().unwrap().branch.as_deref(),
        Some("feature/x")
    );
    git(root, &["checkout", "-q", "--detach"]);
    assert_eq!(UserRepo::open(root).unwrap().unwrap().head().unwrap().unwrap().branch, None);
    let linked = tempfile::tempdir().unwrap();
    let linked = linked.path().join("linked");
    git(root, &["worktree", "add", "-q", linked.to_str().unwrap(), "master"]);
    let repo = UserRepo::open(&linked).unwrap().unwrap();
    assert_eq!(repo.head().unwrap().unwrap().branch.as_deref(), Some("master"));
    assert!(repo.tracked().unwrap().has_file("a".into()));
}

#[test]
fn tracked_files_and_folders() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let repo = UserRepo::init(root).unwrap();
    assert!(!repo.tracked().unwrap().has_file("a".into()), "no index yet");
    for path in ["a/b/c", "a-b", "a.txt"] {
        fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        fs::write(root.join(path), "1").unwrap();
    }
    git(root, &["add", "."]);
    let tracked = UserRepo::open(root).unwrap().unwrap().tracked().unwrap();
    assert!(tracked.has_file("a/b/c".into()) && tracked.has_file("a-b".into()));
    assert!(!tracked.has_file("a/b".into()) && !tracked.has_file("x".into()));
    assert!(tracked.has_below("a".into()) && tracked.has_below("a/b".into()));
    assert!(
        !tracked.has_below("a/b/c".into())
            && !tracked.has_below("b".into())
            && !tracked.has_below("a-".into())
    );
}

#[test]
fn a_remote_is_added_without_its_secret() {
    let folder = tempfile::tempdir().unwrap();
    let repo = new_project(folder.path());
    let url = RemoteUrl::parse("https://ada:secret@acme.visualstudio.com/_git/iris").unwrap();
    repo.add_remote(&url).unwrap();
    repo.add_remote(&url).unwrap();
    assert_eq!(
        git(folder.path(), &["remote", "get-url", "origin"]),
        "https://ada@acme.visualstudio.com/_git/iris"
    );
    assert_eq!(git(folder.path(), &["config", "--get-all", "branch.master.merge"]), "refs/heads/master");
    assert_eq!(repo.remote_url().unwrap().as_str(), "https://ada@acme.visualstudio.com/_git/iris");
    let other = RemoteUrl::parse("https://example.com/_git/other").unwrap();
    assert!(matches!(repo.add_remote(&other), Err(Error::OtherRemote { .. })));
    repo.set_remote_master(repo.master_tip().unwrap().unwrap()).unwrap();
    assert!(git(folder.path(), &["status", "-sb"]).contains("master...origin/master"));
}

#[test]
fn a_roamed_master_is_branch_and_index_and_leaves_the_files_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (here, there) = (folder.path().join("here"), folder.path().join("there"));
    fs::create_dir(&here).unwrap();
    let first = new_project(&here);
    let tip = first.master_tip().unwrap().unwrap();
    fs::create_dir(&there).unwrap();
    let repo = UserRepo::init(&there).unwrap();
    git(&there, &["fetch", "-q", here.to_str().unwrap(), "master"]);
    let repo = UserRepo::open(repo.root()).unwrap().unwrap();
    fs::write(there.join("train.py"), "changed").unwrap();
    repo.adopt_master(tip).unwrap();
    assert_eq!(fs::read_to_string(there.join("train.py")).unwrap(), "changed");
    assert_eq!(git(&there, &["symbolic-ref", "HEAD"]), "refs/heads/master");
    assert!(git(&there, &["status", "--porcelain"]).starts_with(" D .azureml"));
    git(&there, &["checkout", "--", "."]);
    assert_eq!(git(&there, &["status", "--porcelain"]), "");
    assert!(matches!(repo.adopt_master(tip), Err(Error::Exists { .. })));
}

#[test]
fn the_identity_is_gits() {
    let folder = tempfile::tempdir().unwrap();
    UserRepo::init(folder.path()).unwrap();
    git(folder.path(), &["config", "user.name", "Ada L."]);
    git(folder.path(), &["config", "user.email", "ada@example.com"]);
    git(folder.path(), &["config", "author.email", "ada@work.example.com"]);
    git(folder.path(), &["config", "user.useConfigOnly", "true"]);
    let expected = Identity {
        name: Some("Ada L.".into()),
        email: Some("ada@work.example.com".into()),
        use_config_only: true,
    };
    assert_eq!(identity(folder.path()), expected);
    let inside = folder.path().join("exp/net");
    fs::create_dir_all(&inside).unwrap();
    assert_eq!(identity(&inside), expected, "of a folder of the repository");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 24, ..Default::default() })]
    #[test]
    fn names_are_cleaned_as_git_cleans_them(
        name in "[a-zé <>\n\t\r\x01\x7f.,:;\"'\\\\\u{a0}]{0,8}",
        email in "[a-z@ <>\n\t.,:;\"'\\\\]{0,8}",
    ) {
        let folder = tempfile::tempdir().unwrap();
        let repo = UserRepo::init(folder.path()).unwrap();
        let tree = repo.git().empty_tree().id;
        repo.git().write_object(gix::objs::Tree::empty()).unwrap();
        let output = Command::new("git")
            .args(["commit-tree", "-m", "x", &tree.to_string()])
            .current_dir(folder.path())
            .envs([("GIT_AUTHOR_NAME", &name), ("GIT_AUTHOR_EMAIL", &email)])
            .envs([("GIT_COMMITTER_NAME", "c"), ("GIT_COMMITTER_EMAIL", "c")])
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        let time = jiff::Timestamp::from_second(1_511_000_000).unwrap();
        let ours = Signature { name: name.clone(), email }.at(time);
        if output.status.success() {
            let id = String::from_utf8(output.stdout).unwrap();
            let text = git(folder.path(), &["cat-file", "-p", id.trim()]);
            let theirs = text.lines().nth(1).unwrap().strip_prefix("author ").unwrap().rsplitn(3, ' ').nth(2).unwrap();
            proptest::prop_assert_eq!(format!("{} <{}>", ours.name, ours.email), theirs);
        } else {
            // Git has no name to give, and stops; a run does not.
            proptest::prop_assert_eq!(ours.name, "azml");
            proptest::prop_assert_eq!(clean(&name), "");
        }
    }
}
