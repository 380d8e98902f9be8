//! S10: one bad or newer record stops nobody, stays as it is, and is named.

use std::path::{Path, PathBuf};

use e2e::folder::write;
use e2e::{Actor, Sandbox, Server, git};

/// Puts bytes in the place of a run's record on the runs ref of a repository.
fn spoil(who: &Actor<'_>, repository: &Path, name: &str, bytes: &str) {
    write(who.home(), "bad-record", bytes);
    let script = format!(
        "cd '{}'; ref=$(git for-each-ref --format='%(refname)' refs/azureml/runs)\n\
         tip=$(git rev-parse $ref); export GIT_INDEX_FILE=$HOME/bad-index; rm -f $GIT_INDEX_FILE\n\
         git read-tree $tip; path=$(git ls-files | grep {name} || true)\n\
         test -n \"$path\" || path=v1/1504/83/22/81/{name}.json\n\
         blob=$(git hash-object -w $HOME/bad-record)\n\
         git update-index --add --cacheinfo 100644,$blob,$path\n\
         git update-ref $ref $(git commit-tree -p $tip -m odd $(git write-tree))\n",
        repository.display()
    );
    let _done = who.sh(repository, &script).ok();
}

/// The server's repository that has a runs ref.
fn runs_at(server: &Server) -> PathBuf {
    let has_runs = |repository: &PathBuf| repository.join("refs/azureml/runs").is_dir();
    server.repositories().into_iter().find(has_runs).expect("a run was pushed")
}

/// The bytes of a record on the runs ref of a repository.
fn record(who: &Actor<'_>, repository: &Path, name: &str) -> String {
    let script = format!(
        "ref=$(git for-each-ref --format='%(refname)' refs/azureml/runs)\n\
         git cat-file -p $(git ls-tree -r $ref | grep {name} | cut -f1 | cut -d' ' -f3)"
    );
    who.sh(repository, &script).ok().stdout
}

#[test]
fn a_record_that_cannot_be_read_stops_nobody_and_is_kept() {
    const BAD: &str = "iris_1504832281116";
    const NEWER: &str = "iris_1504832281117";
    const NEWER_TEXT: &str =
        "{\"version\": 2, \"script_name\": \"of-the-future.py\", \"metrics\": {\"Accuracy\": 0.5}}\n";
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let url = server.repo("iris");
    let alice = sandbox.actor("alice", "alicepat");
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", &url);
    write(&project, "train.py", "print('trained')\n");
    let first = alice.submit(&project, &["train.py"]);
    // Any contributor, or a colleague with the next azml.
    let at_server = &runs_at(&server);
    spoil(&alice, at_server, BAD, "garbage \x1b[2J");
    spoil(&alice, at_server, NEWER, NEWER_TEXT);

    let carol = sandbox.actor("carol", "carolpat");
    let there = sandbox.dir("there");
    let cloned = carol.azml(&there, &["project", "clone", &url, "iris"]).ok();
    let roamed = there.join("iris");
    for (who, folder, output) in [(&carol, &roamed, Some(cloned)), (&alice, &project, None)] {
        let output = output.unwrap_or_else(|| who.azml(folder, &["history", "sync"]).ok());
        assert!(output.stderr.contains(BAD) && output.stderr.contains(NEWER), "{output}");
        assert_eq!(output.stderr.matches("warning: ").count(), 1, "{output}");
        let _again = who.azml(folder, &["history", "sync"]).ok();
        let listed = who.azml(folder, &["history", "list", "-o", "json"]).ok();
        assert_eq!(listed.stderr.matches("warning: ").count(), 1, "{listed}");
        let list = listed.json();
        let shown = |id: &str| list.as_array().and_then(|all| all.iter().find(|run| run["run_id"] == id));
        let newer = shown(NEWER).unwrap_or_else(|| panic!("{list}"));
        assert_eq!(
            (&newer["status"], &newer["script_name"]),
            (&"newer version".into(), &"of-the-future.py".into())
        );
        assert_eq!(newer["Accuracy"], 0.5, "{newer}");
        assert_eq!(shown(BAD).unwrap_or_else(|| panic!("{list}"))["status"], "unreadable");
        assert_eq!(shown(&first).unwrap_or_else(|| panic!("{list}"))["status"], "Completed");
        let info = who.azml(folder, &["history", "info", "-r", NEWER]).exits(1);
        assert!(info.stderr.contains("version 2") && info.stderr.contains("update azml"), "{info}");
        let run = who.submit(folder, &["train.py"]);
        let _synced = who.azml(folder, &["history", "sync"]).ok();
        assert!(who.run_ids(folder).contains(&run));
    }
    // What fsck does is no end of it: it says what to do, moves nothing away, and syncing goes on.
    for (who, folder) in [(&carol, &roamed), (&alice, &project)] {
        let checked = who.azml(folder, &["project", "fsck", "-o", "json"]).exits(1).json();
        let problems = checked["problems"].to_string();
        assert!(
            problems.contains(BAD) && problems.contains(NEWER) && problems.contains("update azml"),
            "{problems}"
        );
        let _synced = who.azml(folder, &["history", "sync"]).ok();
        for repository in [at_server, &git::history_of(folder)] {
            assert_eq!(record(who, repository, NEWER), NEWER_TEXT, "byte for byte");
            assert!(record(who, repository, BAD).starts_with("garbage"), "byte for byte");
        }
    }
    git::assert_sound(&alice, at_server);
}

#[test]
fn ones_own_record_that_somebody_spoils_at_the_remote_is_whole_again_after_a_sync() {
    let sandbox = Sandbox::new();
    let (server, alice, project) = sandbox.project_at_server();
    write(&project, "train.py", "print('trained')\n");
    let run = alice.submit(&project, &["train.py"]);
    let at_server = &runs_at(&server);
    spoil(&alice, at_server, &run, "garbage");
    let _fresh = alice.submit(&project, &["train.py"]);
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    let info = alice.azml_json(&project, &["history", "info", "-r", &run]);
    assert_eq!(info["status"], "Completed");
    assert!(record(&alice, at_server, &run).contains("Completed"));
}

#[test]
fn a_submit_that_meets_a_record_that_cannot_be_read_says_so() {
    let sandbox = Sandbox::new();
    let (server, alice, project) = sandbox.project_at_server();
    write(&project, "train.py", "print('trained')\n");
    let _run = alice.submit(&project, &["train.py"]);
    spoil(&alice, &runs_at(&server), "iris_1504832281116", "garbage");
    let submitted = alice.azml(&project, &["experiment", "submit", "-c", "local", "train.py"]).ok();
    let warning = "warning: 1 record can't be read, and is passed over: run iris_1504832281116";
    assert!(submitted.stderr.contains(warning), "{submitted}");
    assert!(submitted.stderr.contains("project fsck"), "{submitted}");
}
