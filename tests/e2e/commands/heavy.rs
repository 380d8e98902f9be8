//! Commands of what takes long to install: PyTorch's launchers, nbconvert, R.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use e2e::folder::write;
use e2e::{Actor, Sandbox, venv};
use serde_json::json;

use super::{last, notebook, run};

/// A person whose PATH begins with the programs of a Python environment.
fn with_programs<'s>(sandbox: &'s Sandbox, environment: &Path) -> Actor<'s> {
    let path = format!("{}/bin:{}/bin:/usr/bin:/bin", environment.display(), sandbox.path().display());
    sandbox.stranger("alice").with_env("PATH", path).with_env("VIRTUAL_ENV", environment.as_os_str())
}

#[test]
fn torchrun_and_accelerate_run_their_ranks_in_one_run() {
    let sandbox = Sandbox::new();
    // PyTorch is Debian's: what pip has of it brings gigabytes for graphics cards.
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let environment = venv::on_system(cache, &["accelerate==0.25.0", "mlflow-skinny==3.17.2"]);
    let alice = with_programs(&sandbox, &environment);
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    write(&project, "train.py", include_str!("train_ranks.py"));
    // That version gives `0` to its ranks as it is.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port().to_string();
    drop(listener);
    let launchers: [&[&str]; 2] = [
        &["torchrun", "--standalone", "--nproc_per_node", "2"],
        &[
            "accelerate",
            "launch",
            "--multi_gpu",
            "--num_processes",
            "2",
            "--num_machines",
            "1",
            "--main_process_port",
            &port,
            "--tee",
            "1",
        ],
    ];
    // Debian's programs have Debian's interpreter, which lacks the environment's packages. PyTorch 1.13 does not know
    // `0`, its own default for the last two, with Python 3.11.
    let mut of_versions = std::fs::read_dir(environment.join("lib")).expect("a folder").flatten();
    let version = of_versions.find(|entry| entry.file_name().to_string_lossy().starts_with("python3"));
    let packages = version.expect("a version's folder").path().join("site-packages");
    let packages = format!("PYTHONPATH={}", packages.display());
    let variables = ["--env", &packages, "--env", "PET_REDIRECTS=1", "--env", "PET_TEE=1", "--"];
    for launcher in launchers {
        let words = [&variables, launcher, &["train.py", "--lr", "0.1"]].concat();
        let output = run(&alice, &project, &words).ok();
        for rank in ["rank 0 of 2", "rank 1 of 2"] {
            assert!(output.stdout.contains(rank), "{output}");
        }
        let record = last(&alice, &project);
        assert_eq!(record["command"], json!([launcher, &["train.py", "--lr", "0.1"]].concat()));
        assert_eq!(record["parameters"]["lr"], "0.1", "{record}");
        assert_eq!(record["parameters"]["world"], "2", "{record}");
        assert_eq!(
            (&record["total"], &record["own_0"], &record["own_1"]),
            (&json!(3.0), &json!(0), &json!(1))
        );
        let id = record["run_id"].as_str().expect("an id");
        for rank in [0, 1] {
            let file = format!("outputs/rank-{rank}.txt");
            let text = alice.azml(&project, &["history", "info", "-r", id, "-a", &file]).ok().stdout;
            assert_eq!(text, format!("{rank} of 2: 3\n"));
        }
    }
    // A rank that fails is a run that fails.
    write(&project, "fails.py", "import os, sys\nsys.exit(int(os.environ['RANK']))\n");
    let _failed =
        run(&alice, &project, &["--", "torchrun", "--standalone", "--nproc_per_node", "2", "fails.py"])
            .exits(1);
    assert_eq!(last(&alice, &project)["status"], "Failed");
}

#[test]
fn a_notebook_is_executed_where_only_nbconvert_is() {
    let sandbox = Sandbox::new();
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let environment = venv::with_packages(cache, &["nbconvert==7.17.2", "ipykernel==7.4.0"]);
    let alice = with_programs(&sandbox, &environment);
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    write(
        &project,
        "nb/train.ipynb",
        notebook(
            "from azureml.logging import get_azureml_logger\nget_azureml_logger().log('twice', 2 * 0.25)\nprint('ran', 6 * 7)",
        ),
    );
    let _done = run(&alice, &project, &["--", "nb/train.ipynb"]).ok();
    let record = last(&alice, &project);
    assert_eq!((&record["script_name"], &record["twice"]), (&json!("nb/train.ipynb"), &json!(0.5)));
    let id = record["run_id"].as_str().expect("an id");
    let executed = alice.azml(&project, &["history", "info", "-r", id, "-a", "outputs/train.ipynb"]).ok();
    assert!(executed.stdout.contains("ran 42"), "{executed}");
    let refused = run(&alice, &project, &["--", "nb/train.ipynb", "--lr", "0.1"]).fails();
    assert!(refused.stderr.contains("papermill"), "{refused}");
}

#[test]
fn a_script_of_r_runs_by_rscript() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    let script = "rate <- as.numeric(commandArgs(trailingOnly = TRUE)[2])\n\
                  dir.create('outputs', showWarnings = FALSE)\nwriteLines(format(rate * 2), 'outputs/twice.txt')\n\
                  system2('azml', c('run', 'log', 'twice', rate * 2))\ncat('trained', rate, '\\n')\n";
    write(&project, "train.R", script);
    let cases: [&[&str]; 2] =
        [&["--", "train.R", "--rate", "0.25"], &["--", "Rscript", "train.R", "--rate", "0.25"]];
    for words in cases {
        let output = run(&alice, &project, words).ok();
        assert!(output.stdout.contains("trained 0.25"), "{output}");
        let record = last(&alice, &project);
        assert_eq!((&record["script_name"], &record["twice"]), (&json!("train.R"), &json!(0.5)));
        assert_eq!(record["parameters"], json!({"rate": "0.25"}));
        assert!(record["attachments"].as_str().is_some_and(|files| files.contains("outputs/twice.txt")));
    }
}
