//! Repositories around the project and in it: monorepos, submodules, shallow and partial clones.

use std::path::{Path, PathBuf};

use e2e::folder::write;
use e2e::{Actor, Sandbox, git};

/// The files of a run's snapshot.
fn snapshot_of(actor: &Actor<'_>, project: &Path, run: &str) -> Vec<String> {
    let commit = actor.commit_of(project, run);
    let history = project.join(".azuremlhistory_git");
    let args =
        ["--git-dir", history.to_str().expect("a path in UTF-8"), "ls-tree", "-r", "--name-only", &commit];
    actor.git(project, &args).ok().stdout.lines().map(str::to_owned).collect()
}

fn message_of(actor: &Actor<'_>, project: &Path, run: &str) -> String {
    let commit = actor.commit_of(project, run);
    let history = project.join(".azuremlhistory_git");
    let args = ["--git-dir", history.to_str().expect("a path in UTF-8"), "log", "-1", "--format=%B", &commit];
    actor.git(project, &args).ok().stdout
}

/// A repository with a commit, and the folder `exp/net` of it with a script.
fn monorepo(actor: &Actor<'_>, work: &Path) -> (PathBuf, PathBuf) {
    let _made = actor.git(work, &["init", "-q", "mono"]).ok();
    let top = work.join("mono");
    let project = top.join("exp/net");
    write(&top, ".gitignore", "patients/\n");
    write(&project, "s.py", "print(1)\n");
    let _committed = actor.sh(&top, "git add . && git commit -qm ours").ok();
    (top, project)
}

#[test]
fn a_project_in_a_folder_of_a_repository_uses_it() {
    let sandbox = Sandbox::new();
    let alice = sandbox.actor("alice", "alicepat");
    let (top, project) = monorepo(&alice, &sandbox.dir("work"));
    write(&project, "patients/p.csv", "secret\n");
    let config = std::fs::read(top.join(".git/config")).expect("a repository");
    let output = alice.azml(&project, &["project", "create", "-n", "demo", "--existing"]).ok();
    assert!(
        output.stderr.contains("folder of the Git repository") && output.stderr.contains("--init-repo"),
        "{output}"
    );
    assert!(!project.join(".git").exists(), "a repository inside the other");
    let run = alice.submit(&project, &["s.py"]);
    let files = snapshot_of(&alice, &project, &run);
    assert!(
        files.contains(&"s.py".to_owned()) && !files.iter().any(|file| file.contains("patients")),
        "{files:?}"
    );
    let message = message_of(&alice, &project, &run);
    let head = alice.git(&top, &["rev-parse", "HEAD"]).ok();
    for trailer in [&format!("Base-Commit: {}", head.text()), "Base-Branch: master", "Base-Folder: exp/net"] {
        assert!(message.contains(trailer), "{message}");
    }

    // A new project there makes no repository either, and Git adds its files as files.
    let _made = alice.azml(&top.join("exp"), &["project", "create", "-n", "new"]).ok();
    assert!(!top.join("exp/new/.git").exists());
    assert_eq!(std::fs::read(top.join(".git/config")).expect("a repository"), config);
    let added = alice.sh(&top, "git add -A && git ls-files -s").ok().stdout;
    assert!(!added.contains("160000") && !added.contains("azuremlhistory_git"), "{added}");
    assert!(added.contains("exp/new/train.py") && added.contains("exp/net/.azureml/project.json"), "{added}");
    assert!(
        alice.sh(&top, "git log --oneline").ok().stdout.lines().count() == 1,
        "azml commits nothing there"
    );

    // Asked for, one is made.
    let _made = alice.azml(&top.join("exp"), &["project", "create", "-n", "own", "--init-repo"]).ok();
    assert!(top.join("exp/own/.git/HEAD").exists());
    // And where the repository ignores the folder it has nothing to say.
    let _made = alice.azml(&sandbox.dir("work/mono/patients"), &["project", "create", "-n", "inner"]).ok();
    assert!(top.join("patients/inner/.git/HEAD").exists());
}

#[test]
fn restore_in_a_folder_of_a_repository_touches_nothing_outside() {
    let sandbox = Sandbox::new();
    let alice = sandbox.actor("alice", "alicepat");
    let (top, project) = monorepo(&alice, &sandbox.dir("work"));
    write(&project, "patients/p.csv", "secret\n");
    write(&top, "other.py", "mine\n");
    let _made = alice.azml(&project, &["project", "create", "-n", "demo", "--existing"]).ok();
    let first = alice.submit(&project, &["s.py"]);
    write(&project, "s.py", "print(2)\n");
    let _second = alice.submit(&project, &["s.py"]);
    let index = std::fs::read(top.join(".git/index")).expect("an index");
    let _restored = alice.azml(&project, &["project", "restore", "-r", &first]).ok();
    assert_eq!(std::fs::read_to_string(project.join("s.py")).expect("a script"), "print(1)\n");
    assert!(project.join("patients/p.csv").exists() && top.join("other.py").exists());
    assert_eq!(std::fs::read(top.join(".git/index")).expect("an index"), index, "the index was written");
}

#[test]
fn the_history_of_such_a_project_goes_to_the_repositorys_remote_or_to_one_of_its_own() {
    let sandbox = Sandbox::new();
    let alice = sandbox.actor("alice", "alicepat");
    let work = sandbox.dir("work");
    let (top, project) = monorepo(&alice, &work);
    let (origin, own, other) =
        (sandbox.bare_repo("origin.git"), sandbox.bare_repo("own.git"), sandbox.bare_repo("other.git"));
    let [origin, own, other] = [&origin, &own, &other].map(|path| path.to_str().expect("a path in UTF-8"));
    let push = format!("git remote add origin '{origin}' && git push -q origin HEAD:master");
    let _pushed = alice.sh(&top, &push).ok();
    let stranger = format!(
        "git init -q s && cd s && git commit -q --allow-empty -m x && git push -q '{other}' HEAD:master"
    );
    let _pushed = alice.sh(&work, &stranger).ok();
    let config = std::fs::read(top.join(".git/config")).expect("a repository");

    let _made = alice.azml(&project, &["project", "create", "-n", "demo", "--existing"]).ok();
    let output = alice.azml(&project, &["project", "update", "-r", other]).fails();
    assert!(output.stderr.contains("neither empty nor the one that the project is in"), "{output}");
    let _linked = alice.azml(&project, &["project", "update", "-r", origin]).ok();
    let run = alice.submit(&project, &["s.py"]);
    let _delivered = alice.azml(&project, &["history", "sync"]).ok();
    let refs = alice.git(&work, &["ls-remote", origin]).ok().stdout;
    assert!(refs.contains(&git::project_id(&project)), "{refs}");
    let head = alice.git(&top, &["rev-parse", "HEAD"]).ok();
    assert!(refs.contains(&format!("{}\trefs/heads/master", head.text())), "master is as it was: {refs}");
    assert_eq!(std::fs::read(top.join(".git/config")).expect("a repository"), config);

    // Elsewhere it is a folder of files, and nothing claims that they are the whole of master.
    let output = alice.azml(&work, &["project", "clone", origin, "elsewhere"]).ok();
    assert!(output.stderr.contains("exp/net"), "{output}");
    let clone = work.join("elsewhere");
    assert!(clone.join("s.py").exists() && !clone.join(".git").exists());
    let listed = alice.azml(&clone, &["history", "list", "-o", "json"]).ok().stdout;
    assert!(listed.contains(&run), "{listed}");
    let output = alice.azml(&work, &["project", "clone", "--master", origin, "third"]).fails();
    assert!(output.stderr.contains("git clone"), "{output}");

    // A remote of its own gets the run history alone.
    let _made = alice.azml(&top, &["project", "create", "-n", "second", "-r", own]).ok();
    let refs = alice.git(&work, &["ls-remote", own]).ok().stdout;
    assert!(refs.contains("AzureMLHistory") && !refs.contains("refs/heads/master"), "{refs}");
}

#[test]
fn what_a_submodule_tracks_is_in_runs_and_comes_back() {
    let sandbox = Sandbox::new();
    let alice = sandbox.actor("alice", "alicepat");
    let work = sandbox.dir("work");
    let up = "git init -q up && mkdir up/lib && echo 'V = 1' > up/lib/net.py && cd up && git add . && git commit -qm net";
    let _up = alice.sh(&work, up).ok();
    let add = "git init -q demo && cd demo && git -c protocol.file.allow=always submodule -q add ../up third/net && \
               echo 'lib/' > .gitignore && git add . && git commit -qm start";
    let _demo = alice.sh(&work, add).ok();
    let project = work.join("demo");
    let _made = alice.azml(&project, &["project", "create", "-n", "demo", "--existing"]).ok();
    write(&project, "s.py", "exec(open('third/net/lib/net.py').read()); print('V =', V)\n");
    let first = alice.submit(&project, &["s.py"]);
    write(&project, "third/net/lib/net.py", "V = 2\n");
    write(&project, "third/net/lib/scratch.py", "ignored\n");
    let output = alice.azml(&project, &["experiment", "submit", "-c", "local", "s.py"]).ok();
    assert!(output.stdout.contains("V = 2"), "{output}");
    let before = alice.sh(&project, "cat .git/modules/third/net/index | cksum").ok().stdout;
    let _restored = alice.azml(&project, &["project", "restore", "-r", &first]).ok();
    assert_eq!(std::fs::read_to_string(project.join("third/net/lib/net.py")).expect("a module"), "V = 1\n");
    assert!(project.join("third/net/lib/scratch.py").exists(), "an ignored file stays");
    assert!(project.join("third/net/.git").is_file());
    assert_eq!(alice.sh(&project, "cat .git/modules/third/net/index | cksum").ok().stdout, before);
}
