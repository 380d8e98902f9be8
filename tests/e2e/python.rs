//! The Python package `azml`: logging from scripts, the history as dictionaries, notebook cells as runs.

use std::path::{Path, PathBuf};

use e2e::folder::write;
use e2e::{Sandbox, venv};

const TRAIN: &str = "\
import azml, os, pathlib
for epoch in range(3):
    azml.log_metric('loss', 1 / (epoch + 1), step=epoch)
azml.log_metrics({'accuracy': 0.5, 'bad': float('nan')})
azml.log_params({'alpha': 0.1, 'layers': [8, 8], 'optimizer': 'adam'})
azml.set_tag('kind', 'baseline')
pathlib.Path('model').mkdir()
pathlib.Path('model/weights.bin').write_bytes(b'\\x00\\x01')
azml.log_artifact('model')
azml.log_artifact('train.py', 'code/copy.py')
azml.log_text('fine', 'notes/result.txt')
try:
    azml.log_text('out', '../../escaped.txt')
except ValueError as error:
    print('refused:', error)
print('run', azml.run_id)
";

fn package() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../python").canonicalize().expect("the package is there")
}

#[test]
fn a_script_logs_by_the_package_and_the_history_is_read_by_it() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(&project, "train.py", TRAIN);
    let output = alice.azml(&project, &["experiment", "submit", "train.py"]).ok();
    assert!(
        output.stdout.contains("refused: the path leaves the run's folder: '../../escaped.txt'"),
        "{output}"
    );
    let run = alice.azml_json(&project, &["history", "last"]);
    let id = run["run_id"].as_str().expect("an id");
    assert!(output.stdout.contains(&format!("run {id}\n")), "{output}");
    assert_eq!(run["loss"].as_f64(), Some(1.0 / 3.0), "{run}");
    assert_eq!((&run["accuracy"], &run["bad"]), (&0.5.into(), &"NaN".into()), "{run}");
    let parameters = serde_json::json!({"alpha": "0.1", "layers": "[8, 8]", "optimizer": "adam"});
    assert_eq!((&run["parameters"], &run["tags"]["kind"]), (&parameters, &"baseline".into()), "{run}");
    let attachments = run["attachments"].to_string();
    for file in ["model/weights.bin", "code/copy.py", "notes/result.txt"] {
        assert!(attachments.contains(file), "{file}: {run}");
    }

    // Outside of runs: logging does nothing, and the history is a list of dictionaries.
    let python = alice.clone().with_env("PYTHONPATH", package());
    let read = "import azml; azml.log_metric('x', 1); azml.log_text('x', 'x'); \
                print(azml.run_id, [(run['run_id'], run['accuracy']) for run in azml.runs()], azml.runs(last=0))";
    let listed = python.run("python3", &project, &["-c", read]).ok();
    assert_eq!(listed.stdout, format!("None [('{id}', 0.5)] []\n"));
    let elsewhere =
        "import azml\ntry:\n    azml.runs('nowhere')\nexcept azml.AzmlError as error:\n    print(error)";
    let refused = python.run("python3", &project, &["-c", elsewhere]).ok();
    assert!(refused.stdout.contains("error:") && refused.stdout.contains("nowhere"), "{refused}");
}

const NOTEBOOK: &str = "\
import os
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
shell.run_line_magic('load_ext', 'azml')
def cell(text):
    result = shell.run_cell(text)
    print('cell:', 'failed' if result.error_in_exec or result.error_before_exec else 'fine')
cell('start = 20')
cell('''%%azml_run --name first --tag kind=notebook
import azml
azml.log_metric('answer', start * 2 + 2)
print('the cell prints')
kept = azml.run_id
''')
cell('import os; print(\"kept\", kept, os.environ.get(\"AZML_RUN_ID\"))')
cell('''%%azml_run
raise ValueError('no luck')
''')
cell('''%%azml_run
raise KeyboardInterrupt()
''')
os.chdir('/')
cell('''%%azml_run
print('never')
''')
";

#[test]
fn a_notebook_cell_is_a_run_in_the_notebooks_own_kernel() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    let environment = venv::with_package(Path::new(env!("CARGO_TARGET_TMPDIR")), "ipython");
    let python = environment.join("bin/python").display().to_string();
    // The package is installed as users install it.
    let site = sandbox.dir("site").display().to_string();
    e2e::folder::copy(&package(), &sandbox.path().join("python"));
    let source = sandbox.path().join("python").display().to_string();
    let install = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--target", &site, &source];
    let _installed = alice.run(&python, &project, &install).ok();
    write(&project, "notebook.py", NOTEBOOK);

    let notebook = alice.clone().with_env("PYTHONPATH", site);
    let output = notebook.run(&python, &project, &["notebook.py"]).ok();
    let runs = alice.azml_json(&project, &["history", "list"]);
    let runs = runs.as_array().expect("a list");
    let statuses: Vec<_> = runs.iter().map(|run| run["status"].as_str().expect("a status")).collect();
    assert_eq!(statuses, ["Canceled", "Failed", "Completed"], "{output}");
    let (first, id) = (&runs[2], runs[2]["run_id"].as_str().expect("an id"));
    assert_eq!((&first["answer"], &first["name"]), (&42.into(), &"first".into()), "{first}");
    assert_eq!(first["tags"]["kind"], "notebook", "{first}");
    // The cell saw the notebook's variables and left its own; the environment of the run ended with it.
    assert!(output.stdout.contains(&format!("the cell prints\nRunId: {id}\n")), "{output}");
    assert!(output.stdout.contains(&format!("kept {id} None\n")), "{output}");
    assert!(output.stdout.contains("no luck"), "{output}");
    assert!(!output.stdout.contains("never\n"), "{output}");
    let log =
        |id: &str| alice.azml(&project, &["history", "info", "-r", id, "-a", "driver_log.txt"]).ok().stdout;
    assert_eq!(log(id), "the cell prints\n");
    assert!(log(runs[1]["run_id"].as_str().expect("an id")).contains("ValueError: no luck"), "{output}");
    let code = alice.azml(&project, &["history", "info", "-r", id, "-a", "cell.py"]).ok().stdout;
    assert!(code.contains("start * 2 + 2"), "{code}");
}
