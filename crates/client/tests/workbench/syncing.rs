//! The unpushed refs on the pages, and fetching from the remote.

use std::process::Command;

use crate::testbed::{Testbed, Ui};

const SCRIPT: &str =
    "import os\nos.makedirs('outputs')\nopen('outputs/model.txt', 'w').write('weights')\nprint('trained')\n";

/// A project that is linked to a bare repository in the folder `remote`.
fn linked() -> Testbed {
    let testbed = Testbed::new();
    let remote = testbed.path().join("remote");
    let made =
        Command::new("git").args(["init", "-q", "--bare", "-b", "master"]).arg(&remote).status().unwrap();
    assert!(made.success());
    let linked = testbed
        .command(&testbed.root(), &["project", "update", "-r", remote.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(linked.status.success(), "{linked:?}");
    testbed
}

#[test]
fn what_the_remote_lacks_is_told_and_delivered() {
    let testbed = linked();
    let (remote, away) = (testbed.path().join("remote"), testbed.path().join("away"));
    testbed.write("train.py", SCRIPT);
    testbed.submit(&["train.py"]);
    let ui = testbed.ui();
    assert!(ui.page("/").contains("In sync"));
    std::fs::rename(&remote, &away).unwrap();
    testbed.write("train.py", &SCRIPT.replace("weights", "others"));
    testbed.submit(&["train.py"]);
    let unpushed = ui.get("/");
    assert!(
        unpushed.body.contains("Owed to the remote: snapshots, run records, outputs"),
        "{}",
        unpushed.body
    );
    assert!(unpushed.body.contains("The last push failed"), "{}", unpushed.body);
    let token = Ui::token_of(&unpushed);
    let failed = ui.follow(&ui.post("/sync", &token, "here=/"));
    assert!(failed.contains("Could not sync") && failed.contains("Owed to the remote"), "{failed}");
    std::fs::rename(&away, &remote).unwrap();
    let synced = ui.follow(&ui.post("/sync", &token, "here=/"));
    assert!(synced.contains("Delivered what was owed") && !synced.contains("Owed to the remote"), "{synced}");
}

#[test]
fn another_computers_run_is_fetched_and_restored() {
    let testbed = linked();
    testbed.write("train.py", SCRIPT);
    let first = testbed.submit(&["train.py"]);
    testbed.write("train.py", &SCRIPT.replace("weights", "others"));
    testbed.submit(&["train.py"]);
    // The same project at another computer: the newest snapshot alone, and no outputs.
    let (home, elsewhere) = (testbed.path().join("home-2"), testbed.path().join("elsewhere"));
    std::fs::create_dir(&home).unwrap();
    let remote = testbed.path().join("remote");
    let clone = ["project", "clone", remote.to_str().unwrap(), elsewhere.to_str().unwrap()];
    let cloned = testbed.command(testbed.path(), &clone).env("HOME", &home).output().unwrap();
    assert!(cloned.status.success(), "{cloned:?}");
    let mut command = testbed.command(&elsewhere, &["ui", "--no-open", "-o", "json"]);
    command.env("HOME", &home);
    let ui = Ui::start(command);

    let page = ui.get(&format!("/runs/{first}"));
    assert!(page.body.contains("Fetch outputs and logs"), "{}", page.body);
    let token = Ui::token_of(&page);
    let fetch = format!("/runs/{first}/fetch");
    let fetched = ui.follow(&ui.post(&fetch, &token, "what=outputs"));
    assert!(fetched.contains("Fetched the outputs") && fetched.contains("trained"), "{fetched}");
    assert_eq!(ui.page(&format!("/runs/{first}/download/outputs/model.txt")), "weights");

    let preview = ui.page(&format!("/runs/{first}/restore"));
    assert!(preview.contains("not on this computer yet"), "{preview}");
    let here = format!("what=snapshot&here=/runs/{first}/restore");
    let preview = ui.follow(&ui.post(&fetch, &token, &here));
    assert!(preview.contains("1 file changed"), "{preview}");
    let plan = preview.split("name=\"plan\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    ui.follow(&ui.post(&format!("/runs/{first}/restore"), &token, &format!("plan={plan}")));
    assert_eq!(std::fs::read_to_string(elsewhere.join("train.py")).unwrap(), SCRIPT);
}
