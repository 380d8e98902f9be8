//! A run is any command: recorded as it was given, found by PATH or in the snapshot, labelled, and ended as it ends.

mod heavy;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use e2e::folder::write;
use e2e::{Actor, Output, Sandbox, venv};
use serde_json::{Value, json};

/// Runs `azml run` with these words.
fn run(alice: &Actor<'_>, project: &Path, words: &[&str]) -> Output {
    alice.azml(project, &[&["run"], words].concat())
}

fn last(alice: &Actor<'_>, project: &Path) -> Value {
    alice.azml_json(project, &["history", "last"])
}

fn write_program(project: &Path, name: &str, text: &str) {
    write(project, name, text);
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(project.join(name), mode).expect("a mode is set");
}

#[test]
fn any_command_is_a_run() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    write(&project, "train.py", "import sys\nprint('trained', *sys.argv[1:])\n");
    write(&project, "pkg/__init__.py", "");
    write(&project, "pkg/train.py", "import sys\nprint('trained', *sys.argv[1:])\n");
    write(&project, "train.sh", "echo trained \"$@\"\n");
    write(&project, "Makefile", "train:\n\t@echo trained\n");
    write_program(
        &project,
        "bin/tool",
        "#!/usr/bin/env python3\nimport sys\nprint('trained', *sys.argv[1:])\n",
    );
    // The words, what the record shows of them, and what is executed.
    type Words<'w> = &'w [&'w str];
    let cases: [(Words<'_>, &str, Words<'_>, Words<'_>); 9] = [
        (&["--", "python", "train.py", "--lr", "0.1"], "train.py", &["--lr", "0.1"], &["python"]),
        (
            &["--", "python", "-m", "pkg.train", "-x"],
            "pkg.train",
            &["-x"],
            &["python", "-m", "pkg.train", "-x"],
        ),
        (
            &["-m", "pkg.train", "--", "--lr", "1"],
            "pkg.train",
            &["--lr", "1"],
            &["python3", "-m", "pkg.train"],
        ),
        (&["-m", "pkg.train", "--lr", "1"], "pkg.train", &["--lr", "1"], &["python3", "-m", "pkg.train"]),
        (&["train.py", "0.1"], "train.py", &["0.1"], &[]),
        (&["--", "train.sh", "a b"], "train.sh", &["a b"], &[]),
        (&["--", "make", "train"], "make", &["train"], &["make", "train"]),
        (&["--", "./bin/tool", "-v"], "bin/tool", &["-v"], &["bin/tool", "-v"]),
        (&["--shell", "echo $((6 * 7)) | sed s/42/trained/"], "sh", &["-c"], &["/bin/sh", "-c"]),
    ];
    for (words, name, arguments, command) in cases {
        let output = run(&alice, &project, words).ok();
        assert!(output.stdout.contains("\ntrained"), "{words:?}: {output}");
        let record = last(&alice, &project);
        assert_eq!(
            (&record["script_name"], &record["status"]),
            (&json!(name), &json!("Completed")),
            "{words:?}"
        );
        let begins = |value: &Value, with: &[&str]| {
            let words = value
                .as_array()
                .map_or_else(Vec::new, |words| words.iter().map(|w| w.as_str().unwrap_or("")).collect());
            words.starts_with(with)
        };
        assert!(begins(&record["arguments"], arguments), "{words:?}: {record}");
        assert!(
            begins(&record["command"], command) && record["command"].is_null() == command.is_empty(),
            "{words:?}: {record}"
        );
    }
    // The longer form, with and without `--`.
    for words in [&["-c", "local", "--", "python", "train.py"][..], &["-c", "local", "python", "train.py"]] {
        let output = alice.azml(&project, &[&["experiment", "submit"], words].concat()).ok();
        assert!(output.stdout.contains("\ntrained"), "{output}");
        assert_eq!(last(&alice, &project)["command"], json!(["python", "train.py"]));
    }
}

#[test]
fn a_launcher_runs_its_processes_in_one_run() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    // As torchrun does it: so many processes of the script, each with its rank.
    let launcher = "#!/usr/bin/env python3\nimport os, subprocess, sys\nassert sys.argv[1] == '--nproc-per-node'\n\
         all = [subprocess.Popen([sys.executable, *sys.argv[3:]], env={**os.environ, 'RANK': str(rank)})\n       \
         for rank in range(int(sys.argv[2]))]\nsys.exit(max(one.wait() for one in all))\n";
    let tool = sandbox.script("torchrun", "");
    std::fs::write(tool, launcher).expect("it is written");
    write(
        &project,
        "train.py",
        "import os, sys\nfrom azureml.logging import get_azureml_logger\nrank = int(os.environ['RANK'])\n\
         sys.stdout.write('rank %d %s\\n' % (rank, ' '.join(sys.argv[1:])))\nget_azureml_logger().log(f'rank {rank}', rank)\nsys.exit(rank)\n",
    );
    let words = ["--", "torchrun", "--nproc-per-node", "2", "train.py", "--lr", "0.1"];
    let output = run(&alice, &project, &words).exits(1);
    for line in ["rank 0 --lr 0.1\n", "rank 1 --lr 0.1\n"] {
        assert!(output.stdout.contains(line), "{output}");
    }
    let record = last(&alice, &project);
    assert_eq!((&record["script_name"], &record["exit_code"]), (&json!("train.py"), &json!(1)));
    assert_eq!((&record["rank 0"], &record["rank 1"]), (&json!(0), &json!(1)));
    // What follows the script is the script's; the launcher's own options are no parameters.
    assert_eq!(record["parameters"], json!({"lr": "0.1"}));
    assert_eq!(record["command"].as_array().map(Vec::len), Some(6));
}

/// A notebook of two cells: parameters, and what is done with them.
fn notebook(code: &str) -> String {
    let cell = |id: &str, tags: &[&str], source: &str| {
        json!({"cell_type": "code", "id": id, "execution_count": null, "metadata": {"tags": tags}, "outputs": [],
               "source": source})
    };
    let kernel = json!({"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}});
    let cells = [cell("one", &["parameters"], "lr = 1"), cell("two", &[], code)];
    json!({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}).to_string()
}

#[test]
fn notebooks_uv_and_tqdm_run_as_they_do_without_azml() {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let venv = venv::with_packages(cache, &["papermill==2.7.0", "ipykernel==7.4.0", "uv==0.13.9"]);
    let sandbox = Sandbox::new();
    let path = format!("{}/bin:{}/bin:/usr/bin:/bin", venv.display(), sandbox.path().display());
    let alice = sandbox.stranger("alice").with_env("PATH", path).with_env("VIRTUAL_ENV", venv.as_os_str());
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    write(
        &project,
        "nb/train.ipynb",
        notebook("from azureml.logging import get_azureml_logger\nget_azureml_logger().log('twice', 2 * lr)"),
    );
    let _done = run(&alice, &project, &["--", "nb/train.ipynb", "--lr", "0.25"]).ok();
    let record = last(&alice, &project);
    assert_eq!((&record["script_name"], &record["twice"]), (&json!("nb/train.ipynb"), &json!(0.5)));
    assert_eq!(record["parameters"], json!({"lr": "0.25"}));
    assert_eq!(record["command"][2], "papermill");
    let id = record["run_id"].as_str().expect("an id");
    let executed = alice.azml(&project, &["history", "info", "-r", id, "-a", "outputs/train.ipynb"]).ok();
    let executed: Value = serde_json::from_str(&executed.stdout).expect("a notebook");
    assert!(executed["cells"].to_string().contains("\"execution_count\":3"), "{executed}");
    // One that fails fails the run, and is an output as far as it came.
    write(&project, "bad.ipynb", notebook("raise ValueError('too much')"));
    let output = run(&alice, &project, &["--", "bad.ipynb"]).exits(1);
    assert!(output.stdout.contains("Outputs: outputs/bad.ipynb"), "{output}");

    write(&project, "hello.py", "import sys\nprint('hello', *sys.argv[1:])\n");
    let words = ["--", "uv", "run", "--offline", "--no-project", "hello.py", "--lr", "0.1"];
    let output = run(&alice, &project, &words).ok();
    assert!(output.stdout.contains("\nhello --lr 0.1\n"), "{output}");
    assert_eq!(last(&alice, &project)["script_name"], "hello.py");

    write(
        &project,
        "bar.py",
        "from tqdm import tqdm\nfor i in tqdm(range(50), mininterval=0):\n    pass\nprint('done')\n",
    );
    let shown =
        at_terminal(&alice, &project, &[], "stty rows 24 cols 80; azml run -- python bar.py").ok().stdout;
    let drawn = shown.matches('|').count();
    assert!(drawn > 20 && shown.contains("50/50") && !shown.contains("it/s]\r\n  0%"), "{shown:?}");
    let id = last(&alice, &project)["run_id"].as_str().expect("an id").to_owned();
    let log = alice.azml(&project, &["history", "info", "-r", &id, "-a", "driver_log.txt"]).ok().stdout;
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with("100%|") && lines[1] == "done", "{log:?}");
}

#[test]
fn a_command_that_cannot_be_run_is_refused_before_anything_is_recorded() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    write(&project, "tool", "#!/bin/sh\necho hello\n");
    write(&project, "nb.ipynb", "{}");
    for (words, code, said) in [
        (&["--", "no-such-program", "x"][..], 3, "there is no program `no-such-program` on the PATH"),
        (&["--", "./gone.sh"], 3, "a path is taken from the project folder"),
        (&["--", "./tool"], 1, "chmod +x 'tool'"),
        (&["--", "nb.ipynb"], 3, "-m pip install papermill"),
        (&["--lr", "0.1", "--", "python"], 2, "unexpected argument '--lr'"),
        (&["--shell", "true", "--", "python"], 2, "--shell takes the whole line"),
        (&["-c", "local"], 2, "names no script"),
        (&["--tag", "odd", "--", "true"], 2, "NAME=VALUE"),
    ] {
        let output = run(&alice, &project, words).exits(code);
        assert!(output.stderr.contains(said), "{words:?}: {output}");
        assert!(output.stderr.contains("hint: "), "{words:?}: {output}");
    }
    assert_eq!(alice.azml_json(&project, &["history", "list"]), json!([]));
}

#[test]
fn a_run_has_a_name_tags_parameters_and_variables() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice").with_env("FROM_SHELL", "kept");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    let words = [
        "--name",
        "baseline",
        "--description",
        "as it was",
        "--tag",
        "kind=base",
        "--tag",
        "set=full",
        "--param",
        "depth=3",
        "--env",
        "MODE=fast=1",
        "--",
        "sh",
        "-c",
        "echo got $MODE $FROM_SHELL $PWD",
        "sh",
        "--lr",
        "0.1",
        "--depth=9",
        "--switch",
    ];
    let output = run(&alice, &project, &words).ok();
    assert!(output.stdout.contains("got fast=1 kept /"), "{output}");
    let record = last(&alice, &project);
    assert_eq!((&record["name"], &record["description"]), (&json!("baseline"), &json!("as it was")));
    assert_eq!(record["tags"], json!({"kind": "base", "set": "full"}));
    // What is given by name goes before what is read from the arguments.
    assert_eq!(record["parameters"], json!({"depth": "3", "lr": "0.1"}));
}

#[test]
fn the_exit_code_is_azmls_or_the_commands_own() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    for (line, code, own) in [("exit 7", 1, 7), ("kill -SEGV $$", 1, 139), ("true", 0, 0)] {
        let _azmls = run(&alice, &project, &["--shell", line]).exits(code);
        let _own = run(&alice, &project, &["--propagate-exit-code", "--shell", line]).exits(own);
    }
    // A command that can't be run has azml's code.
    let _refused = run(&alice, &project, &["--propagate-exit-code", "--", "no-such-program"]).exits(3);
}

#[test]
fn standard_input_reaches_the_command() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    let output = alice.azml_given(&project, &["run", "--", "wc", "-c"], "twelve bytes").ok();
    assert!(output.stdout.contains("\n12\n"), "{output}");
}

#[test]
fn secrets_among_the_words_are_masked_in_the_record_and_in_the_log() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    let words = [
        "--",
        "sh",
        "-c",
        "echo got $1 $2 $3",
        "sh",
        "--password=Tr0ub4dor-x",
        "--api-key",
        "s3cr3t-value-9",
        "https://me:tok3n-of-mine@example.com/x",
        "--lr",
        "0.1",
    ];
    let output = run(&alice, &project, &words).ok();
    assert!(output.stdout.contains("got --password=Tr0ub4dor-x --api-key s3cr3t-value-9"), "{output}");
    assert!(output.stderr.contains("plain_arguments"), "{output}");
    let record = last(&alice, &project);
    let id = record["run_id"].as_str().expect("an id");
    let log = alice.azml(&project, &["history", "info", "-r", id, "-a", "control_log.txt"]).ok().stdout;
    for secret in ["Tr0ub4dor", "s3cr3t-value", "tok3n-of-mine"] {
        assert!(!record.to_string().contains(secret), "{secret}: {record}");
        assert!(!log.contains(secret), "{secret}: {log}");
    }
    assert!(log.contains("--password=***") && log.contains("me:***@example.com"), "{log}");
    assert_eq!(record["parameters"], json!({"lr": "0.1"}));
    // In a line of shell, in parameters, and in what is said of the run.
    let token = format!("ghp_{}", "a1B2".repeat(9));
    let named = format!("with {token}");
    let words = [
        "--name",
        &named,
        "--param",
        "password=Tr0ub4dor-x",
        "--env",
        "API_KEY=s3cr3t-value-9",
        "--shell",
        "echo --password 'tok3n-of-mine' --lr 0.1 $API_KEY",
    ];
    let output = run(&alice, &project, &words).ok();
    assert!(output.stdout.contains("--password tok3n-of-mine --lr 0.1 s3cr3t-value-9"), "{output}");
    let record = last(&alice, &project);
    for secret in ["Tr0ub4dor", "s3cr3t-value", "tok3n-of-mine", &token] {
        assert!(!record.to_string().contains(secret), "{secret}: {record}");
    }
    let id = record["run_id"].as_str().expect("an id");
    let edited = alice.azml_json(&project, &["history", "edit", "-r", id, "--tag", &format!("t={token}")]);
    assert_eq!(edited["tags"], json!({"t": "***"}));
}

#[test]
fn an_active_virtual_environment_stays_active() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    write(&project, ".gitignore", ".venv\n");
    write(&project, "train.py", "import sys\nprint('trained by', sys.prefix)\n");
    let _made = alice.sh(&project, "python3 -m venv --without-pip .venv").ok();
    write_program(&project, ".venv/bin/my-train", "#!/bin/sh\necho trained by $VIRTUAL_ENV\n");
    let venv = project.join(".venv");
    let path = format!("{}/bin:{}/bin:/usr/bin:/bin", venv.display(), sandbox.path().display());
    let alice = alice.with_env("PATH", path).with_env("VIRTUAL_ENV", venv.as_os_str());
    let said = format!("trained by {}", venv.display());
    for words in
        [&["--", "python", "train.py"][..], &["-m", "train"], &["--", "my-train"], &["--", "train.py"]]
    {
        let output = run(&alice, &project, words).ok();
        let line = output.stdout.lines().find_map(|line| line.strip_prefix("trained by "));
        let real = line.map(|line| std::fs::canonicalize(line).expect("a folder"));
        assert_eq!(real, std::fs::canonicalize(&venv).ok(), "{words:?}, {said}: {output}");
    }
}

/// As `conda activate` leaves it: a prefix with programs of its own, variables that name it, and no `pyvenv.cfg`.
#[test]
fn an_active_conda_environment_stays_active() {
    let sandbox = Sandbox::new();
    let prefix = sandbox.dir("conda/envs/train");
    let python = format!("#!/bin/sh\nVIA=conda exec {}/bin/python3 \"$@\"\n", sandbox.path().display());
    for (name, text) in [
        ("bin/python", &*python),
        ("bin/python3", &python),
        ("bin/my-train", "#!/bin/sh\necho trained conda $CONDA_PREFIX $CONDA_DEFAULT_ENV\n"),
    ] {
        write_program(&prefix, name, text);
    }
    write(&prefix, "conda-meta/history", "");
    let path = format!("{}/bin:{}/bin:/usr/bin:/bin", prefix.display(), sandbox.path().display());
    let alice = sandbox.stranger("alice").with_env("PATH", path);
    let alice = alice.with_env("CONDA_PREFIX", prefix.as_os_str()).with_env("CONDA_DEFAULT_ENV", "train");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    let names = "('VIA', 'CONDA_PREFIX', 'CONDA_DEFAULT_ENV')";
    write(&project, "train.py", format!("import os\nprint('trained', *(os.environ[n] for n in {names}))\n"));
    let said = format!("\ntrained conda {} train\n", prefix.display());
    for words in
        [&["--", "python", "train.py"][..], &["-m", "train"], &["--", "my-train"], &["--", "train.py"]]
    {
        let output = run(&alice, &project, words).ok();
        assert!(output.stdout.contains(&said), "{words:?}: {output}");
    }
}

/// Runs a command at a terminal: each of `steps` is a text to wait for, and the keys to type then.
fn at_terminal(alice: &Actor<'_>, project: &Path, steps: &[(&str, &str)], line: &str) -> Output {
    crate::job_control::dialog(alice, project, steps, &["sh", "-c", line])
}

#[test]
fn at_a_terminal_the_command_has_one_and_the_log_is_plain_text() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    // A progress bar as tqdm draws it: on standard error, each state over the one before, if that is a terminal.
    write(
        &project,
        "bar.py",
        "import os, sys\n\
         print('tty', *(os.isatty(fd) for fd in (0, 1, 2)), 'columns', os.get_terminal_size(1).columns)\n\
         print('\\x1b[32mgreen\\x1b[0m')\n\
         for i in range(11):\n    sys.stderr.write(f'\\r{10 * i:3}%|{\"#\" * i:10}|')\n\
         sys.stderr.write('\\n')\nprint('done')\n",
    );
    let line = "stty cols 93; azml run -- python bar.py";
    let shown = at_terminal(&alice, &project, &[], line).ok().stdout;
    assert!(shown.contains("tty True True True columns 93"), "{shown}");
    assert!(shown.contains("\x1b[32mgreen\x1b[0m\r\n"), "{shown}");
    assert!(shown.contains("\r 90%|######### |\r100%|##########|\r\ndone\r\n"), "{shown:?}");
    let id = last(&alice, &project)["run_id"].as_str().expect("an id").to_owned();
    let log = alice.azml(&project, &["history", "info", "-r", &id, "-a", "driver_log.txt"]).ok().stdout;
    assert_eq!(log, "tty True True True columns 93\ngreen\n100%|##########|\ndone\n");
    // Away from a terminal nothing is changed.
    let output = alice.azml(&project, &["run", "--shell", "test -t 1 || printf 'a\\rb\\n'"]).ok();
    assert!(output.stdout.contains("a\rb\n"), "{output}");
    let shown =
        at_terminal(&alice, &project, &[], "azml run --shell 'test -t 1 || echo no terminal' | cat").ok();
    assert!(shown.stdout.contains("no terminal"), "{shown}");
}

#[test]
fn the_size_of_the_terminal_is_passed_on_when_it_changes() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    write(
        &project,
        "size.py",
        "import os, signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGWINCH})\n\
         print('READY', flush=True)\n\
         while os.get_terminal_size(1).columns != 71:\n    signal.sigwait({signal.SIGWINCH})\nprint('now', 71)\n",
    );
    let steps =
        [("shell> ", "azml run -- python size.py &\n"), ("READY", "stty cols 71\n"), ("now 71", "exit\n")];
    let shell = ["bash", "--norc", "--noprofile", "-i"];
    let _done = crate::job_control::dialog(&alice, &project, &steps, &shell).ok();
}

/// A program that says that it is there, and goes on until the file `go` is in its folder's parent.
const WAITS: &str = "import os, sys, time\nprint('working', flush=True)\n\
                     while not os.path.exists(sys.argv[1]):\n    time.sleep(0.02)\nprint('done')\nsys.exit(int(sys.argv[2]))\n";

#[test]
fn a_detached_run_goes_on_without_its_terminal_and_is_waited_for() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    write(&project, "waits.py", WAITS);
    let go = sandbox.path().join("go");
    let start = |code: &str| {
        let line = format!("azml run --detach -- python waits.py {} {code}", go.display());
        // The terminal goes away with its shell.
        let shown = at_terminal(&alice, &project, &[], &line).ok();
        assert!(shown.stdout.contains("experiment wait"), "{shown}");
        assert!(!shown.stdout.contains("Execution Details"), "{shown}");
        shown
            .stdout
            .split("RunId: ")
            .nth(1)
            .and_then(|rest| rest.split_whitespace().next())
            .expect("an id")
            .to_owned()
    };
    let (good, bad) = (start("0"), start("3"));
    let record = last(&alice, &project);
    assert_eq!((&record["run_id"], &record["status"]), (&json!(bad), &json!("Running")));
    let mut waiting = alice.spawn_azml(&project, &["experiment", "wait", &good, "-o", "json"]);
    let mut following = alice.spawn_azml(&project, &["history", "info", "-r", &good, "--follow"]);
    let mut first = [0; 8];
    std::io::Read::read_exact(following.stdout.as_mut().expect("a pipe"), &mut first).expect("it says more");
    assert_eq!(&first, b"working\n");
    assert!(waiting.try_wait().expect("it is asked").is_none(), "it waits");
    write(sandbox.path(), "go", "");
    let waited = waiting.wait_with_output().expect("it ends");
    let value: Value = serde_json::from_slice(&waited.stdout).expect("JSON");
    assert_eq!(value, json!([{"run_id": good, "status": "Completed", "exit_code": 0}]));
    let rest = following.wait_with_output().expect("it ends");
    assert_eq!(rest.stdout, b"done\n");
    let output = alice.azml(&project, &["experiment", "wait", &good, &bad]).exits(1);
    assert!(
        output.stderr.contains(&format!("run {bad} is Failed")) && !output.stderr.contains(&good),
        "{output}"
    );
    // What can't be started is told at once.
    let output = run(&alice, &project, &["--detach", "--", "no-such-program"]).exits(3);
    assert!(output.stderr.contains("there is no program `no-such-program`"), "{output}");
    assert_eq!(output.stderr.matches("error: ").count(), 1, "{output}");
}

#[test]
fn a_detached_run_is_canceled_or_dies_with_its_azml() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    write(&project, "waits.py", WAITS);
    let go = sandbox.path().join("go");
    let words = ["--detach", "--", "python", "waits.py", go.to_str().expect("UTF-8"), "0"];
    let id = run(&alice, &project, &words).ok().run_id();
    let _asked = alice.azml(&project, &["experiment", "cancel", "-r", &id]).ok();
    let _canceled = alice.azml(&project, &["experiment", "wait", &id]).exits(130);
    let id = run(&alice, &project, &words).ok().run_id();
    let _killed = alice.sh(&project, "kill -9 $(cat ~/.local/state/azml/projects/*/runs/*/pid)").ok();
    let output = alice.azml(&project, &["experiment", "wait", &id]).exits(1);
    assert!(output.stderr.contains("is NotResponding"), "{output}");
    write(sandbox.path(), "go", "");
}

#[test]
fn a_runs_name_and_tags_are_edited_and_listed() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    let id = run(&alice, &project, &["--name", "first", "--tag", "a=1", "--tag", "b=2", "--", "true"])
        .ok()
        .run_id();
    let edited = alice.azml_json(
        &project,
        &[
            "history",
            "edit",
            "-r",
            &id,
            "--name",
            "second",
            "--untag",
            "a",
            "--tag",
            "c=3",
            "--description",
            "better",
        ],
    );
    assert_eq!((&edited["name"], &edited["description"]), (&json!("second"), &json!("better")));
    assert_eq!(edited["tags"], json!({"b": "2", "c": "3"}));
    assert_eq!(edited["status"], "Completed");
    assert_eq!(last(&alice, &project), edited);
    let table = alice.azml(&project, &["history", "list", "-o", "table"]).ok().stdout;
    assert!(table.contains("second") && table.contains("b=2 c=3"), "{table}");
    let _nothing = alice.azml(&project, &["history", "edit", "-r", &id]).exits(2);
    let edited = alice.azml_json(&project, &["history", "edit", "-r", &id, "--name", ""]);
    assert_eq!(edited["name"], Value::Null);
    // Of a run in progress, too: its end keeps the edit, and what the run logs after it.
    let go = sandbox.path().join("go");
    let line = format!(
        "azml run log --tag early 1; until [ -e {} ]; do sleep 0.05; done; azml run log --tag early 2; \
         azml run log --tag late 1; azml run log --param depth 3",
        go.display()
    );
    let words = ["--detach", "--tag", "given=1", "--tag", "gone=1", "--shell", &line];
    let id = run(&alice, &project, &words).ok().run_id();
    let edit = ["history", "edit", "-r", &id, "--name", "named", "--tag", "early=mine", "--untag", "gone"];
    let _edited = alice.azml(&project, &edit).ok();
    write(sandbox.path(), "go", "");
    let _ended = alice.azml(&project, &["experiment", "wait", &id]).ok();
    let record = last(&alice, &project);
    assert_eq!((&record["name"], &record["status"]), (&json!("named"), &json!("Completed")));
    assert_eq!(record["tags"], json!({"early": "mine", "given": "1", "late": "1"}));
    assert_eq!(record["parameters"]["depth"], "3", "{record}");
}
