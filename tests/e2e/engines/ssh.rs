//! Runs on a computer by SSH, with a line of its own.

use e2e::Sandbox;
use e2e::engines::{Host, until};
use e2e::folder::write;

#[test]
fn the_session_of_the_page_about_other_computers_is_true() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    host.serve_ssh();
    let (alice, project) = sandbox.project();
    write(&project, "train.py", "import socket\nprint('trained on', socket.gethostname())\n");
    let page = include_str!("../../../docs/compute.md").replace("-a gpu1", "-a node1");
    crate::readme::check_session(&alice, &project, &page);
    let runs = alice.azml_json(&project, &["history", "list"]);
    assert_eq!((&runs[0]["target"], &runs[0]["engine"]["host"]), (&"gpu".into(), &"node1".into()), "{runs}");
    assert!(!project.join("aml_config/gpu.compute").exists());
}

#[test]
fn one_member_of_a_sweep_on_a_host_is_canceled_and_the_others_complete() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    host.serve_ssh();
    let (alice, project) = sandbox.project();
    let azml = sandbox.path().join("bin/azml");
    let azml = azml.to_str().expect("UTF-8");
    let args = ["computetarget", "attach", "ssh", "-n", "gpu", "-a", "node1", "--azml", azml];
    let _attached = alice.azml(&project, &args).ok();
    write(&project, "train.sh", "touch $HOME/began-$1; until [ -e $HOME/go ]; do sleep 0.1; done\n");
    let words =
        ["sweep", "-c", "gpu", "--param", "n=1,2,3", "--max-parallel", "2", "--", "sh", "train.sh", "{n}"];
    let child = alice.spawn_azml(&project, &words);
    let began = format!("ls {}", host.home().display());
    let _began = until(&alice, &project, &began, "*began-1*began-2*");
    let query = "[?sweep_member==`1`].run_id | [0]";
    let first = alice.azml_json(&project, &["history", "list", "--query", query]);
    let first = first.as_str().expect("an id");
    let _asked = alice.azml(&project, &["experiment", "cancel", "-r", first]).ok();
    // The next one takes its place.
    let _began = until(&alice, &project, &began, "*began-3*");
    std::fs::write(host.home().join("go"), "").expect("a file is written");
    let ended = child.wait_with_output().expect("azml ends");
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let query = "sort_by([?sweep_member], &sweep_member)[].status";
    let statuses = alice.azml_json(&project, &["history", "list", "--query", query]);
    assert_eq!(statuses, serde_json::json!(["Canceled", "Completed", "Completed"]));
}
