//! Runs on a Slurm cluster: from its login node, and through one by SSH.

use std::path::{Path, PathBuf};

use e2e::engines::{End, Host, Slurm, until};
use e2e::folder::write;
use e2e::{Actor, Sandbox};
use serde_json::Value;

/// A cluster whose login node is alice's computer, and her project with the target `slurm`.
pub(super) fn at_login_node<'s>(sandbox: &'s Sandbox, host: &'s Host<'s>) -> (Slurm<'s>, Actor<'s>, PathBuf) {
    let slurm = Slurm::start(sandbox, host);
    slurm.share();
    let (alice, project) = project_of(sandbox, &[]);
    (slurm, alice, project)
}

/// alice's project with the target `slurm`; with further words of the attach.
pub(super) fn project_of<'s>(sandbox: &'s Sandbox, more: &[&str]) -> (Actor<'s>, PathBuf) {
    let (alice, project) = sandbox.project();
    attach(sandbox, &alice, &project, more);
    (alice, project)
}

pub(super) fn attach(sandbox: &Sandbox, alice: &Actor<'_>, project: &Path, more: &[&str]) {
    // The home folder of jobs is another than hers.
    let folder = sandbox.path().join("shared");
    let args = ["computetarget", "attach", "slurm", "-n", "slurm", "--folder", text(&folder)];
    let _attached = alice.azml(project, &[&args, more].concat()).ok();
}

/// A cluster that alice reaches by SSH, and her project with the target `slurm`; with further lines of the cluster's configuration.
pub(super) fn by_login_node<'s>(
    sandbox: &'s Sandbox,
    host: &'s Host<'s>,
    more: &str,
) -> (Slurm<'s>, Actor<'s>, PathBuf) {
    let slurm = Slurm::start_with(sandbox, host, more);
    host.serve_ssh();
    let (alice, project) = sandbox.project();
    let azml = sandbox.path().join("bin/azml");
    let args = ["computetarget", "attach", "slurm", "-n", "slurm", "-a", "node1", "--azml", text(&azml)];
    let _attached = alice.azml(&project, &args).ok();
    (slurm, alice, project)
}

pub(super) fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// The record of a run, as azml has it now.
pub(super) fn record(alice: &Actor<'_>, project: &Path, run: &str) -> Value {
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
    let table = alice.azml(&project, &["history", "list", "-o", "table"]).ok();
    assert!(table.stdout.contains("Queued (Resources)"), "{table}");
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

#[test]
fn a_run_gets_to_the_cluster_by_a_login_node() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (_slurm, alice, project) = by_login_node(&sandbox, &host, "");
    write(&project, "train.sh", "hostname; azml run log loss 0.5\n");
    let output = alice.azml(&project, &["experiment", "submit", "-c", "slurm", "train.sh"]).ok();
    assert!(output.stdout.contains("node1\n"), "{output}");
    let run = output.run_id();
    assert_eq!(record(&alice, &project, &run)["loss"], 0.5);
    // The answer of sbatch is lost with the line: azml looks for the job before it sends it again.
    host.on_command(End::There, "sbatch --parsable", "sh -c \"$1\" > /dev/null; kill -9 $PPID; exit 1");
    let again = alice.azml(&project, &["experiment", "submit", "-c", "slurm", "train.sh"]).ok();
    assert!(host.has_met() && again.stderr.contains("tries again"), "{again}");
    let jobs = host.sh("squeue -h -t all").ok();
    assert_eq!(jobs.stdout.lines().count(), 2, "{jobs}");
}

/// A script that says that it has begun, in a file for each attempt, and goes on to the end at the second alone.
fn twice(place: &Path) -> String {
    format!(
        "mkdir -p outputs; echo ${{SLURM_RESTART_COUNT:-0}} >> outputs/attempts; echo $$ > {0}/new\n\
         mv {0}/new {0}/pid-${{SLURM_RESTART_COUNT:-0}}; test -n \"$SLURM_RESTART_COUNT\" || exec sleep 1000\n\
         azml run log loss 0.5\n",
        place.display()
    )
}

/// A run that Slurm starts again by `again`: it is one run, with the outputs of both attempts, and the first process is gone.
fn is_started_again(again: impl Fn(&Slurm<'_>, &Host<'_>, &Actor<'_>, &Path, &str)) {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (slurm, alice, project) = at_login_node(&sandbox, &host);
    attach(&sandbox, &alice, &project, &["--requeue"]);
    let place = sandbox.dir("place");
    write(&project, "train.sh", twice(&place));
    let run = submit(&alice, &project, &["train.sh"]);
    let _begun = until(&alice, &project, &format!("ls {}", place.display()), "*pid-0*");
    again(&slurm, &host, &alice, &project, &run);
    let soon = format!("scontrol update jobid=$(squeue -h -n {run} -o %A) starttime=now");
    let _soon = until(&alice, &project, &format!("{soon}; ls {}", place.display()), "*pid-1*");
    let _ended = alice.azml(&project, &["experiment", "wait", &run]).ok();
    let ended = record(&alice, &project, &run);
    assert_eq!((&ended["status"], &ended["loss"]), (&"Completed".into(), &0.5.into()), "{ended}");
    let attempts = alice.azml(&project, &["history", "info", "-r", &run, "-a", "outputs/attempts"]).ok();
    assert_eq!(attempts.stdout, "0\n1\n", "the second attempt goes on from the first one's outputs");
    let pid = std::fs::read_to_string(place.join("pid-0")).expect("the first process");
    let gone = format!("timeout 60 sh -c 'while kill -0 {}; do sleep 0.1; done'", pid.trim());
    let _gone = host.sh(&gone).ok();
    assert_eq!(alice.run_ids(&project).len(), 1, "one run");
}

#[test]
fn a_run_whose_node_is_lost_is_started_again_and_its_first_process_writes_no_more() {
    is_started_again(|slurm, host, alice, project, run| {
        let node = alice.sh(project, &format!("squeue -h -n {run} -o %N")).ok();
        // The daemon dies, and the script lives on; Slurm holds the node for dead.
        slurm.kill_node(node.text());
        let _down = host.sh(&format!("scontrol update nodename={} state=down reason=test", node.text())).ok();
    });
}

#[test]
fn a_run_that_somebody_requeues_is_one_run() {
    is_started_again(|_, host, _, _, run| {
        let _asked = host.sh(&format!("scontrol requeue $(squeue -h -n {run} -o %A)")).ok();
    });
}

#[test]
fn a_node_that_fails_is_slurms_word_for_the_end() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (slurm, alice, project) = at_login_node(&sandbox, &host);
    let place = sandbox.dir("place");
    write(&project, "train.sh", format!("touch {}/begun; exec sleep 1000\n", place.display()));
    let run = submit(&alice, &project, &["train.sh"]);
    let _begun = until(&alice, &project, &format!("ls {}", place.display()), "begun");
    let node = alice.sh(&project, &format!("squeue -h -n {run} -o %N")).ok();
    slurm.kill_node(node.text());
    let _down = host.sh(&format!("scontrol update nodename={} state=down reason=test", node.text())).ok();
    let _ended = alice.azml(&project, &["experiment", "wait", &run]).exits(1);
    let ended = record(&alice, &project, &run);
    let expected = (&"Failed".into(), &"NODE_FAIL".into());
    assert_eq!((&ended["status"], &ended["engine"]["reason"]), expected, "{ended}");
    let table = alice.azml(&project, &["history", "list", "-o", "table"]).ok();
    assert!(table.stdout.contains("Failed (NODE_FAIL)"), "{table}");
}
