//! S13: what is no file, is without end, or leads elsewhere, where azml reads or writes a file of its own.

use std::os::unix::fs::symlink;
use std::path::Path;

use e2e::folder::{contents, write};
use e2e::{Actor, Output, Sandbox};

/// Runs azml for some seconds at most: what waits for ever is ended.
fn azml(actor: &Actor<'_>, dir: &Path, arguments: &str) -> Output {
    actor.sh(dir, &format!("exec timeout 30 {} {arguments}", actor.azml_path()))
}

#[test]
fn a_file_of_settings_that_is_none_is_named_at_once() {
    let kinds = [
        ("mkfifo \"$1\"", "it is a FIFO, not a file"),
        ("ln -s /dev/zero \"$1\"", "it is a device, not a file"),
        ("mkdir \"$1\"", "it is a folder, not a file"),
        ("truncate -s 1T \"$1\"", "it has 1099511627776 bytes, and at most"),
        (
            "python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' \"$1\"",
            "it is a socket, not a file",
        ),
    ];
    // By the project folder, or by the home folder; and a command that reads it.
    let files = [
        (".azureml/project.json", "history list"),
        ("aml_config/local.runconfig", "experiment submit -c local train.py"),
        ("aml_config/local.compute", "experiment submit -c local train.py"),
        (".gitignore", "project create --existing --path ."),
        ("~/.config/azml/config.toml", "history list"),
        ("~/.config/azml/tokens.json", "account show"),
    ];
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(&project, "train.py", "print('hello')\n");
    for (file, command) in files {
        let path = match file.strip_prefix("~/") {
            Some(file) => alice.home().join(file),
            None => project.join(file),
        };
        let kept = std::fs::read(&path).ok();
        std::fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("a folder");
        for (make, says) in kinds {
            let shown = path.display();
            // A short path, because that of a socket is bounded.
            let name = path.file_name().expect("a name").to_string_lossy();
            let made = format!(
                "rm -rf '{shown}'; cd '{}'; set -- './{name}'; {make}",
                path.parent().expect("a folder").display()
            );
            let _made = alice.sh(&project, &made).ok();
            let dir = if file == ".gitignore" { adoptable(&alice, &project) } else { project.clone() };
            let refused = azml(&alice, &dir, command).exits(1);
            // No link is followed where the content becomes the project's.
            let says = if file == ".gitignore" && make.starts_with("ln") { "is a link" } else { says };
            assert!(
                refused.stderr.contains(says) && refused.stderr.contains(&*name),
                "{file}, {make}: {}",
                refused.stderr
            );
        }
        let _gone = alice.sh(&project, &format!("rm -rf '{}'", path.display())).ok();
        if let Some(kept) = kept {
            std::fs::write(&path, kept).expect("it is put back");
        }
    }
}

#[test]
fn a_git_file_that_is_none_is_named_before_anything_waits_for_it() {
    let kinds = [
        ("mkfifo", "it is a FIFO, not a file"),
        ("ln -s /dev/zero", "it is a device, not a file"),
        ("truncate -s 1T", "it has 1099511627776 bytes, and at most"),
    ];
    let files = [
        "~/.gitconfig",
        "~/.config/git/config",
        ".git/config",
        ".git/HEAD",
        ".git/index",
        ".git/packed-refs",
        ".git/refs/heads/master",
        ".azuremlhistory_git/config",
        ".azuremlhistory_git/packed-refs",
    ];
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    let kept = sandbox.dir("kept");
    for file in files {
        let path = match file.strip_prefix("~/") {
            Some(file) => alice.home().join(file),
            None => project.join(file),
        };
        let (shown, kept) = (path.display(), kept.join("it").display().to_string());
        let _kept = alice.sh(
            &project,
            &format!(
                "mkdir -p \"$(dirname '{shown}')\"; if [ -e '{shown}' ]; then mv '{shown}' '{kept}'; fi"
            ),
        );
        for (make, says) in kinds {
            let _made = alice.sh(&project, &format!("{make} '{shown}'")).ok();
            let refused = azml(&alice, &project, "project snapshot").exits(1);
            let name = path.file_name().expect("a name").to_string_lossy();
            let has = |words: &str| refused.stderr.contains(words);
            assert!(has(says) && has(&name) && has("hint: put a file"), "{file}, {make}: {}", refused.stderr);
            let _gone = alice.sh(&project, &format!("rm '{shown}'")).ok();
        }
        let _back = alice.sh(&project, &format!("if [ -e '{kept}' ]; then mv '{kept}' '{shown}'; fi")).ok();
    }
    let _taken = azml(&alice, &project, "project snapshot").ok();

    // Git reads nothing from the null device, and passes over an included file that is none.
    let script = format!(
        "GIT_CONFIG_GLOBAL=/dev/null exec timeout 30 {} project update -r ../r.git",
        alice.azml_path()
    );
    let _linked = alice.sh(&project, &format!("git init -q --bare ../r.git; {script}")).ok();
    let _fifo = alice.sh(alice.home(), "mkfifo fifo; git config --global include.path ~/fifo").ok();
    let _taken = azml(&alice, &project, "project snapshot").ok();
    let refused = azml(&alice, &project, "project update -r ../r.git").exits(1);
    assert!(
        refused.stderr.contains("/fifo") && refused.stderr.contains("hint: put a file"),
        "{}",
        refused.stderr
    );
}

#[test]
fn what_a_script_makes_of_the_files_beside_it_stops_no_run() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    let metrics = "import os\nm = os.environ['AZML_METRICS_FILE']\nos.path.exists(m) and os.remove(m)\n";
    for (make, says) in [
        ("os.mkfifo(m)", "no metric is recorded: metrics.jsonl can't be read, it is a FIFO"),
        ("os.symlink('/dev/zero', m)", "no metric is recorded: metrics.jsonl can't be read, it is a device"),
        ("open(m, 'w').truncate(1 << 40)", "what is logged beyond the first"),
    ] {
        write(&project, "train.py", format!("{metrics}{make}\n"));
        let run = azml(&alice, &project, "experiment submit -c local train.py").ok();
        assert!(run.stderr.contains(says), "{make}: {run}");
        let record = alice.azml_json(&project, &["history", "info", "-r", &run.run_id()]);
        assert_eq!(record["status"], "Completed", "{make}: {record}");
    }
    write(&project, "train.py", "print('hello')\n");
    let _fifo = alice.sh(&project, "mkfifo .amlignore").ok();
    let run = azml(&alice, &project, "experiment submit -c local train.py").ok();
    assert!(run.stderr.contains("because it is no file: .amlignore"), "{}", run.stderr);
}

/// A folder that is no project yet, with the same `.gitignore`.
fn adoptable(alice: &Actor<'_>, project: &Path) -> std::path::PathBuf {
    let other = project.with_file_name("other");
    let script = format!("rm -rf '{0}'; mkdir '{0}'; mv .gitignore '{0}/'", other.display());
    let _made = alice.sh(project, &script).ok();
    other
}

#[test]
fn a_download_is_not_written_through_a_link_of_the_project() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(&project, "train.py", "open('outputs/model', 'w').write('model')\n");
    write(&project, "outputs/.keep", "");
    let run = alice.submit(&project, &["train.py"]);
    let outside = sandbox.dir("outside");
    for (link, below) in [("azureml-logs", ""), ("azureml-logs/x", "x")] {
        let link =
            if below.is_empty() { project.join(link) } else { project.join("azureml-logs").join(&run) };
        std::fs::create_dir_all(link.parent().expect("a folder")).expect("a folder");
        symlink(&outside, &link).expect("a link");
        let refused = alice.azml(&project, &["history", "download", "-r", &run]).exits(1);
        let says = "it is a link or a file, not a folder";
        assert!(
            refused.stderr.contains(says) && refused.stderr.contains("azureml-logs"),
            "{}",
            refused.stderr
        );
        assert_eq!(contents(&outside).names(), Vec::<String>::new());
        std::fs::remove_file(&link).expect("the link goes");
    }
    // Where the user says so, a link is followed; and without any it is written where it belongs.
    symlink(&outside, project.join("results")).expect("a link");
    let _written = alice.azml(&project, &["history", "download", "-r", &run, "-d", "results"]).ok();
    assert!(outside.join("outputs/model").is_file());
    let _written = alice.azml(&project, &["history", "download", "-r", &run]).ok();
    assert!(project.join("azureml-logs").join(&run).join("outputs/model").is_file());
    let _refused = alice.azml(&project, &["history", "download", "-r", &run]).exits(1);
    let _forced = alice.azml(&project, &["history", "download", "-r", &run, "--force"]).ok();
}

#[test]
fn a_huge_file_stops_a_snapshot_before_it_is_read() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    let _huge = alice.sh(&project, "truncate -s 1T huge.bin").ok();
    let refused = azml(&alice, &project, "project snapshot").exits(1);
    assert!(refused.stderr.contains("huge.bin"), "{}", refused.stderr);
}
