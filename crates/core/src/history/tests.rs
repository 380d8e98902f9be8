//! Tests of the history repository against stock Git.

use std::fs::File;
use std::process::Command;
use std::time::{Duration, SystemTime};

use super::*;
use crate::remote_url::RemoteUrl;

fn id() -> ProjectId {
    "0a1b2c3d-0000-4000-8000-000000000001".parse().unwrap()
}

fn fixture() -> (tempfile::TempDir, HistoryRepo) {
    let folder = tempfile::tempdir().unwrap();
    let history = HistoryRepo::init(folder.path(), id()).unwrap();
    (folder, history)
}

fn git(history: &HistoryRepo, args: &[&str]) -> String {
    let output = Command::new("git").arg("--git-dir").arg(history.path()).args(args).output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

fn commit(history: &HistoryRepo, message: &str) -> ObjectId {
    let tree = git(history, &["hash-object", "-t", "tree", "-w", "/dev/null"]);
    git(
        history,
        &["-c", "user.name=T", "-c", "user.email=t@example.com", "commit-tree", "-m", message, &tree],
    )
    .parse()
    .unwrap()
}

#[test]
fn it_is_a_bare_repository_of_stock_git() {
    let (_folder, history) = fixture();
    assert_eq!(git(&history, &["rev-parse", "--is-bare-repository"]), "true");
    assert_eq!(git(&history, &["symbolic-ref", "HEAD"]), format!("refs/heads/AzureMLHistory/{}", id()));
    assert_eq!(git(&history, &["fsck", "--strict"]), "");
    assert_eq!(history.tip().unwrap(), None);
}

/// The layout's version and all that says it: a change here needs a new version.
#[test]
fn the_configuration_is_the_golden_one() {
    let (_folder, history) = fixture();
    insta::assert_snapshot!(std::fs::read_to_string(history.path().join("config")).unwrap(), @r"
    [core]
    	repositoryformatversion = 0
    	filemode = true
    	bare = true
    	logallrefupdates = false
    [gc]
    	auto = 0
    [azml]
    	formatversion = 1
    ");
}

#[test]
fn an_init_that_was_cut_short_is_finished_and_a_second_changes_nothing() {
    let (folder, history) = fixture();
    let remote = RemoteUrl::parse("https://h/x").unwrap();
    history.set_remote(&remote).unwrap();
    std::fs::remove_file(history.path().join("HEAD")).unwrap();
    assert!(matches!(HistoryRepo::open(folder.path(), id()), Err(Error::NotFound { .. })));
    let history = HistoryRepo::init(folder.path(), id()).unwrap();
    assert_eq!(history.remote_url().unwrap(), Some(remote));
}

#[test]
fn a_newer_format_is_refused_and_a_missing_history_is_said() {
    let (folder, history) = fixture();
    for version in ["2", "x", ""] {
        git(&history, &["config", "azml.formatversion", version]);
        let refused = HistoryRepo::open(folder.path(), id());
        assert!(
            matches!(refused, Err(Error::NewerFormat { ref found, .. }) if found == version),
            "{refused:?}"
        );
    }
    let elsewhere = tempfile::tempdir().unwrap();
    assert!(matches!(HistoryRepo::open(elsewhere.path(), id()), Err(Error::NotFound { .. })));
}

#[test]
fn refs_move_by_compare_and_swap() {
    let (_folder, history) = fixture();
    let (one, two) = (commit(&history, "1"), commit(&history, "2"));
    let name = history.history_ref();
    history.update_ref(&name, None, one).unwrap();
    let moved = history.update_ref(&name, None, two);
    assert!(matches!(moved, Err(Error::Moved { found: Some(found), .. }) if found == one));
    history.update_ref(&name, Some(one), two).unwrap();
    assert_eq!(history.tip().unwrap(), Some(two));
    assert_eq!(git(&history, &["rev-parse", "HEAD"]), two.to_string());
    git(&history, &["pack-refs", "--all"]);
    assert!(matches!(history.delete_ref(&name, one), Err(Error::Moved { .. })));
    history.delete_ref(&name, two).unwrap();
    assert_eq!(history.tip().unwrap(), None);
}

#[test]
fn the_lock_files_of_the_dead_do_not_stop_it() {
    let (_folder, history) = fixture();
    let one = commit(&history, "1");
    let name = history.history_ref();
    let file = history.path().join(format!("{}.lock", name.as_bstr()));
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "").unwrap();
    history.update_ref(&name, None, one).unwrap();
    assert_eq!(history.tip().unwrap(), Some(one));
    assert!(!file.exists());
}

#[test]
fn what_is_unpushed_and_what_the_remote_had() {
    let (_folder, history) = fixture();
    assert_eq!(history.unpushed().unwrap(), []);
    let one = commit(&history, "1");
    let name = history.history_ref();
    history.update_ref(&name, None, one).unwrap();
    assert_eq!(history.unpushed().unwrap(), [Unpushed { name: name.clone(), ours: one, theirs: None }]);
    history.set_tracking(name.as_ref(), Some(one)).unwrap();
    assert_eq!(history.unpushed().unwrap(), []);
    assert_eq!(git(&history, &["rev-parse", &format!("origin/AzureMLHistory/{}", id())]), one.to_string());
    history.set_tracking(name.as_ref(), None).unwrap();
    assert_eq!(history.unpushed().unwrap().len(), 1);
    let backup = refs::backup(3);
    history.update_ref(&backup, None, one).unwrap();
    assert_eq!(history.refs_below(refs::BACKUP_PREFIX).unwrap(), [(backup, one)]);
}

#[test]
fn the_remote_is_kept_without_its_secret() {
    let (_folder, history) = fixture();
    assert_eq!(history.remote_url().unwrap(), None);
    history.set_remote(&RemoteUrl::parse("https://ada:secret@h/x").unwrap()).unwrap();
    assert_eq!(git(&history, &["remote", "get-url", "origin"]), "https://ada@h/x");
    assert_eq!(history.remote_url().unwrap().unwrap().to_string(), "https://ada@h/x");
}

#[test]
fn one_at_a_time() {
    let (folder, history) = fixture();
    let held = history.lock().unwrap();
    let other = HistoryRepo::open(folder.path(), id()).unwrap();
    assert!(other.try_lock().unwrap().is_none());
    drop(held);
    assert!(other.try_lock().unwrap().is_some());
}

#[test]
fn a_workspace_goes_with_its_owner_and_a_living_one_is_not_swept() {
    let (_folder, history) = fixture();
    let count = |history: &HistoryRepo| std::fs::read_dir(history.own_folder().join("tmp")).unwrap().count();
    let living = history.workspace().unwrap();
    let other = history.workspace().unwrap();
    assert_eq!(count(&history), 2);
    drop(other);
    assert!(Path::new(living.path()).exists());
    drop(living);
    assert_eq!(count(&history), 0);
}

#[test]
fn a_failed_push_is_remembered() {
    let (_folder, history) = fixture();
    assert_eq!(history.push_error(), None);
    history.set_push_error(None).unwrap();
    history.set_push_error(Some("no route")).unwrap();
    assert_eq!(history.push_error().as_deref(), Some("no route"));
    history.set_push_error(None).unwrap();
    assert_eq!(history.push_error(), None);
}

/// Writes a file that nobody has touched for so long at `now`, nor the folders above it.
fn write_aged(history: &HistoryRepo, name: &str, age: Duration, now: SystemTime) {
    let path = history.path().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "left by a killed process").unwrap();
    for aged in path.ancestors().take_while(|above| *above != history.path()) {
        File::open(aged).unwrap().set_modified(now - age).unwrap();
    }
}

#[test]
fn what_killed_processes_left_is_swept_by_its_name_and_age() {
    let (_folder, history) = fixture();
    let now = history.path().metadata().unwrap().modified().unwrap();
    let (minutes, days) = (Duration::from_mins, |days: u64| Duration::from_hours(24 * days));
    let oid = "a".repeat(64);
    let rows = [
        ("azml/.tmpAbCdEf", minutes(61), true),
        ("azml/.tmpAbCdEg", minutes(59), false),
        ("azml/large-unpushed", days(30), false),
        ("azml/tmp.lock", days(30), false),
        ("objects/tmp_obj_AbCdEf", minutes(61), true),
        ("objects/tmp_obj_AbCdEg", minutes(59), false),
        ("objects/pack/tmp_pack_AbCdEf", minutes(61), true),
        ("objects/pack/.tmpAbCdEf/pack", minutes(61), true),
        ("objects/pack/pack-1.keep", days(30), false),
        (&format!("lfs/incomplete/{oid}"), days(8), true),
        (&format!("lfs/incomplete/{}", oid.replace('a', "b")), days(6), false),
        (&format!("lfs/objects/aa/aa/{oid}"), days(30), false),
    ];
    for (name, age, _) in rows {
        write_aged(&history, name, age, now);
    }
    // A folder in which somebody is still at work is as young as what is written there.
    write_aged(&history, "objects/.tmpAbCdEf/new", minutes(1), now);
    write_aged(&history, "objects/.tmpAbCdEf/old", minutes(61), now);
    sweep::sweep(history.path(), now);
    let is_there = |name: &str| history.path().join(name).exists();
    for (name, age, is_swept) in rows {
        assert_eq!(!is_there(name), is_swept, "{name} of {age:?}");
    }
    assert!(is_there("objects/.tmpAbCdEf/old") && is_there("objects/.tmpAbCdEf/new"));
    // Whoever writes next sweeps, by the clock of the file system.
    write_aged(&history, "azml/.tmpAbCdEh", Duration::from_hours(2), now);
    let _workspace = history.workspace().unwrap();
    assert!(!is_there("azml/.tmpAbCdEh") && is_there("azml/.tmpAbCdEg"));
    // In the folder of another repository no name counts but azml's own.
    let remote = tempfile::tempdir().unwrap();
    for (name, age) in [("azml-1", 61), ("azml-2", 59), ("other", 61)] {
        let file = File::create(remote.path().join(name)).unwrap();
        file.set_modified(now - minutes(age)).unwrap();
    }
    sweep_large(remote.path(), "azml-", now);
    let mut left: Vec<_> =
        std::fs::read_dir(remote.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort_unstable();
    assert_eq!(left, ["azml-2", "other"]);
}
