//! Runs on a Slurm cluster: from its login node, and through one by SSH.

use std::path::{Path, PathBuf};

use e2e::engines::{Host, Slurm, until};
use e2e::folder::write;
use e2e::{Actor, Sandbox};
use serde_json::Value;

/// A cluster whose login node is alice's computer, and her project with the target `slurm`.
fn at_login_node<'s>(sandbox: &'s Sandbox, host: &'s Host<'s>) -> (Slurm<'s>, Actor<'s>, PathBuf) {
    let slurm = Slurm::start(sandbox, host);
    slurm.share();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    // The home folder of jobs is another than hers.
    let folder = sandbox.path().join("shared");
    let args = ["computetarget", "attach", "slurm", "-n", "slurm", "--folder", text(&folder)];
    let _attached = alice.azml(&project, &args).ok();
    (slurm, alice, project)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The record of a run, as azml has it now.
fn record(alice: &Actor<'_>, project: &Path, run: &str) -> Value {
    alice.azml_json(project, &["history", "info", "-r", run])
}

/// Submits a run that goes on by itself; returns its id.
fn submit(alice: &Actor<'_>, project: &Path, args: &[&str]) -> String {
    let args = [&["experiment", "submit", "-c", "slurm", "--detach"], args].concat();
    alice.azml(project, &args).ok().run_id()
}

#[test]
fn a_run_goes_on_a_node_of_the_cluster_and_comes_back() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (_slurm, alice, project) = at_login_node(&sandbox, &host);
    write(
        &project,
        "train.sh",
        "hostname; echo $1 $SLURM_JOB_NAME; mkdir outputs; echo w > outputs/w; azml run log loss 0.5\n",
    );
    let secret = alice.clone().with_env("API_KEY", "hidden");
    let output = secret.azml(&project, &["experiment", "submit", "-c", "slurm", "train.sh", "fast"]).ok();
    let run = output.run_id();
    assert!(output.stdout.contains(&format!("node1\nfast {run}\n")), "{output}");
    let record = record(&alice, &project, &run);
    assert_eq!(
        (&record["status"], &record["loss"], &record["exit_code"]),
        (&"Completed".into(), &0.5.into(), &0.into())
    );
    assert_eq!(record["engine"]["kind"], "slurm");
    let outputs = sandbox.path().join("downloads");
    let _got = alice.azml(&project, &["history", "download", "-r", &run, "-d", text(&outputs)]).ok();
    assert_eq!(std::fs::read_to_string(outputs.join("outputs/w")).expect("an output"), "w\n");
    // Nothing of whoever submits is in what Slurm keeps, or in the job's own variables.
    write(&project, "env.sh", "env\n");
    let output = secret.azml(&project, &["experiment", "submit", "-c", "slurm", "env.sh"]).ok();
    assert!(!output.stdout.contains("API_KEY") && output.stdout.contains("HOME=/root\n"), "{output}");
    let failed =
        alice.azml(&project, &["run", "-c", "slurm", "--propagate-exit-code", "--", "sh", "-c", "exit 7"]);
    let _code = failed.exits(7);
}

#[test]
fn a_run_that_waits_says_why_and_can_be_canceled() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (_slurm, alice, project) = at_login_node(&sandbox, &host);
    write(&project, "wait.sh", "echo begun; exec sleep 1000\n");
    // Both nodes are taken.
    let taken = [submit(&alice, &project, &["wait.sh"]), submit(&alice, &project, &["wait.sh"])];
    let waiting = submit(&alice, &project, &["wait.sh"]);
    let shown = until(&alice, &project, &format!("azml history info -r {waiting} -o json"), "*Resources*");
    assert_eq!(shown.json()["status"], "Queued", "{shown}");
    let _asked = alice.azml(&project, &["experiment", "cancel", "-r", &waiting]).ok();
    let _ended = alice.azml(&project, &["experiment", "wait", &waiting]).exits(130);
    assert_eq!(record(&alice, &project, &waiting)["status"], "Canceled");
    for run in &taken {
        let _runs =
            until(&alice, &project, &format!("azml history info -r {run} --query status -o tsv"), "Running");
        let _asked = alice.azml(&project, &["experiment", "cancel", "-r", run]).ok();
        let _ended = alice.azml(&project, &["experiment", "wait", run]).exits(130);
        assert_eq!(record(&alice, &project, run)["status"], "Canceled");
    }
    let queue = alice.sh(&project, "squeue -h -t PD,R").ok();
    assert_eq!(queue.text(), "");
}

#[test]
fn what_the_cluster_cannot_give_is_refused_before_a_snapshot() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (_slurm, alice, project) = at_login_node(&sandbox, &host);
    let attach = |more: &[&str]| {
        let folder = sandbox.path().join("shared");
        let args = ["computetarget", "attach", "slurm", "-n", "other", "--folder", text(&folder)];
        alice.azml(&project, &[&args, more].concat())
    };
    let _none = attach(&["--partition", "gpu"]).fails().says("gpu");
    let _much = attach(&["--memory", "900GB"]).fails().says("sbatch");
    assert!(!project.join("aml_config/other.compute").exists(), "what does not work is not attached");
    let _fits = attach(&["--partition", "p", "--cpus", "1", "--memory", "100MB", "--time", "10m"]).ok();
    let shown =
        alice.azml(&project, &["run", "-c", "other", "--shell", "scontrol -o show job $SLURM_JOB_ID"]).ok();
    for part in ["Partition=p", "TimeLimit=00:10:00", "MinMemoryNode=96M", "Requeue=0"] {
        assert!(shown.stdout.contains(part), "{part} in {shown}");
    }
    let sweep = ["sweep", "-c", "other", "--param", "lr=1,2", "--", "echo"];
    let _refused = alice.azml(&project, &sweep).exits(2).says("a sweep runs on this computer");
}

#[test]
fn slurms_reason_for_an_end_is_in_the_record() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (_slurm, alice, project) = at_login_node(&sandbox, &host);
    // Somebody ends the job beside azml, with its azml: there is no record of the node's.
    write(&project, "killed.sh", "kill -9 $PPID; exec sleep 1000\n");
    let run = submit(&alice, &project, &["killed.sh"]);
    let _ended = alice.azml(&project, &["experiment", "wait", &run]).exits(1);
    let ended = record(&alice, &project, &run);
    assert!(["Failed", "NotResponding"].contains(&ended["status"].as_str().unwrap_or_default()), "{ended}");
}

#[test]
fn a_submit_that_is_repeated_makes_one_job() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (_slurm, alice, project) = at_login_node(&sandbox, &host);
    write(&project, "train.sh", "echo ran >> $AZUREML_NATIVE_SHARE_DIRECTORY/ran\n");
    // The first answer of sbatch is lost with its azml, which believes that the line broke.
    let real = sandbox.path().join("bin/sbatch");
    std::fs::rename(&real, sandbox.path().join("bin/real-sbatch")).expect("the client moves");
    let once = sandbox.path().join("sent");
    sandbox.script(
        "sbatch",
        &format!(
            "case $* in *test-only*) exec real-sbatch \"$@\";; esac\nreal-sbatch \"$@\" > {0}.id; [ -e {0} ] && exec cat {0}.id; touch {0}; exit 1\n",
            once.display()
        ),
    );
    let _lost = alice.azml(&project, &["experiment", "submit", "-c", "slurm", "--detach", "train.sh"]);
    let jobs = alice.sh(&project, "squeue -h -t all").ok();
    assert_eq!(jobs.stdout.lines().count(), 1, "{jobs}");
}

#[test]
fn the_session_of_the_page_about_slurm_is_true() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (_slurm, alice, project) = at_login_node(&sandbox, &host);
    let page = include_str!("../../../docs/compute-slurm.md");
    let folder = format!("-n cluster --folder {}", sandbox.path().join("shared").display());
    crate::readme::check_session(&alice, &project, &page.replace("-n cluster", &folder));
}
