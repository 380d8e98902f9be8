//! Linking a project to a repo: write access, the empty-repo rule, all or nothing.

use e2e::folder::{everything, write};
use e2e::{Sandbox, contents, git};

#[test]
fn a_repo_with_master_is_refused_by_name_and_nothing_changes() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let alice = sandbox.actor("alice", "alicepat");
    let work = sandbox.dir("work");
    let url = server.repo("extra");
    let _filled = alice.git(&work, &["init", "-q", "other"]).ok();
    let pushed = format!("echo x > x && git add x && git commit -qm x && git push -q '{url}' master");
    let other = work.join("other");
    write(&other, "ignored", "");
    let helper = "git config credential.helper \"!printf 'username=alice\\npassword=alicepat\\n';:\" && ";
    let _pushed = alice.sh(&other, &format!("{helper}{pushed}")).ok();

    let project = alice.create_project(&work, "iris");
    write(&project, "train.py", "print('trained')\n");
    let _run = alice.submit(&project, &["train.py"]);
    let before = everything(&project);
    let remote = alice.git(&work, &["ls-remote", &url]).ok().stdout;

    let output = alice.azml(&project, &["project", "update", "-r", &url]).fails();
    assert!(output.stderr.contains("master"), "the branch that was found is named: {output}");
    let stable = |folder: e2e::Contents| folder.without(".azuremlhistory_git/azml");
    stable(before).assert_same(&stable(everything(&project)), "after a refused update -r");
    assert_eq!(alice.git(&work, &["ls-remote", &url]).ok().stdout, remote, "the remote changed");

    // The same for `create -r`, which leaves no half-made project.
    let output = alice.azml(&work, &["project", "create", "-n", "second", "-r", &url]).fails();
    assert!(output.stderr.contains("master"), "{output}");
    assert!(!work.join("second").exists(), "half a project is left behind");
}

#[test]
fn a_reader_may_not_link_and_nothing_changes() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let bob = sandbox.actor("bob", "bobpat");
    let work = sandbox.dir("work");
    let project = bob.create_project(&work, "iris");
    let before = everything(&project);
    let output = bob.azml(&project, &["project", "update", "-r", &server.repo("extra")]).exits(4);
    assert!(output.stderr.starts_with("error: "), "{output}");
    let stable = |folder: e2e::Contents| folder.without(".azuremlhistory_git/azml");
    stable(before).assert_same(&stable(everything(&project)), "after a denied update -r");
}

#[test]
fn of_two_who_link_to_one_empty_repo_one_wins() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let alice = sandbox.actor("alice", "alicepat");
    let carol = sandbox.actor("carol", "carolpat");
    let url = server.repo("extra");
    let hers = alice.create_project(&sandbox.dir("alices"), "iris");
    let others = carol.create_project(&sandbox.dir("carols"), "iris");
    let first = alice.spawn_azml(&hers, &["project", "update", "-r", &url]);
    let second = carol.spawn_azml(&others, &["project", "update", "-r", &url]);
    let outputs = [first, second].map(|child| child.wait_with_output().expect("azml ends"));
    let won = outputs.iter().filter(|output| output.status.success()).count();
    assert_eq!(won, 1, "{outputs:?}");

    // The remote has the winner's project, whole, and nothing of the other's.
    let (winner, loser) = if outputs[0].status.success() { (&hers, &others) } else { (&others, &hers) };
    let listed = alice.git(winner, &["ls-remote", &url]).ok().stdout;
    assert!(listed.contains(&git::project_id(winner)), "{listed}");
    assert!(!listed.contains(&git::project_id(loser)), "{listed}");
    let master = alice.git(winner, &["rev-parse", "master"]).ok();
    assert!(listed.contains(&format!("{}\trefs/heads/master", master.text())), "{listed}");
    // The loser is a project without a remote as before, and may link to another repo.
    let _elsewhere = alice.azml(loser, &["project", "update", "-r", &server.repo("iris")]).ok();
}

#[test]
fn a_project_that_has_a_remote_keeps_it() {
    let sandbox = Sandbox::new();
    let (server, alice, project) = sandbox.project_at_server();
    let _refused = alice.azml(&project, &["project", "update", "-r", &server.repo("extra")]).fails();
    let listed = alice.git(&project, &["ls-remote", &server.repo("extra")]).ok().stdout;
    assert_eq!(listed, "");
    write(&project, "train.py", "print('trained')\n");
    let _still_works = alice.submit(&project, &["train.py"]);
}

#[test]
fn an_existing_folder_becomes_a_project_as_it_is() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let folder = sandbox.dir("work/mine");
    write(&folder, "train.py", "print('trained')\n");
    write(&folder, ".gitignore", "*.tmp");
    let _started = alice.sh(&folder, "git init -q && git add . && git commit -qm start").ok();
    let head = alice.git(&folder, &["rev-parse", "HEAD"]).ok().stdout;

    let _adopted = alice.azml(&folder, &["project", "create", "--existing"]).ok();

    assert_eq!(alice.git(&folder, &["rev-parse", "HEAD"]).ok().stdout, head);
    let ignored = std::fs::read_to_string(folder.join(".gitignore")).expect("still there");
    assert!(ignored.starts_with("*.tmp\n"), "the last line was glued to ours: {ignored:?}");
    assert!(ignored.contains(".azuremlhistory_git"), "{ignored:?}");
    let run = alice.submit(&folder, &["train.py"]);
    let of_run = contents(&folder);
    write(&folder, "train.py", "print('edited')\n");
    let _restored = alice.azml(&folder, &["project", "restore", "--run-id", &run]).ok();
    contents(&folder).assert_same(&of_run, "after restore");
}
