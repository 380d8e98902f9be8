//! The tutorial's shape of script with scikit-learn, in a virtual environment that this test sets up.

use std::path::{Path, PathBuf};

use e2e::folder::write;
use e2e::{Sandbox, venv};

const PACKAGE: &str = "scikit-learn";
const SCRIPT: &str = include_str!("with_sklearn.py");

/// The environment's folder.
fn environment() -> PathBuf {
    venv::with_package(Path::new(env!("CARGO_TARGET_TMPDIR")), PACKAGE)
}

#[test]
fn the_tutorials_script_runs_unmodified_in_a_virtual_environment() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    // The environment is an ignored input of the project, as people have it.
    std::os::unix::fs::symlink(environment(), project.join(".venv")).expect("a link");
    let ignored = std::fs::read_to_string(project.join(".gitignore")).expect("a project has one");
    write(&project, ".gitignore", format!("{ignored}\n.venv\n"));
    write(&project, "aml_config/local.compute", "type: local\npythonLocation: .venv/bin/python\n");
    write(&project, "iris_sklearn.py", SCRIPT);

    let mut accuracies = Vec::new();
    for rate in ["0.01", "50"] {
        let output =
            alice.az(&project, &["ml", "experiment", "submit", "-c", "local", "iris_sklearn.py", rate]);
        let output = output.ok();
        assert!(output.stdout.contains("Predicted class is ["), "{output}");
        let run = alice.azml_json(&project, &["history", "last"]);
        assert_eq!(run["Regularization Rate"].as_f64(), rate.parse().ok());
        assert_eq!(run["Flowers"], 150);
        assert_eq!(run["Curve"], serde_json::json!([0.5, 0.25, 0.125]));
        assert_eq!(run["Importances"].as_array().map(Vec::len), Some(4), "{run}");
        let confusion = run["Confusion"].as_array().expect("a matrix");
        let all: u64 = confusion
            .iter()
            .flat_map(|row| row.as_array().expect("a row"))
            .filter_map(serde_json::Value::as_u64)
            .sum();
        assert_eq!(all, 53, "the flowers of the test");
        assert_eq!(run["Classes"], serde_json::json!({"names": ["a", "b", "c"], "sizes": [50, 50, 50]}));
        assert_eq!(run["Finite"], "NaN");
        assert_eq!(run["Converged"], true);
        let attachments = run["attachments"].to_string();
        assert!(
            attachments.contains("outputs/model.pkl") && attachments.contains("outputs/report.txt"),
            "{run}"
        );
        let id = run["run_id"].as_str().expect("an id").to_owned();
        let report = alice.azml(&project, &["history", "info", "-r", &id, "-a", "outputs/report.txt"]).ok();
        let accuracy = run["Accuracy"].as_f64().expect("a number");
        assert_eq!(report.stdout, format!("accuracy {accuracy:.3}\n"));
        accuracies.push((id, accuracy));
    }
    assert!(accuracies[0].1 > accuracies[1].1, "so strong a regularization is worse: {accuracies:?}");
    // The model of the first run, on its own.
    let _written = alice.azml(&project, &["history", "download", "-r", &accuracies[0].0, "-d", "model"]).ok();
    let check =
        "import pickle; m = pickle.load(open('model/outputs/model.pkl', 'rb')); print(m.classes_.tolist())";
    let loaded = alice.sh(&project, &format!(".venv/bin/python -c \"{check}\"")).ok();
    assert_eq!(loaded.stdout, "[0, 1, 2]\n");
    let compared = alice.azml_json(&project, &["history", "compare", &accuracies[0].0, &accuracies[1].0]);
    assert_eq!(compared["code"][0]["files_changed"], 0);
    let better =
        compared["metrics"].as_array().expect("metrics").iter().find(|line| line["name"] == "Accuracy");
    assert!(better.expect("it was logged")["difference"].as_f64().expect("two numbers") < 0.0);
}
