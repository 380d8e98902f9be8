//! Runs that are cut short: by Ctrl-C, by `experiment cancel`, by the death of azml itself.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process, test_kill_process_group};

use crate::sandbox::Sandbox;

const SLOW: &str = "
import subprocess
from azureml.logging import get_azureml_logger
get_azureml_logger().log('step', 1)
child = subprocess.Popen(['sleep', '600'])
print('started', flush=True)
child.wait()
";

/// A run whose script has started and will not end by itself.
struct Running {
    sandbox: Sandbox,
    azml: Child,
    stdout: BufReader<std::process::ChildStdout>,
}

impl Running {
    fn start() -> Self {
        Self::of(SLOW)
    }

    fn of(script: &str) -> Self {
        let sandbox = Sandbox::new();
        assert_eq!(sandbox.azml(&["project", "create", "-n", "iris"]).code, 0);
        fs::write(sandbox.work().join("iris/slow.py"), script).expect("the project folder is there");
        let mut azml = sandbox
            .start("iris", &["experiment", "submit", "slow.py"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("azml starts");
        let mut stdout = BufReader::new(azml.stdout.take().expect("standard output is piped"));
        let mut line = String::new();
        while line != "started\n" {
            line.clear();
            assert_ne!(stdout.read_line(&mut line).expect("azml prints text"), 0, "the script did not start");
        }
        Self { sandbox, azml, stdout }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.azml.id()).expect("a process id")).expect("a process id");
        kill_process(pid, signal).expect("azml runs");
    }

    fn status(&self) -> String {
        let last =
            self.sandbox.az_in("iris", &["ml", "history", "last", "--query", "[status, step]", "-o", "tsv"]);
        last.stdout.replace('\n', " ").trim().to_owned()
    }

    fn end(&mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).expect("azml prints text");
        (self.azml.wait().expect("azml ends").code(), rest)
    }
}

#[test]
fn ctrl_c_cancels_the_script_and_what_it_started() {
    let mut running = Running::start();
    assert_eq!(running.status(), "Running 1");
    running.signal(Signal::INT);
    let (code, rest) = running.end();
    assert_eq!(code, Some(130));
    assert!(rest.contains("Status: Canceled"), "{rest}");
    assert_eq!(running.status(), "Canceled 1");
}

#[test]
fn termination_and_a_closed_terminal_cancel_too() {
    for signal in [Signal::TERM, Signal::HUP] {
        let mut running = Running::start();
        running.signal(signal);
        assert_eq!(running.end().0, Some(130), "{signal:?}");
        assert_eq!(running.status(), "Canceled 1", "{signal:?}");
    }
}

#[test]
fn who_asks_twice_is_not_kept_waiting() {
    let stubborn = "
import signal, sys, time
def stay(*_):
    print('not yet', flush=True)
signal.signal(signal.SIGINT, stay)
print('started', flush=True)
while True:
    time.sleep(600)
";
    let mut running = Running::of(stubborn);
    running.signal(Signal::INT);
    let mut line = String::new();
    running.stdout.read_line(&mut line).expect("azml prints text");
    assert_eq!(line, "not yet\n");
    running.signal(Signal::INT);
    assert_eq!(running.end().0, Some(130));
    assert_eq!(running.status(), "Canceled None");
}

#[test]
fn the_cancel_command_does_the_same() {
    let mut running = Running::start();
    let canceled = running.sandbox.az_in("iris", &["ml", "experiment", "cancel", "-r", "iris_1504832283059"]);
    assert_eq!(canceled.code, 0, "{canceled}");
    assert_eq!(running.end().0, Some(130));
    assert_eq!(running.status(), "Canceled 1");
    let elsewhere = ["ml", "experiment", "cancel", "-r", "iris_1504832283059", "-t", "docker"];
    assert_eq!(running.sandbox.az_in("iris", &elsewhere).code, 2, "it is not on that target");
    let again = running.sandbox.az_in("iris", &["ml", "experiment", "cancel", "-r", "iris_1504832283059"]);
    insta::assert_snapshot!("canceling_what_is_over", again);
}

#[test]
fn a_run_whose_azml_was_killed_is_not_responding() {
    let mut running = Running::start();
    running.azml.kill().expect("azml runs");
    running.azml.wait().expect("azml ends");
    let list = running.sandbox.az_in("iris", &["ml", "history", "list", "--query", "[].status", "-o", "tsv"]);
    assert_eq!(list.stdout, "NotResponding\n", "{list}");
    assert!(list.stderr.contains("its script still runs, as process"), "{list}");
    let pid = running.sandbox.az_in("iris", &["ml", "history", "info", "-r", "iris_15", "--query", "pid"]);
    let pid: i32 = pid.stdout.trim().parse().expect("the process id is shown");
    assert!(who_runs(pid), "nothing ends it unasked");
    let ended = running.sandbox.az_in("iris", &["ml", "experiment", "cancel", "-r", "iris_15"]);
    assert!(ended.stderr.contains("has left running"), "{ended}");
    assert_eq!(running.status(), "NotResponding 1");
}

fn who_runs(group: i32) -> bool {
    test_kill_process_group(Pid::from_raw(group).expect("a process id")).is_ok()
}
