//! The line, the submitter, the node or its disk breaks while a run goes on on another computer. The run is one run in the end,
//! and the next command says how it stands.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr};

use e2e::engines::{End, Host, until};
use e2e::folder::write;
use e2e::{Actor, Sandbox};
use serde_json::Value;

/// Closes the connection at the machine's end, and cuts the line.
const CUT: &str = "kill -9 $PPID; ip link set eth0 down; touch /root/is-cut; exit 1";

/// Takes in the snapshot, and not the job that comes after it by the same command.
const ONLY_SNAPSHOT: &str = "sh -c \"${1%% && *}'\"";
/// Takes in the job, and does not start it.
const ONLY_PUT: &str = "sh -c \"$(echo \"$1\" | sed 's/node start/node put/')\"";

/// alice's project, whose target `gpu` is the machine.
fn at_host<'s>(sandbox: &'s Sandbox, host: &Host<'s>, more: &[&str]) -> (Actor<'s>, PathBuf) {
    host.serve_ssh();
    let (alice, project) = sandbox.project();
    attach(sandbox, &alice, &project, more);
    (alice, project)
}

fn attach(sandbox: &Sandbox, alice: &Actor<'_>, project: &Path, more: &[&str]) {
    let azml = sandbox.path().join("bin/azml");
    let azml = azml.to_str().expect("UTF-8");
    let args = ["computetarget", "attach", "ssh", "-n", "gpu", "-a", "node1", "--azml", azml];
    let _attached = alice.azml(project, &[&args, more].concat()).ok();
}

fn record(alice: &Actor<'_>, project: &Path, run: &str) -> Value {
    alice.azml_json(project, &["history", "info", "-r", run])
}

fn status(alice: &Actor<'_>, project: &Path, run: &str) -> String {
    record(alice, project, run)["status"].as_str().expect("a text").to_owned()
}

/// Counts how often the script of a test has run on the machine.
fn times(host: &Host<'_>) -> usize {
    fs::read_to_string(host.home().join("ran")).unwrap_or_default().lines().count()
}

/// Removes the control log's dates.
fn control_log(alice: &Actor<'_>, project: &Path, run: &str) -> String {
    alice.azml(project, &["history", "info", "-r", run, "-a", "control_log.txt"]).ok().stdout
}

const SUBMIT: [&str; 4] = ["experiment", "submit", "-c", "gpu"];
const TRAIN: &str = "echo ran >> $HOME/ran; echo trained\n";

/// azml, of which the test reads what it says.
struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
}

impl Running {
    fn start(alice: &Actor<'_>, project: &Path, args: &[&str]) -> Self {
        let mut child = alice.spawn_azml(project, args);
        let stderr = BufReader::new(child.stderr.take().expect("stderr is a pipe"));
        Self { child, stderr, said: String::new() }
    }

    /// Reads on until azml has said these words.
    #[track_caller]
    fn until(&mut self, words: &str) {
        let mut line = String::new();
        while self.stderr.read_line(&mut line).expect("stderr can be read") > 0 {
            self.said.push_str(&line);
            if line.contains(words) {
                return;
            }
            line.clear();
        }
        panic!("azml ended without a word of `{words}`: {}", self.said);
    }

    fn signal(&self, alice: &Actor<'_>, signal: &str) {
        let id = self.child.id().to_string();
        let _sent = alice.run("kill", alice.home(), &[signal, &id]).ok();
    }

    /// Waits for its end; gives what it printed.
    #[track_caller]
    fn ends(mut self, code: i32) -> String {
        self.stderr.read_to_string(&mut self.said).expect("stderr can be read");
        let output = self.child.wait_with_output().expect("azml ends");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.code(), Some(code), "{printed}{}", self.said);
        printed
    }
}

/// Submits a run, and lets a step of it, which the machine does in this way, be the one where the line breaks.
fn break_at(alice: &Actor<'_>, project: &Path, host: &Host<'_>, (step, script): (&str, &str)) {
    let before = times(host);
    // New content each time: there is something to be sent.
    write(project, "data.txt", format!("{step}{script}{}", noise(before)));
    host.on_command(End::There, step, script);
    let mut submit = Running::start(alice, project, &[&SUBMIT[..], &["train.sh"]].concat());
    submit.until("tries again");
    assert!(host.has_met(), "{step}");
    // azml may notice the closed connection first.
    let _cut = until(alice, project, &format!("ls {}", host.home().display()), "*is-cut*");
    fs::remove_file(host.home().join("is-cut")).expect("the file is there");
    host.mend();
    let printed = submit.ends(0);
    assert!(printed.contains("\ntrained\n"), "{step}, {script}: {printed}");
    assert_eq!(times(host), before + 1, "{step}, {script}");
    assert_eq!(alice.azml_json(project, &["history", "last"])["status"], "Completed", "{step}, {script}");
}

/// Text that does not become shorter by compression.
fn noise(seed: usize) -> String {
    let mut state = u32::try_from(seed).expect("a small number") + 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(33 + u8::try_from(state >> 24).expect("a byte") % 90)
    };
    (0..20_000).map(|_| next()).collect()
}

#[test]
fn a_line_that_breaks_while_a_run_is_sent_starts_it_once() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (alice, project) = at_host(&sandbox, &host, &[]);
    write(&project, "train.sh", TRAIN);
    let after = format!("sh -c \"${{1%?}} > {}/lost'\"; {CUT}", sandbox.path().display());
    let before_job = format!("{ONLY_SNAPSHOT}; {CUT}");
    let amid = format!(
        "{{ head -c 5000; kill -9 $PPID; ip link set eth0 down; touch /root/is-cut; exec sleep 1000; }} | sh -c \"$1\"; {CUT}"
    );
    for step in [
        ("serve git-receive-pack", CUT),
        ("serve git-receive-pack", &amid),
        // It has the snapshot, and the job or not.
        ("serve git-receive-pack", &before_job),
        ("serve git-receive-pack", &after),
    ] {
        break_at(&alice, &project, &host, step);
    }
    assert_eq!(alice.run_ids(&project).len(), 4);
}

#[test]
fn a_line_that_breaks_while_a_run_is_followed_or_comes_back_changes_nothing() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (alice, project) = at_host(&sandbox, &host, &[]);
    write(&project, "train.sh", TRAIN);
    let amid = format!("sh -c \"$1\" | {{ dd bs=1 count=1000 status=none; {CUT}; }}; exit 1");
    for step in [
        ("node output", CUT),
        ("node state", CUT),
        ("serve git-upload-pack", CUT),
        ("serve git-upload-pack", &amid),
    ] {
        break_at(&alice, &project, &host, step);
    }
}

#[test]
fn a_line_that_falls_silent_loses_no_byte_of_the_log() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (alice, project) = at_host(&sandbox, &host, &[]);
    write(
        &project,
        "train.sh",
        "i=0; while [ ! -e $HOME/stop ]; do i=$((i+1)); echo line $i; sleep 0.1; done; echo end $i\n",
    );
    let run = alice.azml(&project, &[&SUBMIT[..], &["--detach", "train.sh"]].concat()).ok().run_id();
    let mut follow = Running::start(&alice, &project, &["experiment", "logs", "-r", &run, "--follow"]);
    host.cut();
    // Meanwhile the others are told, and nothing is said to have ended.
    follow.until("tries again");
    let shown = alice.azml(&project, &["history", "list", "-o", "json"]).ok();
    assert!(shown.stderr.contains("node1") && shown.json()[0]["status"] == "Running", "{shown}");
    host.mend();
    follow.until("answers again");
    fs::write(host.home().join("stop"), "").expect("a file is written");
    let printed = follow.ends(0);
    let lines: Vec<&str> = printed.lines().filter(|line| line.starts_with("line ")).collect();
    let expected: Vec<String> = (1..=lines.len()).map(|n| format!("line {n}")).collect();
    assert_eq!(lines, expected);
    assert!(printed.contains(&format!("\nend {}\n", lines.len())), "{printed}");
    assert_eq!(status(&alice, &project, &run), "Completed");
}

#[test]
fn a_submit_that_is_killed_has_sent_its_run_or_not_and_the_next_command_says_which() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (alice, project) = at_host(&sandbox, &host, &[]);
    write(&project, "train.sh", TRAIN);
    // The output stays open until azml is dead.
    let (before, after) = ("kill -9 $PPID; exit 1", "real_ssh \"$@\"; kill -9 $PPID; exit 1");
    for (step, script, there, ends) in [
        ("serve git-receive-pack", before, None, "Failed"),
        ("serve git-receive-pack", after, Some(ONLY_SNAPSHOT), "Failed"),
        ("serve git-receive-pack", after, Some(ONLY_PUT), "Failed"),
        ("serve git-receive-pack", after, None, "Completed"),
        ("node output", before, None, "Completed"),
        ("serve git-upload-pack", before, None, "Completed"),
        ("node forget", before, None, "Completed"),
    ] {
        let ran = times(&host);
        if let Some(there) = there {
            host.on_command(End::There, step, &format!("{there}; exit"));
        }
        host.on_command(End::Here, step, script);
        let killed = alice.azml(&project, &[&SUBMIT[..], &["train.sh"]].concat());
        assert!(killed.code.is_none() && host.has_met(), "{step}: {killed}");
        let run = alice.run_ids(&project).remove(0);
        if ends == "Completed" {
            let _waited = alice.azml(&project, &["experiment", "wait", &run]).ok();
        }
        let listed = alice.azml_json(&project, &["history", "list"]);
        assert_eq!(listed[0]["status"], ends, "{step}: {listed}");
        let log = control_log(&alice, &project, &run);
        let says_why = log.contains("nothing ran");
        assert_eq!(says_why, ends == "Failed", "{step}: {log}");
        assert_eq!(times(&host), ran + usize::from(ends == "Completed"), "{step}, {script}");
    }
    let jobs = fs::read_dir(host.home().join(".azml/jobs")).expect("a folder");
    let left: Vec<_> = jobs.flatten().map(|entry| entry.file_name()).collect();
    // Its azml was killed when it was about to say that the machine may forget it.
    assert!(left.len() <= 1, "{left:?}");
}

#[test]
fn a_run_that_was_sent_and_not_started_can_be_canceled() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (alice, project) = at_host(&sandbox, &host, &[]);
    write(&project, "train.sh", TRAIN);
    host.on_command(End::There, "node start", &format!("{ONLY_PUT}; exit"));
    host.on_command(End::Here, "node start", "real_ssh \"$@\"; kill -9 $PPID; exit 1");
    let _killed = alice.azml(&project, &[&SUBMIT[..], &["train.sh"]].concat());
    let id = fs::read_dir(host.home().join(".azml/jobs")).expect("a folder").flatten().next().expect("a job");
    let run = id.file_name().into_string().expect("UTF-8");
    let _asked = alice.azml(&project, &["experiment", "cancel", "-r", &run]).ok();
    let _ended = alice.azml(&project, &["experiment", "wait", &run]).exits(130);
    assert_eq!((status(&alice, &project, &run).as_str(), times(&host)), ("Canceled", 0));
}

#[test]
fn a_laptop_that_sleeps_while_it_submits_or_follows_wakes_to_the_same_run() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (alice, project) = at_host(&sandbox, &host, &[]);
    write(
        &project,
        "train.sh",
        format!("{TRAIN}until [ -e $HOME/stop ]; do sleep 0.1; done; echo stopped\n"),
    );
    // Before the run is started.
    let flag = sandbox.path().join("go");
    host.on_command(
        End::Here,
        "node start",
        &format!("kill -STOP $PPID; until [ -e {} ]; do sleep 0.1; done", flag.display()),
    );
    let submit = Running::start(&alice, &project, &[&SUBMIT[..], &["train.sh"]].concat());
    let state = format!("cut -d ' ' -f 3 /proc/{}/stat", submit.child.id());
    let _asleep = until(&alice, &project, &state, "T");
    let listed = alice.azml_json(&project, &["history", "list"]);
    assert_eq!((&listed[0]["status"], times(&host)), (&"Submitting".into(), 0), "{listed}");
    fs::write(&flag, "").expect("a file is written");
    submit.signal(&alice, "-CONT");
    let run = alice.run_ids(&project).remove(0);
    let shown = format!("azml history info -r {run} --query status -o tsv");
    let _runs = until(&alice, &project, &shown, "Running");
    let _begun = until(&alice, &project, &format!("cat {}/ran", host.home().display()), "ran");
    // While the run goes on, and beyond its end.
    submit.signal(&alice, "-STOP");
    fs::write(host.home().join("stop"), "").expect("a file is written");
    let _ended = alice.azml(&project, &["experiment", "wait", &run]).ok();
    assert_eq!(status(&alice, &project, &run), "Completed");
    submit.signal(&alice, "-CONT");
    let printed = submit.ends(0);
    assert!(printed.contains("\ntrained\nstopped\n"), "{printed}");
    assert_eq!(times(&host), 1);
}

#[test]
fn a_machine_that_dies_is_noticed_when_it_is_back_and_what_the_run_left_is_kept() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (alice, project) = at_host(&sandbox, &host, &[]);
    write(&project, "train.sh", "echo begun; azml run log loss 0.5; echo ran > $HOME/ran; exec sleep 1000\n");
    let run = alice.azml(&project, &[&SUBMIT[..], &["--detach", "train.sh"]].concat()).ok().run_id();
    let _begun = until(&alice, &project, &format!("cat {}/ran", host.home().display()), "ran");
    let _dead = host.sh("pkill -9 sshd; pkill -9 azml; pkill -9 sleep; true").ok();
    let shown = alice.azml(&project, &["history", "info", "-r", &run, "-o", "json"]).ok();
    assert!(shown.stderr.contains("as it was when its engine was last reached"), "{shown}");
    assert_eq!(shown.json()["status"], "Running", "{shown}");
    host.start_sshd();
    let _ended = alice.azml(&project, &["experiment", "wait", &run]).exits(1);
    let ended = record(&alice, &project, &run);
    assert_eq!((&ended["status"], &ended["loss"]), (&"NotResponding".into(), &0.5.into()), "{ended}");
    assert_eq!(alice.azml(&project, &["experiment", "logs", "-r", &run]).ok().stdout, "begun\n");
}

#[test]
fn a_full_disk_of_the_machine_is_named_before_and_after_the_run() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (alice, project) = at_host(&sandbox, &host, &[]);
    let _small = host.sh("mkdir -p .azml; mount -t tmpfs -o size=130m none .azml; dd if=/dev/zero of=.azml/taken bs=1M count=60 status=none").ok();
    write(&project, "train.sh", TRAIN);
    let refused = alice.azml(&project, &[&SUBMIT[..], &["train.sh"]].concat()).fails();
    assert!(refused.stderr.contains("no room on the disk") && refused.stderr.contains("node1"), "{refused}");
    assert!(alice.run_ids(&project).is_empty(), "refused before the snapshot");
    let _room = host.sh("rm .azml/taken").ok();
    // It fills the disk, and what azml writes at the end finds no room either.
    write(
        &project,
        "train.sh",
        "echo begun; azml run log loss 0.5; cat /dev/zero > $HOME/.azml/taken; echo full; exit 3\n",
    );
    let ended =
        alice.azml(&project, &[&SUBMIT[..], &["--propagate-exit-code", "train.sh"]].concat()).exits(3);
    let run = ended.run_id();
    let ended = record(&alice, &project, &run);
    assert_eq!((&ended["status"], &ended["loss"]), (&"Failed".into(), &0.5.into()), "{ended}");
    let log = alice.azml(&project, &["experiment", "logs", "-r", &run]).ok();
    assert!(log.stdout.starts_with("begun\n"), "{log}");
}

#[test]
fn a_python_that_is_none_is_refused_before_the_snapshot() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (alice, project) = at_host(&sandbox, &host, &["--python", "/no/such/python", "--no-test"]);
    write(&project, "train.py", "print('trained')\n");
    let submit = || alice.azml(&project, &[&SUBMIT[..], &["train.py"]].concat());
    let _none = submit().fails().says("node1").says("/no/such/python");
    attach(&sandbox, &alice, &project, &["--python", "/bin/false", "--no-test"]);
    let _no_python = submit().fails().says("node1").says("/bin/false");
    assert!(alice.run_ids(&project).is_empty());
}

#[test]
fn a_remote_that_is_away_at_the_end_gets_the_run_later() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    host.serve_ssh();
    let (remote, alice, project) = sandbox.project_with_remote();
    attach(&sandbox, &alice, &project, &[]);
    write(&project, "train.sh", "until [ -e $HOME/stop ]; do sleep 0.1; done; echo trained\n");
    let run = alice.azml(&project, &[&SUBMIT[..], &["--detach", "train.sh"]].concat()).ok().run_id();
    let away = sandbox.path().join("away.git");
    fs::rename(&remote, &away).expect("the remote goes");
    fs::write(host.home().join("stop"), "").expect("a file is written");
    let _ended = alice.azml(&project, &["experiment", "wait", &run]).ok();
    assert_eq!(status(&alice, &project, &run), "Completed");
    fs::rename(&away, &remote).expect("the remote comes back");
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    let bob = sandbox.stranger("bob");
    let url = remote.to_str().expect("UTF-8");
    let _roamed = bob.azml(sandbox.path(), &["project", "clone", url, "roamed"]).ok();
    let listed = bob.azml(&sandbox.path().join("roamed"), &["history", "list", "-o", "json"]);
    assert_eq!(listed.json()[0]["status"], "Completed", "{listed}");
}

#[test]
fn hosts_that_do_not_answer_are_asked_at_once_and_then_left_alone_for_a_while() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (alice, project) = at_host(&sandbox, &host, &[]);
    write(&project, "train.sh", "until [ -e $HOME/stop ]; do sleep 0.1; done\n");
    let submit = || alice.azml(&project, &[&SUBMIT[..], &["--detach", "train.sh"]].concat()).ok().run_id();
    let runs = [submit(), submit()];
    host.on_command(End::There, "node state", CUT);
    let list = || alice.azml(&project, &["history", "list", "-o", "json"]).ok();
    let first = list();
    assert_eq!(first.stderr.matches("2 runs on node1 are shown").count(), 1, "one line: {first}");
    assert_eq!((&first.json()[0]["status"], host.has_met()), (&"Running".into(), true), "{first}");
    let _cut = until(&alice, &project, &format!("ls {}", host.home().display()), "*is-cut*");
    host.mend();
    // Nobody is asked again so soon, but by name.
    host.on_command(End::Here, "node", "exit 255");
    let second = list();
    assert!(second.stderr.contains("a moment ago") && !host.has_met(), "{second}");
    let named = alice.azml(&project, &["history", "info", "-r", &runs[0]]).ok();
    assert!(host.has_met(), "{named}");
    let _heard = alice.azml(&project, &["history", "info", "-r", &runs[0]]).ok();
    fs::write(host.home().join("stop"), "").expect("a file is written");
    let _ended = alice.azml(&project, &["experiment", "wait", &runs[0], &runs[1]]).ok();
    assert!(!list().stderr.contains("node1"));
}

#[test]
fn a_sweep_whose_azml_is_killed_goes_on_with_what_the_machine_has() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (alice, project) = at_host(&sandbox, &host, &[]);
    write(
        &project,
        "train.sh",
        "echo $1 >> $HOME/ran; [ $1 != 2 ] || until [ -e $HOME/go ]; do sleep 0.1; done; azml run log loss $1\n",
    );
    let words =
        ["sweep", "-c", "gpu", "--param", "lr=1..4", "--max-parallel", "2", "--", "sh", "train.sh", "{lr}"];
    let sweep = Running::start(&alice, &project, &words);
    let ran = format!("cat {}/ran", host.home().display());
    // The second member waits; others have their turns beside it.
    let _third = until(&alice, &project, &ran, "*2*3*");
    sweep.signal(&alice, "-9");
    drop(sweep.child.wait_with_output().expect("it ends"));
    let sweeps = alice.azml_json(&project, &["history", "list", "--query", "[?sweep].run_id"]);
    let id = sweeps[0].as_str().expect("a sweep").to_owned();
    fs::write(host.home().join("go"), "").expect("a file is written");
    let _resumed = alice.azml(&project, &["sweep", "resume", &id]).ok();
    let ran = fs::read_to_string(host.home().join("ran")).expect("a file of the script's");
    let mut ran: Vec<&str> = ran.lines().collect();
    ran.sort_unstable();
    assert_eq!(ran, ["1", "2", "3", "4"], "each once");
    let best = alice.azml_json(&project, &["sweep", "best", &id, "--metric", "loss", "--mode", "min"]);
    assert_eq!((&best["loss"], &best["engine"]["host"]), (&1.into(), &"node1".into()), "{best}");
}
