//! Damage to what azml keeps: found, said, and mended where the project, its history or its remote still has it.

use std::path::{Path, PathBuf};

use e2e::folder::write;
use e2e::{Actor, Output, Sandbox, contents, git};

/// A project with three runs, pushed to a bare folder.
fn pushed(sandbox: &Sandbox) -> (Actor<'_>, PathBuf, PathBuf) {
    let (remote, alice, project) = sandbox.project_with_remote();
    for edit in ["one", "two", "three"] {
        write(&project, "train.py", format!("print('{edit}')\n"));
        write(&project, format!("notes/{edit}.md"), format!("{edit}\n").repeat(50));
        let _run = alice.submit(&project, &["train.py"]);
    }
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    (alice, project, remote)
}

/// Every file below a folder, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut open) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            if entry.path().is_dir() { open.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    found.sort();
    found
}

fn garble(file: &Path) {
    let mut bytes = std::fs::read(file).expect("a file to damage");
    let middle = bytes.len() / 2;
    for byte in bytes.iter_mut().skip(middle).take(8) {
        *byte = !*byte;
    }
    let mut permissions = std::fs::metadata(file).expect("it is there").permissions();
    #[expect(clippy::permissions_set_readonly_false, reason = "objects are read-only, and this damages one")]
    permissions.set_readonly(false);
    std::fs::set_permissions(file, permissions).expect("its owner may");
    std::fs::write(file, bytes).expect("damaged");
}

fn fsck(alice: &Actor<'_>, project: &Path) -> Output {
    alice.azml(project, &["project", "fsck", "-o", "json"])
}

/// Requires that a check finds nothing, that stock git agrees, and that every run can be restored.
fn assert_whole(alice: &Actor<'_>, project: &Path, runs: &[String], what: &str) {
    let again = fsck(alice, project).ok();
    assert_eq!(again.json()["sound"], true, "{what}: {again}");
    assert_eq!(again.json()["problems"].as_array().map(Vec::len), Some(0), "{what}: {again}");
    git::assert_sound(alice, &git::history_of(project));
    assert_eq!(alice.run_ids(project), runs, "{what}");
    for run in runs {
        let _restored = alice.azml(project, &["project", "restore", "--run-id", run]).ok();
    }
}

#[test]
fn a_sound_project_has_nothing_to_mend() {
    let sandbox = Sandbox::new();
    let (alice, project, _) = pushed(&sandbox);
    let before = contents(&git::history_of(&project));
    let report = alice.azml(&project, &["project", "fsck", "--dry-run", "-o", "json"]).ok().json();
    assert_eq!((&report["runs"], &report["sound"]), (&3.into(), &true.into()), "{report}");
    assert!(report["snapshots"].as_u64() >= Some(3), "{report}");
    contents(&git::history_of(&project)).assert_same(&before, "a dry run");
}

#[test]
fn a_remote_that_lost_a_file_gets_it_again() {
    let sandbox = Sandbox::new();
    let (server, alice, project) = sandbox.project_at_server();
    write(&project, "train.py", "print('one')\n");
    let first = alice.submit(&project, &["train.py"]);
    let _synced = alice.azml(&project, &["history", "sync"]).ok();

    let revision = format!("{}:train.py", alice.commit_of(&project, &first));
    let lost = alice.git(&git::history_of(&project), &["rev-parse", &revision]).ok();
    let lost = lost.stdout.trim();
    let file = Path::new("objects").join(&lost[..2]).join(&lost[2..]);
    let at = server.repositories().into_iter().find(|repository| repository.join(&file).is_file());
    let at = at.expect("a small push becomes loose objects");
    std::fs::remove_file(at.join(&file)).expect("lost");

    write(&project, "notes.md", "next to it\n");
    let _second = alice.submit(&project, &["train.py"]);
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    assert_eq!(alice.azml_json(&project, &["project", "show"])["owed"].to_string(), "[]");
    git::assert_sound(&alice, &at);
}

#[test]
fn every_object_that_is_damaged_is_found_and_restored() {
    let sandbox = Sandbox::new();
    let (alice, project, _) = pushed(&sandbox);
    let runs = alice.run_ids(&project);
    let objects = git::history_of(&project).join("objects");
    let all = files(&objects);
    assert!(all.len() > 10, "{all:?}");
    for file in all.iter().step_by(3) {
        // Mending may have put it elsewhere.
        if !file.exists() {
            continue;
        }
        let what = file.strip_prefix(&objects).expect("below").display().to_string();
        garble(file);
        let found = alice.azml(&project, &["project", "fsck", "--dry-run", "-o", "json"]).exits(1);
        assert_eq!(found.json()["sound"], false, "{what}");
        assert!(found.stderr.contains("hint: to mend what can be mended: azml project fsck"), "{found}");
        let mended = fsck(&alice, &project).ok();
        assert_eq!(mended.json()["sound"], true, "{what}: {mended}");
        assert_whole(&alice, &project, &runs, &what);
    }
    let aside = files(&git::history_of(&project).join("azml/damaged"));
    assert!(!aside.is_empty(), "what is damaged is moved away, not deleted");
}

#[test]
fn a_lost_folder_of_objects_comes_back_from_the_remote() {
    let sandbox = Sandbox::new();
    let (alice, project, remote) = pushed(&sandbox);
    let runs = alice.run_ids(&project);
    let objects = git::history_of(&project).join("objects");
    for file in files(&objects) {
        std::fs::remove_file(file).expect("removed");
    }
    let away = sandbox.path().join("away.git");
    std::fs::rename(&remote, &away).expect("unplugged");
    let alone = fsck(&alice, &project).exits(1);
    assert!(alone.stderr.contains("could not be fetched"), "{alone}");
    std::fs::rename(&away, &remote).expect("plugged in");
    let mended = fsck(&alice, &project).ok();
    assert_eq!(mended.json()["sound"], true, "{mended}");
    assert_whole(&alice, &project, &runs, "all objects lost");
}

#[test]
fn refs_that_are_damaged_or_gone_are_found_again() {
    let sandbox = Sandbox::new();
    let (alice, project, _) = pushed(&sandbox);
    let runs = alice.run_ids(&project);
    let history = git::history_of(&project);
    let branch = format!("refs/heads/{}", git::history_branch(&project));
    let tip = alice.git(&history, &["rev-parse", &branch]).ok().text().to_owned();
    let records = format!("refs/azureml/runs/{}", git::project_id(&project));
    for name in [&branch, &records] {
        for content in [Some("not an id\n"), Some("0123456789012345678901234567890123456789\n"), None] {
            let _packed = alice.git(&history, &["pack-refs", "--no-all", "--prune"]).ok();
            let file = history.join(name);
            match content {
                Some(content) => std::fs::write(&file, content).expect("written"),
                None => std::fs::remove_file(&file).expect("removed"),
            }
            let what = format!("{name} is {content:?}");
            let mended = fsck(&alice, &project).ok();
            assert!(!mended.json()["problems"].as_array().expect("a list").is_empty(), "{what}");
            assert_whole(&alice, &project, &runs, &what);
            assert_eq!(alice.git(&history, &["rev-parse", &branch]).ok().text(), tip, "{what}");
        }
    }
}

#[test]
fn files_of_azmls_own_that_are_damaged_do_no_harm() {
    let sandbox = Sandbox::new();
    let (alice, project, remote) = pushed(&sandbox);
    let runs = alice.run_ids(&project);
    let history = git::history_of(&project);
    for (file, content) in [
        ("HEAD", "ref: refs/heads/elsewhere\n"),
        ("HEAD", ""),
        ("config", "[core\n[remote \"origin\"]\n\turl = REMOTE\n"),
        ("azml/stat-index", "AZSI nonsense"),
        ("azml/restore-journal", "{\"version\": 1, \"num"),
        ("packed-refs", "# pack-refs with: peeled\nnonsense\n"),
    ] {
        let content = content.replace("REMOTE", remote.to_str().expect("UTF-8"));
        std::fs::write(history.join(file), &content).expect("damaged");
        let what = format!("{file} is {content:?}");
        let mended = fsck(&alice, &project).ok();
        assert!(!mended.json()["problems"].as_array().expect("a list").is_empty(), "{what}");
        assert_whole(&alice, &project, &runs, &what);
        let shown = alice.azml_json(&project, &["project", "show"]);
        assert_eq!(shown["remote"], remote.to_str().expect("UTF-8"), "{what}");
    }
}
