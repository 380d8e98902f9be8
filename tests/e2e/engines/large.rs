//! Large files on other computers: those of the snapshot are there, what the host has is not sent again, and large outputs come back.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use e2e::engines::{Containers, End, Host, Slurm, until};
use e2e::folder::write;
use e2e::{Actor, Sandbox};

/// Shows the large input, and leaves a copy of it and an output of its own that is large, too.
const TRAIN: &str = "cksum < data/big.bin; mkdir outputs; cat data/big.bin > outputs/same.bin\n\
    cat data/big.bin data/big.bin > outputs/twice.bin; echo small > outputs/small\n";

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Bytes that do not become fewer by compression.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = 2 * seed + 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).flatten().take(length).collect()
}

/// alice's project with a large file, where files of 1 MB are large.
fn project<'s>(sandbox: &'s Sandbox, target: &[&str]) -> (Actor<'s>, PathBuf) {
    let alice = sandbox.stranger("alice").with_env("AZML_LARGE_FILE", "1MB");
    let remote = sandbox.bare_repo("remote.git");
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", text(&remote));
    let _attached = alice.azml(&project, &[&["computetarget", "attach"], target].concat()).ok();
    write(&project, "train.sh", TRAIN);
    write(&project, "data/big.bin", noise(1, 1_500_000));
    (alice, project)
}

fn submit(alice: &Actor<'_>, project: &Path) -> e2e::Output {
    let args = ["experiment", "submit", "-c", "there", "--attachments-limit", "100kB", "train.sh"];
    alice.azml(project, &args).ok()
}

/// Checks that a run saw the large file, and that its outputs are here.
#[track_caller]
fn check(alice: &Actor<'_>, project: &Path, ran: &e2e::Output) {
    let run = ran.run_id();
    let sum = alice.sh(project, "cksum < data/big.bin").ok();
    assert!(ran.stdout.contains(&sum.stdout), "{ran}");
    let record = alice.azml_json(project, &["history", "info", "-r", &run]);
    let large = &record["properties"]["AttachmentsLarge"];
    assert_eq!(large.as_array().map(Vec::len), Some(2), "{record}");
    assert!(record["properties"]["AttachmentsLeft"].is_null(), "{record}");
    let folder = project.parent().expect("a folder").join(format!("downloads-{run}"));
    let _got = alice.azml(project, &["history", "download", "-r", &run, "-d", text(&folder)]).ok();
    let input = fs::read(project.join("data/big.bin")).expect("the input");
    assert!(fs::read(folder.join("outputs/same.bin")).expect("an output") == input);
    assert!(fs::read(folder.join("outputs/twice.bin")).expect("an output") == [&input[..], &input].concat());
}

/// The large files below a folder.
fn objects(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            match entry.file_type().expect("a type").is_dir() {
                true => open.push(entry.path()),
                false if text(&folder).contains("/lfs/objects/") => found.push(entry.path()),
                false => {}
            }
        }
    }
    found
}

#[test]
fn large_files_go_to_a_host_once_and_large_outputs_come_back() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    host.serve_ssh();
    let azml = sandbox.path().join("bin/azml");
    let (alice, project) = project(&sandbox, &["ssh", "-n", "there", "-a", "node1", "--azml", text(&azml)]);
    check(&alice, &project, &submit(&alice, &project));
    let there = host.home().join(".azml/store");
    assert_eq!(objects(&there).len(), 1, "the input stays, and the outputs go: {:?}", objects(&there));
    // Nothing is sent that the host has.
    host.on_command(End::There, "large-take", "exit 9");
    check(&alice, &project, &submit(&alice, &project));
    assert!(!host.has_met());
    // The outputs go to the remote from here, as the input does.
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    assert_eq!(objects(&sandbox.path().join("remote.git")).len(), 2);
}

#[test]
fn a_line_that_breaks_amid_large_files_loses_none_and_sends_none_twice() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    host.serve_ssh();
    let azml = sandbox.path().join("bin/azml");
    let (alice, project) = project(&sandbox, &["ssh", "-n", "there", "-a", "node1", "--azml", text(&azml)]);
    for name in ["two", "three"] {
        write(&project, format!("data/{name}.bin"), noise(name.len() as u64, 1_500_000));
    }
    let cut = "kill -9 $PPID; ip link set eth0 down; touch /root/is-cut; exit 1";
    let there = host.home().join(".azml/store");
    for (n, (step, script)) in (10..).zip([
        ("large-take", format!("{{ head -c 2000000; sleep 0.2; }} | sh -c \"$1\"; {cut}")),
        ("large-lacks", cut.to_owned()),
        ("large-give", format!("sh -c \"$1\" | head -c 2000000; {cut}")),
        ("large-give", cut.to_owned()),
    ]) {
        // Something new to be sent and to come back.
        write(&project, "data/big.bin", noise(n, 1_500_000));
        host.on_command(End::There, step, &script);
        let azml = alice.spawn_azml(
            &project,
            &["experiment", "submit", "-c", "there", "--attachments-limit", "100kB", "train.sh"],
        );
        let _cut = until(&alice, &project, &format!("ls {}", host.home().display()), "*is-cut*");
        if step == "large-take" {
            assert_eq!(objects(&there).len(), 1, "what came whole stays");
        }
        fs::remove_file(host.home().join("is-cut")).expect("the file is there");
        host.mend();
        let output = azml.wait_with_output().expect("azml ends");
        assert!(output.status.success(), "{step}: {}", String::from_utf8_lossy(&output.stderr));
        let ran = e2e::Output::new(step.to_owned(), &output);
        check(&alice, &project, &ran);
    }
    assert_eq!(objects(&there).len(), 6, "each once");
}

#[test]
fn large_files_get_to_a_cluster_by_its_login_node() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let _slurm = Slurm::start(&sandbox, &host);
    host.serve_ssh();
    let azml = sandbox.path().join("bin/azml");
    let (alice, project) = project(&sandbox, &["slurm", "-n", "there", "-a", "node1", "--azml", text(&azml)]);
    check(&alice, &project, &submit(&alice, &project));
}

#[test]
fn a_container_gets_large_files_without_a_copy_in_the_store() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let podman = Containers::podman(&sandbox, &host);
    podman.share();
    let target = ["docker", "-n", "there", "--runtime", "podman", "--image", podman.image()];
    let (alice, project) = project(&sandbox, &target);
    // The image has no cksum.
    write(
        &project,
        "train.sh",
        "stat -c %s data/big.bin; mkdir outputs; cat data/big.bin > outputs/same.bin\n\
         cat data/big.bin data/big.bin > outputs/twice.bin\n",
    );
    let ran = submit(&alice, &project);
    assert!(ran.stdout.contains("1500000\n"), "{ran}");
    let record = alice.azml_json(&project, &["history", "info", "-r", &ran.run_id()]);
    assert_eq!(record["properties"]["AttachmentsLarge"].as_array().map(Vec::len), Some(2), "{record}");
    let there = objects(&alice.home().join(".azml/store"));
    let [object] = &there[..] else { panic!("the input is in the store: {there:?}") };
    assert!(fs::metadata(object).expect("an object").nlink() > 1, "it is the history's own");
}
