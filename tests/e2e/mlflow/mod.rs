//! Scripts that log with MLflow: unmodified clients, the wire without any, azml killed meanwhile.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use e2e::folder::write;
use e2e::{Actor, Sandbox, venv};
use serde_json::{Value, json};

/// The clients with everything that they come with; a GB each, so that `cargo xtask test --all` alone runs these.
mod heavy;
mod history;
mod moving;

const LOGGING: &str = include_str!("logging.py");
const WIRE: &str = include_str!("wire.py");
const POINTS: &str = include_str!("points.py");
const CURVE: &str = include_str!("curve.py");

/// A project whose scripts run with `package`; without one, with any Python.
fn project<'s>(sandbox: &'s Sandbox, package: Option<&str>) -> (Actor<'s>, PathBuf) {
    // The clients ask for git, and speak to their makers.
    let alice = sandbox.stranger("alice").with_env("MLFLOW_DISABLE_TELEMETRY", "true");
    let alice = alice.with_env("GIT_PYTHON_REFRESH", "quiet");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    if let Some(package) = package {
        let environment = venv::with_package(Path::new(env!("CARGO_TARGET_TMPDIR")), package);
        let python = environment.join("bin/python");
        write(
            &project,
            "aml_config/local.compute",
            format!("type: local\npythonLocation: {}\n", python.display()),
        );
    }
    (alice, project)
}

/// All runs, oldest first.
fn runs(alice: &Actor<'_>, project: &Path) -> Vec<Value> {
    let mut runs = alice.azml_json(project, &["history", "list"]).as_array().expect("a list").clone();
    runs.reverse();
    runs
}

/// Runs the script that logs in every way, and looks at what is recorded.
fn log_in_every_way(package: &str) {
    let sandbox = Sandbox::new();
    let (alice, project) = project(&sandbox, Some(package));
    write(&project, "train.py", LOGGING);
    let output = alice.azml(&project, &["experiment", "submit", "-c", "local", "train.py"]).ok();
    assert!(output.stdout.contains("logged with"), "{output}");

    let listed = runs(&alice, &project);
    let [run, child, unended] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!(run["run_id"], output.run_id().as_str());
    assert_eq!(run["parameters"], json!({"depth": "3", "lr": "0.1", "kernel": "größe"}));
    assert_eq!((&run["loss"], &run["acc"], &run["nan"]), (&json!(0.2), &json!(0.9), &json!("NaN")));
    assert_eq!((&run["inf"], &run["metrics.status"]), (&json!("Infinity"), &json!(7.0)));
    assert_eq!(run["curves"]["loss"], json!({"count": 5, "min": 0.2, "max": 1.0, "step": 4}));
    assert_eq!((&run["name"], &run["description"]), (&json!("first"), &json!("a note")));
    assert_eq!((&run["tags"]["kind"], &run["tags"]["experiment"]), (&json!("baseline"), &json!("demo")));
    assert_eq!(run["tags"]["gone"], Value::Null);
    assert_eq!(run["status"], "Completed");
    let attachments = run["attachments"].as_str().expect("a list");
    for name in ["outputs/notes/a #1 ü.txt", "outputs/d.json", "metrics.jsonl"] {
        assert!(attachments.contains(name), "{name}: {attachments}");
    }
    for (run, name) in [(child, "child"), (unended, "unended")] {
        assert_eq!((&run["name"], &run["status"]), (&json!(name), &json!("Completed")));
        assert_eq!(run["parent_run_id"], output.run_id().as_str());
        assert_eq!(run["properties"]["CommitId"], listed[0]["properties"]["CommitId"]);
    }
    assert_eq!((&child["parameters"], &child["loss"]), (&json!({"depth": "5"}), &json!(4.0)));
    let file = format!("outputs/runs/{}/c.txt", child["run_id"].as_str().expect("an id"));
    let of_child = alice.azml(&project, &["history", "info", "-r", &output.run_id(), "-a", &file]).ok();
    assert_eq!(of_child.stdout, "of the child");
    let table = alice.azml(&project, &["history", "list", "-o", "table"]).ok();
    let heads = table.stdout.lines().next().expect("a line");
    assert!(heads.contains("depth") && !heads.contains("kernel"), "what varies: {heads}");
    // A run that the script deleted is hidden, and there.
    let hidden = alice.azml_json(&project, &["history", "info", "-r", &trashed(&alice, &project)]);
    assert_eq!((&hidden["hidden"], &hidden["status"]), (&json!(true), &json!("Failed")));
}

/// The id of the run that lists do not show.
fn trashed(alice: &Actor<'_>, project: &Path) -> String {
    let history = e2e::git::history_of(project);
    let reference = format!("refs/azureml/runs/{}", e2e::git::project_id(project));
    let names = alice.git(&history, &["grep", "-l", "\"trashed\"", &reference]).ok();
    let name = names.stdout.trim().rsplit('/').next().expect("a name").to_owned();
    name.trim_end_matches(".json").to_owned()
}

#[test]
fn a_script_with_the_skinny_client_is_a_run_with_its_children() {
    log_in_every_way("mlflow-skinny==3.17.2");
}

#[test]
fn the_wire_is_bounded_and_refuses_in_mlflows_words() {
    let sandbox = Sandbox::new();
    let (alice, project) = project(&sandbox, None);
    write(&project, "wire.py", WIRE);
    let output = alice.azml(&project, &["experiment", "submit", "-c", "local", "wire.py", "200"]).ok();
    assert!(output.stdout.contains("ended well"), "{output}");
    let listed = runs(&alice, &project);
    assert_eq!(listed.len(), 201, "the azml run, which the script had logged to, and 200 below it");
    // Metrics that are named as keys of the record are, do not take their place.
    let run = &listed[0];
    assert_eq!(run["run_id"], output.run_id().as_str());
    assert_eq!((&run["metrics.run_id"], &run["metrics.parameters"]), (&json!(1.0), &json!(1.0)));
    let models = run["models"].as_array().expect("a list");
    let folders: Vec<_> = models.iter().map(|model| model["path"].as_str().expect("a path")).collect();
    assert!(folders.len() == 2 && folders.contains(&"outputs/models/______up"), "{folders:?}");
    let numbers: std::collections::BTreeSet<u64> =
        listed.iter().filter_map(|run| run["run_number"].as_u64()).collect();
    assert_eq!(numbers.len(), 201, "each has a number of its own");
}

#[test]
fn a_server_of_the_users_own_stays_and_its_runs_name_the_snapshot() {
    let sandbox = Sandbox::new();
    let (alice, project) = project(&sandbox, None);
    let script = "import json, os\n\
                  context = json.loads(os.environ['MLFLOW_RUN_CONTEXT'])\n\
                  print('URI', os.environ.get('MLFLOW_TRACKING_URI'), context, os.environ.get('NO_PROXY'))\n";
    write(&project, "show.py", script);
    let submit = ["experiment", "submit", "-c", "local", "show.py"];
    let theirs = alice.clone().with_env("MLFLOW_TRACKING_URI", "http://mlflow.example");
    let theirs = theirs.with_env("MLFLOW_RUN_CONTEXT", "{\"team\": \"a\"}");
    let output = theirs.azml(&project, &submit).ok();
    let commit = alice.commit_of(&project, &output.run_id());
    for part in ["URI http://mlflow.example ", "'team': 'a'", &output.run_id(), &commit, " None"] {
        assert!(output.stdout.contains(part), "{part}: {output}");
    }
    let proxied = alice.with_env("NO_PROXY", "intra.example").azml(&project, &submit).ok();
    assert!(proxied.stdout.contains("URI http://127.0.0.1:"), "{proxied}");
    assert!(proxied.stdout.contains("intra.example,127.0.0.1,localhost"), "{proxied}");
}

/// MLflow's clients print addresses of pages on the run's server, with its secret.
#[test]
fn the_secret_of_the_runs_server_is_masked_in_what_the_script_prints() {
    let sandbox = Sandbox::new();
    let (alice, project) = project(&sandbox, None);
    let script = "import os, sys\n\
                  uri = os.environ['MLFLOW_TRACKING_URI']\n\
                  open(sys.argv[1], 'w').write(uri)\n\
                  if sys.argv[2] == 'stderr':\n\
                  \x20   sys.stdout = sys.stderr\n\
                  print('View run at:', uri + '/#/experiments/0/runs/1', flush=True)\n\
                  for letter in 'piece by piece ' + uri + '\\n':\n\
                  \x20   print(letter, end='', flush=True)\n\
                  print('in halves ' + uri[:-9], end='', flush=True)\n\
                  print(uri[-9:], 'and alone', uri.rsplit('/', 1)[1])\n\
                  os.makedirs('outputs', exist_ok=True)\n\
                  open('outputs/uri.txt', 'w').write(uri)\n";
    write(&project, "show.py", script);
    let aside = sandbox.dir("aside").join("uri");
    let path = aside.to_str().expect("UTF-8");
    // The order of what comes by both is nobody's.
    for stream in ["stdout", "stderr"] {
        let output =
            alice.azml(&project, &["experiment", "submit", "-c", "local", "show.py", path, stream]).ok();
        let uri = std::fs::read_to_string(&aside).expect("the script wrote it");
        let (server, secret) = uri.rsplit_once('/').expect("an address with a secret");
        let shown = format!("View run at: {server}/***/#/experiments/0/runs/1");
        let run = output.run_id();
        let kept = alice.azml(&project, &["history", "info", "-r", &run, "-a", "driver_log.txt"]).ok().stdout;
        let record = alice.azml_json(&project, &["history", "info", "-r", &run]);
        let commit = record["properties"]["AttachmentsId"].as_str().expect("a commit");
        let pushed = alice
            .git(&e2e::git::history_of(&project), &["show", &format!("{commit}:driver_log.txt")])
            .ok()
            .stdout;
        for text in [format!("{}{}", output.stdout, output.stderr), kept, pushed.clone()] {
            assert!(text.contains(&shown), "{text}");
            assert!(text.contains(&format!("piece by piece {server}/***\n")), "{text}");
            assert!(text.contains(&format!("in halves {server}/*** and alone ")), "{text}");
            assert!(!text.contains(&uri), "{text}");
        }
        assert!(!pushed.contains(secret), "not alone, either: {pushed}");
        // It is dead by now: no output is held back for it.
        let pushed =
            alice.git(&e2e::git::history_of(&project), &["show", &format!("{commit}:outputs/uri.txt")]);
        assert_eq!(pushed.ok().stdout, uri);
    }
}

/// The page's script and its session, as they are printed.
#[test]
fn the_session_of_the_page_is_true() {
    let page = std::fs::read_to_string(e2e::binaries::workspace().join("docs/mlflow.md")).expect("the page");
    let script =
        page.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a script");
    let sandbox = Sandbox::new();
    let (alice, project) = project(&sandbox, Some("mlflow-skinny==3.17.2"));
    write(&project, "train.py", script);
    crate::readme::check_session(&alice, &project, &page);
}

/// Nothing that was answered is lost.
#[test]
fn a_run_whose_azml_is_killed_has_all_that_was_answered() {
    let sandbox = Sandbox::new();
    let (alice, project) = project(&sandbox, None);
    let child = "post = lambda path, **body: json.load(urllib.request.urlopen(urllib.request.Request(\n\
                 \x20   BASE + '/api/2.0/mlflow/' + path, data=json.dumps(body).encode(), method='POST')))\n\
                 child = post('runs/create', tags=[{'key': 'mlflow.parentRunId', 'value': RUN}])['run']['info']['run_id']\n\
                 post('runs/log-metric', run_id=child, key='loss', value=2.5)\n\
                 post('runs/log-parameter', run_id=RUN, key='depth', value='3')\n";
    let (head, tail) = POINTS.split_once("if len(sys.argv) > 2").expect("the end");
    write(&project, "points.py", format!("{head}{child}if len(sys.argv) > 2{tail}"));
    let mut azml =
        alice.spawn_azml(&project, &["experiment", "submit", "-c", "local", "points.py", "3000", "wait"]);
    let stdout = BufReader::new(azml.stdout.take().expect("a pipe"));
    let found = stdout.lines().map_while(Result::ok).any(|line| line == "all answered");
    assert!(found, "the script says that all was answered");
    azml.kill().expect("it is there");
    azml.wait().expect("it ends");
    let listed = runs(&alice, &project);
    let [run, child] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!(run["status"], "NotResponding");
    assert_eq!(run["curves"]["loss"]["count"], 3000);
    assert_eq!(run["parameters"], json!({"depth": "3"}));
    assert_eq!((&child["loss"], &child["parent_run_id"]), (&json!(2.5), &run["run_id"]));
    let _ended =
        alice.azml(&project, &["experiment", "cancel", "-r", run["run_id"].as_str().expect("an id")]);
    let again = runs(&alice, &project);
    assert_eq!(again.len(), 2, "{again:?}");
    assert_eq!(again[1]["run_number"], child["run_number"]);
}

/// Logs two curves of so many points, and looks at the record: a long curve is an attachment, the record stays small, azml's
/// memory does too, and the history has a commit or two.
fn log_long_curves(alice: &Actor<'_>, project: &Path, points: usize) -> String {
    write(project, "curve.py", CURVE);
    let words = ["experiment", "submit", "-c", "local", "curve.py", &points.to_string()];
    let output = alice.azml(project, &words).ok();
    let run = output.run_id();
    let grown = output.stdout.split("grown by ").nth(1).and_then(|rest| rest.split(' ').next());
    let grown: usize = grown.and_then(|kilobytes| kilobytes.parse().ok()).expect("the script says it");
    assert!(grown < 16 << 10, "{output}");
    let record = alice.azml_json(project, &["history", "info", "-r", &run]);
    let last = points - 1;
    #[expect(clippy::cast_precision_loss, reason = "there are few")]
    let least = 1.0 / points as f64;
    assert_eq!(
        record["curves"],
        json!({
            "loss": {"count": points, "min": least, "max": 1.0, "step": last},
            "own": {"count": points, "min": 0.0, "max": 7777.0, "step": last},
        })
    );
    assert_eq!((&record["loss"], &record["own"]), (&json!(least), &json!(last % 5)));
    let history = e2e::git::history_of(project);
    let reference = format!("refs/azureml/runs/{}", e2e::git::project_id(project));
    assert!(e2e::git::count_commits(alice, &history, &reference) <= 3);
    run
}

#[test]
fn a_long_curve_is_recorded_without_a_commit_a_point() {
    let sandbox = Sandbox::new();
    let (alice, project) = project(&sandbox, None);
    let run = log_long_curves(&alice, &project, 20_000);
    let points = alice.azml(&project, &["history", "info", "-r", &run, "-a", "metrics.jsonl"]).ok();
    assert_eq!(points.stdout.lines().count(), 40_000);
}
