//! Runs that move from MLflow's stores into the history, and back: the MLflow client says what is in a store.

use std::path::Path;

use e2e::folder::write;
use e2e::{Actor, Sandbox, venv};
use serde_json::{Value, json};

pub(super) const MOVING: &str = include_str!("moving.py");
/// Makes a database with the tables of MLflow 2 and 3.
const STORE: &str = include_str!("store.py");
pub(super) const SKINNY: &str = "mlflow-skinny==3.17.2";

/// Has the client in `package` fill a store, or tell what is in it.
pub(super) fn client(alice: &Actor<'_>, package: &str, folder: &Path, what: &str, uri: &str) -> String {
    let environment = venv::with_package(Path::new(env!("CARGO_TARGET_TMPDIR")), package);
    write(folder, "moving.py", MOVING);
    let python = environment.join("bin/python");
    let alice =
        alice.clone().with_env("MLFLOW_DISABLE_TELEMETRY", "true").with_env("GIT_PYTHON_REFRESH", "quiet");
    alice.run(python.to_str().expect("UTF-8"), folder, &["moving.py", what, uri]).ok().stdout
}

/// Asks the client for all runs, by their ids; without the runs that an export leaves out, and what azml notes.
pub(super) fn reported(alice: &Actor<'_>, package: &str, folder: &Path, uri: &str) -> Value {
    let mut runs: Value = serde_json::from_str(&client(alice, package, folder, "report", uri)).expect("JSON");
    let runs = runs.as_object_mut().expect("runs");
    runs.retain(|_, run| run["status"] != "RUNNING" && run["stage"] == "active");
    for run in runs.values_mut() {
        let tags = run["tags"].as_object_mut().expect("tags");
        tags.retain(|key, _| !key.starts_with("azml."));
    }
    Value::Object(runs.clone())
}

/// Moves a store into the history and out again; `uri` is where the client finds it, and `from` what azml is given.
pub(super) fn there_and_back(package: &str, uri: &dyn Fn(&Path) -> String, from: &str) {
    let sandbox = Sandbox::new();
    let (alice, work) = (sandbox.stranger("alice"), sandbox.dir("work"));
    let theirs = uri(&work);
    client(&alice, package, &work, "fill", &theirs);
    let told = reported(&alice, package, &work, &theirs);

    let project = alice.create_project(&work, "iris");
    let import = ["mlflow", "import", from];
    let done = alice.azml_json(&project, &import);
    assert_eq!(
        (&done["added"], &done["hidden"], &done["refused"]),
        (&json!(6), &json!(1), &json!(0)),
        "{done}"
    );
    let listed = alice.azml_json(&project, &["history", "list"]);
    let run = |name: &str| {
        let runs = listed.as_array().expect("a list");
        runs.iter().find(|run| run["name"] == name).unwrap_or_else(|| panic!("{name}: {listed}")).clone()
    };
    assert_eq!(listed.as_array().map(Vec::len), Some(5), "{listed}");
    let (first, child) = (run("first"), run("child"));
    assert_eq!((&first["loss"], &first["val/acc"], &first["nan"]), (&json!(0.2), &json!(0.5), &json!("NaN")));
    assert_eq!(first["curves"]["loss"], json!({"count": 6, "min": 0.2, "max": 7.0, "step": 4}));
    assert_eq!((&first["parameters"]["kernel"], &first["description"]), (&json!("größe"), &json!("a note")));
    assert_eq!(
        (&first["tags"]["experiment"], &first["tags"]["experiment.team"]),
        (&json!("demo"), &json!("a"))
    );
    assert_eq!(
        (&first["inputs"][0]["name"], &first["inputs"][0]["context"]),
        (&json!("iris"), &json!("train"))
    );
    assert_eq!((&first["status"], &child["parent_run_id"]), (&json!("Completed"), &first["run_id"]));
    let failed = run("yes");
    assert_eq!((&failed["status"], &run("2020-01-01")["status"]), (&json!("Failed"), &json!("Canceled")));
    let id = first["run_id"].as_str().expect("an id");
    let note = alice.azml(&project, &["history", "info", "-r", id, "-a", "outputs/notes/a 1 ü.txt"]).ok();
    assert_eq!(note.stdout, "hello");
    let compared =
        alice.azml(&project, &["history", "compare", id, child["run_id"].as_str().expect("an id")]).ok();
    assert!(compared.stdout.contains("depth") && compared.stderr.contains("was not recorded"), "{compared}");
    let restored =
        alice.azml(&project, &["project", "restore", "--run-id", failed["run_id"].as_str().expect("an id")]);
    drop(restored.exits(3).says(&format!("MLflow names the Git commit {}", "1".repeat(40))));
    let again = alice.azml_json(&project, &import);
    assert_eq!(
        (&again["added"], &again["updated"], &again["unchanged"]),
        (&json!(0), &json!(0), &json!(6)),
        "{again}"
    );
    // One commit of records for all.
    let history = e2e::git::history_of(&project);
    let reference = format!("refs/azureml/runs/{}", e2e::git::project_id(&project));
    assert_eq!(e2e::git::count_commits(&alice, &history, &reference), 1);
    e2e::git::assert_sound(&alice, &history);

    let out = work.join("out");
    let out = out.to_str().expect("UTF-8");
    let export = ["mlflow", "export", "--to", out];
    let done = alice.azml_json(&project, &export);
    assert_eq!(
        (&done["exported"], &done["running"], &done["refused"]),
        (&json!(4), &json!(1), &json!(0)),
        "{done}"
    );
    let back = reported(&alice, SKINNY, &work, &format!("file://{out}"));
    for (id, run) in told.as_object().expect("runs") {
        for (key, value) in run.as_object().expect("a run") {
            assert_eq!(&back[id][key], value, "{key} of {}", run["name"]);
        }
    }
    assert_eq!(back.as_object().map(serde_json::Map::len), Some(4), "{back}");
    let again = alice.azml_json(&project, &export);
    assert_eq!((&again["exported"], &again["unchanged"]), (&json!(0), &json!(4)), "{again}");
}

#[test]
fn a_store_of_files_moves_there_and_back() {
    there_and_back(SKINNY, &|work| format!("file://{}/mlruns", work.display()), "../mlruns");
}

/// A run of azml's own is what MLflow reads, also in a project that takes it in from the store.
#[test]
fn a_run_of_azmls_own_is_a_run_of_mlflows() {
    let sandbox = Sandbox::new();
    let (alice, work) = (sandbox.stranger("alice"), sandbox.dir("work"));
    let project = alice.create_project(&work, "iris");
    let script = "import os, subprocess\n\
                  log = lambda *words: subprocess.run([os.environ['AZML'], 'run', 'log', *words], check=True)\n\
                  os.makedirs('outputs')\nopen('outputs/report.txt', 'w').write('fine')\n\
                  for loss in ['3', '1']: log('loss', loss)\n\
                  log('odd%name', '1')\nlog('words', 'so so')\nlog('--param', 'depth', '3')\n";
    write(&project, "train.py", script);
    let own = alice.clone().with_env("AZML", alice.azml_path());
    let id = own.submit(&project, &["train.py"]);
    let out = work.join("out");
    let out = out.to_str().expect("UTF-8");
    let done = alice.azml(&project, &["mlflow", "export", "--to", out, "--run-id", &id]).ok();
    assert_eq!(done.json()["exported"], 1, "{done}");
    assert!(done.stderr.contains("odd%name"), "{done}");
    let told: Value =
        serde_json::from_str(&client(&alice, SKINNY, &work, "report", &format!("file://{out}")))
            .expect("JSON");
    let run = &told[&id];
    assert_eq!((&run["experiment"][0], &run["status"]), (&json!("iris"), &json!("FINISHED")), "{told}");
    let values = |run: &Value| -> Vec<Value> {
        run["points"]["loss"]
            .as_array()
            .expect("points")
            .iter()
            .map(|point| json!([point[1], point[2]]))
            .collect()
    };
    assert_eq!(values(run), [json!([0, "3.0"]), json!([1, "1.0"])]);
    assert_eq!(
        (&run["params"], &run["tags"]["azml.metrics.words"]),
        (&json!({"depth": "3"}), &json!("so so"))
    );
    assert_eq!(run["tags"]["mlflow.source.git.commit"], alice.commit_of(&project, &id).as_str());
    assert_eq!(
        (&run["files"]["report.txt"], &run["files"]["azml/driver_log.txt"]),
        (&json!("fine"), &json!(""))
    );

    let other = alice.create_project(&work, "other");
    drop(alice.azml(&other, &["mlflow", "import", out]).ok());
    let taken = alice.azml_json(&other, &["history", "info", "-r", &id]);
    assert_eq!((&taken["loss"], &taken["status"]), (&json!(1.0), &json!("Completed")), "{taken}");
    let done = alice.azml_json(&project, &["mlflow", "import", out]);
    assert_eq!((&done["added"], &done["unchanged"]), (&json!(0), &json!(1)), "it is known here: {done}");
}

/// A part of a store that is none, or would lead out of it, is named; all else is taken.
#[test]
fn a_store_that_lies_leads_nowhere() {
    let sandbox = Sandbox::new();
    let (alice, work) = (sandbox.stranger("alice"), sandbox.dir("work"));
    let project = alice.create_project(&work, "iris");
    write(&work, "secret/id", "hidden");
    let (store, secret) = (work.join("store"), work.join("secret"));
    let run = |experiment: &str, id: &str, said: &str| {
        let meta = format!(
            "experiment_id: {experiment}\nrun_id: {said}\nrun_name: x\nstart_time: 5\nend_time: 6\nstatus: 3\n\
             lifecycle_stage: active\nuser_id: u\nartifact_uri: file://{}\n",
            secret.display()
        );
        write(&store, format!("{experiment}/{id}/meta.yaml"), meta);
    };
    write(&store, "7/meta.yaml", "experiment_id: 7\nname: seven\n");
    for (id, said) in [("good", "good"), ("other", "good"), ("linked", "linked")] {
        run("7", id, said);
    }
    write(&store, "7/torn/meta.yaml", "run_id: [");
    write(&store, "7/bomb/meta.yaml", "a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: [*b,*b,*b]\n");
    write(&store, "7/good/metrics/loss", "1 2.5 0\nno point\n2 nan 1\n99999999999999999999 1 1\n");
    write(&store, "7/good/params/long", "x".repeat(100_000));
    for link in ["7/linked/artifacts", "7/linked/params", "7/good/tags"] {
        std::os::unix::fs::symlink(&secret, store.join(link)).expect("a link");
    }
    std::fs::create_dir_all(store.join("7/good/artifacts")).expect("a folder");
    std::os::unix::fs::symlink(secret.join("id"), store.join("7/good/artifacts/id")).expect("a link");

    let output = alice.azml(&project, &["mlflow", "import", "../store"]);
    for what in [
        "7/other/meta.yaml is of another run",
        "7/torn/meta.yaml can't be read",
        "long can't be read",
        "2 lines are no points",
    ] {
        assert!(output.stderr.contains(what), "{what}: {output}");
    }
    let found = alice.sh(&project, "grep -r hidden .azuremlhistory_git/azml || echo none").ok();
    assert_eq!(found.text(), "none");
    let good = alice.azml_json(&project, &["history", "info", "-r", "good_5"]);
    assert_eq!((&good["loss"], &good["curves"]["loss"]["count"]), (&json!("NaN"), &json!(2)), "{good}");
    drop(alice.azml(&project, &["mlflow", "import", "../nowhere"]).exits(3));
    drop(alice.azml(&project, &["mlflow", "import", "../secret"]).exits(2).says("is no store of MLflow's"));
    write(&work, "text.db", "not a database at all");
    drop(alice.azml(&project, &["mlflow", "import", "../text.db"]).fails().says("text.db"));
    drop(
        alice
            .azml(&project, &["mlflow", "import", "../store", "--experiment", "sevn"])
            .exits(3)
            .says("seven"),
    );
    drop(alice.azml(&project, &["mlflow", "export", "--to", "../secret"]).exits(2).says("has other files"));
    drop(
        alice.azml(&project, &["mlflow", "export", "--to", "sqlite:///x.db"]).exits(2).says("mlflow server"),
    );
}

/// The page's session about stores.
#[test]
fn the_session_of_the_page_about_stores_is_true() {
    let page = std::fs::read_to_string(e2e::binaries::workspace().join("docs/mlflow.md")).expect("the page");
    let (_, page) = page.split_once("## Runs that MLflow has already").expect("the section");
    let sandbox = Sandbox::new();
    let (alice, work) = (sandbox.stranger("alice"), sandbox.dir("work"));
    let project = alice.create_project(&work, "iris");
    write(&work, "mlruns/1/meta.yaml", "experiment_id: '1'\nname: iris\n");
    for (id, name, start, loss) in [("aa", "first", 1000, "2.0"), ("bb", "second", 2000, "0.5")] {
        let meta =
            format!("experiment_id: '1'\nrun_id: {id}\nrun_name: {name}\nstart_time: {start}\nstatus: 3\n");
        write(&work, format!("mlruns/1/{id}/meta.yaml"), meta);
        write(&work, format!("mlruns/1/{id}/metrics/loss"), format!("{start} {loss} 0\n"));
    }
    crate::readme::check_session(&alice, &project, page);
}

/// Many runs are one command and few commits.
#[test]
fn years_of_runs_move_in_one_command() {
    let sandbox = Sandbox::new();
    let (alice, work) = (sandbox.stranger("alice"), sandbox.dir("work"));
    let project = alice.create_project(&work, "iris");
    let runs = 600_usize;
    write(&work, "store.py", STORE);
    let _made = alice.run("python3", &work, &["store.py", "mlflow.db", &runs.to_string()]).ok();
    let done = alice.azml_json(&project, &["mlflow", "import", "../mlflow.db"]);
    assert_eq!((&done["added"], &done["refused"]), (&json!(runs), &json!(0)), "{done}");
    let history = e2e::git::history_of(&project);
    let reference = format!("refs/azureml/runs/{}", e2e::git::project_id(&project));
    assert_eq!(e2e::git::count_commits(&alice, &history, &reference), runs.div_ceil(500));
    let last = alice.azml_json(&project, &["history", "last"]);
    assert_eq!((&last["run_number"], &last["curves"]["loss"]["count"]), (&json!(runs), &json!(20)), "{last}");
    let again = alice.azml_json(&project, &["mlflow", "import", "sqlite:///../mlflow.db"]);
    assert_eq!((&again["added"], &again["unchanged"]), (&json!(0), &json!(runs)), "{again}");
}
