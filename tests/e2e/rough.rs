//! Rough weather: a full disk, folders that can't be written, many submits at once, two people in one folder.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Stdio;

use e2e::folder::write;
use e2e::git::UserState;
use e2e::{Sandbox, contents, git};

#[test]
fn a_full_disk_is_said_and_costs_nothing() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let disk = sandbox.dir("disk");
    // A file system of 5 MB that this command alone sees, and that goes with it.
    let script = r#"
        exec 2>&1
        mount -t tmpfs -o size=5m tmpfs "$DISK"; cd "$DISK"
        azml project create -n iris -o none; cd iris
        head -c 1500000 /dev/urandom > weights; cp weights "$OUT/first"
        azml project snapshot -o none; run=$(git --git-dir=.azuremlhistory_git rev-parse "AzureMLHistory/$(ls .azuremlhistory_git/refs/heads/AzureMLHistory)")
        head -c 1500000 /dev/urandom > weights; cp weights "$OUT/second"
        head -c 1200000 /dev/urandom > ../ballast
        echo '--- snapshot'; azml project snapshot -o none && echo 'it was there' || echo "exit $?"
        cmp weights "$OUT/second"; test "$(git --git-dir=.azuremlhistory_git rev-parse AzureMLHistory/$(ls .azuremlhistory_git/refs/heads/AzureMLHistory))" = "$run"
        git --git-dir=.azuremlhistory_git fsck --strict --no-dangling --no-progress
        echo '--- submit'; echo 'print(1)' > train.py || true; azml experiment submit -c local train.py && echo 'it ran' || echo "exit $?"
        rm ../ballast
        echo '--- with room'; azml project snapshot -o none; azml project fsck -o none
        git --git-dir=.azuremlhistory_git fsck --strict --no-dangling --no-progress
        head -c 1000000 /dev/urandom > ../ballast; head -c 1000000 /dev/urandom >> ../ballast || true
        before=$(cat weights train.py | cksum)
        echo '--- restore'; azml project restore --run-id "$run" -o none && echo 'it was there' || echo "exit $?"
        test "$before" = "$(cat weights train.py | cksum)" || cmp weights "$OUT/first"
        rm ../ballast
        azml project restore --run-id "$run" -o none || true
        azml project show -o none; azml project fsck -o none
        echo done
    "#;
    let out = sandbox.dir("out");
    let mut unshare = alice.command("unshare", sandbox.path());
    unshare.arg("--mount").env("DISK", &disk).env("OUT", &out);
    let root = alice.sh(sandbox.path(), "id -u").ok().text() == "0";
    if !root {
        unshare.arg("--map-root-user");
    }
    let output = sandbox.run(unshare, &["sh", "-c", script], None);
    assert!(output.stdout.ends_with("done\n"), "{output}");
    let part = |name: &str| {
        let after = output.stdout.split(&format!("--- {name}\n")).nth(1).unwrap_or_default();
        after.split("---").next().unwrap_or_default().to_owned()
    };
    for name in ["snapshot", "submit"] {
        let said = part(name);
        assert!(said.contains("No space left on device") && said.contains("exit 1"), "{name}: {said}");
        assert!(said.contains("hint: "), "{name}: {said}");
    }
}

#[test]
fn a_history_that_cannot_be_written_is_named() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let disk = sandbox.dir("disk");
    let script = r#"
        mount -t tmpfs tmpfs "$DISK"; cd "$DISK"
        azml project create -n iris -o none; cd iris
        echo 'print(1)' > train.py; azml experiment submit -c local train.py > /dev/null; echo 'print(2)' > train.py
        mount -o remount,ro "$DISK"
        azml history list -o tsv --query '[].status'
        azml project snapshot -o none 2>&1 || echo "exit $?"
        azml project restore --run-id "$(azml history last --query run_id -o tsv)" -o none 2>&1 || echo "exit $?"
    "#;
    let mut unshare = alice.command("unshare", sandbox.path());
    unshare.arg("--mount").env("DISK", &disk);
    if alice.sh(sandbox.path(), "id -u").ok().text() != "0" {
        unshare.arg("--map-root-user");
    }
    let output = sandbox.run(unshare, &["sh", "-c", script], None);
    assert!(output.stdout.starts_with("Completed\n"), "{output}");
    assert_eq!(output.stdout.matches("exit 1").count(), 2, "{output}");
    assert_eq!(output.stdout.matches("Read-only file system").count(), 2, "{output}");
    assert!(output.stdout.contains(".azuremlhistory_git"), "{output}");
    assert_eq!(output.stdout.matches("hint: ").count(), 2, "{output}");
}

#[test]
fn ten_submits_at_once_all_run_and_are_all_recorded() {
    let sandbox = Sandbox::new();
    let (remote, alice, project) = sandbox.project_with_remote();
    write(&project, "train.py", "import sys\nprint('number', sys.argv[1])\n");
    let user = UserState::of(&alice, &project);
    let children: Vec<_> = (0..10)
        .map(|number| {
            alice.spawn_azml(
                &project,
                &["experiment", "submit", "-c", "local", "train.py", &number.to_string()],
            )
        })
        .collect();
    for (number, child) in children.into_iter().enumerate() {
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stdout);
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{number}: {said}\n{complained}");
        assert!(said.contains(&format!("number {number}")), "{said}");
    }
    let runs = alice.azml_json(&project, &["history", "list"]);
    let runs = runs.as_array().expect("a list");
    let mut numbers: Vec<_> = runs.iter().filter_map(|run| run["run_number"].as_u64()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=10).collect::<Vec<_>>());
    let first = &runs[0]["properties"]["CommitId"];
    assert!(runs.iter().all(|run| &run["properties"]["CommitId"] == first), "nothing changed between them");
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    assert_eq!(alice.azml_json(&project, &["project", "show"])["owed"].to_string(), "[]");
    git::assert_sound(&alice, &git::history_of(&project));
    git::assert_sound(&alice, &remote);
    user.assert_same(&UserState::of(&alice, &project), "ten submits");
}

#[test]
fn two_people_in_one_shared_folder_see_each_others_runs() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    if alice.sh(sandbox.path(), "id -u").ok().text() != "0" {
        println!("only root can be two people; this was run by somebody else");
        return;
    }
    let open = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode is set");
    };
    // The binary itself: where it was built, others may have no way to.
    let bin = sandbox.dir("shared-bin");
    std::fs::copy(sandbox.path().join("bin/azml"), bin.join("azml")).expect("copied");
    open(sandbox.path(), 0o755);
    open(&sandbox.dir("tmp"), 0o1777);
    let shared = sandbox.dir("shared");
    open(&shared, 0o2777);
    let mut told = Vec::new();
    for (person, uid) in [("alice", 61_001), ("bob", 61_002)] {
        let home = sandbox.dir(&format!("home-of-{person}"));
        std::fs::write(
            home.join(".gitconfig"),
            format!("[user]\n\tname = {person}\n\temail = {person}@example.com\n"),
        )
        .expect("written");
        std::os::unix::fs::chown(&home, Some(uid), Some(61_000)).expect("root may");
        std::os::unix::fs::chown(&shared, None, Some(61_000)).expect("root may");
        open(&shared, 0o2775);
        if person == "alice" {
            std::os::unix::fs::chown(&shared, Some(uid), Some(61_000)).expect("root may");
        }
        let script = r#"
            umask 002; export PATH="$BIN:$PATH"; cd "$SHARED"
            test -d iris || azml project create -n iris -o none
            cd iris; mkdir -p aml_config
            test -e aml_config/shell.compute || printf 'type: local\npythonLocation: /bin/sh\n' > aml_config/shell.compute
            test -e aml_config/shell.runconfig || printf 'Target: shell\nFramework: Python\n' > aml_config/shell.runconfig
            test -e job.sh || echo 'echo trained by $(id -u)' > job.sh
            echo "$PERSON" >> who
            azml experiment submit -c shell job.sh
            azml history list -o tsv --query '[].user_id'
            azml project fsck -o none
        "#;
        let mut command = sandbox.command("sh", &home, &shared);
        command.env("BIN", &bin).env("SHARED", &shared).env("PERSON", person).args(["-ec", script]);
        let output = command.uid(uid).gid(61_000).stdin(Stdio::null()).output().expect("started");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{person}: {said}\n{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains(&format!("trained by {uid}")), "{said}");
        told.push(said);
    }
    assert!(told[1].contains("bob@example.com\nalice@example.com\n"), "{}", told[1]);
    let _before = contents(&shared.join("iris"));
}
