//! Sweeps on a Slurm cluster: each is one array.

use std::collections::BTreeSet;
use std::path::Path;

use e2e::engines::{End, Host, until};
use e2e::folder::write;
use e2e::{Actor, Sandbox};
use serde_json::{Value, json};

use super::slurm::{at_login_node, attach, by_login_node, record};

/// The members' records in their order.
fn members(alice: &Actor<'_>, project: &Path) -> Vec<Value> {
    let query = "[?sweep_member].[sweep_member, run_id, status, engine.id, engine.reason, loss]";
    let listed = alice.azml_json(project, &["history", "list", "--query", query]);
    let mut members = listed.as_array().expect("a list").clone();
    members.sort_by_key(|member| (member[0].as_u64(), member[1].as_str().map(str::to_owned)));
    members
}

/// The numbers of the arrays that members are tasks of, each with its tasks.
fn arrays(members: &[Value]) -> Vec<(String, Vec<u64>)> {
    let mut found: Vec<(String, Vec<u64>)> = Vec::new();
    for member in members {
        let id = member[3].as_str().expect("a task's id");
        let (job, index) = id.split_once('_').expect("a task's id has an underscore");
        let index = index.parse().expect("an index");
        match found.iter_mut().find(|(known, _)| known == job) {
            Some((_, indexes)) => indexes.push(index),
            None => found.push((job.to_owned(), vec![index])),
        }
    }
    found
}

fn statuses(members: &[Value]) -> Vec<&str> {
    members.iter().map(|member| member[2].as_str().expect("a status")).collect()
}

fn sweep(alice: &Actor<'_>, project: &Path, values: &str, more: &[&str]) -> e2e::Output {
    let words = ["sweep", "-c", "slurm", "--param", values];
    alice.azml(project, &[&words, more, &["--", "sh", "train.sh", "{lr}"]].concat())
}

/// Starts a sweep in the background, and waits until so many of its runs run.
fn running_sweep(alice: &Actor<'_>, project: &Path, values: &str, running: &str) -> std::process::Child {
    let words =
        ["sweep", "-c", "slurm", "--param", values, "--max-parallel", "2", "--", "sh", "train.sh", "{lr}"];
    let child = alice.spawn_azml(project, &words);
    let _runs = until(alice, project, "squeue -h -t R -o %i | grep -c _", running);
    child
}

#[test]
fn a_sweep_is_one_array_whose_tasks_are_its_members() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (_slurm, alice, project) = at_login_node(&sandbox, &host);
    write(&project, "train.sh", "azml run log loss $1; echo $SLURM_ARRAY_TASK_ID > outputs.txt\n");
    // What is asked of Slurm is written down.
    for client in ["sbatch", "squeue", "sacct", "scancel"] {
        let bin = sandbox.path().join("bin");
        std::fs::rename(bin.join(client), bin.join(format!("real-{client}"))).expect("the client moves");
        sandbox.script(
            client,
            &format!(
                "echo \"{client} $*\" >> {}/asked; exec real-{client} \"$@\"\n",
                sandbox.path().display()
            ),
        );
    }
    let _done = sweep(&alice, &project, "lr=1,2,3,4,5", &["--max-parallel", "2"]).ok();
    let found = members(&alice, &project);
    assert_eq!(statuses(&found), ["Completed"; 5]);
    let losses: Vec<&Value> = found.iter().map(|member| &member[5]).collect();
    assert_eq!(losses, [&json!(1), &json!(2), &json!(3), &json!(4), &json!(5)]);
    let arrays = arrays(&found);
    assert_eq!(arrays.len(), 1, "{arrays:?}");
    assert_eq!(arrays[0].1, [1, 2, 3, 4, 5]);
    let asked = std::fs::read_to_string(sandbox.path().join("asked")).expect("Slurm was asked");
    let submits: Vec<&str> =
        asked.lines().filter(|line| line.starts_with("sbatch") && !line.contains("--test-only")).collect();
    assert_eq!(submits.len(), 1, "{asked}");
    assert!(submits[0].contains("--array=1-5%2"), "{asked}");
    let names: BTreeSet<&str> = asked
        .lines()
        .filter(|line| line.starts_with("squeue"))
        .filter_map(|line| line.split("--name=").nth(1)?.split(' ').next())
        .collect();
    assert_eq!(names.len(), 1, "one question is about all members: {asked}");
    let left = sandbox.path().join("shared");
    for folder in ["jobs", "arrays"] {
        let left: Vec<_> = std::fs::read_dir(left.join(folder)).expect("a folder").collect();
        assert!(left.is_empty(), "{folder}: {left:?}");
    }
}

#[test]
fn one_member_is_canceled_and_another_is_requeued_and_the_others_go_on() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (_slurm, alice, project) = at_login_node(&sandbox, &host);
    attach(&sandbox, &alice, &project, &["--requeue"]);
    let place = sandbox.dir("place");
    write(
        &project,
        "train.sh",
        format!(
            "echo ${{SLURM_RESTART_COUNT:-0}} >> {0}/began-$1; until [ -e {0}/go ]; do sleep 0.1; done\n\
             azml run log loss $1\n",
            place.display()
        ),
    );
    let child = running_sweep(&alice, &project, "lr=1,2,3,4", "2");
    let found = members(&alice, &project);
    assert_eq!(statuses(&found), ["Running", "Running", "Queued", "Queued"]);
    assert_eq!([&found[2][4], &found[3][4]], [&json!("JobArrayTaskLimit"); 2], "{found:?}");
    let cancel = |number: usize| {
        let run = found[number - 1][1].as_str().expect("an id");
        let _asked = alice.azml(&project, &["experiment", "cancel", "-r", run]).ok();
        run.to_owned()
    };
    // One that runs, and one that waits.
    let (second, fourth) = (cancel(2), cancel(4));
    for run in [&second, &fourth] {
        let _ended = alice.azml(&project, &["experiment", "wait", run]).exits(130);
    }
    let first = found[0][3].as_str().expect("an id");
    let began = |number: usize| place.join(format!("began-{number}")).display().to_string();
    let _began = until(&alice, &project, &format!("cat {}", began(1)), "0");
    let _again = host.sh(&format!("scontrol requeue {first}")).ok();
    let soon = format!("scontrol update jobid={first} starttime=now; cat {}", began(1));
    let _began = until(&alice, &project, &soon, "0*1");
    std::fs::write(place.join("go"), "").expect("a file is written");
    let ended = child.wait_with_output().expect("azml ends");
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let found = members(&alice, &project);
    let log =
        |run: &str, log: &str| alice.azml(&project, &["history", "info", "-r", run, "-a", log]).to_string();
    let first = found[0][1].as_str().expect("an id");
    let shown = format!(
        "{}{}{}",
        log(first, "control_log.txt"),
        log(first, "driver_log.txt"),
        record(&alice, &project, first)
    );
    assert_eq!(statuses(&found), ["Completed", "Canceled", "Completed", "Canceled"], "{shown}");
    assert_eq!((&found[0][5], &found[2][5]), (&json!(1), &json!(3)));
    assert!(!Path::new(&began(4)).exists(), "it never began");
    // Exactly the others are run.
    let id = alice.azml_json(&project, &["history", "list", "--query", "[?sweep].run_id | [0]"]);
    let _resumed = alice.azml(&project, &["sweep", "resume", id.as_str().expect("an id")]).ok();
    let found = members(&alice, &project);
    let completed: Vec<Value> = found.into_iter().filter(|member| member[2] == "Completed").collect();
    let arrays = arrays(&completed);
    assert_eq!(arrays.iter().map(|(_, tasks)| tasks.clone()).collect::<Vec<_>>(), [vec![1, 3], vec![2, 4]]);
    assert_eq!(record(&alice, &project, id.as_str().expect("an id"))["status"], "Completed");
}

#[test]
fn a_sweep_whose_azml_is_killed_goes_on_and_is_canceled_as_one() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (_slurm, alice, project) = at_login_node(&sandbox, &host);
    write(&project, "train.sh", "azml run log loss $1; [ $1 -lt 9 ] || exec sleep 1000\n");
    let kill = |mut child: std::process::Child| {
        child.kill().expect("azml is killed");
        let _killed = child.wait().expect("azml ends");
    };
    kill(running_sweep(&alice, &project, "lr=1,9,10,11", "2"));
    let query = "history list --query \"[?loss==\\`1\\`].status | [0]\" -o tsv";
    let _folded = until(&alice, &project, &format!("azml {query}"), "Completed");
    let id = alice.azml_json(&project, &["history", "list", "--query", "[?sweep].run_id | [0]"]);
    let id = id.as_str().expect("an id");
    let _asked = alice.azml(&project, &["experiment", "cancel", "-r", id]).ok();
    let found = members(&alice, &project);
    for member in &found[1..] {
        let _ended =
            alice.azml(&project, &["experiment", "wait", member[1].as_str().expect("an id")]).exits(130);
    }
    assert_eq!(statuses(&members(&alice, &project)), ["Completed", "Canceled", "Canceled", "Canceled"]);
    assert_eq!(record(&alice, &project, id)["status"], "Canceled");
    let queue = alice.sh(&project, "squeue -h -t PD,R").ok();
    assert_eq!(queue.text(), "");
    // Ctrl-C ends all of them.
    let running = running_sweep(&alice, &project, "lr=9,10,11,12", "2");
    let _asked = alice.run("kill", &project, &["-INT", &running.id().to_string()]).ok();
    let ended = running.wait_with_output().expect("azml ends");
    assert_eq!(ended.status.code(), Some(130), "{ended:?}");
    let queue = alice.sh(&project, "squeue -h -t PD,R").ok();
    assert_eq!(queue.text(), "");
    let left = alice
        .azml_json(&project, &["history", "list", "--query", "[?status=='Running' || status=='Queued']"]);
    assert_eq!(left, json!([]));
}

#[test]
fn a_large_sweep_is_split_and_a_submit_that_is_repeated_makes_no_second_array() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (_slurm, alice, project) = by_login_node(&sandbox, &host, "MaxArraySize=4\n");
    write(&project, "train.sh", "azml run log loss $1\n");
    // The answer of sbatch is lost with the line: azml looks for the array before it sends it again.
    host.on_command(End::There, "--array=", "sh -c \"$1\" > /dev/null; kill -9 $PPID; exit 1");
    let done = sweep(&alice, &project, "lr=1,2,3,4,5", &["--max-parallel", "2"]).ok();
    assert!(host.has_met() && done.stderr.contains("tries again"), "{done}");
    let found = members(&alice, &project);
    assert_eq!(statuses(&found), ["Completed"; 5]);
    let arrays = arrays(&found);
    assert_eq!(
        arrays.iter().map(|(_, tasks)| tasks.clone()).collect::<Vec<_>>(),
        [vec![1, 2, 3], vec![1, 2]]
    );
    let jobs = host.sh("squeue -h -t all -r -o %F | sort -u | wc -l").ok();
    assert_eq!(jobs.text(), "2", "{jobs}");
}
