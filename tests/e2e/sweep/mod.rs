//! Sweeps: a run for each combination of parameters, all recorded, cancelled together, resumed exactly.

mod ended;
mod heavy;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Child;

use e2e::folder::write;
use e2e::{Actor, Output, Sandbox, git};
use serde_json::{Value, json};

/// Runs `azml sweep` with these words.
fn sweep(alice: &Actor<'_>, project: &Path, words: &[&str]) -> Output {
    alice.azml(project, &[&["sweep"], words].concat())
}

fn completed(alice: &Actor<'_>, project: &Path, sweep: &str) -> Vec<u64> {
    let mut all: Vec<u64> = children(alice, project, sweep)
        .iter()
        .filter(|run| run["status"] == "Completed")
        .map(|run| run["sweep_member"].as_u64().expect("a number"))
        .collect();
    all.sort_unstable();
    all
}

fn children(alice: &Actor<'_>, project: &Path, sweep: &str) -> Vec<Value> {
    let list = alice.azml_json(project, &["history", "list", "--parent", sweep]);
    list.as_array().expect("a list").clone()
}

fn info(alice: &Actor<'_>, project: &Path, run: &str) -> Value {
    alice.azml_json(project, &["history", "info", "-r", run])
}

/// Reads azml's output to a line that has `word`; gives the sweep's id and what else it prints.
fn read_to(azml: &mut Child, word: &str) -> (String, BufReader<std::process::ChildStdout>) {
    let mut out = BufReader::new(azml.stdout.take().expect("a pipe"));
    let (mut id, mut line) = (String::new(), String::new());
    while !line.contains(word) {
        line.clear();
        assert!(out.read_line(&mut line).expect("stdout can be read") > 0, "azml ended before `{word}`");
        if let Some(run) = line.strip_prefix("RunId: ") {
            run.trim().clone_into(&mut id);
        }
    }
    (id, out)
}

const TRAIN: &str = "import argparse\nfrom azureml.logging import get_azureml_logger\n\
    p = argparse.ArgumentParser()\np.add_argument('--lr', type=float)\np.add_argument('--depth', type=int)\n\
    a = p.parse_args()\nprint('trained with', a.lr, a.depth)\nget_azureml_logger().log('auc', a.lr * a.depth)\n";

#[test]
fn a_grid_is_a_run_for_each_combination_with_one_snapshot_and_one_parent() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    write(&project, "train.py", TRAIN);
    let words = ["--param", "lr=0.5,0.25", "--param", "depth=2..3", "--metric", "auc", "--tag", "k=v"];
    let output =
        sweep(&alice, &project, &[&words[..], &["--name", "first", "--", "python", "train.py"]].concat())
            .ok();
    assert!(output.stdout.contains("2/4 lr=0.5 depth=3 Completed 0:00:"), "{output}");
    assert!(output.stdout.contains(" auc=1.5\n"), "{output}");
    let id = output.run_id();
    let parent = info(&alice, &project, &id);
    assert_eq!(
        (&parent["status"], &parent["exit_code"], &parent["name"]),
        (&json!("Completed"), &json!(0), &json!("first"))
    );
    assert_eq!(parent["command"], json!(["python", "train.py"]));
    let runs = children(&alice, &project, &id);
    let mut parameters: Vec<String> = Vec::new();
    for run in &runs {
        assert_eq!(
            (&run["parent_run_id"], &run["status"], &run["tags"]["k"]),
            (&json!(id), &json!("Completed"), &json!("v"))
        );
        assert_eq!(run["properties"]["CommitId"], parent["properties"]["CommitId"]);
        parameters.push(format!("{}/{}", run["parameters"]["lr"], run["parameters"]["depth"]));
        let number = run["run_id"].as_str().expect("text");
        let log = alice.azml(&project, &["history", "info", "-r", number, "-a", "driver_log.txt"]).ok();
        assert!(log.stdout.starts_with("trained with 0."), "{log}");
    }
    parameters.sort();
    assert_eq!(parameters, [r#""0.25"/"2""#, r#""0.25"/"3""#, r#""0.5"/"2""#, r#""0.5"/"3""#]);
    assert_eq!(parent["children"].as_array().map(Vec::len), Some(4));
    let table = alice.azml(&project, &["history", "info", "-r", &id, "-o", "table"]).ok();
    assert!(table.stdout.contains("auc") && table.stdout.contains("first-4"), "{table}");
    for (mode, best) in [(&["--mode", "max"][..], 1.5), (&["--mode", "min"], 0.5), (&[], 1.5)] {
        let found = sweep(&alice, &project, &[&["best", &id, "--metric", "auc"], mode].concat()).ok();
        assert_eq!(found.json()["auc"], json!(best));
    }
    let missing = sweep(&alice, &project, &["best", &id, "--metric", "acu"]).exits(3);
    assert!(missing.stderr.contains("they have logged auc"), "{missing}");
    // Nothing is left to do: nothing runs.
    let again = sweep(&alice, &project, &["resume", &id]).ok();
    assert!(!again.stdout.contains("Running") && children(&alice, &project, &id).len() == 4, "{again}");
}

#[test]
fn placeholders_take_values_and_odd_sweeps_are_refused_before_anything_is_recorded() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    let tried: [(&[&str], i32, &str); 9] = [
        (&["--param", "a=1", "--", "echo", "{b}"], 2, "there is no parameter `b`"),
        (&["--param", "a=5..2", "--", "true"], 2, "the range 5..2 of `a` is empty"),
        (&["--param", "a=0.1..0.5", "--", "true"], 2, "0.1..0.5:0.1"),
        (&["--param", "a=", "--", "true"], 2, "`a` has no value"),
        (
            &["--param", "a=1..200", "--param", "b=1..200", "--", "true"],
            2,
            "more than a sweep may have (10000)",
        ),
        (&["--", "true"], 2, "at least one parameter"),
        (&["--param", "a=1", "--shell", "echo"], 2, "does not have {a}"),
        (&["--param", "a=1", "--", "no-such-program"], 3, "no-such-program"),
        (&["--param", "a=1"], 2, "a sweep has a command"),
    ];
    for (words, code, said) in tried {
        let output = sweep(&alice, &project, words).exits(code);
        assert!(output.stderr.contains(said) && output.stderr.contains("hint: "), "{words:?}: {output}");
    }
    assert_eq!(alice.azml_json(&project, &["history", "list"]), json!([]));
    let words = ["--param", "a=x y,z", "--param", "b=1..9", "--random", "3", "--seed", "5"];
    let line = sweep(
        &alice,
        &project,
        &[&words[..], &["--shell", "echo {a}-{b} > outputs; test {b} -lt 100"]].concat(),
    )
    .ok();
    let same = sweep(&alice, &project, &[&words[..], &["--", "echo", "{a}", "--b={b}"]].concat()).ok();
    let chosen = |output: &Output| {
        let mut all: Vec<String> = children(&alice, &project, &output.run_id())
            .iter()
            .map(|run| format!("{} {}", run["parameters"]["a"], run["parameters"]["b"]))
            .collect();
        all.sort();
        all.dedup();
        all
    };
    assert_eq!(chosen(&line).len(), 3);
    assert_eq!(chosen(&line), chosen(&same), "the seed chooses");
    // A failure among them.
    let failed = sweep(&alice, &project, &["--param", "code=0..2", "--shell", "exit {code}"]).exits(1);
    assert!(failed.stderr.contains("2 of 3 runs of sweep"), "{failed}");
    assert_eq!(info(&alice, &project, &failed.run_id())["status"], "Failed");
}

#[test]
fn of_many_members_at_once_none_is_lost() {
    none_is_lost(32, 32);
}

/// Runs a sweep of so many members, so many at once.
fn none_is_lost(members: u64, at_once: u64) {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let remote = sandbox.bare_repo("remote.git");
    let url = remote.to_str().expect("UTF-8").to_owned();
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", &url);
    let (parameter, at_once) = (format!("i=1..{members}"), at_once.to_string());
    let id = sweep(&alice, &project, &["--param", &parameter, "--max-parallel", &at_once, "--", "true"])
        .ok()
        .run_id();
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    // Stock git is the judge, here and at the remote.
    for repository in [git::history_of(&project), remote] {
        git::assert_sound(&alice, &repository);
        let reference = format!("refs/azureml/runs/{}", git::project_id(&project));
        let files = alice.git(&repository, &["ls-tree", "-r", "--name-only", &reference]).ok();
        let mut numbers: Vec<u64> = Vec::new();
        for file in files.stdout.lines() {
            let text = alice.git(&repository, &["show", &format!("{reference}:{file}")]).ok().stdout;
            let Ok(record) = serde_json::from_str::<Value>(&text) else { continue };
            if record["parent_run_id"] == json!(id) {
                assert_eq!(record["status"], "Completed", "{record}");
                numbers.push(record["sweep_member"].as_u64().expect("a number"));
            }
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=members).collect::<Vec<u64>>());
    }
}

#[test]
fn a_sweep_takes_what_a_run_takes() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    write(&project, "pkg/__init__.py", "");
    write(
        &project,
        "pkg/train.py",
        "import os, sys\nprint('trained', os.environ.get('KIND'), *sys.argv[1:])\n",
    );
    write(&project, "train.sh", "echo trained $KIND \"$@\"\n");
    let options =
        ["--param", "lr=1", "--env", "KIND=b c", "--description", "all of it", "--tag", "k=v", "--name", "n"];
    // The words, what the member prints, and what the record shows of the sweep.
    let cases: [(&[&str], &str, &[&str]); 4] = [
        (&["-m", "pkg.train", "--", "{lr}"], "trained b c 1\n", &["python", "-m", "pkg.train", "{lr}"]),
        (&["-m", "pkg.train"], "trained b c --lr 1\n", &["python", "-m", "pkg.train"]),
        (&["--", "train.sh", "x"], "trained b c x --lr 1\n", &["train.sh", "x"]),
        (
            &["--shell", "echo trained $KIND {lr}"],
            "trained b c 1\n",
            &["/bin/sh", "-c", "echo trained $KIND {lr}"],
        ),
    ];
    for (words, printed, recorded) in cases {
        let id = sweep(&alice, &project, &[&options[..], words].concat()).ok().run_id();
        let parent = info(&alice, &project, &id);
        assert_eq!((&parent["command"], &parent["description"]), (&json!(recorded), &json!("all of it")));
        assert!(!parent.to_string().contains("b c"), "a variable's value is in no record: {parent}");
        let runs = children(&alice, &project, &id);
        assert_eq!((&runs[0]["name"], &runs[0]["description"]), (&json!("n-1"), &Value::Null));
        let member = runs[0]["run_id"].as_str().expect("text");
        let log = alice.azml(&project, &["history", "info", "-r", member, "-a", "driver_log.txt"]).ok();
        assert_eq!(log.stdout, printed, "{words:?}");
    }
    // It goes on without its terminal, as a run does.
    let detached =
        sweep(&alice, &project, &["--detach", "--param", "i=1..3", "--shell", "exit $(({i} / 3))"]).ok();
    assert!(
        detached.stderr.contains("experiment wait") && !detached.stdout.contains("Running"),
        "{detached}"
    );
    let id = detached.run_id();
    let _failed = alice.azml(&project, &["experiment", "wait", &id]).exits(1);
    assert_eq!(completed(&alice, &project, &id), [1, 2]);
    let refused = sweep(&alice, &project, &["--detach", "--param", "i=1..", "--shell", "true"]).exits(2);
    assert_eq!(refused.stderr.matches("error: ").count(), 1, "{refused}");
}

#[test]
fn the_lines_of_the_manual_work() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    write(&project, "train.py", TRAIN);
    let page = include_str!("../../../docs/sweeps.md");
    let mut id = String::new();
    let lines: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("$ azml ")).collect();
    assert_eq!(lines.len(), 5);
    for line in lines {
        let words: Vec<&str> =
            line.split(' ').map(|word| if word == "SWEEP" { id.as_str() } else { word }).collect();
        let output = alice.azml(&project, &words).ok();
        if let Some(run) = output.stdout.strip_prefix("RunId: ") {
            run.lines().next().expect("a line").clone_into(&mut id);
        }
    }
    assert_eq!(info(&alice, &project, &id)["status"], "Completed");
}
