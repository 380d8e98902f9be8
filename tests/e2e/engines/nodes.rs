//! The files of azml on another computer: its program is copied again when it is gone, another version is told, and old files are removed when no run needs them.

use std::fs;
use std::path::{Path, PathBuf};

use e2e::engines::{Host, until};
use e2e::folder::write;
use e2e::{Actor, Sandbox};
use serde_json::Value;

use crate::job_control::dialog;

const SUBMIT: [&str; 4] = ["experiment", "submit", "-c", "gpu"];
const WAIT: &str =
    "echo begun; touch $HOME/begun; until [ -e $HOME/stop ]; do sleep 0.1; done; echo stopped\n";

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// alice's project, whose target `gpu` is the machine; with azml's own program there, if it is not named.
fn at_host<'s>(sandbox: &'s Sandbox, host: &Host<'s>, azml: Option<&Path>) -> (Actor<'s>, PathBuf) {
    host.serve_ssh();
    let (alice, project) = sandbox.project();
    let more = azml.map_or_else(Vec::new, |path| vec!["--azml", text(path)]);
    let args = ["computetarget", "attach", "ssh", "-n", "gpu", "-a", "node1"];
    let _attached = alice.azml(&project, &[&args, &more[..]].concat()).ok();
    (alice, project)
}

fn submit(alice: &Actor<'_>, project: &Path, args: &[&str]) -> String {
    alice.azml(project, &[&SUBMIT[..], args].concat()).ok().run_id()
}

fn status(alice: &Actor<'_>, project: &Path, run: &str) -> Value {
    alice.azml_json(project, &["history", "info", "-r", run])["status"].clone()
}

#[test]
fn an_azml_that_is_gone_is_copied_again() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let (alice, project) = at_host(&sandbox, &host, None);
    write(&project, "train.sh", WAIT);
    let run = submit(&alice, &project, &["--detach", "train.sh"]);
    let _gone = host.sh("rm .azml/bin/azml-*").ok();
    assert_eq!(status(&alice, &project, &run), "Running");
    let _back = host.sh("ls .azml/bin/azml-*").ok();
    let _stop = host.sh("touch stop").ok();
    let _ended = alice.azml(&project, &["experiment", "wait", &run]).ok();
}

#[test]
fn an_azml_of_another_version_is_told_by_both_versions() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let azml = sandbox.path().join("bin/azml");
    let (alice, project) = at_host(&sandbox, &host, Some(&azml));
    write(&project, "train.sh", WAIT);
    let run = submit(&alice, &project, &["--detach", "train.sh"]);
    let _begun = until(&alice, &project, &format!("ls {}", host.home().display()), "*begun*");
    // The job of an azml that is newer than the one that looks at it.
    let spec = host.home().join(".azml/jobs").join(&run).join("spec.json");
    let job = fs::read_to_string(&spec).expect("a job");
    fs::write(&spec, job.replacen("\"version\": 1", "\"version\": 9", 1)).expect("a job is written");
    let _dead = host.sh("pkill -9 azml; true").ok();
    let shown = alice.azml(&project, &["history", "info", "-r", &run]);
    let said = "the job has version 9, and this azml knows version 1";
    assert!(shown.stderr.contains(said) && shown.stderr.contains("node1"), "{shown}");
    fs::write(&spec, job).expect("a job is written");
    assert_eq!(status(&alice, &project, &run), "NotResponding", "and nothing was lost");
    // An azml there that knows another form of jobs.
    sandbox.script("newer-azml", "echo '{\"spec\": 9, \"refused\": null}'\n");
    let newer = sandbox.path().join("bin/newer-azml");
    let args = ["computetarget", "attach", "ssh", "-n", "newer", "-a", "node1", "--azml", text(&newer)];
    let _refused = alice.azml(&project, &args).fails().says("version 9").says("version 1").says("newer-azml");
    // None at all where one was named.
    let args = ["computetarget", "attach", "ssh", "-n", "none", "-a", "node1", "--azml", "/no/such/azml"];
    let _none = alice.azml(&project, &args).fails().says("/no/such/azml").says("azmlLocation");
}

#[test]
fn old_files_of_a_host_are_removed_and_what_a_run_needs_stays() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let azml = sandbox.path().join("bin/azml");
    let (alice, project) = at_host(&sandbox, &host, Some(&azml));
    write(&project, "train.sh", "echo beside > left.txt; mkdir outputs; echo w > outputs/w\n");
    let old = [submit(&alice, &project, &["train.sh"]), submit(&alice, &project, &["train.sh"])];
    write(&project, "wait.sh", WAIT.replace("echo stopped", "mkdir outputs; echo w > outputs/w"));
    let goes_on = submit(&alice, &project, &["--detach", "wait.sh"]);
    let _begun = until(&alice, &project, &format!("ls {}", host.home().display()), "*begun*");
    let _files = host
        .sh("mkdir -p .azml/bin .azml/state/environments/cafe-x/env; head -c 5000 /dev/zero > .azml/bin/azml-0.0.9-cafe\n\
             head -c 7000 /dev/zero > .azml/state/environments/cafe-x/env/f; cd .azml/state/environments; echo {} > cafe.json; touch cafe.lock")
        .ok();
    let prune = |options: &[&str]| {
        let args = ["computetarget", "prune", "-n", "gpu", "-o", "json"];
        let pruned = alice.azml(&project, &[&args, options].concat()).ok();
        let value = pruned.json();
        let mut removed: Vec<String> = value["removed"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|piece| {
                format!(
                    "{} {}",
                    piece["kind"].as_str().expect("a text"),
                    piece["name"].as_str().expect("a text")
                )
            })
            .collect();
        removed.sort();
        (pruned, value, removed)
    };
    let (said, value, would) = prune(&["--keep", "1", "--dry-run"]);
    assert_eq!(would, ["program azml-0.0.9-cafe".to_owned(), format!("run_files {}", old[0])], "{said}");
    assert_eq!((&value["runs"]["count"], &value["dry_run"]), (&1.into(), &true.into()), "{said}");
    assert!(said.stderr.contains("Would remove 1 old azml (5"), "{said}");
    let (_, _, removed) = prune(&["--keep", "1"]);
    assert_eq!(removed, would);
    let (_, _, removed) = prune(&["--keep", "0"]);
    assert_eq!(
        removed,
        ["environment cafe".to_owned(), format!("run_files {}", old[1])],
        "the run that goes on stays"
    );
    let _gone = host.sh("! ls .azml/bin/azml-0.0.9-cafe .azml/state/environments/cafe.json 2>/dev/null").ok();
    let _stop = host.sh("touch stop").ok();
    let _ended = alice.azml(&project, &["experiment", "wait", &goes_on]).ok();
    let output = alice.azml(&project, &["history", "info", "-r", &goes_on, "-a", "outputs/w"]).ok();
    assert_eq!(output.stdout, "w\n");
    // Snapshots of a project go when nothing came for an hour, and come again with the next run.
    let (_, _, removed) = prune(&["--keep", "0"]);
    assert!(!removed.iter().any(|piece| piece.starts_with("store")), "{removed:?}");
    let _rest = host.sh("find .azml/store -exec touch -d '2 hours ago' '{}' +").ok();
    let (_, _, removed) = prune(&["--keep", "0"]);
    assert_eq!(removed.len(), 1, "{removed:?}");
    assert!(removed[0].starts_with("store "), "{removed:?}");
    assert_eq!(host.sh("ls .azml/store").ok().text(), "");
    let _again = submit(&alice, &project, &["train.sh"]);
    let refused = alice.azml(&project, &["computetarget", "prune", "-n", "local"]);
    let _local = refused.fails();
}

#[test]
fn ctrl_c_leaves_a_run_on_another_computer_and_says_how_to_end_it() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let azml = sandbox.path().join("bin/azml");
    let (alice, project) = at_host(&sandbox, &host, Some(&azml));
    write(&project, "train.sh", WAIT);
    let interrupt = [("begun", "\u{3}")];
    let left =
        dialog(&alice, &project, &interrupt, &[&["azml"], &SUBMIT[..], &["train.sh"]].concat()).exits(130);
    let run = alice.run_ids(&project).remove(0);
    for words in [format!("Run {run} goes on on node1"), format!("azml experiment cancel -r {run}")] {
        assert!(left.stdout.contains(&words), "{left}");
    }
    assert!(!left.stdout.contains("tries again"), "the line is none of the terminal's: {left}");
    let follow = ["azml", "experiment", "logs", "-r", &run, "--follow"];
    let _left = dialog(&alice, &project, &interrupt, &follow).exits(130);
    assert_eq!(status(&alice, &project, &run), "Running");
    let _stop = host.sh("touch stop").ok();
    let _ended = alice.azml(&project, &["experiment", "wait", &run]).ok();
    assert_eq!(status(&alice, &project, &run), "Completed");
}

#[test]
fn a_host_gets_the_snapshot_of_its_first_run_without_the_history_before_it() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let azml = sandbox.path().join("bin/azml");
    let (alice, project) = at_host(&sandbox, &host, Some(&azml));
    for n in 0..3 {
        write(&project, "train.sh", format!("echo run {n}\n"));
        let _here = alice.azml(&project, &["experiment", "submit", "-c", "local", "train.sh"]).ok();
    }
    let commits = || {
        let store = host.home().join(".azml/store");
        let store = fs::read_dir(&store).expect("a folder").flatten().next().expect("a store").path();
        let _sound = alice.git(&store, &["fsck", "--strict", "--connectivity-only"]).ok();
        let code = alice.git(&store, &["for-each-ref", "--format=%(objectname)", "refs/azureml/code/"]).ok();
        alice.git(&store, &["rev-list", "--count", code.text()]).ok().text().to_owned()
    };
    write(&project, "train.sh", "echo first\n");
    let _first = submit(&alice, &project, &["train.sh"]);
    assert_eq!(commits(), "1");
    write(&project, "train.sh", "echo second\n");
    let _second = submit(&alice, &project, &["train.sh"]);
    assert_eq!(commits(), "2");
}
