//! Files that runs wrote beside their outputs: kept however the run ends, listed, copied back, and removed after an announcement.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Child;

use e2e::folder::{set_executable, write};
use e2e::{Actor, Sandbox, contents};
use serde_json::Value;

const EDITS: &str = "import os\n\
    os.makedirs('ckpt', exist_ok=True)\n\
    open('ckpt/best.pt', 'w').write('weights')\n\
    open('results.csv', 'a').write('0.1,0.93\\n')\n\
    os.remove('old.txt')\n\
    os.chmod('tool.sh', 0o755)\n\
    os.makedirs('outputs', exist_ok=True)\n\
    open('outputs/model.txt', 'w').write('m')\n";
const EDITED: [&str; 4] = ["new ckpt/best.pt", "deleted old.txt", "changed results.csv", "changed tool.sh"];

/// A project with files for a script to change.
fn project(alice: &Actor<'_>, sandbox: &Sandbox, name: &str) -> PathBuf {
    let project = alice.create_project(&sandbox.dir("work"), name);
    write(&project, "results.csv", "rate,score\n");
    write(&project, "old.txt", "old\n");
    write(&project, "tool.sh", "echo\n");
    set_executable(&project.join("tool.sh"), false);
    write(&project, "edits.py", EDITS);
    write(&project, "nothing.py", "pass\n");
    project
}

/// Lists the kept files of a run, a line each.
#[track_caller]
fn kept(alice: &Actor<'_>, project: &Path, run: &str) -> Vec<String> {
    let list = alice.azml_json(project, &["run", "files", "-r", run]);
    let list = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    let text = |item: &Value, key: &str| item[key].as_str().unwrap_or_else(|| panic!("{item}")).to_owned();
    list.iter().map(|item| format!("{} {}", text(item, "kind"), text(item, "path"))).collect()
}

/// Starts a run, and waits for the first line of its script; returns its id and that line.
fn start(alice: &Actor<'_>, project: &Path, script: &str) -> (Child, String, String) {
    let mut azml = alice.spawn_azml(project, &["experiment", "submit", "-c", "local", script]);
    let mut lines = BufReader::new(azml.stdout.take().expect("a pipe")).lines();
    let mut next = || lines.next().expect("one more line").expect("stdout can be read");
    let run = next().strip_prefix("RunId: ").expect("the id comes first").to_owned();
    let said = next();
    (azml, run, said)
}

fn kill(alice: &Actor<'_>, mut azml: Child, script: &str) {
    azml.kill().and_then(|()| azml.wait()).expect("azml can be killed");
    let _killed = alice
        .sh(Path::new("/"), &format!("kill -KILL {script}; while kill -0 {script} 2>&-; do :; done"))
        .code;
}

#[test]
fn a_run_that_ends_or_fails_keeps_and_names_all_that_it_wrote() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = project(&alice, &sandbox, "iris");
    write(&project, "fails.py", format!("{EDITS}raise SystemExit(7)\n"));
    let before = contents(&project);
    for (script, status) in [("edits.py", 0), ("fails.py", 1)] {
        let output = alice.azml(&project, &["experiment", "submit", "-c", "local", script]).exits(status);
        let run = output.run_id();
        contents(&project).assert_same(&before, "the project is as it was");
        let log = alice.azml(&project, &["history", "info", "-r", &run, "-a", "control_log.txt"]).ok().stdout;
        for name in ["ckpt/best.pt", "results.csv", "old.txt", "tool.sh"] {
            assert!(output.stdout.contains(name) && log.contains(name), "{name}: {output}\n{log}");
        }
        assert!(output.stdout.contains(&format!("azml run files -r {run}")), "{output}");
        assert_eq!(kept(&alice, &project, &run), EDITED, "{script}");
        let record = alice.azml_json(&project, &["history", "info", "-r", &run]);
        let counted = &record["kept_files"];
        assert_eq!(
            (&counted["new"], &counted["changed"], &counted["deleted"]),
            (&1.into(), &2.into(), &1.into())
        );
        assert!(counted["until_utc"].is_string() && counted["folder"].is_string(), "{record}");
        assert!(
            record["attachments"].as_str().is_some_and(|all| all.contains("outputs/model.txt")),
            "{record}"
        );
    }
    // The next run begins with exactly the snapshot, and keeps nothing of its own.
    write(
        &project,
        "look.py",
        "import os\nfor d, _, n in sorted(os.walk('.')):\n  for f in sorted(n): print('HAS', os.path.join(d, f), oct(os.stat(os.path.join(d, f)).st_mode & 0o100), len(open(os.path.join(d, f)).read()))\n",
    );
    let look = alice.azml(&project, &["experiment", "submit", "-c", "local", "look.py"]).ok();
    let has: Vec<&str> = look.stdout.lines().filter_map(|line| line.strip_prefix("HAS ./")).collect();
    assert!(has.contains(&"results.csv 0o0 11") && has.contains(&"old.txt 0o0 4"), "{look}");
    assert!(has.contains(&"tool.sh 0o0 5") && !has.iter().any(|line| line.contains("best.pt")), "{look}");
    assert_eq!(kept(&alice, &project, &look.run_id()), Vec::<String>::new());
    assert!(!look.stdout.contains("Kept"), "{look}");
}

#[test]
fn a_killed_run_loses_nothing_to_those_who_only_read() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = project(&alice, &sandbox, "iris");
    write(
        &project,
        "hangs.py",
        format!("{EDITS}import time\nprint(os.getpid(), flush=True)\nwhile True: time.sleep(.05)\n"),
    );
    let (azml, run, pid) = start(&alice, &project, "hangs.py");
    let going_on = kept(&alice, &project, &run);
    assert_eq!(going_on, EDITED, "also while the run goes on");
    kill(&alice, azml, &pid);

    // Several at once.
    let lists: Vec<Child> = (0..4).map(|_| alice.spawn_azml(&project, &["history", "list"])).collect();
    let mut told = 0;
    for list in lists {
        let output = list.wait_with_output().expect("azml ends");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{stderr}");
        told += stderr.matches(&format!("azml run files -r {run}")).count();
    }
    let later = alice.azml(&project, &["history", "list"]).ok();
    told += later.stderr.matches(&format!("azml run files -r {run}")).count();
    assert_eq!(told, 1, "it is told once: {later}");
    assert_eq!(kept(&alice, &project, &run), EDITED);
    let record = alice.azml_json(&project, &["history", "info", "-r", &run]);
    assert_eq!(record["status"], "NotResponding");
    assert_eq!(record["kept_files"]["new"], 1, "{record}");
    assert!(record["attachments"].as_str().is_some_and(|all| all.contains("outputs/model.txt")), "{record}");
    let log = alice.azml(&project, &["history", "info", "-r", &run, "-a", "control_log.txt"]).ok();
    assert!(log.stdout.contains("ckpt/best.pt") && log.stdout.contains("old.txt"), "{log}");
    let next = alice.submit(&project, &["nothing.py"]);
    assert_eq!(kept(&alice, &project, &next), Vec::<String>::new());
    assert_eq!(kept(&alice, &project, &run), EDITED, "a later run does not remove it");
}

#[test]
fn folders_that_an_earlier_version_left_are_kept_from_the_next_submit_on() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = project(&alice, &sandbox, "iris");
    let run = alice.submit(&project, &["nothing.py"]);
    let recycled = alice.sh(sandbox.path(), "ls -d home-alice/.local/state/azml/projects/*/spare/work").ok();
    let recycled = sandbox.path().join(recycled.stdout.trim());
    let state = recycled.parent().and_then(Path::parent).expect("the project's state");
    let old = state.join("runs").join(&run).join("work");
    std::fs::create_dir_all(old.parent().expect("the run's folder")).expect("made");
    e2e::folder::copy(&recycled, &old);
    write(&old, "results.csv", "changed\n");
    write(&old, "left.pt", "weights");
    let _read = alice.azml(&project, &["history", "list"]).ok();
    assert!(old.exists(), "reading changes nothing");
    let _next = alice.submit(&project, &["nothing.py"]);
    assert_eq!(kept(&alice, &project, &run), ["new left.pt", "changed results.csv"]);
    assert!(!old.exists());
}

#[test]
fn a_canceled_run_keeps_what_it_wrote() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = project(&alice, &sandbox, "iris");
    write(
        &project,
        "hangs.py",
        format!("{EDITS}import time\nprint('ready', flush=True)\nwhile True: time.sleep(.05)\n"),
    );
    let (mut azml, run, _) = start(&alice, &project, "hangs.py");
    let _asked = alice.azml(&project, &["experiment", "cancel", "-r", &run]).ok();
    assert_eq!(azml.wait().expect("azml ends").code(), Some(130));
    assert_eq!(kept(&alice, &project, &run), EDITED);
}

#[test]
fn a_process_that_outlives_its_run_may_go_on_writing() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = project(&alice, &sandbox, "iris");
    let gate = sandbox.path().join("tmp/gate");
    let _made = alice.sh(sandbox.path(), &format!("mkfifo {}", gate.display())).ok();
    // It leaves the process group, and writes when somebody opens the gate.
    write(
        &project,
        "leaves.py",
        format!(
            "import subprocess\nopen('early.pt', 'w').write('early')\n\
             subprocess.Popen(['setsid', 'sh', '-c', 'read x < {}; echo late > late.pt'], \
             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n",
            gate.display()
        ),
    );
    let output = alice.azml(&project, &["experiment", "submit", "-c", "local", "leaves.py"]).ok();
    let run = output.run_id();
    assert!(output.stdout.contains("early.pt"), "{output}");
    let other = alice.submit(&project, &["nothing.py"]);
    assert_eq!(kept(&alice, &project, &other), Vec::<String>::new());
    assert_eq!(kept(&alice, &project, &run), ["new early.pt"]);
    let _opened = alice.sh(&project, &format!("echo go > {}", gate.display())).ok();
    // Its last act is to write the file: wait for that, and for its end.
    let folder = sandbox.path().join("home-alice/.local/state/azml/projects");
    let _ended = alice.sh(&folder, "until grep -rqs late --include=late.pt .; do :; done").ok();
    let all = || kept(&alice, &project, &run) == ["new early.pt", "new late.pt"];
    let is_kept = || {
        let info = alice.azml_json(&project, &["history", "info", "-r", &run]);
        info["kept_files"]["folder"].is_string()
    };
    assert!((0..100).any(|_| all() && is_kept()), "{:?}", kept(&alice, &project, &run));
}

#[test]
fn odd_files_are_kept_or_named_and_come_back_byte_for_byte() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = project(&alice, &sandbox, "iris");
    write(&project, ".amlignore", "/cache.bin\n/data/\n");
    write(&project, "cache.bin", "the project's");
    write(&project, "data/in.txt", "in");
    write(
        &project,
        "odd.py",
        "import os, socket\n\
         open(b'n\\xffme', 'w').write('bytes')\n\
         open('line\\nfeed', 'w').write('x')\n\
         os.symlink('n', 'dangling')\nos.makedirs('empty/deep')\nos.mkfifo('pipe')\n\
         socket.socket(socket.AF_UNIX).bind('socket')\n\
         os.remove('cache.bin')\nopen('cache.bin', 'w').write('the run')\n\
         open('data/through.txt', 'w').write('into the project')\n\
         f = open('sparse', 'w'); f.truncate(1 << 32)\n\
         open('secret', 'w').write('s'); os.chmod('secret', 0)\n",
    );
    let output = alice.azml(&project, &["experiment", "submit", "-c", "local", "odd.py"]).ok();
    let run = output.run_id();
    assert_eq!(
        kept(&alice, &project, &run),
        [
            "changed cache.bin",
            "new dangling",
            "new empty/deep",
            r#"new "line\nfeed""#,
            r#"new "n\377me""#,
            "not kept pipe",
            "new secret",
            "not kept socket",
            "new sparse",
        ]
    );
    assert_eq!(std::fs::read_to_string(project.join("cache.bin")).expect("it is there"), "the project's");
    assert_eq!(
        std::fs::read_to_string(project.join("data/through.txt")).expect("written"),
        "into the project"
    );
    let back = sandbox.path().join("back");
    let to = back.to_str().expect("UTF-8");
    let _copied = alice.azml(&project, &["run", "files", "-r", &run, "--to", to]).ok();
    assert_eq!(std::fs::read(back.join(OsStr::from_bytes(b"n\xffme"))).expect("it is there"), b"bytes");
    assert_eq!(std::fs::read_link(back.join("dangling")).expect("a link"), Path::new("n"));
    assert_eq!(std::fs::read_to_string(back.join("cache.bin")).expect("it is there"), "the run");
    assert!(back.join("empty/deep").is_dir() && !back.join("pipe").exists());
    let disk = alice.sh(&back, "test $(du -k sparse | cut -f1) -lt 1000 && stat -c %s sparse").ok();
    assert_eq!(disk.stdout.trim(), (1_u64 << 32).to_string());
    // A project's file of another content is not replaced unasked.
    let refused = alice.azml(&project, &["run", "files", "-r", &run, "cache.bin", "--apply"]).exits(1);
    assert!(refused.stderr.contains("cache.bin") && refused.stderr.contains("--force"), "{refused}");
    let shown = ["run", "files", "-r", &run, r#""n\377me""#, "empty", "--apply"];
    let _applied = alice.azml(&project, &shown).ok();
    assert_eq!(std::fs::read(project.join(OsStr::from_bytes(b"n\xffme"))).expect("it is there"), b"bytes");
    assert!(project.join("empty/deep").is_dir());
}

#[test]
fn what_a_run_wrote_is_copied_into_the_project_and_taken_out_again() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = project(&alice, &sandbox, "iris");
    let run = alice.submit(&project, &["edits.py"]);
    let before = contents(&project);
    let apply = ["run", "files", "-r", &run, "--apply"];
    let applied = alice.azml_json(&project, &apply);
    assert_eq!(applied["added"], serde_json::json!(["ckpt/best.pt"]));
    assert_eq!(applied["changed"], serde_json::json!(["results.csv", "tool.sh"]));
    assert_eq!(applied["removed"], serde_json::json!(["old.txt"]));
    let read = |name: &str| std::fs::read_to_string(project.join(name)).expect("it is there");
    assert_eq!(
        (read("results.csv").as_str(), read("ckpt/best.pt").as_str()),
        ("rate,score\n0.1,0.93\n", "weights")
    );
    assert!(!project.join("old.txt").exists());
    let _nothing_to_do = alice.azml(&project, &apply).ok();
    let _undone = alice.azml(&project, &["project", "restore", "--undo"]).ok();
    contents(&project).assert_same(&before, "after the undo");

    // An edit of the user's since the snapshot is a conflict; the rest can be had without it.
    write(&project, "results.csv", "mine\n");
    write(&project, "ckpt/best.pt", "my own\n");
    let mine = contents(&project);
    let refused = alice.azml(&project, &apply).exits(1);
    assert!(refused.stderr.contains("results.csv") && refused.stderr.contains("ckpt/best.pt"), "{refused}");
    contents(&project).assert_same(&mine, "nothing is done by halves");
    let _some = alice.azml(&project, &["run", "files", "-r", &run, "*.txt", "tool.sh", "--apply"]).ok();
    assert!(!project.join("old.txt").exists() && read("results.csv") == "mine\n");
    let _undone = alice.azml(&project, &["project", "restore", "--undo"]).ok();
    contents(&project).assert_same(&mine, "after the second undo");
    let _forced = alice.azml(&project, &[&apply[..], &["--force"]].concat()).ok();
    assert_eq!(read("results.csv"), "rate,score\n0.1,0.93\n");
    let _undone = alice.azml(&project, &["project", "restore", "--undo"]).ok();
    contents(&project).assert_same(&mine, "after the third undo");

    let unknown = alice.azml(&project, &["run", "files", "-r", "iris_9"]).exits(3);
    assert!(unknown.stderr.contains("iris_9"), "{unknown}");
    let _no_such_file = alice.azml(&project, &["run", "files", "-r", &run, "nope"]).exits(3);
    let _removed = alice.azml(&project, &["run", "files", "-r", &run, "ckpt", "--delete"]).ok();
    assert_eq!(kept(&alice, &project, &run), EDITED[1..]);
    let _removed = alice.azml(&project, &["run", "files", "-r", &run, "--delete"]).ok();
    assert_eq!(kept(&alice, &project, &run), Vec::<String>::new());
    let _gone = alice.azml(&project, &["run", "files", "-r", &run, "--apply"]).exits(3);
}

#[test]
fn kept_files_go_when_it_was_said_and_only_at_a_submit() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let at = |day: u32| alice.clone().with_env("AZML_NOW", format!("2026-11-{day:02}T00:00:00Z"));
    let project = project(&alice, &sandbox, "iris");
    let other = alice.create_project(&sandbox.dir("work"), "other");
    write(&other, "edits.py", "open('x', 'w').write('x')\n");
    let elsewhere = at(1).submit(&other, &["edits.py"]);
    let _days = alice.azml(&project, &["config", "set", "keep_days", "10"]).ok();
    let mut runs = Vec::new();
    for day in 1..=7 {
        runs.push(at(day).submit(&project, &["edits.py"]));
    }
    // Not after five runs, and not by reading.
    let show = at(20).azml_json(&project, &["project", "show"]);
    assert_eq!(show["kept_files"]["runs"], 7, "{show}");
    assert!(
        show["kept_files"]["next_expiry_utc"].as_str().is_some_and(|at| at.starts_with("2026-11-11")),
        "{show}"
    );
    for reading in [
        &["history", "list"][..],
        &["project", "show"],
        &["project", "fsck"],
        &["run", "files", "-r", &runs[0]],
    ] {
        let _read = at(20).azml(&project, reading).ok();
    }
    assert_eq!(kept(&alice, &project, &runs[0]), EDITED);
    let submit = at(12).azml(&project, &["experiment", "submit", "-c", "local", "nothing.py"]).ok();
    for gone in &runs[..2] {
        assert!(submit.stderr.contains(gone.as_str()), "{submit}");
        assert_eq!(kept(&alice, &project, gone), Vec::<String>::new());
    }
    assert!(!submit.stderr.contains(&runs[2]), "{submit}");
    assert_eq!(kept(&alice, &project, &runs[2]), EDITED);
    let info = alice.azml_json(&project, &["history", "info", "-r", &runs[0]]);
    assert!(info["kept_files"]["folder"].is_null(), "{info}");

    // For want of room: told by one run, done by the next.
    let small = at(12).with_env("AZML_KEEP_SIZE", "60");
    let submit = ["experiment", "submit", "-c", "local", "nothing.py"];
    let told = small.azml(&project, &submit).ok();
    assert!(told.stderr.contains(&runs[2]) && told.stderr.contains("--to"), "{told}");
    assert_eq!(kept(&alice, &project, &runs[2]), EDITED);
    let done = small.azml(&project, &submit).ok();
    assert!(done.stderr.contains(&runs[2]), "{done}");
    assert_eq!(kept(&alice, &project, &runs[2]), Vec::<String>::new());
    assert_eq!(kept(&alice, &project, &runs[6]), EDITED, "the newest stays");
    assert_eq!(kept(&alice, &other, &elsewhere), ["new x"], "another project's are not touched");
}

#[test]
fn declared_outputs_are_attachments() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = project(&alice, &sandbox, "iris");
    write(&project, ".amlignore", "/ckpt/\n");
    write(&project, "ckpt/earlier.pt", "of an earlier time");
    let config = |outputs: &str| {
        write(&project, "aml_config/local.runconfig", format!("Target: local\noutputs: {outputs}\n"));
    };
    config("[ckpt/, '*.onnx']");
    write(&project, "more.py", format!("{EDITS}open('m.onnx', 'w').write('onnx')\n"));
    let output = alice.azml(&project, &["experiment", "submit", "-c", "local", "more.py"]).ok();
    let run = output.run_id();
    assert!(output.stdout.contains("Outputs: ckpt/best.pt, m.onnx, outputs/model.txt"), "{output}");
    assert_eq!(kept(&alice, &project, &run), EDITED[1..]);
    let model = alice.azml(&project, &["history", "info", "-r", &run, "-a", "ckpt/best.pt"]).ok();
    assert_eq!(model.stdout, "weights");
    assert!(!project.join("ckpt/best.pt").exists(), "the run has a folder of its own");
    let place = ["experiment", "submit", "--in-place", "-c", "local", "more.py"];
    let run = alice.azml(&project, &place).ok().run_id();
    let model = alice.azml(&project, &["history", "info", "-r", &run, "-a", "m.onnx"]).ok();
    assert_eq!(model.stdout, "onnx");
    assert_eq!(kept(&alice, &project, &run), Vec::<String>::new(), "what it wrote is in the project");
    let record = alice.azml_json(&project, &["history", "info", "-r", &run]);
    assert!(!record["attachments"].to_string().contains("earlier.pt"), "{record}");
    for bad in ["/tmp/x", "../x", "a/.git/x", "driver_log.txt"] {
        config(&format!("[ckpt, {bad}]"));
        let refused = alice.azml(&project, &["experiment", "submit", "-c", "local", "more.py"]).exits(2);
        assert!(refused.stderr.contains("local.runconfig") && refused.stderr.contains(bad), "{refused}");
    }
}
