//! The article's steps 3, 3b, 4, 5 and 6, letter for letter: "Using Git Repo with an Azure Machine Learning
//! Workbench Project". Only the account's address and the run's id are filled in.

use e2e::folder::write;
use e2e::{Sandbox, binaries, contents, git};

/// Puts the example project's files into a project.
fn add_iris(project: &std::path::Path) {
    for name in ["train.py", "iris.csv"] {
        let bytes = std::fs::read(binaries::workspace().join("examples/iris").join(name))
            .expect("the example is there");
        write(project, name, bytes);
    }
}

#[test]
fn step_3_a_new_project_with_a_remote_git_repo() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let alice = sandbox.actor("alice", "alicepat");
    let home = sandbox.dir("work");
    let url = server.repo("iris");

    let _made = alice.az(&home, &["ml", "project", "create", "-n", "myIris", "--path", ".", "-r", &url]).ok();

    // "A master branch and a special Run History branch are created in the Git repo for you."
    let project = home.join("myIris");
    let listed = alice.git(&home, &["ls-remote", &url]).ok().stdout;
    assert!(listed.contains("\trefs/heads/master\n"), "{listed}");
    assert!(listed.contains(&format!("\trefs/heads/{}\n", git::history_branch(&project))), "{listed}");
    // "The project folder is always Git-initialized as a local Git repo", and "the Git remote is set".
    assert_eq!(alice.git(&project, &["log", "--format=%s"]).ok().text(), "Initial commit");
    assert_eq!(alice.git(&project, &["status", "--porcelain"]).ok().text(), "");
    assert_eq!(alice.git(&project, &["remote", "get-url", "origin"]).ok().text(), url);
    assert_eq!(alice.git(&project, &["symbolic-ref", "HEAD"]).ok().text(), "refs/heads/master");
    git::assert_sound(&alice, &project);
    git::assert_sound(&alice, &git::history_of(&project));
}

#[test]
fn step_3b_an_existing_project_is_associated_with_a_repo() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let alice = sandbox.actor("alice", "alicepat");
    let home = sandbox.dir("work");
    let _made = alice.az(&home, &["ml", "project", "create", "-n", "myIris", "--path", "."]).ok();
    let project = home.join("myIris");
    add_iris(&project);
    let run =
        alice.az(&project, &["ml", "experiment", "submit", "-c", "local", "train.py", "0.1"]).ok().run_id();

    let url = server.repo("extra");
    let _linked = alice.az(&project, &["ml", "project", "update", "-r", &url]).ok();

    // The run from before the link is on the remote too.
    let commit = alice.commit_of(&project, &run);
    let clone = home.join("clone");
    let _cloned = alice.git(&home, &["clone", "--bare", "-q", &url, "clone"]).ok();
    assert!(git::reaches(&alice, &clone, &git::history_branch(&project), &commit), "{commit} was not pushed");
    assert_eq!(alice.git(&clone, &["log", "--format=%s", "master"]).ok().text(), "Initial commit");
    git::assert_sound(&alice, &clone);
}

#[test]
fn steps_4_5_and_6_runs_a_restore_and_the_master_branch() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let alice = sandbox.actor("alice", "alicepat");
    let home = sandbox.dir("work");
    let url = server.repo("iris");
    let _made = alice.az(&home, &["ml", "project", "create", "-n", "myIris", "-r", &url]).ok();
    let project = home.join("myIris");
    add_iris(&project);

    // Step 4: "execute a few runs, make some changes in-between".
    let submit = |rate: &str| {
        let output =
            alice.az(&project, &["ml", "experiment", "submit", "-c", "local", "train.py", rate]).ok();
        assert!(output.stdout.contains("Trained on 105 flowers, tested on 45"), "{output}");
        assert!(output.stdout.contains("Execution Details"), "{output}");
        output.run_id()
    };
    let first = submit("0.01");
    let of_first = contents(&project);
    write(&project, "notes.txt", "less regularisation\n");
    let second = submit("0.001");
    let of_second = contents(&project);
    assert_ne!(alice.commit_of(&project, &first), alice.commit_of(&project, &second));

    // "A snapshot of the entire project folder is committed to the run history branch and pushed."
    let _synced = alice.az(&project, &["ml", "history", "sync"]).ok();
    for (run, folder) in [(&first, &of_first), (&second, &of_second)] {
        let commit = alice.commit_of(&project, run);
        let clone = home.join(run);
        let branch = git::history_branch(&project);
        let _cloned = alice.git(&home, &["clone", "-q", "-b", &branch, &url, run]).ok();
        let _at = alice.git(&clone, &["checkout", "-q", &commit]).ok();
        contents(&clone).assert_same(folder, "the run's folder as stock git gives it");
    }

    // Step 5: "discover the run I want to restore snapshot from".
    let table = alice.az(&project, &["ml", "history", "list", "-o", "table"]).ok().stdout;
    let header = table.lines().next().expect("a table has a header");
    let words: Vec<&str> = header.split("  ").map(str::trim).filter(|word| !word.is_empty()).collect();
    assert_eq!(
        words,
        ["Accuracy", "Regularization Rate", "Duration", "Run_id", "Script_name", "Start_time_utc", "Status"],
        "{table}"
    );
    let (newer, older) = (table.find(&second).expect("listed"), table.find(&first).expect("listed"));
    assert!(newer < older, "newest first:\n{table}");
    // "restore the snapshot from a particular run".
    let _restored = alice.az(&project, &["ml", "project", "restore", "--run-id", &first]).ok();
    contents(&project).assert_same(&of_first, "the folder after restore");

    // Step 6: the user's own commits, with the article's own lines.
    let lines = ["git checkout master", "git add *", "git commit -m 'this is my updates so far'", "git push"];
    for line in lines {
        let words: Vec<String> = match line {
            "git add *" => {
                let mut names: Vec<String> = std::fs::read_dir(&project)
                    .expect("a folder")
                    .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
                    .filter(|name| !name.starts_with('.'))
                    .collect();
                names.insert(0, "add".to_owned());
                names
            }
            _ if line.contains("commit") => {
                vec!["commit".into(), "-m".into(), "this is my updates so far".into()]
            }
            _ => line.split(' ').skip(1).map(str::to_owned).collect(),
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let _done = alice.git(&project, &words).ok();
    }
    let listed = alice.git(&project, &["ls-remote", "origin", "refs/heads/master"]).ok().stdout;
    let head = alice.git(&project, &["rev-parse", "HEAD"]).ok();
    assert!(listed.starts_with(head.text()), "{listed}");
    // "Now you can safely restore project to an earlier snapshot."
    let _restored = alice.az(&project, &["ml", "project", "restore", "--run-id", &second]).ok();
    contents(&project).assert_same(&of_second, "the folder after the second restore");

    for repository in [project.clone(), git::history_of(&project)].into_iter().chain(server.repositories()) {
        git::assert_sound(&alice, &repository);
    }
}
