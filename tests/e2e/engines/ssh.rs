//! Runs on a computer by SSH, with a line of its own.

use e2e::Sandbox;
use e2e::engines::Host;
use e2e::folder::write;

#[test]
fn the_session_of_the_page_about_other_computers_is_true() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    host.serve_ssh();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    write(&project, "train.py", "import socket\nprint('trained on', socket.gethostname())\n");
    let page = include_str!("../../../docs/compute.md").replace("-a gpu1", "-a node1");
    crate::readme::check_session(&alice, &project, &page);
    let runs = alice.azml_json(&project, &["history", "list"]);
    assert_eq!((&runs[0]["target"], &runs[0]["engine"]["host"]), (&"gpu".into(), &"node1".into()), "{runs}");
    assert!(!project.join("aml_config/gpu.compute").exists());
}
