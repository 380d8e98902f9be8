//! Slurm with accounts of its jobs, which come from a database; and a sweep of many runs.

use std::time::{Duration, Instant};

use e2e::engines::{Host, Slurm, until};
use e2e::folder::write;
use e2e::{Actor, Sandbox};
use serde_json::json;

use super::super::slurm::{project_of, record};

/// Members of the sweep.
const MEMBERS: usize = 200;
/// The longest time in which all of them are taken in: the goal is 2 s, of a build for users on an idle machine.
const TAKEN_IN: Duration = Duration::from_mins(1);

#[test]
fn slurms_word_for_each_end_comes_from_its_accounts() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let slurm = Slurm::start_with_accounting(&sandbox, &host);
    slurm.share();
    let (alice, project) = project_of(&sandbox, &["--memory", "300MB", "--time", "1m"]);
    let place = sandbox.dir("place");
    let place = place.display();
    let long = format!("touch {place}/$1; exec sleep 1000\n");
    write(&project, "long.sh", long);
    write(
        &project,
        "large.sh",
        "exec python3 -c 'import time; a = bytearray(900 << 20); time.sleep(1000)'\n",
    );
    let submit = |script: &[&str]| {
        let args = ["experiment", "submit", "-c", "slurm", "--detach"];
        alice.azml(&project, &[&args, script].concat()).ok().run_id()
    };
    let ends = |run: &str, word: &str| {
        let states = format!("sacct -X -n -P --name={run} -o State");
        let _ended = until(&alice, &project, &states, &format!("{word}*"));
    };
    let job = |run: &str| format!("$(squeue -h -n {run} -o %A)");
    let large = submit(&["large.sh"]);
    let late = submit(&["long.sh", "late"]);
    let _began = until(&alice, &project, &format!("ls {place}"), "*late*");
    let _soon = host.sh(&format!("scontrol update jobid={} endtime=now+1seconds", job(&late))).ok();
    ends(&large, "OUT_OF_MEMORY");
    ends(&late, "TIMEOUT");
    let ended = submit(&["long.sh", "ended"]);
    let lost = submit(&["long.sh", "lost"]);
    let _began = until(&alice, &project, &format!("ls {place}"), "*ended*lost*");
    let _ended = host.sh(&format!("scancel {}", job(&ended))).ok();
    ends(&ended, "CANCELLED");
    let node = alice.sh(&project, &format!("squeue -h -n {lost} -o %N")).ok();
    slurm.kill_node(node.text());
    let _down = host.sh(&format!("scontrol update nodename={} state=down reason=test", node.text())).ok();
    ends(&lost, "NODE_FAIL");
    // Nobody has looked so far, and from now on only the accounts know.
    slurm.forget_jobs();
    for (run, code, status, reason) in [
        (&large, 1, "Failed", "OUT_OF_MEMORY"),
        (&late, 1, "Failed", "TIMEOUT"),
        (&ended, 130, "Canceled", "CANCELLED"),
        (&lost, 1, "Failed", "NODE_FAIL"),
    ] {
        let _waited = alice.azml(&project, &["experiment", "wait", run]).exits(code);
        let found = record(&alice, &project, run);
        assert_eq!(
            (&found["status"], &found["engine"]["reason"]),
            (&json!(status), &json!(reason)),
            "{found}"
        );
    }
}

/// The number of members that have a status, as the history has it.
fn count(alice: &Actor<'_>, project: &std::path::Path, status: &str) -> u64 {
    let query = format!("length([?sweep_member && status=='{status}'])");
    alice.azml_json(project, &["history", "list", "--query", &query]).as_u64().expect("a number")
}

#[test]
fn a_sweep_of_two_hundred_runs_is_one_array_and_is_taken_in_at_once() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let slurm = Slurm::start(&sandbox, &host);
    slurm.share();
    let (alice, project) = project_of(&sandbox, &[]);
    let words = format!("n=1..{MEMBERS}");
    let words = ["sweep", "-c", "slurm", "--param", &words, "--shell", "azml run log n {n}"];
    let mut azml = alice.spawn_azml(&project, &words);
    let _there = until(&alice, &project, "squeue -h -t all -r -o %F | sort -u | wc -l", "1");
    let _all = until(&alice, &project, "squeue -h -t all -r -o %i | wc -l", &MEMBERS.to_string());
    azml.kill().expect("azml is killed");
    let _killed = azml.wait().expect("azml ends");
    let _ran = host.sh("while [ -n \"$(squeue -h -t PD,R,CG)\" ]; do sleep 0.2; done").ok();
    let begun = Instant::now();
    let _listed = alice.azml(&project, &["history", "list", "-o", "none"]).ok();
    let took = begun.elapsed();
    println!("{MEMBERS} runs were taken in within {took:?}");
    assert_eq!(count(&alice, &project, "Completed"), MEMBERS as u64);
    assert!(took < TAKEN_IN, "{took:?}");
    let sum = alice.azml_json(&project, &["history", "list", "--query", "sum([?sweep_member].n)"]);
    assert_eq!(sum.as_f64(), (MEMBERS * (MEMBERS + 1) / 2).to_string().parse().ok());
    let id = alice.azml_json(&project, &["history", "list", "--query", "[?sweep].run_id | [0]"]);
    let _nothing_left = alice.azml(&project, &["sweep", "resume", id.as_str().expect("an id")]).ok();
    assert_eq!(count(&alice, &project, "Completed"), MEMBERS as u64);
}
