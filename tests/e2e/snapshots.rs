//! Snapshots as things: taken, named, listed, compared and restored. Stock git is the judge.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use e2e::folder::{set_executable, write};
use e2e::{Actor, Sandbox, contents, git};
use serde_json::Value;

/// Takes a snapshot that is new; returns its commit.
#[track_caller]
fn take(alice: &Actor<'_>, project: &Path, more: &[&str]) -> String {
    let taken = alice.azml_json(project, &[&["snapshot"], more].concat());
    assert_eq!(taken["is_new"], true, "{taken}");
    commit(&taken)
}

#[track_caller]
pub(crate) fn commit(value: &Value) -> String {
    value["commit"].as_str().unwrap_or_else(|| panic!("no commit in {value}")).to_owned()
}

/// The files of a snapshot, as stock git writes them out.
fn of_git(alice: &Actor<'_>, project: &Path, commit: &str, to: &Path) -> PathBuf {
    std::fs::create_dir_all(to).expect("a new folder");
    let history = git::history_of(project);
    let script =
        format!("git --git-dir='{}' archive {commit} | tar -xf - -C '{}'", history.display(), to.display());
    let _done = alice.sh(project, &script).ok();
    to.to_path_buf()
}

#[test]
fn a_snapshot_is_taken_without_a_run_and_listed_with_what_changed() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    write(&project, "train.py", "print('one')\n");
    let first = take(&alice, &project, &["-m", "the first ☃"]);
    let run = alice.submit(&project, &["train.py"]);
    write(&project, "train.py", "print('two')\n");
    write(&project, "data/new.csv", "1,2\n");
    std::fs::remove_file(project.join("aml_config/docker.compute")).ok();
    let second = take(&alice, &project, &["--message", "two", "--tag", "good"]);

    let again = alice.azml(&project, &["snapshot", "-m", "nothing new", "-o", "json"]).ok();
    assert!(again.stderr.contains(&second[..10]) && again.stderr.contains("Nothing has changed"), "{again}");
    assert_eq!(again.json()["is_new"], false);
    assert_eq!(commit(&again.json()), second);

    let history = git::history_of(&project);
    let list = alice.azml_json(&project, &["snapshot", "list"]);
    let list = list.as_array().expect("a list");
    let log = alice.git(&history, &["log", "--format=%H%x09%s%x09%an"]).ok().stdout;
    let ours: Vec<String> = list
        .iter()
        .map(|row| {
            format!(
                "{}\t{}\t{}",
                commit(row),
                row["message"].as_str().expect("text"),
                row["author"].as_str().expect("text")
            )
        })
        .collect();
    assert_eq!(ours, log.lines().collect::<Vec<_>>());
    assert_eq!(list[0]["tags"], serde_json::json!(["good"]));
    assert_eq!(list[1]["runs"], serde_json::json!([run]));
    for row in list {
        let id = commit(row);
        let status = alice
            .git(&history, &["log", "-1", "--format=", "--root", "--name-status", "--no-renames", &id])
            .ok()
            .stdout;
        let count = |letter: char| status.lines().filter(|line| line.starts_with(letter)).count();
        assert_eq!(row["files_added"], count('A'), "{row} {status}");
        assert_eq!(row["files_changed"], count('M'), "{row} {status}");
        assert_eq!(row["files_removed"], count('D'), "{row} {status}");
        let shown = alice.azml_json(&project, &["snapshot", "show", &id[..10]]);
        let changes: Vec<String> = shown["changes"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|change| {
                format!(
                    "{}\t{}",
                    change["status"].as_str().expect("text"),
                    change["path"].as_str().expect("text")
                )
            })
            .collect();
        assert_eq!(changes, status.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>());
        let files = alice.git(&history, &["ls-tree", "-r", "--name-only", &id]).ok().stdout;
        let names: Vec<&str> = shown["files"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|name| name.as_str().expect("text"))
            .collect();
        assert_eq!(names, files.lines().collect::<Vec<_>>());
    }
    let table = alice.azml(&project, &["snapshot", "list", "--last", "1", "-o", "table"]).ok().stdout;
    assert!(
        table.contains(&second[..10]) && table.contains("good") && !table.contains(&first[..10]),
        "{table}"
    );
    let text = alice.azml(&project, &["snapshot", "show", "good", "-o", "table"]).ok().stdout;
    assert!(text.contains("    two\n") && text.contains("A\tdata/new.csv"), "{text}");
    git::assert_sound(&alice, &history);
}

#[test]
fn names_mean_what_git_says_and_errors_say_what_is_near() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    let at = |time: &str| alice.clone().with_env("AZML_NOW", time);
    let mut made = Vec::new();
    for (n, time) in
        ["2026-11-27T10:00:00Z", "2026-11-28T09:00:00Z", "2026-11-28T12:00:00Z"].iter().enumerate()
    {
        write(&project, "train.py", format!("print({n})\n"));
        made.push(take(&at(time), &project, &[]));
    }
    write(&project, "train.py", "print('run')\n");
    let now = at("2026-11-28T13:00:00Z");
    let run = now.submit(&project, &["train.py"]);
    made.push(now.commit_of(&project, &run));
    let history = git::history_of(&project);
    let show = |name: &str| commit(&now.azml_json(&project, &["snapshot", "show", name]));
    for name in
        ["HEAD", "HEAD~", "HEAD~2", "HEAD^^", &made[1], &made[1][..8], &format!("{}~1", &made[2][..7])]
    {
        let gits = alice.git(&history, &["rev-parse", name]).ok();
        assert_eq!(show(name), gits.text(), "{name}");
    }
    for (name, expect) in [
        ("2 hours ago", 1),
        ("yesterday", 0),
        ("2026-11-28 10:00", 1),
        ("2026-11-28T12:00:00", 2),
        (&run, 3),
        (&run[..run.len() - 2], 3),
        (run.rsplit('_').next().expect("a number"), 3),
    ] {
        assert_eq!(show(name), made[expect], "{name}");
    }
    let _tagged = alice.git(&history, &["tag", "theirs", &made[0]]).ok();
    assert_eq!(show("theirs"), made[0]);
    let _taken = now.azml(&project, &["snapshot", "--tag", "before-refactoring"]).ok();
    assert_eq!(show("before-refactoring"), made[3]);

    // Bad input: what was given, and a way out; exit codes as the manual has them.
    for (name, code, says) in [
        ("nothing", 3, "no snapshot `nothing`"),
        ("before-refactorin", 3, "did you mean before-refactoring"),
        ("abc", 2, "too short"),
        ("HEAD~99", 3, "before the first snapshot"),
        ("10 years ago", 3, "as old as `10 years ago`"),
        ("", 3, "no snapshot ``"),
        ("1234567890123456789012345678901234567890", 3, "1234567890123456789012345678901234567890"),
    ] {
        let output = now.azml(&project, &["snapshot", "show", name]).exits(code);
        assert!(output.stderr.contains(says) && output.stderr.contains("hint: "), "{name}: {output}");
    }
    for tag in ["before-refactoring", "yesterday", "cafe1234", "a b", "HEAD"] {
        write(&project, "train.py", format!("print('{tag}')\n"));
        let before = alice.git(&history, &["rev-parse", "HEAD"]).ok().stdout;
        let output = now.azml(&project, &["snapshot", "--tag", tag]).fails();
        assert!(output.stderr.contains(tag), "{output}");
        assert_eq!(
            alice.git(&history, &["rev-parse", "HEAD"]).ok().stdout,
            before,
            "{tag}: nothing was taken"
        );
    }
}

/// A folder with all kinds of files, and another one made of it.
fn two_states(project: &Path) -> [Box<dyn Fn() + '_>; 2] {
    let long = |change: &str| {
        let line = |n: usize| if n == 30 { format!("{change}\n") } else { format!("    line {n}\n") };
        format!(
            "def one():\n{}def two(x):\n{}",
            (0..50).map(line).collect::<String>(),
            (0..50).map(line).collect::<String>()
        )
    };
    [
        Box::new(move || {
            write(project, "code.py", long("before"));
            write(project, "no newline", "a\nb");
            write(project, "gone.txt", "x\ny\n");
            write(project, "mode.sh", "exit 0\n");
            write(project, "both.sh", "exit 0\n");
            write(project, "data.bin", [0, 1, 2]);
            write(project, "with \"quotes\" and \\.txt", "q\n");
            write(project, "tab\there", "t\n");
            write(project, "ünïcode ☃.txt", "u\n");
            write(project, "becomes a link", "file\n");
            write(project, "dir/file", "f\n");
            write(project, "empty goes", "");
            write(project, "latin.txt", b"caf\xe9\n");
            write(project, "moved/from.txt", (0..40).map(|n| n.to_string()).collect::<Vec<_>>().join("\n"));
            symlink("code.py", project.join("link")).expect("a link");
        }),
        Box::new(move || {
            write(project, "code.py", long("after"));
            write(project, "no newline", "a\nc");
            std::fs::remove_file(project.join("gone.txt")).expect("changed");
            set_executable(&project.join("mode.sh"), true);
            write(project, "both.sh", "exit 1\n");
            set_executable(&project.join("both.sh"), true);
            write(project, "data.bin", [0, 1, 3]);
            write(project, "with \"quotes\" and \\.txt", "Q\n");
            write(project, "tab\there", "T\n");
            write(project, "ünïcode ☃.txt", "U\n");
            std::fs::remove_file(project.join("becomes a link")).expect("changed");
            symlink("code.py", project.join("becomes a link")).expect("changed");
            std::fs::remove_dir_all(project.join("dir")).expect("changed");
            write(project, "dir", "now a file");
            std::fs::remove_file(project.join("empty goes")).expect("changed");
            write(project, "empty comes", "");
            write(project, "fresh.txt", "fresh\n");
            write(project, "latin.txt", b"th\xe9\n");
            std::fs::create_dir_all(project.join("there")).expect("changed");
            std::fs::rename(project.join("moved/from.txt"), project.join("there/to.txt")).expect("changed");
            std::fs::remove_file(project.join("link")).expect("changed");
            symlink("mode.sh", project.join("link")).expect("changed");
        }),
    ]
}

/// `git diff` as it is without any configuration, but for names in their own letters.
const DIFF: [&str; 6] = ["-c", "core.quotePath=false", "-c", "core.abbrev=7", "diff", "--no-color"];

#[test]
fn a_diff_is_gits_to_the_byte() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    let [before, after] = two_states(&project);
    before();
    let first = take(&alice, &project, &[]);
    after();

    // Against the folder, before it is in any snapshot; then between the two.
    let of_folder = alice.azml(&project, &["project", "diff", "-p"]).ok().stdout;
    let second = take(&alice, &project, &[]);
    let history = git::history_of(&project);
    for more in [&["--no-renames"][..], &[]] {
        let ours = alice
            .azml(&project, &[&["snapshot", "diff", &first, &second, "--patch"], more].concat())
            .ok()
            .stdout;
        let gits = alice.git(&history, &[&DIFF[..], more, &[&first, &second]].concat()).ok().stdout;
        assert_eq!(ours, gits, "{more:?}");
        let ours = alice
            .azml(&project, &[&["project", "diff", &first, &second, "--name-status"], more].concat())
            .ok();
        let gits = alice.git(&history, &[&DIFF[..], more, &["--name-status", &first, &second]].concat()).ok();
        assert_eq!(ours.stdout, gits.stdout, "{more:?}");
    }
    assert_eq!(of_folder, alice.git(&history, &[&DIFF[..], &[&first, &second]].concat()).ok().stdout);
    assert_eq!(alice.azml(&project, &["project", "diff", "-p"]).ok().stdout, "");
    let other_way = alice.azml(&project, &["project", "diff", "-p", "HEAD", "HEAD~1"]).ok().stdout;
    assert_eq!(other_way, alice.git(&history, &[&DIFF[..], &[&second, &first]].concat()).ok().stdout);
    for path in ["code.py", "dir", "there", "moved/from.txt"] {
        let ours = alice.azml(&project, &["project", "diff", "-p", "HEAD~", "--", path]).ok().stdout;
        let gits = alice.git(&history, &[&DIFF[..], &[&first, &second, "--", path]].concat()).ok().stdout;
        assert_eq!(ours, gits, "{path}");
    }

    let json = alice.azml_json(&project, &["project", "diff", "HEAD~", "HEAD"]);
    assert_eq!(json["from_commit"], Value::from(first.clone()));
    assert_eq!(json["to_commit"], Value::from(second.clone()));
    let numbers = alice.git(&history, &["diff", "--shortstat", &first, &second]).ok().stdout;
    let said = format!(
        " {} files changed, {} insertions(+), {} deletions(-)\n",
        json["files_changed"], json["insertions"], json["deletions"]
    );
    assert_eq!(said, numbers);
    let stat = alice.azml(&project, &["project", "diff", "HEAD~", "--stat"]).ok().stdout;
    assert!(stat.ends_with(&numbers) && stat.contains("code.py"), "{stat}");

    // Exit codes, and bad input.
    let _same = alice.azml(&project, &["project", "diff", "--exit-code"]).ok();
    let differs =
        alice.azml(&project, &["project", "diff", "HEAD~", "--exit-code", "--name-status"]).exits(1);
    assert!(differs.stderr.is_empty() && differs.stdout.contains("M\tcode.py"), "{differs}");
    for (args, says) in [
        (&["project", "diff", "HEAD~9"][..], "HEAD~9"),
        (&["project", "diff", "--", "nowhere.txt"], "nowhere.txt"),
        (&["project", "diff", "--", "../outside"], "outside"),
        (&["project", "diff", "a", "b", "c"], "c"),
        (&["project", "diff", "--stat", "--patch"], "--stat"),
    ] {
        let output = alice.azml(&project, args).fails();
        assert!(output.stderr.contains(says), "{output}");
    }
}

#[test]
fn files_folders_and_other_folders_are_restored_and_nothing_else_changes() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let work = sandbox.dir("work");
    let project = alice.create_project(&work, "iris");
    let [before, after] = two_states(&project);
    before();
    let first = take(&alice, &project, &["--tag", "first"]);
    let of_first = contents(&project);
    after();
    write(&project, "unsaved.txt", "in no snapshot\n");
    let now = contents(&project);

    // Into another folder: stock git's own files, and the project is left alone.
    let out = sandbox.path().join("elsewhere/new");
    let done = alice.azml_json(
        &project,
        &["project", "restore", "--snapshot", "first", "--to", out.to_str().expect("UTF-8")],
    );
    assert_eq!(commit(&done), first);
    contents(&out).assert_same(&of_first, "written to another folder");
    contents(&of_git(&alice, &project, &first, &sandbox.path().join("gits")))
        .assert_same(&contents(&out), "as stock git");
    contents(&project).assert_same(&now, "the project after --to");
    for (to, says) in [
        (out.to_str().expect("UTF-8"), "not an empty folder"),
        ("inside", "in the project folder"),
        (".", "in the project folder"),
    ] {
        let output = alice.azml(&project, &["snapshot", "restore", "first", "--to", to]).fails();
        assert!(output.stderr.contains(says), "{output}");
        contents(&project).assert_same(&now, says);
    }
    contents(&out).assert_same(&of_first, "after a refusal");
    let some = sandbox.dir("some");
    let _done = alice
        .azml(
            &project,
            &["snapshot", "restore", &first, "--to", some.to_str().expect("UTF-8"), "--", "dir", "code.py"],
        )
        .ok();
    assert_eq!(contents(&some).names(), ["code.py", "dir/file"]);

    // Some paths: those are the snapshot's, all others as they were; undo brings back exactly these.
    let plan = ["snapshot", "restore", "first", "--dry-run", "-o", "json", "--", "code.py", "dir"];
    let plan = alice.azml(&project, &plan).ok().json();
    assert_eq!(plan["added"], serde_json::json!(["dir/file"]));
    assert_eq!(plan["changed"], serde_json::json!(["code.py"]));
    assert_eq!(plan["removed"], serde_json::json!(["dir"]));
    contents(&project).assert_same(&now, "after --dry-run");
    let _done =
        alice.azml(&project, &["snapshot", "restore", "first", "--", "code.py", "dir", "gone.txt"]).ok();
    let same = |name: &str| {
        assert_eq!(std::fs::read(project.join(name)).ok(), std::fs::read(out.join(name)).ok(), "{name}");
    };
    ["code.py", "dir/file", "gone.txt"].into_iter().for_each(same);
    contents(&project)
        .without("code.py")
        .without("dir")
        .without("gone.txt")
        .assert_same(&now.clone().without("code.py").without("dir"), "what was not named");
    write(&project, "unsaved.txt", "edited after the restore\n");
    let _done = alice.azml(&project, &["project", "restore", "--undo"]).ok();
    assert_eq!(std::fs::read(project.join("unsaved.txt")).expect("read"), b"edited after the restore\n");
    contents(&project)
        .without("unsaved.txt")
        .assert_same(&now.clone().without("unsaved.txt"), "after --undo");
    write(&project, "unsaved.txt", "in no snapshot\n");

    // A file that the snapshot lacks goes; from a folder below, paths are its own; bad ones are refused.
    let _done = alice.azml(&project, &["snapshot", "restore", "first", "--", "fresh.txt"]).ok();
    assert!(!project.join("fresh.txt").exists());
    let _done = alice
        .azml(&project.join("there"), &["snapshot", "restore", "first", "--", "../moved", "to.txt"])
        .ok();
    assert!(project.join("moved/from.txt").exists() && !project.join("there/to.txt").exists());
    let now = contents(&project);
    for (path, says) in [
        ("nowhere", "nowhere"),
        ("dir/file", "dir"),
        ("../x", "not in the project"),
        (".git/config", ".git"),
        (".azuremlhistory_git", ".azuremlhistory_git"),
    ] {
        let output = alice.azml(&project, &["snapshot", "restore", "first", "--", path]).fails();
        assert!(output.stderr.contains(says), "{output}");
        contents(&project).assert_same(&now, path);
    }
    let _done = alice.azml(&project, &["project", "restore", "--snapshot", "first"]).ok();
    contents(&project).assert_same(&of_first, "all of it");
    git::assert_sound(&alice, &git::history_of(&project));
}

#[test]
fn a_run_is_named_by_the_snapshot_that_it_alone_ran_from() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    write(&project, "train.py", "print(1)\n");
    let first = alice.azml(&project, &["run", "--", "true"]).ok().run_id();
    let _tagged = alice.azml(&project, &["snapshot", "--tag", "paper"]).ok();
    write(&project, "train.py", "print(2)\n");
    let second = take(&alice, &project, &[]);
    write(&project, "train.py", "print(3)\n");
    let sweep = ["sweep", "--param", "i=1,2", "--", "true"];
    let third = alice.azml(&project, &sweep).ok().run_id();
    let commit = alice.commit_of(&project, &first);
    let named =
        [(&*commit, &first), (&commit[..8], &first), ("HEAD~2", &first), ("paper", &first), ("HEAD", &third)];
    for (name, run) in named {
        let info = alice.azml_json(&project, &["history", "info", "-r", name]);
        assert_eq!(info["run_id"].as_str(), Some(run.as_str()), "{name}");
    }
    let compared = alice.azml_json(&project, &["history", "compare", "HEAD~2", "HEAD"]);
    assert_eq!(compared["runs"], serde_json::json!([first, third]));
    let there = sandbox.path().join("there");
    let download = ["history", "download", "-r", "HEAD~2", "-d", there.to_str().expect("UTF-8")];
    let _downloaded = alice.azml(&project, &download).ok();
    assert!(there.is_dir());
    let _edited = alice.azml(&project, &["history", "edit", "-r", "HEAD~2", "--name", "first"]).ok();
    let _again = alice.azml(&project, &["run", "--", "true"]).ok();
    for (name, code, said) in [
        ("HEAD~1", 3, "no run ran from it"),
        (&second[..10], 3, "no run ran from it"),
        ("HEAD~9", 3, "HEAD~9"),
        ("HEAD", 2, "is the snapshot of 2 runs"),
        ("nonsense", 3, "there is no run `nonsense`"),
    ] {
        let refused = alice.azml(&project, &["history", "info", "-r", name]).exits(code);
        assert!(refused.stderr.contains(said) && refused.stderr.contains("hint: "), "{name}: {refused}");
    }
}

#[test]
fn a_restore_to_a_full_disk_leaves_nothing_and_says_so() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    write(&project, "train.py", "print(1)\n");
    write(&project, "data/weights", vec![7; 3_000_000]);
    let _taken = alice.azml(&project, &["snapshot"]).ok();
    let before = contents(&project);
    let script = r#"
        mount -t tmpfs -o size=2m tmpfs "$DISK"; mkdir "$DISK/there"
        for to in new/deep there; do
            azml snapshot restore HEAD --to "$DISK/$to" 2>&1 && echo 'it was there' || echo "exit $?"
        done
        echo; find "$DISK" -mindepth 1 -printf '%P\n'
        azml snapshot restore HEAD --to "$DISK/new/deep" -o none -- train.py && cat "$DISK/new/deep/train.py"
    "#;
    let mut command = alice.command("unshare", &project);
    command.args(["--user", "--map-root-user", "--mount"]).env("DISK", sandbox.dir("disk"));
    let output = sandbox.run(command, &["sh", "-c", script], None);
    let (told, left) = output.stdout.split_once("\n\n").expect("two parts");
    assert_eq!(told.matches("exit 1").count(), 2, "{output}");
    assert_eq!(told.matches("No space left on device").count(), 2, "{output}");
    assert_eq!(told.matches("hint: ").count(), 2, "{output}");
    assert_eq!(left, "there\nprint(1)\n", "{output}");
    contents(&project).assert_same(&before, "the project");
}

#[test]
fn tags_and_snapshots_that_are_only_at_the_remote_are_found_by_name() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let alice = sandbox.actor("alice", "alicepat");
    let url = server.repo("iris");
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", &url);
    write(&project, "train.py", "print(1)\n");
    let first = take(&alice, &project, &["--tag", "first"]);
    let of_first = contents(&project);
    write(&project, "train.py", "print(2)\n");
    let second = take(&alice, &project, &[]);

    let there = sandbox.actor_at("there", "alice", "alicepat");
    let _cloned = there.azml(&sandbox.dir("there"), &["project", "clone", &url, "iris"]).ok();
    let clone = sandbox.dir("there").join("iris");
    let list = there.azml_json(&clone, &["snapshot", "list"]);
    assert_eq!(commit(&list[0]), second);
    let _done = there.azml(&clone, &["snapshot", "restore", "first"]).ok();
    contents(&clone).assert_same(&of_first, "the tag's snapshot, brought from the remote");
    assert_eq!(commit(&there.azml_json(&clone, &["snapshot", "show", "first"])), first);
    // The same name on two computers: each keeps its own, and the rest is pushed.
    write(&project, "train.py", "print(3)\n");
    let _third = take(&alice, &project, &["--tag", "mine", "--no-push"]);
    write(&clone, "train.py", "print(4)\n");
    let _fourth = take(&there, &clone, &["--tag", "mine"]);
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    assert_eq!(alice.azml_json(&project, &["project", "show"])["owed"], serde_json::json!([]));
    git::assert_sound(&there, &git::history_of(&clone));
    git::assert_sound(&alice, &git::history_of(&project));
}
