//! A run at a terminal, and under signals that its caller ignores: as the script alone would behave there.

use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::Stdio;

use e2e::folder::write;
use e2e::{Actor, Output, Sandbox};
use serde_json::{Value, json};

/// Runs a command at a terminal: each of `steps` is a text to wait for, and the keys to type then.
pub(crate) fn dialog(actor: &Actor<'_>, dir: &Path, steps: &[(&str, &str)], command: &[&str]) -> Output {
    let mut python = actor.command("python3", dir);
    python.env("TERM", "dumb").env("PS1", "shell> ");
    python.args(["-c", include_str!("dialog.py")]).arg(serde_json::json!(steps).to_string()).args(command);
    Output::new(format!("{command:?} at a terminal"), &python.output().expect("python3 starts"))
}

const SUBMIT: [&str; 3] = ["azml", "experiment", "submit"];

// Scripts that wait to be interrupted sleep again and again: Python does not end a sleep for a signal that comes between
// its last look for one and the system call.

#[test]
fn a_script_asks_at_the_terminal_in_every_way() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(
        &project,
        "ask.py",
        "import getpass, pdb, sys\n\
         print('first', input('rate? '))\n\
         print('second', len(getpass.getpass('key? ')))\n\
         pdb.set_trace()\n\
         print('third', sys.stdin.readline().strip(), sys.stdin.isatty())\n",
    );
    // Ctrl-Z does nothing where no shell could continue azml.
    let steps = [
        ("rate? ", "\u{1a}0.1\n"),
        ("key? ", "secret\n"),
        ("(Pdb) ", "p 6*7\n"),
        ("42", "c\n"),
        ("", "last\n"),
    ];
    let output = dialog(&alice, &project, &steps, &[&SUBMIT[..], &["ask.py"]].concat()).ok();
    // Not from the terminal: `getpass` writes there past azml, into the midst of a line.
    let run = alice.azml_json(&project, &["history", "last"]);
    let id = run["run_id"].as_str().expect("an id");
    let printed = alice.azml(&project, &["history", "info", "-r", id, "-a", "driver_log.txt"]).ok().stdout;
    for said in ["first 0.1", "second 6", "third last True"] {
        assert!(printed.contains(said), "{said}: {printed}\n{output}");
    }
    assert!(!output.stdout.contains("secret"), "{output}");
    assert_eq!(run["status"], "Completed");
    // The terminal of the password is /dev/tty, whatever standard input is.
    write(
        &project,
        "secret.py",
        "import getpass, sys\nprint('got', getpass.getpass('key? '), sys.stdin.read())\n",
    );
    let line = "echo piped | azml experiment submit secret.py";
    let output = dialog(&alice, &project, &[("key? ", "word\n")], &["sh", "-c", line]).ok();
    assert!(output.stdout.contains("got word piped"), "{output}");
}

#[test]
fn ctrl_c_at_the_terminal_cancels_the_run_whether_or_not_its_script_has_asked() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(
        &project,
        "train.py",
        "import subprocess, sys, time\n\
         if 'ask' in sys.argv: input('rate? ')\n\
         child = subprocess.Popen(['sleep', '600'])\nprint('READY', child.pid, flush=True)\nwhile True: time.sleep(.05)\n",
    );
    let asked = [("rate? ", "1\n"), ("READY ", "\u{3}")];
    for (words, steps) in [(&["train.py"][..], &asked[1..]), (&["train.py", "ask"], &asked)] {
        let output = dialog(&alice, &project, steps, &[&SUBMIT[..], words].concat()).exits(130);
        let run = alice.azml_json(&project, &["history", "last"]);
        assert_eq!((&run["status"], &run["signal_name"]), (&"Canceled".into(), &"SIGINT".into()), "{output}");
        let child = output.stdout.split("READY ").nth(1).and_then(|rest| rest.split_whitespace().next());
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", child.expect("a pid"))).unwrap_or_default();
        let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
        assert!(matches!(state, None | Some('Z' | 'X')), "what it started still runs: {stat}");
    }
}

#[test]
fn a_terminal_that_goes_away_cancels_the_run() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(&project, "ask.py", "input('rate? ')\n");
    write(&project, "busy.py", "import time\nprint('READY', flush=True)\nwhile True: time.sleep(.05)\n");
    for (script, text, signals) in [
        // It ends by the signal, or because its input has ended.
        ("ask.py", "rate? ", &[json!("SIGHUP"), Value::Null][..]),
        ("busy.py", "READY", &[json!("SIGHUP")]),
    ] {
        let steps = [(text, "hang up")];
        let _ended = dialog(&alice, &project, &steps, &[&SUBMIT[..], &[script]].concat()).exits(130);
        let run = alice.azml_json(&project, &["history", "last"]);
        assert_eq!(run["status"], "Canceled", "{script}");
        assert!(signals.contains(&run["signal_name"]), "{script}: {run}");
    }
}

#[test]
fn ctrl_z_suspends_azml_and_its_script_and_fg_continues_both() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(
        &project,
        "ask.py",
        "import os\nopen(os.environ['HOME'] + '/pid', 'w').write(str(os.getpid()))\n\
         input('first? ')\nprint('got', input('rate? '))\n",
    );
    write(
        &project,
        "busy.py",
        "import os, signal, time\n\
         signal.signal(signal.SIGCONT, lambda *_: print('CONTINUED', flush=True))\n\
         open(os.environ['HOME'] + '/pid', 'w').write(str(os.getpid()))\n\
         print('READY', flush=True)\n\
         while True: time.sleep(.05)\n",
    );
    let shell = ["bash", "--norc", "--noprofile", "-i"];
    // Not from `out`: the terminal may have a line that `tee` had not written there yet when it was stopped, too.
    // The shell may be there before the script has acted on the signal.
    let state = "until grep -q '^State:.T' /proc/$(cat ~/pid)/status; do :; done; echo stopped-$((6 * 7))\n";
    // A script that has the terminal: it asks for the second time. The kernel drops a Ctrl-Z that comes while a process
    // is being continued, as one is that asks for the first time.
    let steps = [
        ("shell> ", "azml experiment submit ask.py | tee out\n"),
        ("first? ", "1\n"),
        ("rate? ", "\u{1a}"),
        ("shell> ", state),
        ("stopped-42", "fg\n"),
        ("tee out", "abcd\n"),
        ("got abcd", ""),
        ("Completed", "exit 0\n"),
    ];
    let _done = dialog(&alice, &project, &steps, &shell).ok();
    // One that never asks.
    let steps = [
        ("shell> ", "azml experiment submit busy.py | tee out\n"),
        ("READY", "\u{1a}"),
        ("shell> ", state),
        ("stopped-42", "fg\n"),
        // The shell shows the command before it hands over the terminal: only the script knows when that is done.
        ("CONTINUED", "\u{3}"),
        ("was canceled", "exit 0\n"),
    ];
    let _done = dialog(&alice, &project, &steps, &shell).ok();
    assert_eq!(alice.azml_json(&project, &["history", "last"])["status"], "Canceled");
}

#[test]
fn in_the_background_a_run_goes_on_until_its_script_asks() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(&project, "quiet.py", "print('done', 6 * 7)\n");
    write(&project, "ask.py", "print('got', input('rate? '))\n");
    let steps = [
        ("shell> ", "azml experiment submit quiet.py > out 2>&1 & wait; tail -1 out; grep done out\n"),
        ("done 42", "setsid -w azml experiment submit quiet.py\n"),
        ("done 42", "azml experiment submit ask.py &\n"),
        // It is asked before the run is suspended: else nobody knows what it waits for.
        ("[1] ", "while ! jobs | grep Stopped; do :; done\n"),
        ("rate? ", ""),
        ("Stopped ", "fg\n"),
        ("fg\r\n", "abcd\n"),
        ("got abcd", ""),
        ("Completed", "exit 0\n"),
    ];
    let _done = dialog(&alice, &project, &steps, &["bash", "--norc", "--noprofile", "-i"]).ok();
}

#[test]
fn a_script_that_dies_with_the_terminal_in_raw_mode_leaves_it_as_it_was() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(&project, "raw.py", "import os, tty\ntty.setraw(0)\nos.kill(os.getpid(), 9)\n");
    let line = "azml experiment submit raw.py; echo modes; stty -a";
    let output = dialog(&alice, &project, &[], &["sh", "-c", line]).ok();
    let modes = output.stdout.split("modes").nth(1).expect("they are shown");
    let has = |mode: &str| modes.split([' ', ';', '\r', '\n']).any(|word| word == mode);
    assert!(has("icanon") && has("echo") && has("isig"), "{output}");
    assert!(output.stdout.contains("signal 9 (SIGKILL)"), "{output}");
}

#[test]
fn signals_that_were_ignored_at_the_start_stay_ignored() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(
        &project,
        "train.py",
        "import sys\nset = next(line for line in open('/proc/self/status') if line.startswith('SigIgn'))\n\
         print('IGNORED', int(set.split()[1], 16) & 0x4007, flush=True)\n\
         sys.stdin.readline()\nprint('trained', flush=True)\nsys.stdin.read()\n",
    );
    // Submits with signals ignored, sends some, and says what became of the run: canceled at last, or at its own end.
    let submit = |traps: &str, signals: &[&str], cancels: bool| {
        let line = format!("trap '' {traps}; exec azml experiment submit train.py");
        let mut azml = alice
            .command("sh", &project)
            .args(["-c", &line])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh starts");
        let mut lines =
            BufReader::new(azml.stdout.take().expect("a pipe")).lines().map(|line| line.expect("text"));
        let ignored = lines.find(|line| line.starts_with("IGNORED")).expect("it starts");
        for signal in signals {
            let _sent = alice.sh(&project, &format!("kill -{signal} {}", azml.id())).ok();
        }
        let mut stdin = azml.stdin.take().expect("a pipe");
        stdin.write_all(b"go\n").expect("the script reads");
        assert!(lines.any(|line| line == "trained"), "the script goes on: {traps}");
        if cancels {
            let run = alice.azml_json(&project, &["history", "last"])["run_id"].clone();
            let _asked =
                alice.azml(&project, &["experiment", "cancel", "-r", run.as_str().expect("an id")]).ok();
        } else {
            drop(stdin);
        }
        let code = azml.wait().expect("azml ends").code();
        (ignored, code, alice.azml_json(&project, &["history", "last"])["status"].clone())
    };
    let end = |code: i32, status: &str| (Some(code), Value::from(status));
    let (ignored, code, status) = submit("HUP", &["HUP"], false);
    assert_eq!((ignored.as_str(), (code, status)), ("IGNORED 1", end(0, "Completed")), "nohup");
    let (ignored, code, status) = submit("INT QUIT", &["INT", "QUIT"], false);
    assert_eq!((ignored.as_str(), (code, status)), ("IGNORED 6", end(0, "Completed")), "& in a script");
    let (_, code, status) = submit("TERM HUP", &["TERM"], true);
    assert_eq!((code, status), end(130, "Canceled"), "it is canceled by another signal");
    let (ignored, code, status) = submit("TERM HUP INT QUIT", &["TERM", "HUP", "INT"], true);
    assert_eq!(
        (ignored.as_str(), (code, status)),
        ("IGNORED 16391", end(1, "Failed")),
        "the script is killed"
    );
}
