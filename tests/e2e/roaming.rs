//! Another computer, with nothing but the URL and a token.

use e2e::folder::write;
use e2e::{Sandbox, contents, git};

/// Bytes that don't compress: what is transferred can't hide.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        })
        .collect()
}

#[test]
fn the_newest_snapshot_on_top_of_master_and_all_runs() {
    let sandbox = Sandbox::new();
    let (server, alice, project) = sandbox.project_at_server();
    let url = server.repo("iris");

    write(&project, "train.py", "print('trained')\n");
    let first = alice.submit(&project, &["train.py"]);
    let of_first = contents(&project);
    write(&project, "heavy.bin", noise(3_000_000));
    let heavy = alice.submit(&project, &["train.py"]);
    std::fs::remove_file(project.join("heavy.bin")).expect("removed");
    write(&project, "lab notes/übersicht.md", "CRLF\r\n");
    write(&project, "train.py", "print('trained better')\n");
    let last = alice.submit(&project, &["train.py"]);
    let of_last = contents(&project);
    let _synced = alice.azml(&project, &["history", "sync"]).ok();

    let other = sandbox.actor_at("laptop", "alice", "alicepat");
    let there = sandbox.dir("laptop");
    let _cloned = other.azml(&there, &["project", "clone", &url, "iris"]).ok();
    let roamed = there.join("iris");

    // Newest content, master as the branch, what is new as changes.
    contents(&roamed).assert_same(&of_last, "the roamed folder");
    assert_eq!(git::project_id(&roamed), git::project_id(&project));
    assert_eq!(other.git(&roamed, &["symbolic-ref", "HEAD"]).ok().text(), "refs/heads/master");
    let heads =
        |actor: &e2e::Actor<'_>, dir: &std::path::Path| actor.git(dir, &["rev-parse", "master"]).ok().stdout;
    assert_eq!(heads(&other, &roamed), heads(&alice, &project));
    let status = |actor: &e2e::Actor<'_>, dir: &std::path::Path| {
        actor.git(dir, &["status", "--porcelain", "--untracked-files=all"]).ok().stdout
    };
    assert_eq!(status(&other, &roamed), status(&alice, &project));
    assert_eq!(other.git(&roamed, &["remote", "get-url", "origin"]).ok().text(), url);

    // All runs, and only the snapshot that was needed.
    assert_eq!(other.run_ids(&roamed), alice.run_ids(&project));
    let history = git::history_of(&roamed);
    let commits = [&first, &heavy, &last].map(|run| alice.commit_of(&project, run));
    assert!(git::has_object(&other, &history, &commits[2]));
    assert!(!git::has_object(&other, &history, &commits[0]), "an old snapshot was transferred");
    assert!(!git::has_object(&other, &history, &commits[1]), "an old snapshot was transferred");
    assert!(size(&history) < 500_000, "{} bytes were transferred", size(&history));

    // Any run can be restored: its snapshot comes, that one alone.
    let _restored = other.azml(&roamed, &["project", "restore", "--run-id", &first]).ok();
    contents(&roamed).assert_same(&of_first, "the first run, restored on the other computer");
    assert!(git::has_object(&other, &history, &commits[0]));
    assert!(
        !git::has_object(&other, &history, &commits[1]),
        "a snapshot that nobody asked for was transferred"
    );
    assert!(size(&history) < 600_000, "{} bytes were transferred", size(&history));
    let _undone = other.azml(&roamed, &["project", "restore", "--undo"]).ok();
    contents(&roamed).assert_same(&of_last, "after --undo");

    // And it goes on: a run here is seen there.
    let here = other.submit(&roamed, &["train.py"]);
    let _synced = other.azml(&roamed, &["history", "sync"]).ok();
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    assert_eq!(alice.run_ids(&project).first(), Some(&here));
    for repository in [&project, &roamed, &git::history_of(&project), &history] {
        git::assert_sound(&alice, repository);
    }
}

fn size(folder: &std::path::Path) -> u64 {
    let mut total = 0;
    let mut open = vec![folder.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry")) {
            let metadata = entry.metadata().expect("metadata");
            if metadata.is_dir() { open.push(entry.path()) } else { total += metadata.len() }
        }
    }
    total
}

#[test]
fn a_project_without_runs_and_master_alone() {
    let sandbox = Sandbox::new();
    let (server, alice, project) = sandbox.project_at_server();
    let url = server.repo("iris");
    let there = sandbox.dir("laptop");
    let other = sandbox.actor_at("laptop", "alice", "alicepat");

    let _cloned = other.azml(&there, &["project", "clone", &url, "fresh"]).ok();
    contents(&there.join("fresh")).assert_same(&contents(&project), "a project without runs");
    assert_eq!(other.git(&there.join("fresh"), &["status", "--porcelain"]).ok().text(), "");

    write(&project, "new.py", "print('trained')\n");
    let run = alice.submit(&project, &["new.py"]);
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    let _cloned = other.azml(&there, &["project", "clone", &url, "master", "--master"]).ok();
    let master = there.join("master");
    assert!(!master.join("new.py").exists());
    assert_eq!(other.git(&master, &["status", "--porcelain"]).ok().text(), "");
    assert_eq!(other.run_ids(&master), [run]);
}

#[test]
fn a_folder_that_exists_and_a_repo_without_a_project() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let alice = sandbox.actor("alice", "alicepat");
    let work = sandbox.dir("work");
    write(&work, "taken/file", "mine\n");
    let _project = alice.create_linked_project(&work, "iris", &server.repo("iris"));
    let _refused = alice.azml(&work, &["project", "clone", &server.repo("iris"), "taken"]).fails();
    assert_eq!(contents(&work.join("taken")).names(), ["file"]);

    let output = alice.azml(&work, &["project", "clone", &server.repo("extra"), "nothing"]).fails();
    assert!(output.stderr.starts_with("error: "), "{output}");
    assert!(!work.join("nothing").exists(), "half a clone is left behind");
}

#[test]
fn several_projects_in_one_repo_are_listed() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let work = sandbox.dir("work");
    let remote = sandbox.bare_repo("remote.git");
    let url = remote.to_str().expect("UTF-8");
    let first = alice.create_linked_project(&work, "one", url);
    // A second history branch, as a colleague's project in the same repo would have.
    let guid = "11111111-2222-3333-4444-555555555555";
    let branch = git::history_branch(&first);
    let _branched = alice.git(&remote, &["branch", &format!("AzureMLHistory/{guid}"), &branch]).ok();

    let output = alice.azml(&work, &["project", "clone", url, "which"]).fails();
    assert!(output.stderr.contains(guid) && output.stderr.contains(&git::project_id(&first)), "{output}");
    assert!(output.stderr.contains("--id"), "{output}");
    assert!(!work.join("which").exists());
    let _chosen =
        alice.azml(&work, &["project", "clone", url, "which", "--id", &git::project_id(&first)]).ok();
    assert_eq!(git::project_id(&work.join("which")), git::project_id(&first));
}
