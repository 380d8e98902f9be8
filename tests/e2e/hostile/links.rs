//! S5: nothing is collected, pushed or shown through a link that leads out of a run's folder.

use std::os::unix::fs::symlink;
use std::path::Path;

use e2e::folder::write;
use e2e::{Actor, Sandbox, git};

/// A text that must not leave the computer.
const PRIVATE: &str = "PRIVATE-OF-THE-VICTIM";

/// The content of every object of a repository, and of every file beside its objects.
fn all_of(actor: &Actor<'_>, repository: &Path) -> String {
    actor.git(repository, &["cat-file", "--batch-all-objects", "--batch"]).ok().stdout
}

/// Fails if the private text is in a repository or in a file below a folder; links are not followed.
#[track_caller]
fn assert_kept_private(actor: &Actor<'_>, repositories: &[&Path], folders: &[&Path], what: &str) {
    for repository in repositories {
        assert!(!all_of(actor, repository).contains(PRIVATE), "{what}: {}", repository.display());
    }
    for folder in folders {
        let script = format!("! grep -r -l -a {PRIVATE} '{}'", folder.display());
        let _none = actor.sh(Path::new("/"), &script).ok();
    }
}

#[test]
fn what_links_of_a_snapshot_or_script_lead_to_outside_stays_on_the_computer() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let url = server.repo("iris");
    let victim = sandbox.actor_at("victim", "carol", "carolpat");
    write(victim.home(), ".ssh/id_rsa", PRIVATE);
    write(victim.home(), ".ssh/log.txt", PRIVATE);

    // A colleague's snapshot has links to where the victim's files will be.
    let colleague = sandbox.actor("alice", "alicepat");
    let project = colleague.create_linked_project(&sandbox.dir("work"), "iris", &url);
    let ssh = victim.home().join(".ssh");
    std::fs::create_dir_all(project.join("outputs")).expect("a folder");
    std::fs::create_dir_all(project.join("logs")).expect("a folder");
    for (name, target) in [
        ("outputs/model.bin", ssh.join("id_rsa")),
        ("outputs/chain.bin", "model.bin".into()),
        ("outputs/keys", ssh.clone()),
        ("outputs/through.bin", "keys/id_rsa".into()),
        ("logs/run.log", ssh.join("log.txt")),
    ] {
        symlink(target, project.join(name)).expect("a link");
    }
    // Each of these is harmless, or a script that touches what it finds.
    let scripts = [
        ("harmless.py", "print('done')\n"),
        (
            "touch.py",
            "import os\nfor n in ('model.bin', 'chain.bin', 'keys'):\n    os.utime('outputs/' + n, follow_symlinks=False)\n",
        ),
        (
            "again.py",
            "import os\nfor n in ('outputs/model.bin', 'logs/run.log'):\n    t = os.readlink(n); os.remove(n); os.symlink(t, n)\n",
        ),
        (
            "own.py",
            "import os\nos.symlink(os.path.expanduser('~/.ssh/id_rsa'), 'outputs/own')\n\
             os.symlink('outputs/own', 'own-chain')\nos.symlink('../own-chain', 'outputs/own-chain')\n\
             os.symlink(os.path.expanduser('~/.ssh'), 'outputs/own-folder')\n",
        ),
    ];
    for (name, text) in scripts {
        write(&project, name, text);
    }
    let _pushed = colleague.submit(&project, &["harmless.py"]);

    let there = sandbox.dir("victim");
    let _cloned = victim.azml(&there, &["project", "clone", &url, "iris"]).ok();
    let roamed = there.join("iris");
    let history = git::history_of(&roamed);
    for (script, _) in scripts {
        for place in [&[][..], &["--in-place"]] {
            let what = format!("{script} {place:?}");
            let args = [&["experiment", "submit", "-c", "local"], place, &[script]].concat();
            let output = victim.azml(&roamed, &args).ok();
            let run = output.run_id();
            let record = victim.azml_json(&roamed, &["history", "info", "-r", &run]);
            let attachments = record["attachments"].to_string();
            assert!(attachments.contains("driver_log.txt"), "{what}: {attachments}");
            assert!(
                !attachments.contains("outputs/") && !attachments.contains("logs/"),
                "{what}: {attachments}"
            );
            let shown = victim.azml(&roamed, &["history", "info", "-r", &run, "-a", "outputs/model.bin"]);
            let _absent = shown.exits(3);
            if script == "own.py" {
                for name in ["outputs/own", "outputs/own-chain", "outputs/own-folder"] {
                    let line =
                        format!("Not collected, a link out of the run's folder: {name} -> {}", ssh.display());
                    assert!(output.stdout.contains(&line), "{what}: {name}: {output}");
                    std::fs::remove_file(roamed.join(name)).ok();
                }
                std::fs::remove_file(roamed.join("own-chain")).ok();
            }
            let _zip = victim
                .azml(&roamed, &["experiment", "diagnostics", "-r", &run, "--output-file", "d.zip"])
                .ok();
            let _zip = victim.sh(&roamed, "mkdir -p zip && python3 -m zipfile -e d.zip zip && rm d.zip").ok();
            let mut repositories = server.repositories();
            repositories.push(history.clone());
            let repositories: Vec<&Path> = repositories.iter().map(std::path::PathBuf::as_path).collect();
            assert_kept_private(&victim, &repositories, &[&roamed.join("zip"), &history.join("azml")], &what);
            std::fs::remove_dir_all(roamed.join("zip")).expect("a folder goes");
        }
    }
    assert_eq!(
        std::fs::read_to_string(ssh.join("id_rsa")).expect("it is there"),
        PRIVATE,
        "nothing was moved"
    );
}

#[test]
fn what_a_scripts_links_lead_to_inside_is_collected() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    let script = "import os\nos.makedirs('outputs/deep')\nos.makedirs('ckpt')\n\
                  open('outputs/a.txt', 'w').write('a')\nopen('ckpt/best.pt', 'w').write('best')\n\
                  os.symlink('a.txt', 'outputs/latest')\nos.symlink('../../ckpt/best.pt', 'outputs/deep/best')\n\
                  os.symlink(os.path.abspath('ckpt/best.pt'), 'outputs/absolute')\nos.symlink('latest', 'outputs/chain')\n";
    write(&project, "train.py", script);
    for place in [&[][..], &["--in-place"]] {
        let args = [&["experiment", "submit", "-c", "local"], place, &["train.py"]].concat();
        let output = alice.azml(&project, &args).ok();
        assert!(!output.stdout.contains("Not collected"), "{output}");
        let run = output.run_id();
        for (name, text) in [
            ("outputs/a.txt", "a"),
            ("outputs/latest", "a"),
            ("outputs/chain", "a"),
            ("outputs/deep/best", "best"),
            ("outputs/absolute", "best"),
        ] {
            let shown = alice.azml(&project, &["history", "info", "-r", &run, "-a", name]).ok();
            assert_eq!(shown.stdout, text, "{place:?} {name}");
        }
    }
}

#[test]
fn a_projects_own_files_are_not_written_or_read_through_links() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let (work, outside) = (sandbox.dir("work"), sandbox.dir("outside"));
    write(&outside, "private.txt", PRIVATE);
    let listed = || alice.sh(&outside, "ls -A").ok().stdout;
    for (name, target) in
        [(".azureml", "."), ("aml_config", "."), (".gitignore", "private.txt"), (".gitignore", "absent")]
    {
        let what = format!("{name} -> {target}");
        // In a folder that came from somewhere, and in the template of a new project.
        let folder = sandbox.dir("existing");
        write(&folder, "train.py", "print('hello')\n");
        symlink(outside.join(target), folder.join(name)).expect("a link");
        let template = sandbox.dir("template");
        let commit = "cp -a ../existing/. . && git init -q && git add -A -f && git commit -qm one";
        let _made = alice.sh(&template, commit).ok();
        let existing = alice.azml(&folder, &["project", "create", "--existing", "-n", "iris"]);
        let from = ["project", "create", "-n", "fresh", "--template-url", &template.display().to_string()];
        for output in [existing, alice.azml(&work, &from)] {
            let output = output.exits(1);
            assert!(output.stderr.contains(&format!("/{name} is a link")), "{what}: {output}");
            assert!(output.stderr.contains("hint: move it away"), "{what}: {output}");
        }
        assert_eq!(listed(), "private.txt\n", "{what}");
        assert_eq!(alice.sh(&folder, "ls -A").ok().stdout, format!("{name}\ntrain.py\n"), "{what}");
        assert!(!work.join("fresh").exists(), "{what}");
        for folder in [&folder, &template] {
            std::fs::remove_dir_all(folder).expect("a folder goes");
        }
    }
    assert_eq!(std::fs::read_to_string(outside.join("private.txt")).expect("it is there"), PRIVATE);
}
