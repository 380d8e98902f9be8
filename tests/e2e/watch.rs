//! `azml snapshot watch`: a snapshot of whatever settles, by the system's word or by looking.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use e2e::{Actor, Sandbox, git};
use serde_json::Value;

use crate::snapshots::commit;

/// A watch that is going on; the lines of JSON that it prints.
struct Watching {
    child: Child,
    lines: std::sync::mpsc::Receiver<Value>,
}

impl Watching {
    fn start(alice: &Actor<'_>, project: &Path, more: &[&str]) -> Self {
        let args = [&["snapshot", "watch", "--json", "--debounce", "200ms"], more].concat();
        Self::of(alice.spawn_azml(project, &args))
    }

    /// Of a watch that was started somehow, with a pipe for its output.
    fn of(mut child: Child) -> Self {
        let out = child.stdout.take().expect("a pipe");
        let (tell, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
                if tell.send(value).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// The next line, which has to be of this event.
    #[track_caller]
    fn next(&self, event: &str) -> Value {
        let value = self.lines.recv_timeout(Duration::from_mins(1)).expect("a line within a minute");
        assert_eq!(value["event"], event, "{value}");
        value
    }

    /// Ends it with a signal; the exit code and all lines that were left.
    #[track_caller]
    fn end(mut self, signal: &str) -> (Option<i32>, Vec<Value>) {
        let id = self.child.id().to_string();
        let killed = std::process::Command::new("kill").args([signal, &id]).status().expect("kill starts");
        assert!(killed.success());
        let code = self.child.wait().expect("it ends").code();
        (code, self.lines.iter().collect())
    }
}

/// Writes a file at once: a snapshot between the steps of writing it in place would be right, too.
fn write(project: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    let whole = project.with_extension("whole");
    std::fs::write(&whole, bytes).expect("written");
    let path = project.join(name);
    std::fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("made");
    std::fs::rename(&whole, &path).expect("moved");
}

#[test]
fn a_watch_takes_a_snapshot_of_whatever_settles_and_ends_cleanly() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let remote = sandbox.bare_repo("remote.git");
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", remote.to_str().expect("UTF-8"));
    write(&project, ".gitignore", "*.log\ncache/\n");
    write(&project, "train.py", "print(0)\n");
    write(&project, "cache/x/ignored", "x");
    let watching = Watching::start(&alice, &project, &[]);
    let began = watching.next("watching");
    assert_eq!(began["by"], "inotify");
    // The folder as it is when it begins; ignored folders are not watched.
    let first = commit(&watching.next("snapshot"));
    let folders = alice
        .sh(&project, "find . -type d | grep -vE '^./(cache|.git|.azuremlhistory_git)(/|$)' | wc -l")
        .ok();
    assert_eq!(began["folders"].to_string(), folders.text().trim(), "{began}");

    // Nothing of this is in a snapshot: nothing is told, and the next line is about what is.
    write(&project, "run.log", "ignored\n");
    write(&project, "cache/x/ignored", "y");
    write(&project, "src/new/model.py", "model\n");
    let second = watching.next("snapshot");
    assert_eq!(second["changes"], serde_json::json!([{"status": "A", "path": "src/new/model.py"}]));
    // In a folder that came while it watched; then a storm of renames.
    write(&project, "src/new/model.py", "model 2\n");
    assert_eq!(watching.next("snapshot")["changes"][0]["status"], "M");
    for n in 0..2_000 {
        let (from, to) = (project.join(format!("src/{n}.tmp")), project.join("src/final.txt"));
        std::fs::write(&from, format!("{n}\n")).expect("written");
        std::fs::rename(&from, &to).expect("renamed");
    }
    std::fs::rename(project.join("src/new"), project.join("src/moved")).expect("renamed");
    let mut last = watching.next("snapshot");
    let history = git::history_of(&project);
    let has = |last: &Value| {
        let files = alice.git(&history, &["ls-tree", "-r", "--name-only", &commit(last)]).ok().stdout;
        files.contains("src/final.txt\nsrc/moved/model.py\n") && !files.contains(".tmp")
    };
    while !has(&last) {
        last = watching.next("snapshot");
    }
    let files = alice.git(&history, &["show", &format!("{}:src/final.txt", commit(&last))]).ok().stdout;
    assert_eq!(files, "1999\n");

    // What has changed when it is told to end is in a last snapshot.
    write(&project, "last.txt", "last\n");
    write(&project, "src/moved/model.py", "in the moved folder\n");
    let mut end = watching.end("-TERM");
    assert_eq!(end.0, Some(0));
    let stopped = end.1.pop().expect("it says so");
    assert_eq!((&stopped["event"], &stopped["why"]), (&"stopped".into(), &"signal".into()));
    let tip = alice.git(&history, &["rev-parse", "HEAD"]).ok().text().to_owned();
    let files = alice.git(&history, &["ls-tree", "-r", "--name-only", &tip]).ok().stdout;
    assert!(!files.contains("ignored") && !files.contains("run.log"), "{files}");
    assert_ne!(tip, first);
    git::assert_sound(&alice, &history);
    // All that was told before is at the remote by the next sync, or was before.
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    let there = alice.git(&remote, &["rev-parse", &git::history_branch(&project)]).ok();
    assert_eq!(there.text(), tip);
}

#[test]
fn a_watch_that_polls_and_one_whose_project_goes() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let work = sandbox.dir("work");
    let project = alice.create_project(&work, "iris");
    write(&project, "train.py", "print(0)\n");
    let polling = Watching::start(&alice, &project, &["--poll", "--no-push"]);
    let _first = polling.next("snapshot");
    assert_eq!(polling.next("watching")["by"], "polling");
    write(&project, "train.py", "print(1)\n");
    assert_eq!(polling.next("snapshot")["changes"][0]["path"], "train.py");
    // Also when it polls, the last changes are in a last snapshot.
    write(&project, "train.py", "print(1.5)\n");
    let (code, last) = polling.end("-INT");
    let events: Vec<&str> = last.iter().filter_map(|line| line["event"].as_str()).collect();
    assert_eq!((code, &events[..]), (Some(0), &["snapshot", "stopped"][..]));

    // It is no snapshot's business why it can't be taken: the next change is another chance.
    let limited = alice.clone().with_env("AZML_LARGE_LIMIT", "50MB");
    let mut watching = Watching::start(&limited, &project, &[]);
    let _began = watching.next("watching");
    write(&project, "huge.bin", vec![0; 60_000_000]);
    let error = watching.next("error");
    assert!(error["hints"].to_string().contains("/huge.bin"), "{error}");
    std::fs::remove_file(project.join("huge.bin")).expect("removed");
    write(&project, "train.py", "print(2)\n");
    let _again = watching.next("snapshot");
    // A snapshot that is being taken puts files there meanwhile.
    while project.exists() {
        let _again = std::fs::remove_dir_all(&project);
    }
    let gone = watching.lines.iter().find(|line| line["event"] == "stopped").expect("it says so");
    assert_eq!(gone["why"], "gone");
    assert_eq!(watching.child.wait().expect("it ends").code(), Some(3));
}

/// In a user namespace of its own the system's limits can be as low as one likes.
#[test]
fn a_watch_beyond_the_systems_limits_looks_by_itself_and_says_what_to_set() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    for folder in ["a", "b", "c", "d"] {
        write(&project, &format!("{folder}/x.py"), "print(0)\n");
    }
    for (limit, number, setting) in [
        ("max_inotify_watches", 3, "sudo sysctl fs.inotify.max_user_watches=1048576"),
        ("max_inotify_instances", 0, "sudo sysctl fs.inotify.max_user_instances=1024"),
    ] {
        let said = sandbox.path().join(limit);
        let mut command = alice.command("unshare", &project);
        let script = format!(
            "echo {number} > /proc/sys/user/{limit}; exec azml snapshot watch --json --debounce 200ms --no-push"
        );
        command.args(["--user", "--map-root-user", "sh", "-c", &script]);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&said).expect("a file"));
        let watching = Watching::of(command.spawn().expect("unshare starts"));
        let began = std::iter::from_fn(|| watching.lines.recv_timeout(Duration::from_mins(1)).ok());
        let began = began.into_iter().find(|line| line["event"] == "watching").expect("it begins");
        assert_eq!(began["by"], "polling", "{limit}");
        write(&project, "d/x.py", format!("print('{limit}')\n"));
        assert_eq!(watching.next("snapshot")["changes"][0]["path"], "d/x.py");
        assert_eq!(watching.end("-INT").0, Some(0));
        let said = std::fs::read_to_string(said).expect("a file");
        assert!(said.contains("warning: ") && said.contains(setting), "{said}");
    }
}
