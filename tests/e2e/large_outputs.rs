//! Outputs over a run's limit: large files, of which Git has the pointers. Stock git-lfs reads them too.

use std::path::Path;

use e2e::folder::write;
use e2e::{Actor, Sandbox, git};
use serde_json::{Value, json};

const POINTER: &str = "version https://git-lfs.github.com/spec/v1\\noid sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\\nsize 12\\n";

/// Two outputs over the limit, one with a secret, a log over it, and a text that is a pointer.
fn script() -> String {
    format!(
        "import os\n\
         os.makedirs('outputs/ckpt')\nos.makedirs('logs')\n\
         open('outputs/ckpt/last.pt', 'wb').write(b'weights ' * 50000)\n\
         open('outputs/\\u00e4 b.bin', 'wb').write(b'x' * 300000)\n\
         open('outputs/key.txt', 'w').write('AKIA' + 'IOSFODNN7ABCDEFG' + '\\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYabcdefGHIJ\\n' + 'x' * 300000)\n\
         open('outputs/literal.txt', 'w').write('{POINTER}')\n\
         open('logs/own.log', 'w').write('a line of a log\\n' * 20000)\n\
         print('trained')\n"
    )
}

fn submit(alice: &Actor<'_>, project: &Path, options: &[&str]) -> (String, String) {
    let args =
        [&["experiment", "submit", "-c", "local", "--attachments-limit", "100kB"], options, &["train.py"]];
    let output = alice.azml(project, &args.concat()).ok();
    (output.run_id(), output.stdout.clone())
}

fn properties(actor: &Actor<'_>, project: &Path, run: &str) -> Value {
    actor.azml_json(project, &["history", "info", "-r", run])["properties"].clone()
}

fn large_names(properties: &Value) -> Vec<&str> {
    let listed = properties["AttachmentsLarge"].as_array().map(Vec::as_slice).unwrap_or_default();
    listed.iter().map(|large| large["path"].as_str().expect("a path")).collect()
}

fn read(path: impl AsRef<Path>) -> Vec<u8> {
    let path = path.as_ref();
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The same steps with any remote.
fn travels(sandbox: &Sandbox, alice: &Actor<'_>, laptop: &Actor<'_>, url: &str) {
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", url);
    write(&project, "train.py", script());
    let (run, report) = submit(alice, &project, &[]);
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    assert!(
        report.contains("Large outputs, beside Git: ") && report.contains("ckpt/last.pt (400 KB)"),
        "{report}"
    );
    let made = properties(alice, &project, &run);
    assert_eq!(made["AttachmentsLeft"], json!(["outputs/key.txt"]), "a secret stays: {made}");
    let names = ["logs/own.log", "outputs/ckpt/last.pt", "outputs/literal.txt", "outputs/ä b.bin"];
    assert_eq!(large_names(&made), names, "{made}");
    let shown = alice.azml_json(&project, &["project", "show"]);
    assert_eq!(shown["large_files"]["unpushed"]["files"], 0, "{shown}");

    let there = sandbox.dir("laptop");
    let _cloned = laptop.azml(&there, &["project", "clone", url, "iris"]).ok();
    let roamed = there.join("iris");
    let objects = git::history_of(&roamed).join("lfs/objects");
    // One small file brings no large one.
    let log = laptop.azml(&roamed, &["history", "info", "-r", &run, "-a", "driver_log.txt"]).ok();
    assert_eq!(log.stdout, "trained\n");
    assert!(!objects.exists());
    let without =
        laptop.azml(&roamed, &["history", "download", "-r", &run, "-d", "small", "--no-large"]).ok();
    assert!(
        without.stderr.contains("last.pt is missing") && without.stderr.contains("--no-large"),
        "{without}"
    );
    assert!(!objects.exists() && roamed.join("small/driver_log.txt").exists());
    // Each by itself, then all.
    let one = laptop.azml(&roamed, &["history", "info", "-r", &run, "-a", "outputs/literal.txt"]).ok();
    assert_eq!(one.stdout, POINTER.replace("\\n", "\n"));
    let written = laptop.azml(&roamed, &["history", "download", "-r", &run, "-d", "results"]).ok();
    assert!(!written.stderr.contains("last.pt is missing"), "{written}");
    for name in ["outputs/ckpt/last.pt", "outputs/ä b.bin", "outputs/literal.txt", "logs/own.log"] {
        let ours = git::history_of(&project).join("azml/runs").join(&run).join(name);
        assert!(read(roamed.join("results").join(name)) == read(&ours), "{name}");
    }
    // What is written can be written to, and azml's own copy stays as it is.
    write(&roamed.join("results"), "outputs/ckpt/last.pt", "other");
    let sound = laptop.azml(&roamed, &["project", "fsck", "-o", "json"]).ok().json();
    assert_eq!(sound["problems"], json!([]), "{sound}");
    git::assert_sound(alice, &git::history_of(&project));
}

#[test]
fn outputs_over_the_limit_travel_through_a_folder_and_stock_git_lfs_finds_them() {
    let sandbox = Sandbox::new();
    let (alice, laptop) = (sandbox.stranger("alice"), sandbox.stranger("laptop"));
    let bare = sandbox.bare_repo("remote.git");
    travels(&sandbox, &alice, &laptop, &bare.to_string_lossy());
    let reference =
        alice.git(&bare, &["for-each-ref", "--format=%(refname)", "refs/azureml/attachments"]).ok();
    let reference = reference.stdout.trim();
    let listed = alice.git(&bare, &["lfs", "ls-files", "--long", reference]).ok();
    assert_eq!(listed.stdout.lines().count(), 4, "{listed}");
    let _whole = alice.git(&bare, &["lfs", "fsck", "--objects", reference]).ok();
}

#[test]
fn outputs_over_the_limit_travel_through_a_server() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let alice = sandbox.actor("alice", "alicepat");
    let laptop = sandbox.actor_at("laptop", "alice", "alicepat");
    travels(&sandbox, &alice, &laptop, &server.repo("iris"));
}

#[test]
fn what_the_remote_lacks_is_named_and_no_second_copy_is_kept() {
    use std::os::unix::fs::MetadataExt as _;
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let bare = sandbox.bare_repo("remote.git");
    let url = bare.to_string_lossy().into_owned();
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", &url);
    write(&project, "train.py", script());
    // A remote that takes no large files.
    write(&bare, "lfs", "in the way");
    let (run, _) = submit(&alice, &project, &[]);
    let shown = alice.azml_json(&project, &["project", "show"]);
    assert_eq!(shown["large_files"]["unpushed"]["files"], 4, "{shown}");
    let history = git::history_of(&project);
    let ours = history.join("azml/runs").join(&run).join("outputs/ckpt/last.pt");
    assert_eq!(ours.metadata().expect("a file").nlink(), 2, "the store and the run's folder share it");

    let laptop = sandbox.stranger("laptop");
    let _cloned = laptop.azml(&sandbox.dir("laptop"), &["project", "clone", &url, "iris"]).ok();
    let roamed = sandbox.dir("laptop").join("iris");
    let written = laptop.azml(&roamed, &["history", "download", "-r", &run, "-d", "results"]).ok();
    assert!(written.stderr.contains("last.pt is missing"), "{written}");
    assert!(roamed.join("results/driver_log.txt").exists());
    let _refused =
        laptop.azml(&roamed, &["history", "info", "-r", &run, "-a", "outputs/ckpt/last.pt"]).fails();
    std::fs::remove_file(bare.join("lfs")).expect("a file");
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    let _now = laptop.azml(&roamed, &["history", "download", "-r", &run, "-d", "results", "--force"]).ok();
    assert!(read(roamed.join("results/outputs/ckpt/last.pt")) == read(&ours));

    // Nothing goes where that was not wanted.
    let (run, report) = submit(&alice, &project, &["--no-large"]);
    assert!(report.contains("Not pushed, over the limit"), "{report}");
    assert_eq!(large_names(&properties(&alice, &project, &run)), Vec::<&str>::new());
    let none = alice.clone().with_env("AZML_LARGE_FILE", "0");
    let (run, _) = submit(&none, &project, &[]);
    assert_eq!(large_names(&properties(&alice, &project, &run)), Vec::<&str>::new());
}
