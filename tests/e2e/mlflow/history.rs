//! `azml ui --mlflow`: unmodified clients and MLflow's own pages over the history.

use std::path::Path;

use e2e::folder::write;
use e2e::{Actor, Browser, Sandbox, Scripts, Ui, http, venv};
use serde_json::Value;

use super::{LOGGING, project};

const HISTORY: &str = include_str!("history.py");

/// A script without MLflow.
const PLAIN: &str = "import json, os, sys\n\
                     from azureml.logging import get_azureml_logger\n\
                     log = get_azureml_logger()\n\
                     for step in range(4):\n\
                     \x20   log.log('loss', 1 / (step + 1))\n\
                     log.log('accuracy', 0.75)\n\
                     os.makedirs('outputs/deep', exist_ok=True)\n\
                     open('outputs/deep/ü 1.json', 'w').write('{\"a\": 1}')\n";

/// Reads the history by the clients of the project's Python: a script, and the command `mlflow`.
pub(super) fn read_by_clients(alice: &Actor<'_>, project: &Path, python: &Path, experiment: &str, run: &str) {
    write(project, "plain.py", PLAIN);
    let plain = alice.submit(project, &["plain.py", "--rate", "0.5"]);
    let ui = Ui::start_mlflow(alice, project);
    let aside = project.parent().expect("a folder").join("aside");
    std::fs::create_dir_all(&aside).expect("a folder");
    write(&aside, "history.py", HISTORY);
    let reader =
        alice.clone().with_env("MLFLOW_TRACKING_URI", ui.url.as_str()).with_env("NO_PROXY", "127.0.0.1");
    let reader = reader.with_env("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0");
    let python = python.to_str().expect("UTF-8");
    let output = reader.run(python, &aside, &["history.py", experiment, run]).ok();
    assert!(output.stdout.contains("read with"), "{output}");
    let mlflow = |args: &[&str]| reader.run(python, &aside, &[&["-m", "mlflow"], args].concat()).ok().stdout;
    let listed = mlflow(&["runs", "list", "--experiment-id", "0"]);
    assert!(listed.contains(&plain) && !listed.contains(run), "{listed}");
    let got = mlflow(&["artifacts", "download", "--run-id", &plain, "--artifact-path", "deep"]);
    let folder = Path::new(got.lines().last().expect("a path").trim());
    let text = std::fs::read_to_string(folder.join("ü 1.json"));
    assert_eq!(text.expect("the file was written"), "{\"a\": 1}", "{got}");
}

#[test]
fn the_skinny_client_reads_the_history() {
    let sandbox = Sandbox::new();
    let package = "mlflow-skinny==3.17.2";
    let (alice, project) = project(&sandbox, Some(package));
    write(&project, "train.py", LOGGING);
    let run = alice.submit(&project, &["train.py"]);
    let environment = venv::with_package(Path::new(env!("CARGO_TARGET_TMPDIR")), package);
    read_by_clients(&alice, &project, &environment.join("bin/python"), "demo", &run);
}

/// The pages need the package's files, and none of what it depends on.
#[test]
fn mlflows_own_pages_show_the_history() {
    let sandbox = Sandbox::new();
    let (alice, project) = project(&sandbox, None);
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let python = venv::with_packages(cache, &["--no-deps", "mlflow==3.17.2"]).join("bin/python");
    write(&project, "plain.py", PLAIN);
    let submit = |rate: &str, name: &str| {
        let args = ["experiment", "submit", "-c", "local", "--name", name, "plain.py", "--rate", rate];
        alice.azml(&project, &args).ok().run_id()
    };
    let first = submit("0.5", "careful");
    submit("0.9", "bold");

    // Without the package a page says what to install.
    let ui = Ui::start_mlflow(&alice, &project);
    let browser = Browser::start(&sandbox, Scripts::On);
    browser.open(&ui.url);
    let text = browser.text("main");
    assert!(text.contains("-m pip install mlflow") && text.contains(&ui.url), "{text}");
    drop(ui);

    let target = format!("type: local\npythonLocation: {}\n", python.display());
    write(&project, "aml_config/local.compute", target);
    let ui = Ui::start_mlflow(&alice, &project);
    browser.open(&format!("{}/#/experiments/0/runs", ui.url));
    for part in ["careful", "bold"] {
        browser.wait_for_text("body", part);
    }
    browser.save_screenshot("mlflow-runs");
    // A run that is recorded meanwhile is there without a new start.
    submit("0.1", "late");
    browser.reload();
    browser.wait_for_text("body", "late");
    browser.open(&format!("{}/#/experiments/0/runs/{first}", ui.url));
    browser.wait_for_text("body", "accuracy");
    browser.wait_for_text("body", "0.75");
    browser.save_screenshot("mlflow-run");
    browser.open(&format!("{}/#/experiments/0/runs/{first}/artifacts", ui.url));
    browser.wait_for_text("body", "deep");
    browser.open(&format!("{}/#/experiments/0/runs/{first}/model-metrics", ui.url));
    browser.wait_for_text("body", "loss");
    browser.save_screenshot("mlflow-curves");
}

#[test]
fn the_history_is_shown_to_its_user_alone_and_never_changed() {
    let sandbox = Sandbox::new();
    let (alice, project) = project(&sandbox, None);
    write(&project, "plain.py", PLAIN);
    let run = alice.submit(&project, &["plain.py"]);
    let ui = Ui::start_mlflow(&alice, &project);
    let (server, secret) = ui.url.rsplit_once('/').expect("an address with a secret");
    let ask = |method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
        http::send(server, method, &format!("/{secret}{path}"), headers, body)
    };
    let get = |path: &str| ask("GET", path, &[], "");
    let api = format!("/api/2.0/mlflow/runs/get?run_id={run}");
    assert_eq!(get(&api).0, 200);

    // Nobody else's pages, names and guesses.
    let port = server.rsplit_once(':').expect("a port").1;
    for headers in [
        vec![("Host", "evil.example")],
        vec![("Host", "127.0.0.1")],
        vec![("Origin", "http://evil.example")],
        vec![("Origin", "null")],
        vec![("Sec-Fetch-Site", "cross-site")],
        vec![("Sec-Fetch-Site", "same-site"), ("Sec-Fetch-Mode", "no-cors")],
    ] {
        let (status, text) = ask("GET", &api, &headers, "");
        assert!(status == 401 && text.contains("UNAUTHENTICATED"), "{headers:?}: {status} {text}");
    }
    let localhost = format!("localhost:{port}");
    assert_eq!(ask("GET", &api, &[("Host", &localhost)], "").0, 200);
    assert_eq!(
        ask("GET", "/", &[("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")], "").0,
        200
    );
    for path in [api.clone(), format!("/{}{api}", "0".repeat(32)), format!("/{}{api}", &secret[1..])] {
        assert_eq!(http::send(server, "GET", &path, &[], "").0, 401, "{path}");
    }

    // Files of the run, and nothing beside them.
    let artifacts = "/api/2.0/mlflow-artifacts/artifacts";
    let (status, text) = get(&format!("{artifacts}/{run}/deep/%C3%BC%201.json"));
    assert_eq!((status, text.as_str()), (200, "{\"a\": 1}"));
    assert_eq!(get(&format!("{artifacts}/{run}/azml/driver_log.txt")).0, 200);
    for path in [
        "../../config",
        "%2e%2e/%2e%2e/config",
        "..%2f..%2fconfig",
        "%5c..%5cconfig",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "deep",
        "a%00b",
        "..%5c..%5cconfig",
        "deep/../../../config",
        "outputs/deep/%C3%BC%201.json",
        "%ff",
    ] {
        let (status, text) = get(&format!("{artifacts}/{run}/{path}"));
        assert!((status == 400 || status == 404) && text.contains("error_code"), "{path}: {status} {text}");
        let (status, _) = get(&format!("/get-artifact?run_uuid={run}&path={path}"));
        assert!(status == 400 || status == 404, "{path}: {status}");
        let (status, _) = get(&format!("/static-files/{path}"));
        assert!(status == 400 || status == 404, "{path}: {status}");
    }
    let folder = get(&format!("/ajax-api/2.0/mlflow/artifacts/list?run_uuid={run}&path=deep"));
    assert!(folder.1.contains("deep/ü 1.json"), "{folder:?}");
    assert!(get(&format!("{artifacts}?path={run}%2F..")).0 == 400);

    // Curves, with steps that were counted.
    let curve = "/ajax-api/2.0/mlflow/metrics/get-history";
    let points = |query: String| {
        let (status, text) = get(&query);
        assert_eq!(status, 200, "{text}");
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        let points = answer["metrics"].as_array().expect("points").clone();
        points.iter().map(|point| (point["step"].as_i64(), point["value"].as_f64())).collect::<Vec<_>>()
    };
    let whole = points(format!("{curve}?run_id={run}&metric_key=loss"));
    assert_eq!(whole.len(), 4);
    assert_eq!((whole[0], whole[3]), ((Some(0), Some(1.0)), (Some(3), Some(0.25))));
    assert_eq!(points(format!("{curve}-bulk?run_id={run}&metric_key=loss&max_results=3")), whole[..3]);
    let sampled = points(format!("{curve}-bulk-interval?run_ids={run}&metric_key=loss&max_results=2"));
    assert_eq!(sampled, [whole[0], whole[3]]);
    assert_eq!(points(format!("{curve}?run_id={run}&metric_key=accuracy")), [(Some(0), Some(0.75))]);

    // Nothing is written, and the way out is named.
    let before = alice.git(&e2e::git::history_of(&project), &["for-each-ref"]).ok().stdout;
    for (method, path) in [
        ("POST", "/api/2.0/mlflow/runs/create"),
        ("POST", "/api/2.0/mlflow/runs/log-batch"),
        ("POST", "/ajax-api/2.0/mlflow/runs/delete"),
        ("PATCH", "/api/2.0/mlflow/logged-models/m-1"),
        ("DELETE", "/api/2.0/mlflow/registered-models/delete"),
        ("POST", "/api/3.0/mlflow/traces"),
        ("PUT", "/api/2.0/mlflow-artifacts/artifacts/x/a.txt"),
    ] {
        let (status, text) = ask(method, path, &[], "{}");
        assert!(
            status == 403 && text.contains("PERMISSION_DENIED") && text.contains("azml"),
            "{path}: {status} {text}"
        );
    }
    let search = ask(
        "POST",
        "/api/2.0/mlflow/runs/search",
        &[],
        "{\"experiment_ids\": [\"0\"], \"filter\": \"a OR b\"}",
    );
    assert!(search.0 == 400 && search.1.contains("Invalid"), "{search:?}");
    let after = alice.git(&e2e::git::history_of(&project), &["for-each-ref"]).ok().stdout;
    assert_eq!(after, before);
}

/// The page's script for notebooks, as it is printed.
#[test]
fn the_pages_notebook_reads_the_history() {
    let page = std::fs::read_to_string(e2e::binaries::workspace().join("docs/mlflow.md")).expect("the page");
    let block = |number: usize| {
        let rest = page.split("```python\n").nth(number).expect("a script");
        rest.split("```").next().expect("its end").to_owned()
    };
    let sandbox = Sandbox::new();
    let package = "mlflow-skinny==3.17.2";
    let (alice, project) = project(&sandbox, Some(package));
    write(&project, "train.py", block(1));
    alice.submit(&project, &["train.py"]);
    let ui = Ui::start_mlflow(&alice, &project);
    let environment = venv::with_package(Path::new(env!("CARGO_TARGET_TMPDIR")), package);
    let python = environment.join("bin/python");
    let script = sandbox.dir("aside").join("read.py");
    let address = "http://127.0.0.1:8091/0f3c…";
    let text = block(2);
    assert!(text.contains(address), "{text}");
    std::fs::write(&script, text.replace(address, &ui.url)).expect("written");
    let args = [script.to_str().expect("UTF-8")];
    let output = alice.run(python.to_str().expect("UTF-8"), &project, &args).ok();
    assert_eq!(output.stdout, "fold 1 0.25\n", "{output}");
}
