//! Runs themselves: metrics and outputs, failing scripts, arguments, Ctrl-C.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use e2e::folder::{everything, write};
use e2e::{Sandbox, binaries, contents};

#[test]
fn the_example_logs_its_accuracy_and_leaves_the_folder_alone() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    for name in ["train.py", "iris.csv"] {
        let bytes =
            std::fs::read(binaries::workspace().join("examples/iris").join(name)).expect("the example");
        write(&project, name, bytes);
    }
    let before = contents(&project);
    let output = alice.azml(&project, &["experiment", "submit", "-c", "local", "train.py", "0.1"]).ok();
    contents(&project).assert_same(&before, "a run works in a folder of its own");

    let run = alice.azml_json(&project, &["history", "last"]);
    assert_eq!(run["run_id"], output.run_id());
    assert_eq!(run["status"], "Completed");
    assert_eq!(run["script_name"], "train.py");
    assert_eq!(run["target"], "local");
    assert_eq!(run["run_number"], 1);
    assert_eq!(run["exit_code"], 0);
    assert_eq!(run["Regularization Rate"], 0.1);
    // 42 of the 45 test flowers: the script is deterministic.
    assert_eq!(run["Accuracy"], 42.0 / 45.0);
    let arguments = run["arguments"].to_string();
    assert!(arguments.contains("0.1"), "{run}");
    let attachments = run["attachments"].to_string();
    for name in ["outputs/model.json", "driver_log.txt"] {
        assert!(attachments.contains(name), "{name}: {run}");
    }
    let id = alice.git(&project, &["hash-object", "train.py"]).ok();
    assert_eq!(id.text().len(), 40);
}

#[test]
fn the_iris_data_is_fishers() {
    let text =
        std::fs::read_to_string(binaries::workspace().join("examples/iris/iris.csv")).expect("the data");
    let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 150);
    for species in ["setosa", "versicolor", "virginica"] {
        assert_eq!(rows.iter().filter(|row| row[4] == species).count(), 50, "{species}");
    }
    // Tenths of a centimetre, so that sums are exact: 876.5, 458.6, 563.7 and 179.9 cm in Fisher's table.
    let sum = |column: usize| -> i64 {
        rows.iter().map(|row| row[column].replace('.', "").parse::<i64>().expect("one decimal")).sum()
    };
    assert_eq!([sum(0), sum(1), sum(2), sum(3)], [8765, 4586, 5637, 1799]);
    // The two flowers that the UCI copy has wrong.
    assert_eq!(rows[34][..4], ["4.9", "3.1", "1.5", "0.2"]);
    assert_eq!(rows[37][..4], ["4.9", "3.6", "1.4", "0.1"]);
}

#[test]
fn a_failing_script_fails_the_command_and_is_recorded() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(&project, "train.py", "import sys\nprint('so far so good')\nsys.exit(7)\n");
    let output = alice.azml(&project, &["experiment", "submit", "-c", "local", "train.py"]).exits(1);
    assert!(output.stdout.contains("so far so good"), "{output}");
    let run = alice.azml_json(&project, &["history", "last"]);
    assert_eq!(run["status"], "Failed");
    assert_eq!(run["exit_code"], 7);
    assert_eq!(run["run_id"], output.run_id());
}

#[test]
fn a_script_gets_exactly_the_snapshots_files_and_its_arguments() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(
        &project,
        "src/train.py",
        "import json, sys\nprint('ARGS', json.dumps(sys.argv[1:]))\nopen('left.txt', 'w').write('x')\n",
    );
    let script =
        ["experiment", "submit", "-c", "local", "src/train.py", "--alpha", "0.1", "-o", "a b", "", "ü$HOME"];
    let output = alice.azml(&project, &script).ok();
    assert!(output.stdout.contains(r#"ARGS ["--alpha", "0.1", "-o", "a b", "", "\u00fc$HOME"]"#), "{output}");
    // What the script left outside `outputs/` is named, and not in the project.
    assert!(output.stdout.contains("left.txt") || output.stderr.contains("left.txt"), "{output}");
    assert!(!project.join("left.txt").exists());
}

#[test]
fn metrics_of_every_kind_and_of_any_language() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(
        &project,
        "train.py",
        "from azureml.logging import get_azureml_logger\n\
         import subprocess\n\
         log = get_azureml_logger()\n\
         log.log('Zeta', 1.5)\nlog.log('count', 3)\nlog.log('note', 'ünicode')\nlog.log('curve', [1, 2.5, 3])\n\
         subprocess.run(['azml', 'run', 'log', 'from_shell', '0.25'], check=True)\n",
    );
    let _run = alice.submit(&project, &["train.py"]);
    let run = alice.azml_json(&project, &["history", "last"]);
    assert_eq!(run["Zeta"], 1.5);
    assert_eq!(run["count"], 3);
    assert_eq!(run["note"], "ünicode");
    assert_eq!(run["curve"], serde_json::json!([1, 2.5, 3]));
    assert_eq!(run["from_shell"], 0.25);
}

#[test]
fn ctrl_c_cancels_the_run_and_everything_it_started() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(
        &project,
        "train.py",
        "import os, subprocess, sys, time\n\
         child = subprocess.Popen(['python3', '-c', 'import time; time.sleep(600)'])\n\
         print('PIDS', os.getpid(), child.pid, flush=True)\nwhile True: time.sleep(.05)\n",
    );
    let mut azml = alice.spawn_azml(&project, &["experiment", "submit", "-c", "local", "train.py"]);
    let mut stdout = BufReader::new(azml.stdout.take().expect("a pipe"));
    let mut pids = Vec::new();
    let mut line = String::new();
    while stdout.read_line(&mut line).expect("stdout can be read") > 0 {
        if let Some(numbers) = line.strip_prefix("PIDS ") {
            pids = numbers.split_whitespace().map(str::to_owned).collect();
            break;
        }
        line.clear();
    }
    assert_eq!(pids.len(), 2, "the script did not start");
    let _sent = alice.sh(&project, &format!("kill -INT {}", azml.id())).ok();
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("stdout ends");
    let output = azml.wait_with_output().expect("azml ends");
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    for pid in pids {
        // A process that has ended and that nobody has waited for yet is a zombie: not running any more.
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = state.rsplit(") ").next().and_then(|rest| rest.chars().next());
        assert!(matches!(state, None | Some('Z' | 'X')), "process {pid} still runs: {state:?}");
    }
    let run = alice.azml_json(&project, &["history", "last"]);
    assert_eq!(run["status"], "Canceled");
}

#[test]
fn azml_killed_in_the_middle_leaves_a_run_that_is_not_responding() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(
        &project,
        "train.py",
        "import os, time\nprint('PID', os.getpid(), flush=True)\nwhile True: time.sleep(.05)\n",
    );
    let mut azml = alice.spawn_azml(&project, &["experiment", "submit", "-c", "local", "train.py"]);
    let pid = BufReader::new(azml.stdout.take().expect("a pipe"))
        .lines()
        .map(|line| line.expect("stdout can be read"))
        .find_map(|line| line.strip_prefix("PID ").map(str::to_owned))
        .expect("the script started");
    azml.kill().and_then(|()| azml.wait()).expect("azml can be killed");

    let run = alice.azml_json(&project, &["history", "last"]);
    assert_eq!(run["status"], "NotResponding", "{run}");
    write(&project, "train.py", "print('fine')\n");
    let _works_on = alice.submit(&project, &["train.py"]);
    // The orphan, if it is one, is the test's to end.
    let _ended = alice.sh(&project, &format!("kill -KILL {pid} || true"));
}

#[test]
fn in_place_runs_in_the_project_folder() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(&project, "train.py", "import os\nprint('CWD', os.getcwd())\n");
    let output =
        alice.azml(&project, &["experiment", "submit", "--in-place", "-c", "local", "train.py"]).ok();
    let cwd = output.stdout.lines().find_map(|line| line.strip_prefix("CWD ")).expect("the script ran");
    assert_eq!(Path::new(cwd).canonicalize().ok(), project.canonicalize().ok());
    let output = alice.azml(&project, &["experiment", "submit", "-c", "local", "train.py"]).ok();
    let cwd = output.stdout.lines().find_map(|line| line.strip_prefix("CWD ")).expect("the script ran");
    assert_ne!(Path::new(cwd).canonicalize().ok(), project.canonicalize().ok());
}

#[test]
fn a_script_or_a_target_that_is_not_there_makes_no_run() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    let before = everything(&project).without(".azuremlhistory_git/azml");
    let output = alice.azml(&project, &["experiment", "submit", "-c", "local", "missing.py"]).fails();
    assert!(output.stderr.contains("missing.py"), "{output}");
    write(&project, "new.py", "pass\n");
    let output = alice.azml(&project, &["experiment", "submit", "-c", "nowhere", "new.py"]).fails();
    assert!(output.stderr.contains("nowhere"), "{output}");
    std::fs::remove_file(project.join("new.py")).expect("removed");
    everything(&project).without(".azuremlhistory_git/azml").assert_same(&before, "after two refusals");
    assert_eq!(alice.run_ids(&project), Vec::<String>::new());
}

#[test]
fn the_configuration_prepares_sets_variables_and_shares_a_folder() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(
        &project,
        "aml_config/full.runconfig",
        "ArgumentVector:\n- $file\n- --fixed\n- 1.5\nTarget: here\nEnvironmentVariables:\n  GREETING: hello there\n  COUNT: 3\n\
         Framework: Python\nPrepareEnvironment:\n- echo preparing; echo made by $GREETING > made.txt\n\
         - mkdir -p outputs && cp made.txt outputs/\nTrackedRun: true\n",
    );
    write(&project, "aml_config/here.compute", "type: local\nnativeSharedDirectory: ../shared\n");
    write(
        &project,
        "train.py",
        "import os, sys\nshare = os.environ['AZUREML_NATIVE_SHARE_DIRECTORY']\n\
         print('ARGS', *sys.argv[1:])\nprint('VARS', os.environ['GREETING'], os.environ['COUNT'])\n\
         print('MADE', open('made.txt').read().strip())\nprint('SHARE', share)\n\
         open(os.path.join(share, 'seen'), 'a').write('x')\nprint('SEEN', open(os.path.join(share, 'seen')).read())\n",
    );
    let submit = |more: &str| alice.azml(&project, &["experiment", "submit", "-c", "full", "train.py", more]);
    let output = submit("--alpha").ok();
    for said in ["ARGS --fixed 1.5 --alpha", "VARS hello there 3", "MADE made by hello there", "SEEN x"] {
        assert!(output.stdout.lines().any(|line| line == said), "{said}: {output}");
    }
    // What prepares is no output of the script.
    assert!(!output.stdout.contains("preparing") && output.stderr.contains("preparing\n"), "{output}");
    let share = output.stdout.lines().find_map(|line| line.strip_prefix("SHARE ")).expect("it is told");
    assert!(share.contains("/shared/") && share.ends_with("/iris"), "{share}");
    let again = submit("again").ok();
    assert!(again.stdout.contains("SEEN xx"), "the folder is shared by runs: {again}");
    let run = alice.azml_json(&project, &["history", "last"]);
    assert_eq!(run["target"], "here");
    assert!(run["attachments"].to_string().contains("outputs/made.txt"), "{run}");
    let log = ["history", "info", "-r", run["run_id"].as_str().expect("an id"), "-a", "prepare_log.txt"];
    assert_eq!(alice.azml(&project, &log).ok().stdout, "preparing\n");

    write(&project, "aml_config/full.runconfig", "Target: here\nPrepareEnvironment: echo oh no; exit 3\n");
    let failed = submit("--alpha").exits(1);
    assert!(
        failed.stderr.contains("PrepareEnvironment") && failed.stderr.contains("exit code 3"),
        "{failed}"
    );
    assert!(!failed.stdout.contains("ARGS"), "the script does not run: {failed}");
    assert_eq!(alice.azml_json(&project, &["history", "last"])["status"], "Failed");
}

#[test]
fn a_run_elsewhere_gives_signs_of_life_and_is_not_responding_without_them() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice").with_env("AZML_HEARTBEAT", "0.2");
    let remote = sandbox.bare_repo("remote.git");
    let url = remote.to_str().expect("UTF-8").to_owned();
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", &url);
    write(
        &project,
        "train.py",
        "import sys\nfrom azureml.logging import get_azureml_logger\nget_azureml_logger().log('step', 1)\n\
         print('READY', flush=True)\nsys.stdin.read()\n",
    );
    let mut azml = alice
        .command("azml", &project)
        .args(["experiment", "submit", "train.py"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("azml starts");
    let mut lines = BufReader::new(azml.stdout.take().expect("a pipe")).lines();
    assert!(lines.any(|line| line.expect("text") == "READY"), "the script started");

    let bob = sandbox.stranger("bob");
    let _cloned = bob.azml(&sandbox.dir("his"), &["project", "clone", &url, "iris"]).ok();
    let his = sandbox.dir("his").join("iris");
    let mut looks = (0..200).map(|_| {
        let _synced = bob.azml(&his, &["history", "sync"]);
        bob.azml_json(&his, &["history", "last"])
    });
    let run = looks.find(|run| run["heartbeat_utc"].is_string() && run["step"] == 1);
    let run = run.expect("a sign of life comes, with what was logged so far");
    assert_eq!(run["status"], "Running");
    // Much later, with nothing heard since: as bob's computer sees it, and nothing else is changed by that.
    let later = bob.clone().with_env("AZML_NOW", "2099-01-01T00:00:00Z");
    for args in [&["history", "last", "--query", "status"][..], &["history", "list", "--query", "[0].status"]]
    {
        let status = later.azml(&his, &[args, &["-o", "tsv"]].concat()).ok();
        assert_eq!(status.stdout, "NotResponding\n");
    }
    assert_eq!(
        later.azml_json(&his, &["history", "list", "--status", "NotResponding"]).as_array().map(Vec::len),
        Some(1)
    );
    assert_eq!(bob.azml_json(&his, &["history", "last"])["status"], "Running");

    drop(azml.stdin.take());
    assert!(azml.wait().expect("it ends").success());
    let _synced = bob.azml(&his, &["history", "sync"]).ok();
    let run = later.azml_json(&his, &["history", "last"]);
    assert_eq!(run["status"], "Completed");
    assert!(run["heartbeat_utc"].is_null(), "{run}");
}
