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

#[test]
fn the_folder_decides_and_not_the_environment_of_a_hook() {
    let sandbox = Sandbox::new();
    let alice = sandbox.actor("alice", "alicepat");
    let work = sandbox.dir("work");
    let (top, project) = monorepo(&alice, &work);
    write(&project, "patients/p.csv", "secret\n");
    write(&project, "patients/tracked.csv", "tracked\n");
    let _made = alice.azml(&project, &["project", "create", "-n", "demo", "--existing"]).ok();
    let _tracked = alice.git(&top, &["add", "-f", "exp/net/patients/tracked.csv"]).ok();
    let _other = alice.git(&work, &["init", "-q", "other"]).ok();
    let other = work.join("other");
    let hooked = alice
        .clone()
        .with_env("GIT_DIR", other.join(".git"))
        .with_env("GIT_WORK_TREE", &other)
        .with_env("GIT_INDEX_FILE", other.join(".git/index"));
    let run = hooked.submit(&project, &["s.py"]);
    let files = snapshot_of(&alice, &project, &run);
    assert!(files.contains(&"patients/tracked.csv".to_owned()), "{files:?}");
    assert!(!files.contains(&"patients/p.csv".to_owned()), "{files:?}");
    assert!(message_of(&alice, &project, &run).contains("Base-Folder: exp/net"));

    // Where Git may not look for a repository, azml does not either.
    let bounded = alice.clone().with_env("GIT_CEILING_DIRECTORIES", top.join("exp"));
    write(&top.join("exp/two"), "s.py", "print(2)\n");
    let _none = bounded.sh(&top.join("exp/two"), "! git rev-parse 2> none").ok();
    let _made = bounded.azml(&top.join("exp/two"), &["project", "create", "-n", "two", "--existing"]).ok();
    assert!(top.join("exp/two/.git/HEAD").exists());
}

#[test]
fn a_history_with_a_name_that_git_would_clean_is_read() {
    let sandbox = Sandbox::new();
    let alice = sandbox.actor("alice", "alicepat");
    let project = alice.create_project(&sandbox.dir("work"), "demo");
    write(&project, "s.py", "print(1)\n");
    let first = alice.submit(&project, &["s.py"]);
    // As another program may have written them: the tip of each ref once more, by somebody with an odd name.
    let rewrite = "cd .azuremlhistory_git; for ref in $(git for-each-ref --format='%(refname)' refs/heads refs/azureml/runs); do \
        new=$(git cat-file commit $ref | sed -e 's/^author .*/author A <b <c>, x <d@e> 1511000000 +0000/' \
        -e 's/^committer .*/committer <> 1511000000 +0000/' | git hash-object -t commit --literally -w --stdin); \
        git update-ref $ref $new; done";
    let _rewritten = alice.sh(&project, rewrite).ok();
    let _listed = alice.azml(&project, &["history", "list"]).ok();
    write(&project, "s.py", "print(2)\n");
    let _second = alice.submit(&project, &["s.py"]);
    let _restored = alice.azml(&project, &["project", "restore", "-r", &first]).ok();
    let _shown = alice.azml(&project, &["project", "show"]).ok();
    assert_eq!(std::fs::read_to_string(project.join("s.py")).expect("a script"), "print(1)\n");
}

/// A repository with three commits, for cloning in parts.
fn upstream(alice: &Actor<'_>, work: &Path) -> String {
    let made = "git init -q up && cd up && for i in 1 2 3; do echo \"print($i)\" > s.py; git add .; git commit -qm $i; \
                done; git config uploadpack.allowFilter true";
    let _made = alice.sh(work, made).ok();
    format!("file://{}", work.join("up").display())
}

#[test]
fn a_shallow_or_partial_clone_says_what_it_lacks_and_how_to_bring_it() {
    let sandbox = Sandbox::new();
    let alice = sandbox.actor("alice", "alicepat");
    let work = sandbox.dir("work");
    let up = upstream(&alice, &work);
    for (n, (how, way_out)) in
        [("--depth=1", "git fetch --unshallow"), ("--filter=blob:none", "git fetch --refetch --no-filter")]
            .into_iter()
            .enumerate()
    {
        let project = work.join(format!("demo{n}"));
        let remote = sandbox.bare_repo(&format!("r{n}.git"));
        let remote = remote.to_str().expect("a path in UTF-8");
        let _cloned = alice.git(&work, &["clone", "-q", how, &up, project.to_str().expect("UTF-8")]).ok();
        let create = ["project", "create", "-n", "demo", "--existing", "-r", remote];
        let output = alice.azml(&project, &create).fails();
        assert!(output.stderr.contains(way_out), "{how}: {output}");
        assert!(!project.join(".azuremlhistory_git").exists(), "{how}: half a project");
        assert_eq!(alice.git(&work, &["ls-remote", remote]).ok().stdout, "", "{how}: half a push");

        // Without a remote it is a project like any other.
        let _made = alice.azml(&project, &["project", "create", "-n", "demo", "--existing"]).ok();
        let run = alice.submit(&project, &["s.py"]);
        let head = alice.git(&project, &["rev-parse", "HEAD"]).ok();
        assert!(
            message_of(&alice, &project, &run).contains(&format!("Base-Commit: {}", head.text())),
            "{how}"
        );
        let output = alice.azml(&project, &["project", "update", "-r", remote]).fails();
        assert!(output.stderr.contains(way_out), "{how}: {output}");
        // The way out leads out.
        let _taken = alice.sh(&project, &format!("{way_out} -q")).ok();
        let _linked = alice.azml(&project, &["project", "update", "-r", remote]).ok();
        let cloned = work.join(format!("again{n}"));
        let _again = alice.git(&work, &["clone", "-q", remote, cloned.to_str().expect("UTF-8")]).ok();
        let log = alice.git(&cloned, &["log", "--format=%s"]).ok().stdout;
        assert_eq!(log, "3\n2\n1\n", "{how}");
    }
}

#[test]
fn a_sparse_checkout_is_taken_and_restored_as_the_folder_is() {
    let sandbox = Sandbox::new();
    let alice = sandbox.actor("alice", "alicepat");
    let work = sandbox.dir("work");
    let made = "git init -q demo && cd demo && mkdir in out && echo 'print(1)' > in/s.py && echo x > out/x && \
                git add . && git commit -qm 1 && git sparse-checkout set --cone --sparse-index in";
    let _made = alice.sh(&work, made).ok();
    let project = work.join("demo");
    let _made = alice.azml(&project, &["project", "create", "-n", "demo", "--existing"]).ok();
    let first = alice.submit(&project, &["in/s.py"]);
    assert!(!snapshot_of(&alice, &project, &first).contains(&"out/x".to_owned()));
    write(&project, "in/s.py", "print(2)\n");
    let _second = alice.submit(&project, &["in/s.py"]);
    let index = std::fs::read(project.join(".git/index")).expect("an index");
    let _restored = alice.azml(&project, &["project", "restore", "-r", &first]).ok();
    assert_eq!(std::fs::read(project.join(".git/index")).expect("an index"), index);
    assert_eq!(alice.git(&project, &["status", "--porcelain", "--untracked-files=no"]).ok().stdout, "");
    assert!(!project.join("out").exists());
}

#[test]
fn formats_that_azml_does_not_read_are_named_with_the_way_out() {
    let sandbox = Sandbox::new();
    let alice = sandbox.actor("alice", "alicepat");
    let work = sandbox.dir("work");
    let _made = alice
        .sh(&work, "git init -q --object-format=sha256 sha && git init -q --ref-format=reftable ref")
        .ok();
    let output = alice.azml(&work.join("sha"), &["project", "create", "-n", "demo", "--existing"]).fails();
    assert!(output.stderr.contains("SHA-256") && output.stderr.contains("fast-import"), "{output}");
    assert_eq!(std::fs::read_dir(work.join("sha")).expect("a folder").count(), 1, "half a project");

    // Of a reftable nothing is needed but HEAD: runs go on, and say so.
    let project = work.join("ref");
    write(&project, "s.py", "print(1)\n");
    write(&project, ".gitignore", "*.csv\n");
    write(&project, "tracked.csv", "1\n");
    write(&project, "ignored.csv", "1\n");
    let _committed = alice.sh(&project, "git add . && git add -f tracked.csv && git commit -qm 1").ok();
    let output = alice.azml(&project, &["project", "create", "-n", "demo", "--existing"]).ok();
    assert!(output.stderr.contains("reftable"), "{output}");
    let run = alice.submit(&project, &["s.py"]);
    let files = snapshot_of(&alice, &project, &run);
    assert!(
        files.contains(&"tracked.csv".to_owned()) && !files.contains(&"ignored.csv".to_owned()),
        "{files:?}"
    );
    assert!(!message_of(&alice, &project, &run).contains("Base-"), "nothing is guessed");
    let remote = sandbox.bare_repo("r.git");
    let url = remote.to_str().expect("a path in UTF-8");
    let output = alice.azml(&project, &["project", "update", "-r", url]).fails();
    assert!(output.stderr.contains("refs migrate"), "{output}");
    let _copied = alice.git(&work, &["clone", "-q", "--ref-format=files", "ref", "copy"]).ok();
    let _linked =
        alice.azml(&work.join("copy"), &["project", "create", "-n", "copy", "--existing", "-r", url]).ok();
}

#[test]
fn a_name_that_git_would_clean_stops_nothing() {
    let sandbox = Sandbox::new();
    let alice = sandbox.actor("alice", "alicepat");
    let project = alice.create_project(&sandbox.dir("work"), "demo");
    write(&project, "s.py", "print(1)\n");
    let _name = alice.git(&project, &["config", "user.name", " Ann <ann>,"]).ok();
    let _email = alice.git(&project, &["config", "user.email", "<ann@example.com>"]).ok();
    let first = alice.submit(&project, &["s.py"]);
    let _listed = alice.azml(&project, &["history", "list"]).ok();
    write(&project, "s.py", "print(2)\n");
    let _second = alice.submit(&project, &["s.py"]);
    let _restored = alice.azml(&project, &["project", "restore", "-r", &first]).ok();
    let history = project.join(".azuremlhistory_git");
    let dir = history.to_str().expect("UTF-8");
    let names =
        alice.git(&project, &["--git-dir", dir, "log", "--all", "--format=%an <%ae>, %cn <%ce>"]).ok().stdout;
    let ours = names.lines().filter(|line| line.contains("ann")).collect::<Vec<_>>();
    assert!(ours.len() >= 5, "{names}");
    for line in ours {
        assert_eq!(line, "Ann ann <ann@example.com>, Ann ann <ann@example.com>");
    }
    assert_eq!(alice.git(&project, &["--git-dir", dir, "fsck", "--strict", "--no-dangling"]).ok().stdout, "");

    // What the environment says goes first, as for Git; where Git would refuse, a run goes on.
    let bob = sandbox
        .actor("alice", "alicepat")
        .with_env("GIT_AUTHOR_NAME", "Bob")
        .with_env("GIT_AUTHOR_EMAIL", "b@b");
    write(&project, "s.py", "print(3)\n");
    let run = bob.submit(&project, &["s.py"]);
    let commit = bob.commit_of(&project, &run);
    let format = ["--git-dir", dir, "log", "-1", "--format=%an <%ae>", &commit];
    assert_eq!(bob.git(&project, &format).ok().stdout, "Bob <b@b>\n");
    let nobody = sandbox.actor("alice", "alicepat").with_env("GIT_AUTHOR_NAME", "<>");
    write(&project, "s.py", "print(4)\n");
    let _run = nobody.submit(&project, &["s.py"]);
}
