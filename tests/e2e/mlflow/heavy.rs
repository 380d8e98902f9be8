//! Clients with all that they come with.

use e2e::Sandbox;
use e2e::folder::write;
use serde_json::json;

use super::{log_in_every_way, project, runs};

const AUTOLOG: &str = include_str!("autolog.py");

/// Runs scikit-learn under autolog, and looks at what is recorded.
fn log_by_itself(package: &str) {
    let sandbox = Sandbox::new();
    let (alice, project) = project(&sandbox, Some(package));
    write(&project, "train.py", AUTOLOG);
    let output = alice.azml(&project, &["experiment", "submit", "-c", "local", "train.py"]).ok();
    assert!(output.stdout.contains("logged with"), "{output}");
    let listed = runs(&alice, &project);
    let names: Vec<_> = listed.iter().filter_map(|run| run["name"].as_str()).collect();
    assert_eq!(names, ["fit", "grid", "model"], "{listed:?}");
    let (fit, grid, model) = (&listed[0], &listed[1], listed.last().expect("runs"));
    assert_eq!((&fit["parameters"]["C"], &fit["own"]), (&json!("1.0"), &json!(1.5)));
    assert!(fit["training_accuracy_score"].as_f64() > Some(0.9), "{fit}");
    assert_eq!((&fit["inputs"][0]["context"], &fit["tags"]["experiment"]), (&json!("train"), &json!("auto")));
    let below = listed.iter().filter(|run| run["parent_run_id"] == grid["run_id"]);
    assert_eq!(below.count(), 2, "the trials of the grid: {listed:?}");
    assert_eq!(fit["registered_models"][0]["name"], "iris-clf");
    assert!(model["models"][0]["path"].as_str().is_some_and(|path| path.starts_with("outputs/")), "{model}");
    assert!(fit["attachments"].as_str().is_some_and(|files| files.contains("/MLmodel")), "{fit}");
}

#[test]
fn the_newest_client_logs_by_itself() {
    log_by_itself("mlflow==3.17.2");
}

#[test]
fn the_last_client_of_the_second_kind_logs_by_itself() {
    log_by_itself("mlflow==2.22.5");
}

#[test]
fn the_last_client_of_the_second_kind_logs_in_every_way() {
    log_in_every_way("mlflow==2.22.5");
}
