//! Environments that are made from the snapshot's own lock files.

use std::path::{Path, PathBuf};

use e2e::folder::write;
use e2e::{Actor, Sandbox};
use serde_json::Value;
use test_support::venv;

use crate::compute::with_target;

/// The release of uv.
const UV: &str = "uv==0.13.0";
/// Makes a wheel of a package with one module, which says its version.
const WHEEL: &str = "import sys, zipfile, hashlib, os\nname, version = sys.argv[1:]\nos.makedirs('wheels', exist_ok=True)\n\
    at = f'wheels/{name}-{version}-py3-none-any.whl'\nwith zipfile.ZipFile(at, 'w') as z:\n  info = f'{name}-{version}.dist-info'\n  \
    z.writestr(f'{name}.py', f'VERSION = {version!r}')\n  z.writestr(info + '/METADATA', f'Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n')\n  \
    z.writestr(info + '/WHEEL', 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n  \
    z.writestr(info + '/RECORD', '')\nprint(hashlib.sha256(open(at, 'rb').read()).hexdigest())\n";
const TRAIN: &str = "import sys, flower\nprint('flower', flower.VERSION, sys.prefix != sys.base_prefix)\n";
/// Options of pip's for the packages of the project itself.
const FLAT: &str = "--no-index\n--find-links wheels\n";

/// A project on `box` with a script that needs the package `flower`, which is a wheel in the project; gives the wheel's hash.
fn with_package<'s>(sandbox: &'s Sandbox, compute: &str) -> (Actor<'s>, PathBuf, String) {
    let (alice, project) = with_target(sandbox, &format!("{compute}userManagedEnvironment: false\n"));
    let made = alice.run("python3", &project, &["-c", WHEEL, "flower", "1.0"]).ok();
    write(&project, "train.py", TRAIN);
    let hash = made.text().to_owned();
    (alice, project, hash)
}

fn submit(alice: &Actor<'_>, project: &Path) -> e2e::Output {
    alice.azml(project, &["experiment", "submit", "-c", "box", "train.py"])
}

fn last(alice: &Actor<'_>, project: &Path) -> Value {
    alice.azml_json(project, &["history", "last"])
}

/// The names of the node's environments, and of all that was begun.
fn kept(folder: &Path) -> (usize, usize) {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let names: Vec<_> = entries.map(|entry| entry.file_name().into_string().expect("UTF-8")).collect();
    let count = |is: &dyn Fn(&&String) -> bool| names.iter().filter(is).count();
    (
        count(&|name| Path::new(name).extension().is_some_and(|ending| ending == "json")),
        count(&|name| folder.join(name).is_dir()),
    )
}

#[test]
fn the_environment_of_a_list_is_made_once_on_the_node_and_recorded() {
    let sandbox = Sandbox::new();
    let (alice, project, hash) = with_package(&sandbox, "type: process\n");
    write(&project, "requirements.txt", format!("{FLAT}flower==1.0 --hash=sha256:{hash}\n"));
    let first = submit(&alice, &project).ok();
    // On the way from a node, all output is one stream.
    for line in ["\nmaking the environment of requirements.txt\n", "\nflower 1.0 True\n"] {
        assert!(first.stdout.contains(line), "{first}");
    }
    assert!(
        !first.stdout.contains("Outputs:"),
        "the list of packages is none of the script's outputs: {first}"
    );
    let run = last(&alice, &project);
    let environment = &run["environment"];
    let expect: (Value, Value, Value, Value) =
        ("requirements.txt".into(), "pip".into(), 1.into(), true.into());
    assert_eq!(
        (&environment["file"], &environment["tool"], &environment["packages"], &environment["is_new"]),
        (&expect.0, &expect.1, &expect.2, &expect.3),
        "{run}"
    );
    let attachment = |name: &str| {
        let id = run["run_id"].as_str().expect("a text");
        alice.azml(&project, &["history", "info", "-r", id, "-a", name]).ok().stdout
    };
    assert!(attachment("installed_packages.txt").starts_with("flower"));
    assert!(attachment("prepare_log.txt").contains("Successfully installed flower-1.0"));
    write(&project, "train.py", format!("{TRAIN}# changed\n"));
    let second = submit(&alice, &project).ok();
    assert!(!second.stdout.contains("making") && second.stdout.contains("flower 1.0 True"), "{second}");
    assert_eq!(last(&alice, &project)["environment"]["is_new"], false);
    assert_eq!(kept(&sandbox.path().join("node/state/environments")), (1, 1));
}

#[test]
fn a_requirement_that_cannot_be_had_fails_the_run_with_its_reason() {
    let sandbox = Sandbox::new();
    let (alice, project, _) = with_package(&sandbox, "type: process\n");
    write(&project, "requirements.txt", format!("{FLAT}flower==2.0\n"));
    let _failed = submit(&alice, &project).fails().says("No matching distribution found for flower==2.0");
    let run = last(&alice, &project);
    assert_eq!((&run["status"], &run["environment"]), (&"Failed".into(), &Value::Null), "{run}");
    let id = run["run_id"].as_str().expect("a text");
    let why = alice.azml(&project, &["history", "info", "-r", id, "-a", "control_log.txt"]).ok();
    assert!(why.stdout.contains("the environment of requirements.txt could not be made"), "{why}");
    assert_eq!(kept(&sandbox.path().join("node/state/environments")), (0, 0));
    // Before a snapshot: nothing to make it by, or a line that means one folder alone.
    let runs = alice.run_ids(&project).len();
    write(&project, "requirements.txt", "-e .\n");
    let _refused = submit(&alice, &project).fails().says("-e .");
    std::fs::remove_file(project.join("requirements.txt")).expect("the list goes");
    std::fs::remove_file(project.join("aml_config/conda_dependencies.yml")).expect("conda's file goes");
    let _refused = submit(&alice, &project).fails().says("neither uv.lock nor requirements.txt");
    assert_eq!(alice.run_ids(&project).len(), runs);
}

#[test]
fn two_runs_at_once_make_one_environment_here() {
    let sandbox = Sandbox::new();
    let (alice, project, _) = with_package(&sandbox, "type: local\n");
    write(&project, "requirements.txt", format!("{FLAT}flower\n"));
    let args = ["experiment", "submit", "-c", "box", "train.py"];
    let mut first = alice.spawn_azml(&project, &args);
    let _second = submit(&alice, &project).ok();
    assert!(first.wait().expect("it ends").success());
    let runs = alice.azml_json(&project, &["history", "list"]);
    let new = runs.as_array().expect("a list").iter().filter(|run| run["environment"]["is_new"] == true);
    assert_eq!(new.count(), 1, "{runs}");
    assert_eq!(kept(&alice.home().join(".local/state/azml/environments")), (1, 1));
}

#[test]
fn an_environment_whose_making_was_killed_is_made_anew() {
    let sandbox = Sandbox::new();
    let (alice, project, _) = with_package(&sandbox, "type: local\n");
    write(&project, "requirements.txt", format!("{FLAT}flower\n"));
    // The interpreter of the target stops in the middle of the making, and waits to be killed with its azml.
    let begun = sandbox.path().join("begun");
    let python = sandbox.script(
        "stopping-python",
        &format!(
            "python3 \"$@\" || exit\n[ \"$2\" != venv ] || [ -e {0} ] || {{ touch {0}; kill -9 $PPID; exit 1; }}\n",
            begun.display()
        ),
    );
    let compute =
        format!("type: local\nuserManagedEnvironment: false\npythonLocation: {}\n", python.display());
    write(&project, "aml_config/box.compute", compute);
    let _killed = submit(&alice, &project);
    let environments = alice.home().join(".local/state/azml/environments");
    assert_eq!(kept(&environments), (0, 1), "half an environment");
    let again = submit(&alice, &project).ok();
    assert!(again.stdout.contains("flower 1.0 True"), "{again}");
    assert_eq!(kept(&environments), (1, 1), "what was left is gone");
}

#[test]
fn a_lock_of_uvs_is_installed_by_uv() {
    let sandbox = Sandbox::new();
    let (alice, project, _) = with_package(&sandbox, "type: process\n");
    let uv = venv::with_package(Path::new(env!("CARGO_TARGET_TMPDIR")), UV).join("bin/uv");
    std::os::unix::fs::symlink(uv, sandbox.dir("bin").join("uv")).expect("uv is on the PATH");
    write(
        &project,
        "pyproject.toml",
        "[project]\nname = \"iris\"\nversion = \"1\"\nrequires-python = \">=3.9\"\ndependencies = [\"flower\"]\n\
         [[tool.uv.index]]\nname = \"flat\"\nurl = \"./wheels\"\nformat = \"flat\"\ndefault = true\n",
    );
    let _locked = alice.run("uv", &project, &["lock"]).ok();
    let ran = submit(&alice, &project).ok();
    assert!(ran.stdout.contains("flower 1.0 True"), "{ran}");
    let run = last(&alice, &project);
    assert_eq!((&run["environment"]["file"], &run["environment"]["tool"]), (&"uv.lock".into(), &"uv".into()));
    std::fs::remove_file(project.join("uv.lock")).expect("the lock goes");
    write(&project, "requirements.txt", format!("{FLAT}flower\n"));
    let _list = submit(&alice, &project).ok();
    assert_eq!(last(&alice, &project)["environment"]["tool"], "uv");
}

#[test]
fn condas_file_is_given_to_the_program_that_is_there() {
    let sandbox = Sandbox::new();
    let (alice, project, _) = with_package(&sandbox, "type: process\n");
    let _missing = submit(&alice, &project).fails().says("micromamba, mamba, conda");
    // No conda can be had for a test: this one takes its options, and makes an environment as conda would.
    sandbox.script(
        "micromamba",
        "case $1 in\ncreate) [ \"$2 $3 $5\" = '--yes --prefix --file' ] && grep -q python= \"$6\" && exec python3 -m venv \"$4\";;\n\
         list) echo '# packages'; echo 'python 3.5.2'; exit;;\nesac; exit 9\n",
    );
    write(&project, "train.py", "print('ran')\n");
    let ran = submit(&alice, &project).ok();
    assert!(ran.stdout.contains("\nran\n"), "{ran}");
    let environment = last(&alice, &project)["environment"].clone();
    assert_eq!(
        (&environment["tool"], &environment["packages"]),
        (&"micromamba".into(), &1.into()),
        "{environment}"
    );
}

#[test]
fn an_environment_can_be_made_ahead_of_a_run() {
    let sandbox = Sandbox::new();
    let (alice, project, hash) = with_package(&sandbox, "type: process\n");
    write(&project, "requirements.txt", format!("{FLAT}flower==1.0 --hash=sha256:{hash}\n"));
    let prepare = || alice.azml(&project, &["experiment", "prepare", "-c", "box"]).ok();
    let made = prepare();
    assert!(made.stdout.contains("\nmaking the environment of requirements.txt\n"), "{made}");
    assert!(made.stderr.contains("The environment of requirements.txt was made, with 1 package"), "{made}");
    let run = last(&alice, &project);
    assert_eq!((&run["name"], &run["environment"]["is_new"]), (&"prepare box".into(), &true.into()), "{run}");
    let there = prepare();
    assert!(there.stderr.contains("requirements.txt was there"), "{there}");
    let ran = submit(&alice, &project).ok();
    assert!(ran.stdout.contains("\nflower 1.0 True\n") && !ran.stdout.contains("making the"), "{ran}");
    assert_eq!(last(&alice, &project)["environment"]["is_new"], false);
    let none = alice.azml(&project, &["experiment", "prepare", "-c", "local"]);
    let _none = none.exits(2).says("userManagedEnvironment: false");
}
