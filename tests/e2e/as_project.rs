//! A script finds in its run what it finds in the project folder, and leaves nothing of azml's there.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use e2e::folder::write;
use e2e::{Actor, Output, Sandbox, contents};

/// Submits a script that has to succeed.
fn submit(actor: &Actor<'_>, dir: &Path, words: &[&str]) -> Output {
    actor.azml(dir, &[&["experiment", "submit", "-c", "local"], words].concat()).ok()
}

fn link(project: &Path, at: &str, text: impl AsRef<Path>) {
    let at = project.join(at);
    std::fs::create_dir_all(at.parent().expect("it is in a folder")).expect("a folder is made");
    symlink(text, at).expect("a link is made");
}

#[test]
fn links_reach_what_they_reach_in_the_project_and_the_snapshot_keeps_them() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let work = sandbox.dir("work/code");
    let project = alice.create_project(&work, "iris");
    write(&work, "../shared/train.csv", "1,2\n");
    write(&work, "../shared/deep/test.csv", "3,4\n");
    write(&project, ".gitignore", "data/\n.azuremlhistory_git\n");
    write(&project, "data/own.csv", "5,6\n");
    write(&project, "src/a.txt", "as it was");
    link(&project, "out", "../../shared");
    link(&project, "sub/dir/out", "../../../../shared/deep");
    link(&project, "chain", "out/train.csv");
    link(&project, "sub/through", "../data/own.csv");
    link(&project, "gone", "../../not/there");
    link(&project, "back", project.join("src/a.txt"));
    link(&project, "round", "../iris/src/a.txt");
    link(&project, "outputs_too", project.join("nothing"));
    link(&project, "inside", "src");
    let script = "import os\n\
        for name in ['out/train.csv', 'sub/dir/out/test.csv', 'chain', 'sub/through', 'back', 'round', 'inside/a.txt']:\n    \
        print('READ', name, open(name).read().strip())\n\
        print('GONE', os.path.lexists('gone'), os.path.exists('gone'))\n\
        print('INSIDE', os.readlink('inside'), os.path.realpath('back') == os.path.realpath('src/a.txt'))\n";
    write(&project, "read.py", script);
    let before = contents(&project);
    let mut commits = Vec::new();
    for round in 1..=3 {
        let output = submit(&alice, &project, &["read.py"]);
        for said in [
            "READ out/train.csv 1,2",
            "READ sub/dir/out/test.csv 3,4",
            "READ chain 1,2",
            "READ sub/through 5,6",
            "READ back as it was",
            "READ round as it was",
            "READ inside/a.txt as it was",
            "GONE True False",
            "INSIDE src True",
        ] {
            assert!(output.stdout.lines().any(|line| line == said), "round {round}: {said}: {output}");
        }
        assert!(
            !output.stdout.contains("Left in") && !output.stdout.contains("Kept"),
            "nothing is left: {output}"
        );
        commits.push(alice.commit_of(&project, &output.run_id()));
    }
    assert_eq!(commits[0], commits[2], "the run's links are not in the snapshot");
    contents(&project).assert_same(&before, "the project folder");
    let stored = |path: &str| {
        let args = ["--git-dir=.azuremlhistory_git", "show", &format!("{}:{path}", commits[0])];
        alice.git(&project, &args).ok().stdout
    };
    assert_eq!(stored("out"), "../../shared");
    assert_eq!(stored("back"), project.join("src/a.txt").display().to_string());
    // Another place of the same project on this computer: its links lead from there.
    write(&project, "one.py", "print('READ', open('out/train.csv').read().strip())\n");
    let output = submit(&alice, &project, &["one.py"]);
    assert!(output.stdout.contains("READ 1,2"), "{output}");
    let other = sandbox.dir("other");
    write(&other, "shared/train.csv", "7,8\n");
    let moved = sandbox.dir("other/code").join("iris");
    std::fs::rename(&project, &moved).expect("it can be moved");
    let output = submit(&alice, &moved, &["one.py"]);
    assert!(output.stdout.contains("READ 7,8"), "{output}");
}

#[test]
fn variables_that_name_the_project_name_the_run_and_a_virtual_environment_works() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    symlink(sandbox.path().join("work"), sandbox.path().join("link")).expect("a link");
    let _venv =
        alice.sh(&project, "python3 -m venv --without-pip .venv && printf '.venv\\n' >> .gitignore").ok();
    write(&project, "src/model.py", "print('MODEL', __file__)\n");
    write(&project, "bin/tool", "#!/bin/sh\necho TOOL $0\n");
    e2e::folder::set_executable(&project.join("bin/tool"), true);
    write(
        &project,
        "jobs/vars.py",
        "import model, os, subprocess, sys\n\
         print('PREFIX', sys.prefix, flush=True)\nsubprocess.run(['tool'], check=True)\n\
         for name in ['DATA', 'OTHER', 'PWD', 'OLDPWD', 'VIRTUAL_ENV', 'AZML_ATTACHMENTS_DIR']:\n    \
         print(name, os.environ[name])\nprint('CWD', os.getcwd())\n",
    );
    write(
        &project,
        "aml_config/local.runconfig",
        format!("Target: local\nEnvironmentVariables:\n  DATA: {}/data\n", project.display()),
    );
    let shown = project.display().to_string();
    let linked = sandbox.path().join("link/iris").display().to_string();
    let path = format!("{shown}/.venv/bin:{linked}/bin:{}/bin:/usr/bin:/bin", sandbox.path().display());
    let alice = alice
        .with_env("PATH", path)
        .with_env("PYTHONPATH", format!("/nowhere:{linked}/src"))
        .with_env("OTHER", format!("{shown}2"))
        .with_env("VIRTUAL_ENV", format!("{shown}/.venv"))
        .with_env("OLDPWD", &shown)
        .with_env("PWD", format!("{shown}/jobs"));
    let output = submit(&alice, &project.join("jobs"), &["vars.py"]);
    let value = |name: &str| {
        let found = output.stdout.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("{name}: {output}")).to_owned()
    };
    let cwd = value("CWD");
    assert!(!cwd.starts_with(&shown), "{cwd}");
    assert_eq!(value("MODEL"), format!("{cwd}/src/model.py"));
    assert_eq!(value("TOOL"), format!("{cwd}/bin/tool"));
    assert_eq!(value("DATA"), format!("{cwd}/data"));
    assert_eq!(value("OTHER"), format!("{shown}2"), "another folder");
    assert_eq!([value("PWD"), value("OLDPWD")], [cwd.clone(), cwd.clone()]);
    // The environment is the project's own, and works.
    assert_eq!(value("VIRTUAL_ENV"), format!("{shown}/.venv"));
    assert_eq!(value("PREFIX"), format!("{shown}/.venv"));
    assert!(value("AZML_ATTACHMENTS_DIR").starts_with(&shown));
    let in_place = submit(&alice, &project.join("jobs"), &["--in-place", "vars.py"]);
    assert!(in_place.stdout.contains(&format!("MODEL {linked}/src/model.py")), "{in_place}");
    assert!(in_place.stdout.contains(&format!("PWD {shown}\n")), "{in_place}");
}

#[test]
fn an_editable_install_of_the_project_is_noticed_and_the_snapshot_imported() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    let _venv = alice.sh(sandbox.path(), "python3 -m venv --without-pip venv").ok();
    let find = "python3 -c 'import sysconfig; print(sysconfig.get_paths()[\"purelib\"])'";
    let alice =
        alice.with_env("PATH", format!("{0}/venv/bin:{0}/bin:/usr/bin:/bin", sandbox.path().display()));
    let site = alice.sh(sandbox.path(), find).ok().stdout;
    let site = Path::new(site.trim());
    write(&project, "src/iris/__init__.py", "");
    write(&project, "jobs/train.py", "import iris\nprint('IMPORTED', iris.__file__)\n");
    let pth = site.join("__editable__.iris-0.1.pth");
    std::fs::write(&pth, format!("{}/src\n", project.display())).expect("written");
    let output = submit(&alice, &project, &["jobs/train.py"]);
    let from_project = format!("IMPORTED {}", project.display());
    assert!(output.stdout.contains("IMPORTED /") && !output.stdout.contains(&from_project), "{output}");
    assert!(output.stderr.contains("editable") && output.stderr.contains("snapshot's files"), "{output}");
    // It would hide a module of Python's own: then that is said, and left to the user.
    write(&project, "src/logging.py", "");
    let output = submit(&alice, &project, &["jobs/train.py"]);
    assert!(output.stdout.contains(&from_project), "{output}");
    assert!(output.stderr.contains("warning: ") && output.stderr.contains("hint: "), "{output}");
    assert!(output.stderr.contains("not the snapshot's"), "{output}");
    let told = alice.clone().with_env("PYTHONPATH", project.join("src"));
    std::fs::remove_file(project.join("src/logging.py")).expect("removed");
    let output = submit(&told, &project, &["jobs/train.py"]);
    assert!(!output.stderr.contains("editable") && !output.stdout.contains(&from_project), "{output}");
    // In place, the project's files are right; a script beside its package finds that first.
    let output = submit(&alice, &project, &["--in-place", "jobs/train.py"]);
    assert!(!output.stderr.contains("editable"), "{output}");
    std::fs::rename(project.join("jobs/train.py"), project.join("src/train.py")).expect("moved");
    let output = submit(&alice, &project, &["src/train.py"]);
    assert!(!output.stderr.contains("editable") && !output.stdout.contains(&from_project), "{output}");
}

#[test]
fn runs_without_a_home_or_with_their_state_in_the_project_leave_nothing_there() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(&project, "train.py", "print('trained')\n");
    let before = contents(&project);
    let inside = project.join(".state");
    let elsewhere = alice.home().join(".local/state/azml/projects");
    let xdg = alice.clone().with_env("XDG_STATE_HOME", &inside);
    for _ in 0..2 {
        let output = submit(&xdg, &project, &["train.py"]);
        assert!(output.stdout.contains("trained"), "{output}");
        assert!(output.stderr.contains("(XDG_STATE_HOME) is in the project folder"), "{output}");
        contents(&project).assert_same(&before, "the project folder");
    }
    assert!(elsewhere.is_dir());
    let refused = alice.clone().with_env("AZML_STATE_DIR", &inside);
    let output = refused.azml(&project, &["experiment", "submit", "train.py"]).exits(2);
    assert!(output.stderr.contains("AZML_STATE_DIR") && output.stderr.contains("hint: unset"), "{output}");
    // An empty HOME is none; then the account's counts, which is not to be touched here, unless there are the others.
    let homeless = alice.clone().with_env("HOME", "").with_env("XDG_STATE_HOME", sandbox.dir("state"));
    let output = submit(&homeless, &project, &["train.py"]);
    assert!(output.stdout.contains("trained"), "{output}");
    contents(&project).assert_same(&before, "the project folder");
}

#[test]
fn a_folder_that_cannot_be_read_is_passed_over_by_the_run_as_by_the_snapshot() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(&project, ".gitignore", ".azuremlhistory_git\nignored/\n");
    write(&project, "locked/secret.csv", "1\n");
    write(&project, "src/locked/secret.csv", "1\n");
    write(&project, "ignored/locked/secret.csv", "1\n");
    write(&project, "ignored/open.csv", "2\n");
    write(
        &project,
        "train.py",
        "import os\nprint('READ', open('ignored/open.csv').read())\nprint('CWD', os.getcwd())\n",
    );
    write(&project, "outputs/locked/old.csv", "1\n");
    let locked = ["locked", "src/locked", "ignored/locked", "outputs/locked"];
    let chmod = |mode: u32| {
        for path in locked {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(project.join(path), mode).expect("a mode is set");
        }
    };
    chmod(0o000);
    // root reads everything: another user submits then, who has no home folder either.
    let line = "if [ $(id -u) = 0 ]; then \
                chown -R 65534:65534 \"$1\"; chmod a+rwx \"$2\" \"$TMPDIR\"; unset HOME; \
                as='setpriv --reuid=65534 --regid=65534 --clear-groups'; fi; \
                $as azml experiment submit --in-place train.py && $as azml experiment submit train.py";
    let mut command = alice.command("sh", &project);
    command.args(["-c", line, "sh"]).arg(&project).arg(sandbox.path());
    let output = sandbox.run(command, &[], None);
    chmod(0o755);
    let output = output.ok();
    assert!(output.stdout.contains("READ 2"), "{output}");
    let cwd = output.stdout.lines().rev().find_map(|line| line.strip_prefix("CWD ")).expect("it is told");
    assert!(cwd.starts_with('/') && !Path::new(cwd).starts_with(&project), "{output}");
    assert!(output.stderr.contains("locked") && output.stderr.contains("can't be read"), "{output}");
}

#[test]
fn a_script_killed_by_a_signal_is_told_with_its_name_and_number() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(&project, "die.py", "import os, sys\nos.kill(os.getpid(), int(sys.argv[1]))\n");
    for (signal, name) in [(9, "SIGKILL"), (11, "SIGSEGV"), (15, "SIGTERM")] {
        let number = signal.to_string();
        let output = alice.azml(&project, &["experiment", "submit", "die.py", &number]).exits(1);
        let told = format!("signal {signal} ({name})");
        assert!(output.stderr.contains(&format!("killed by {told}")), "{output}");
        assert!(output.stdout.contains(&format!("Killed by: {told}")), "{output}");
        assert_eq!(output.stderr.contains("memory"), signal == 9, "{output}");
        let run = alice.azml_json(&project, &["history", "last"]);
        assert_eq!((&run["status"], &run["signal"]), (&"Failed".into(), &signal.into()), "{run}");
        assert_eq!(run["signal_name"], name);
        assert!(run["exit_code"].is_null(), "{run}");
        let log = ["history", "info", "-r", run["run_id"].as_str().expect("an id"), "-a", "control_log.txt"];
        assert!(alice.azml(&project, &log).ok().stdout.contains(&told));
    }
    // A shell in between gives an exit code.
    write(&project, "wrapped.sh", "sh -c 'kill -KILL $$'\n");
    let output = alice.azml(&project, &["experiment", "submit", "wrapped.sh"]).exits(1);
    assert!(
        output.stderr.contains("exit code 137") && output.stderr.contains("signal 9 (SIGKILL)"),
        "{output}"
    );
}

#[test]
fn scripts_of_every_name_and_kind_run_and_get_their_arguments_as_given() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    let script = "import json, sys\nprint('ARGS', json.dumps(sys.argv[1:]))\n";
    for name in [
        "-x.py",
        "a b.py",
        "new\nline.py",
        "app/__main__.py",
        "pkg.d/__main__.py",
        "__main__.py",
        "-dir/-y.py",
    ] {
        write(&project, name, script);
    }
    let _zipped = alice.sh(&project, "python3 -m zipapp app -o app.pyz && cp app.pyz app.zip").ok();
    write(&project, "-z.sh", "echo ARGS '[\"'\"$1\"'\"]'\n");
    let absolute = project.join("a b.py").display().to_string();
    for name in [
        "./-x.py",
        "a b.py",
        "new\nline.py",
        "app",
        "app/",
        "pkg.d",
        ".",
        "app.pyz",
        "app.zip",
        "./-dir/-y.py",
        &absolute,
    ] {
        let output = submit(&alice, &project, &[name, "--alpha", "-o", "json", "--", "-"]);
        assert!(output.stdout.contains(r#"ARGS ["--alpha", "-o", "json", "--", "-"]"#), "{name}: {output}");
    }
    let output = submit(&alice, &project, &["./-z.sh", "--version"]);
    assert!(output.stdout.contains("ARGS [\"--version\"]"), "{output}");
    let output = submit(&alice, &project.join("app"), &["../-x.py", "--help"]);
    assert!(output.stdout.contains("ARGS [\"--help\"]"), "{output}");
    let output = submit(&alice, &project, &["--", "a b.py", "--", "x"]);
    assert!(output.stdout.contains("ARGS [\"--\", \"x\"]"), "{output}");
    let run = alice.azml_json(&project, &["history", "last"]);
    assert_eq!((&run["script_name"], &run["arguments"][1]), (&"a b.py".into(), &"x".into()), "{run}");
    let output = alice.azml(&project, &["experiment", "submit", "-x.py"]).exits(2);
    assert!(output.stderr.contains("write ./-x.py"), "{output}");
    let output = alice.azml(&project, &["experiment", "submit", "aml_config"]).exits(3);
    assert!(output.stderr.contains("aml_config"), "{output}");
}
