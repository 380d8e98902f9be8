//! Clients with all that they come with.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use e2e::folder::write;
use e2e::{Actor, Browser, Sandbox, Scripts, Ui, Weight, page_check, venv};
use serde_json::{Value, json};

use super::history::read_by_clients;
use super::moving::{MOVING, SKINNY, client, reported, there_and_back};
use super::{log_in_every_way, log_long_curves, project, runs};

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
    let environment = venv::with_package(Path::new(env!("CARGO_TARGET_TMPDIR")), package);
    let python = environment.join("bin/python");
    let id = |run: &Value| run["run_id"].as_str().expect("an id").to_owned();
    read_by_clients(&alice, &project, &python, "auto", &id(grid));
    // The run's folder is gone; the model is in the history.
    let ui = Ui::start_mlflow(&alice, &project);
    let reader =
        alice.clone().with_env("MLFLOW_TRACKING_URI", ui.url.as_str()).with_env("NO_PROXY", "127.0.0.1");
    let args = ["-c", LOAD, &id(model)];
    let output = reader.run(python.to_str().expect("UTF-8"), project.parent().expect("a folder"), &args).ok();
    assert!(output.stdout.contains("predicted [0] [0]"), "{output}");
}

/// Loads the model that a run has logged, by the run and by the name that it is registered under.
const LOAD: &str = "import sys, mlflow.sklearn\n\
                    uris = ['runs:/%s/clf' % sys.argv[1], 'models:/iris-clf/1']\n\
                    models = [mlflow.sklearn.load_model(uri) for uri in uris]\n\
                    print('predicted', *[model.predict([[5.1, 3.5, 1.4, 0.2]]) for model in models])\n";

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

/// The database of a client moves there and back.
fn move_database(package: &str) {
    there_and_back(package, &|work| format!("sqlite:///{}/mlflow.db", work.display()), "../mlflow.db");
}

#[test]
fn a_database_of_the_newest_client_moves_there_and_back() {
    move_database("mlflow==3.17.2");
}

#[test]
fn a_database_of_the_last_client_of_the_second_kind_moves_there_and_back() {
    move_database("mlflow==2.22.5");
}

/// A tracking server that ends with this value.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn start(alice: &Actor<'_>, folder: &Path, database: &str) -> Self {
        let environment = venv::with_package(Path::new(env!("CARGO_TARGET_TMPDIR")), "mlflow==3.17.2");
        write(folder, "moving.py", MOVING);
        let alice = alice.clone().with_env("MLFLOW_DISABLE_TELEMETRY", "true");
        let mut command = alice.command(environment.join("bin/python").to_str().expect("UTF-8"), folder);
        command.args(["moving.py", "serve", &format!("sqlite:///{database}")]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python starts");
        let mut address = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut address).expect("the address");
        Self { child, address: address.trim().to_owned() }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}

/// From one server into the history, and into another server; what was begun there is made anew.
#[test]
fn runs_move_from_one_server_to_another() {
    let sandbox = Sandbox::new();
    let (alice, work) = (sandbox.stranger("alice"), sandbox.dir("work"));
    let (one, two) = (Served::start(&alice, &work, "one.db"), Served::start(&alice, &work, "two.db"));
    client(&alice, SKINNY, &work, "fill", &one.address);
    let project = alice.create_project(&work, "iris");
    let done = alice.azml_json(&project, &["mlflow", "import", &one.address]);
    assert_eq!((&done["added"], &done["refused"]), (&json!(6), &json!(0)), "{done}");
    let back = alice.azml_json(&project, &["mlflow", "export", "--to", &one.address]);
    assert_eq!((&back["exported"], &back["unchanged"]), (&json!(0), &json!(4)), "they are there: {back}");
    for exported in [4, 0] {
        let done = alice.azml_json(&project, &["mlflow", "export", "--to", &two.address]);
        assert_eq!((&done["exported"], &done["refused"]), (&json!(exported), &json!(0)), "{done}");
    }
    let by_name = |address: &str| -> Value {
        let runs = reported(&alice, SKINNY, &work, address);
        let runs = runs.as_object().expect("runs").values().map(|run| {
            let mut run = run.clone();
            run["tags"].as_object_mut().expect("tags").remove("mlflow.parentRunId");
            (run["name"].as_str().expect("a name").to_owned(), run)
        });
        runs.collect::<serde_json::Map<String, Value>>().into()
    };
    assert_eq!(by_name(&two.address), by_name(&one.address));
}

/// A page of them is as light as any, and is there at once.
#[test]
fn curves_of_a_million_points_are_recorded_and_drawn() {
    let sandbox = Sandbox::new();
    let (alice, project) = project(&sandbox, None);
    let run = log_long_curves(&alice, &project, 1_000_000);
    let ui = Ui::start(&alice, &project);
    let browser = Browser::start(&sandbox, Scripts::Off);
    browser.open(&ui.url);
    browser.open(&format!("{}/runs/{run}", ui.base));
    let told = browser.texts(".plot desc").join("\n");
    let own = "own: 1\u{202f}000\u{202f}000 values, lowest 0 at 0, highest 7777 at 333333, last 4.";
    assert!(told.contains(own), "{told}");
    page_check::check(&browser, "workbench-million-points", Weight::LIGHT);
}
