//! A line that is cut or falls silent after any byte: runs go on, nothing is lost, and what is owed arrives later.

use std::path::Path;

use e2e::folder::write;
use e2e::{Actor, Line, Sandbox, Server, Way, contents, git};

/// Points of `0..total` at which to cut: the first bytes, the last, and some between.
fn points(total: u64, between: u64) -> Vec<u64> {
    let mut points: Vec<u64> = (0..=between).map(|n| n * total / (between + 1)).collect();
    points.extend([1, total.saturating_sub(1)]);
    points.sort_unstable();
    points.dedup();
    points
}

fn unpushed(actor: &Actor<'_>, project: &Path) -> String {
    actor.azml_json(project, &["project", "show"])["owed"].to_string()
}

#[test]
fn a_push_cut_at_every_stage_loses_nothing_and_arrives_whole() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let line = Line::to(server.http());
    sandbox.add_origin(&line.through(server.http()));
    let alice = sandbox.actor("alice", "alicepat").with_env("AZML_PUSH_WAIT", "30");
    let project =
        alice.create_linked_project(&sandbox.dir("work"), "iris", &line.through(&server.repo("iris")));
    write(&project, "train.py", "print('trained')\n");
    let _first = alice.submit(&project, &["train.py"]);
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    line.mend();
    write(&project, "edit", "0\n");
    let mut runs = vec![alice.submit(&project, &["train.py"])];
    let usual = [(Way::Up, line.passed(Way::Up)), (Way::Down, line.passed(Way::Down))];
    assert!(usual.iter().all(|(_, bytes)| *bytes > 500), "{usual:?}");

    let mut noticed = 0;
    for (way, total) in usual {
        for point in points(total, 8) {
            let what = format!("{way:?} cut after {point} of {total} bytes");
            line.cut_after(way, point);
            write(&project, "edit", format!("{what}\n"));
            let output = alice.azml(&project, &["experiment", "submit", "-c", "local", "train.py"]).ok();
            runs.push(output.run_id());
            noticed += usize::from(output.stderr.contains("could not be pushed"));
            line.mend();
            let _synced = alice.azml(&project, &["history", "sync"]).ok();
            assert_eq!(unpushed(&alice, &project), "[]", "{what}");
        }
    }
    assert!(noticed >= 10, "only {noticed} cuts were noticed");

    let branch = git::history_branch(&project);
    let repository = &repository_with(&server, &branch);
    git::assert_sound(&alice, repository);
    git::assert_sound(&alice, &git::history_of(&project));
    for run in &runs {
        assert!(git::reaches(&alice, repository, &branch, &alice.commit_of(&project, run)), "{run}");
    }
    let leftovers = find(repository, "quarantine");
    assert!(leftovers.is_empty(), "a cut push leaves no trace: {leftovers:?}");
    let there = sandbox.dir("laptop");
    let other = sandbox.actor_at("laptop", "alice", "alicepat");
    let _cloned = other.azml(&there, &["project", "clone", &server.repo("iris"), "iris"]).ok();
    assert_eq!(other.run_ids(&there.join("iris")), alice.run_ids(&project));
}

#[test]
fn a_roaming_cut_at_every_stage_leaves_no_folder_and_works_the_next_time() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let line = Line::to(server.http());
    sandbox.add_origin(&line.through(server.http()));
    let alice = sandbox.actor("alice", "alicepat");
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", &server.repo("iris"));
    write(&project, "train.py", "print('trained')\n");
    write(&project, "notes/reading.md", "some words that repeat\n".repeat(400));
    let run = alice.submit(&project, &["train.py"]);
    let _synced = alice.azml(&project, &["history", "sync"]).ok();

    let other = sandbox.actor_at("laptop", "alice", "alicepat");
    let there = sandbox.dir("laptop");
    let url = line.through(&server.repo("iris"));
    line.mend();
    let _cloned = other.azml(&there, &["project", "clone", &url, "whole"]).ok();
    contents(&there.join("whole")).assert_same(&contents(&project), "the roamed folder");
    let usual = [(Way::Up, line.passed(Way::Up)), (Way::Down, line.passed(Way::Down))];
    for (way, total) in usual {
        for point in points(total, 6) {
            let what = format!("{way:?} cut after {point} of {total} bytes");
            line.cut_after(way, point);
            let output = other.azml(&there, &["project", "clone", &url, "iris"]);
            if output.code == Some(0) {
                // The last bytes were the goodbye.
                assert!(point + 1 >= total, "{what}: {output}");
                std::fs::remove_dir_all(there.join("iris")).expect("removed");
            } else {
                assert!(
                    output.stderr.starts_with("error: ") && output.stderr.contains("hint: "),
                    "{what}: {output}"
                );
            }
            let left: Vec<_> = std::fs::read_dir(&there).expect("listed").flatten().collect();
            assert_eq!(left.len(), 1, "{what} leaves {left:?}");
        }
    }
    line.mend();
    let _cloned = other.azml(&there, &["project", "clone", &url, "iris"]).ok();
    assert_eq!(other.run_ids(&there.join("iris")), [run]);
}

#[test]
fn a_silent_remote_holds_nobody_up() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let line = Line::to(server.http());
    sandbox.add_origin(&line.through(server.http()));
    let alice = sandbox.actor("alice", "alicepat").with_env("AZML_PUSH_WAIT", "0.3");
    let project =
        alice.create_linked_project(&sandbox.dir("work"), "iris", &line.through(&server.repo("iris")));
    write(&project, "train.py", "print('trained')\n");
    line.silence_after(Way::Down, 0);
    let began = std::time::Instant::now();
    let output = alice.azml(&project, &["experiment", "submit", "-c", "local", "train.py"]).ok();
    assert!(began.elapsed().as_secs() < 20, "waited {:?}", began.elapsed());
    assert!(output.stderr.contains("longer than 0.3 s"), "{output}");
    assert!(output.stderr.contains("hint: to deliver it: azml history sync"), "{output}");
    let impatient = alice.clone().with_env("AZML_STALL_TIMEOUT", "0.3");
    let output = impatient.azml(&project, &["history", "sync"]).fails();
    assert!(output.stderr.contains("did not answer in time"), "{output}");
    line.mend();
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    assert_eq!(unpushed(&alice, &project), "[]");

    // In the middle of a pack, too.
    let there = sandbox.dir("laptop");
    let url = line.through(&server.repo("iris"));
    line.mend();
    let _whole = impatient.azml(&there, &["project", "clone", &url, "whole"]).ok();
    let usual = line.passed(Way::Down);
    line.silence_after(Way::Down, usual - 200);
    let output = impatient.azml(&there, &["project", "clone", &url, "iris"]).fails();
    assert!(output.stderr.contains("in time") && output.stderr.contains("hint: "), "{output}");
    assert!(!there.join("iris").exists());
}

#[test]
fn only_what_is_new_travels() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let line = Line::to(server.http());
    sandbox.add_origin(&line.through(server.http()));
    let alice = sandbox.actor("alice", "alicepat").with_env("AZML_PUSH_WAIT", "30");
    let url = line.through(&server.repo("iris"));
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", &url);
    write(&project, "train.py", "print('trained')\n");
    // What can't be compressed, and is another with every run.
    let noise = |seed: u64| {
        let mut state = seed;
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b' ' + u8::try_from((state >> 33) % 95).expect("below 95"))
        };
        std::iter::repeat_with(next).take(300_000).collect::<String>()
    };
    for seed in 1..=8 {
        write(&project, "weights", noise(seed));
        let _run = alice.submit(&project, &["train.py"]);
    }
    let _synced = alice.azml(&project, &["history", "sync"]).ok();

    line.mend();
    write(&project, "train.py", "print('edited')\n");
    let _run = alice.submit(&project, &["train.py"]);
    assert!(line.passed(Way::Up) < 16_000, "a small edit sends {} bytes", line.passed(Way::Up));
    line.mend();
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    assert!(
        line.passed(Way::Up) + line.passed(Way::Down) < 6_000,
        "nothing owed costs {} + {} bytes",
        line.passed(Way::Up),
        line.passed(Way::Down)
    );

    line.mend();
    let other = sandbox.actor_at("laptop", "alice", "alicepat");
    let there = sandbox.dir("laptop");
    let _cloned = other.azml(&there, &["project", "clone", &url, "iris"]).ok();
    let received = line.passed(Way::Down);
    assert!((240_000..500_000).contains(&received), "one snapshot of eight travels, not {received} bytes");
    // And one older snapshot alone, when it is wanted.
    line.mend();
    let oldest = other.run_ids(&there.join("iris")).pop().expect("eight runs and one");
    let _restored = other.azml(&there.join("iris"), &["project", "restore", "--run-id", &oldest]).ok();
    let received = line.passed(Way::Down);
    assert!((200_000..400_000).contains(&received), "one more snapshot travels, not {received} bytes");
    assert_eq!(std::fs::read_to_string(there.join("iris/weights")).expect("restored"), noise(1));
}

/// The server's repository that has a branch.
fn repository_with(server: &Server, branch: &str) -> std::path::PathBuf {
    let has_it = |repository: &std::path::PathBuf| {
        let packed = std::fs::read_to_string(repository.join("packed-refs")).unwrap_or_default();
        packed.contains(branch) || repository.join("refs/heads").join(branch).is_file()
    };
    server.repositories().into_iter().find(has_it).expect("one repository has the branch")
}

fn find(folder: &Path, part: &str) -> Vec<std::path::PathBuf> {
    let (mut found, mut open) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).expect("a folder is listed").flatten() {
            if entry.file_name().to_string_lossy().contains(part) {
                found.push(entry.path());
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(entry.path());
            }
        }
    }
    found
}
