//! Runs on a Ray cluster, by its Jobs API.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use e2e::engines::{Host, RAY, Ray, until};
use e2e::folder::write;
use e2e::{Actor, Sandbox};

/// A cluster on a machine whose network alice's azml is on, and her project with the target `ray`.
fn with_ray<'s>(sandbox: &'s Sandbox, host: &'s Host<'s>, more: &[&str]) -> (Ray<'s>, Actor<'s>, PathBuf) {
    let ray = Ray::start(sandbox, host, Path::new(env!("CARGO_TARGET_TMPDIR")));
    let (alice, project) = sandbox.project();
    let args = ["computetarget", "attach", "ray", "-n", "ray", "--address", RAY];
    let _attached = alice.azml(&project, &[&args, more].concat()).ok();
    (ray, alice, project)
}

fn submit(alice: &Actor<'_>, project: &Path, args: &[&str]) -> e2e::Output {
    alice.azml(project, &[&["experiment", "submit", "-c", "ray"], args].concat())
}

/// Waits until a run has a status.
fn wait_for(alice: &Actor<'_>, project: &Path, run: &str, status: &str) {
    let asked = format!("azml history info -r {run} --query status -o tsv");
    let _there = until(alice, project, &asked, status);
}

const TRAIN: &str = "import os, sys, ray\nfrom azureml.logging import get_azureml_logger\nray.init(log_to_driver=False)\n\
    @ray.remote\ndef half(x):\n  return x / 2\nget_azureml_logger().log('loss', ray.get(half.remote(1)))\n\
    os.makedirs('outputs', exist_ok=True)\nopen('outputs/model.txt', 'w').write('weights')\n\
    open('outputs/same.py', 'w').write(open('train.py').read())\nprint('trained', *sys.argv[1:])\nsys.exit(int((sys.argv + ['', '0'])[2]))\n";

/// Checks that everything that the script wrote came back.
fn check_results(alice: &Actor<'_>, project: &Path) {
    let run = alice.azml_json(project, &["history", "last"]);
    assert_eq!(
        (&run["status"], &run["loss"], &run["exit_code"]),
        (&"Completed".into(), &0.5.into(), &0.into())
    );
    assert_eq!((&run["engine"]["kind"], &run["engine"]["id"]), (&"ray".into(), &run["run_id"]));
    let id = run["run_id"].as_str().expect("a text");
    for (name, text) in [("outputs/model.txt", "weights"), ("outputs/same.py", TRAIN)] {
        let file = alice.azml(project, &["history", "info", "-r", id, "-a", name]).ok();
        assert_eq!(file.stdout, text);
    }
}

#[test]
fn the_session_of_the_page_about_ray_is_true() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let _ray = Ray::start(&sandbox, &host, Path::new(env!("CARGO_TARGET_TMPDIR")));
    let (alice, project) = sandbox.project();
    write(&project, "train.py", TRAIN);
    crate::readme::check_session(&alice, &project, include_str!("../../../../docs/compute-ray.md"));
    check_results(&alice, &project);
}

#[test]
fn runs_go_on_a_ray_cluster_and_come_back_by_its_log() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (_ray, alice, project) = with_ray(&sandbox, &host, &[]);
    write(&project, "train.py", TRAIN);
    let first = submit(&alice, &project, &["train.py", "slowly", "0"]).ok();
    assert!(first.stdout.contains("\ntrained slowly 0\n") && !first.stdout.contains("-- azml"), "{first}");
    check_results(&alice, &project);
    let fails = submit(&alice, &project, &["train.py", "fast", "3"]).fails();
    assert!(fails.stdout.contains("\ntrained fast 3\n"), "{fails}");
    assert_eq!(alice.azml_json(&project, &["history", "last"])["exit_code"], 3);
    let left = host.sh("ls .azml/packages; ls .azml/bin").ok();
    assert_eq!(left.stdout.lines().count(), 1, "azml's program alone is left: {left}");
}

#[test]
fn what_waits_or_runs_on_ray_can_be_canceled_and_a_lost_cluster_is_told() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let azml = std::fs::read_link(sandbox.path().join("bin/azml")).expect("a link");
    let azml = azml.to_str().expect("UTF-8");
    let (ray, alice, project) = with_ray(&sandbox, &host, &["--azml", azml, "--cpus", "2"]);
    write(&project, "wait.sh", "echo begun; sleep 1000\n");
    let detached = |args: &[&str]| submit(&alice, &project, &[&["--detach"], args].concat()).ok().run_id();
    let runs = detached(&["wait.sh"]);
    wait_for(&alice, &project, &runs, "Running");
    let waits = detached(&["wait.sh"]);
    wait_for(&alice, &project, &waits, "Queued");
    // Ray says yes to the end of a job that waits, and starts it all the same.
    for run in [&waits, &runs] {
        let _asked = alice.azml(&project, &["experiment", "cancel", "-r", run]).ok();
    }
    for run in [&waits, &runs] {
        let _ended = alice.azml(&project, &["experiment", "wait", run]).exits(130);
        assert_eq!(alice.azml_json(&project, &["history", "info", "-r", run])["status"], "Canceled");
    }
    let lost = detached(&["wait.sh"]);
    wait_for(&alice, &project, &lost, "Running");
    ray.kill();
    let shown = alice.azml(&project, &["history", "info", "-r", &lost, "-o", "json"]).ok();
    assert_eq!(shown.json()["status"], "Running", "nobody knows better: {shown}");
    ray.up();
    wait_for(&alice, &project, &lost, "NotResponding");
}

#[test]
fn a_run_on_ray_is_followed_while_it_goes_on_and_has_its_large_files() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let azml = std::fs::read_link(sandbox.path().join("bin/azml")).expect("a link");
    let (_ray, alice, project) = with_ray(&sandbox, &host, &["--azml", azml.to_str().expect("UTF-8")]);
    let alice = alice.with_env("AZML_LARGE_FILE", "1MB");
    write(&project, "data/big.bin", vec![b'x'; 1_500_000]);
    write(
        &project,
        "train.sh",
        "wc -c < data/big.bin; until [ -e $HOME/go ]; do sleep 0.1; done\n\
         mkdir outputs; cat data/big.bin data/big.bin > outputs/twice.bin; echo went\n",
    );
    let words = ["experiment", "submit", "-c", "ray", "--attachments-limit", "100kB", "train.sh"];
    let mut azml = alice.spawn_azml(&project, &words);
    let mut lines = BufReader::new(azml.stdout.take().expect("stdout is a pipe")).lines();
    let mut next = |wanted: &str| {
        let found = lines.by_ref().map(|line| line.expect("a line")).find(|line| line == wanted);
        assert!(found.is_some(), "{wanted} did not come");
    };
    next("1500000");
    // The script waits: its first line came while it went on.
    std::fs::write(host.home().join("go"), "").expect("a file is written");
    next("went");
    let ended = azml.wait_with_output().expect("azml ends");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let run = alice.azml_json(&project, &["history", "last"]);
    assert_eq!(run["properties"]["AttachmentsLarge"][0]["bytes"], 3_000_000, "{run}");
    let id = run["run_id"].as_str().expect("a text");
    let output = alice.azml(&project, &["history", "info", "-r", id, "-a", "outputs/twice.bin"]).ok();
    assert_eq!(output.stdout.len(), 3_000_000);
}
