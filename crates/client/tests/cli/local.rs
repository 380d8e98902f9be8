//! The main job without a remote: create, run, list, restore.

use std::fs;

use crate::sandbox::Sandbox;

const TRAIN: &str = r#"
import os, sys
from azureml.logging import get_azureml_logger
log = get_azureml_logger()
log.log("Accuracy", 1 - float(sys.argv[1]))
log.upload("notes/rate.txt", sys.argv[1])
os.makedirs("outputs", exist_ok=True)
open("outputs/model.txt", "w").write(open("data/in.txt").read() + sys.argv[1])
open("stray.csv", "w").write("x")
os.system("azml run log Shell 'two words'")
print("trained with", sys.argv[1])
"#;

#[test]
fn a_project_is_made_run_listed_and_restored() {
    let sandbox = Sandbox::new();
    let made = sandbox.az(&["ml", "project", "create", "-n", "iris", "--path", ".", "--query", "name"]);
    assert_eq!((made.code, made.stdout.as_str()), (0, "\"iris\"\n"), "{made}");
    let root = sandbox.work().join("iris");
    fs::write(root.join("train.py"), TRAIN).expect("the project folder is there");
    fs::create_dir(root.join("data")).expect("there is no data folder yet");
    fs::write(root.join("data/in.txt"), "data and ").expect("the data folder is there");
    fs::write(root.join(".amlignore"), "/data/\n").expect("the project folder is there");

    let first = sandbox.az_in("iris", &["ml", "experiment", "submit", "-c", "local", "train.py", "0.25"]);
    assert_eq!(first.code, 0, "{first}");
    assert!(first.stdout.starts_with("RunId: iris_1504832283059\ntrained with 0.25\n"), "{first}");
    assert!(
        first.stdout.contains("\nExecution Details\n=================\nRunId: iris_1504832283059\n"),
        "{first}"
    );
    assert!(first.stdout.contains("new       stray.csv ("), "{first}");
    assert!(first.stdout.contains("az ml run files -r iris_1504832283059 --apply\n"), "{first}");
    assert!(!root.join("outputs").exists() && !root.join("stray.csv").exists());

    fs::write(root.join("train.py"), "raise SystemExit(7)").expect("the project folder is there");
    let second =
        sandbox.az_in("iris", &["ml", "experiment", "submit", "-c", "local", "train.py", "--alpha", "1"]);
    assert_eq!(second.code, 1, "{second}");

    // The clock stands still, so the second run got the next free millisecond.
    let list = sandbox.az_in("iris", &["ml", "history", "list", "-o", "table"]);
    insta::assert_snapshot!("history_list_as_a_table", list);
    let output = sandbox
        .az_in("iris", &["ml", "history", "info", "-r", "iris_1504832283059", "-a", "outputs/model.txt"]);
    assert_eq!(output.stdout, "data and 0.25");
    let record = sandbox
        .az_in("iris", &["ml", "history", "last", "--query", "[arguments, exit_code, status]", "-o", "tsv"]);
    assert_eq!(record.stdout, "--alpha\t1\n7\nFailed\n");

    let restored =
        sandbox.az_in("iris", &["ml", "project", "restore", "--run-id", "iris_1504832283059", "-o", "table"]);
    assert!(restored.stdout.ends_with("changed   train.py\n"), "{restored}");
    assert_eq!(fs::read_to_string(root.join("train.py")).expect("it is restored"), TRAIN);
    let undone = sandbox.az_in("iris", &["ml", "project", "restore", "--undo"]);
    assert_eq!(undone.code, 0, "{undone}");
    assert_eq!(fs::read_to_string(root.join("train.py")).expect("it is back"), "raise SystemExit(7)");

    let unknown = sandbox.az_in("iris", &["ml", "project", "restore", "--run-id", "iris_1504832283058"]);
    insta::assert_snapshot!("an_unknown_run", unknown);
}

#[test]
fn what_goes_wrong_at_submit_is_told_before_anything_runs() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.azml(&["project", "create", "-n", "iris", "-o", "none"]).code, 0);
    insta::assert_snapshot!(
        "no_such_configuration",
        sandbox.az_in("iris", &["ml", "experiment", "submit", "-c", "locl", "train.py"])
    );
    insta::assert_snapshot!(
        "no_such_script",
        sandbox.az_in("iris", &["ml", "experiment", "submit", "-c", "local", "trian.py"])
    );
    let configurations = sandbox.work().join("iris/aml_config");
    fs::write(configurations.join("batch.compute"), "type: batchai\naddress: batch1\n")
        .expect("the folder is there");
    fs::write(configurations.join("batch.runconfig"), "Target: batch\n").expect("the folder is there");
    insta::assert_snapshot!(
        "a_target_elsewhere",
        sandbox.az_in("iris", &["ml", "experiment", "submit", "-c", "batch", "train.py"])
    );
    let list = sandbox.az_in("iris", &["ml", "history", "list"]);
    assert_eq!((list.code, list.stdout.as_str()), (0, "[]\n"));
    insta::assert_snapshot!("no_runs_yet", sandbox.az_in("iris", &["ml", "history", "last"]));
    insta::assert_snapshot!("made_twice", sandbox.azml(&["project", "create", "-n", "iris"]));
}
