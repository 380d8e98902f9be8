//! Repositories that can't be opened: whoever asks is told so over SSH, over HTTP and when they are imported, and how it
//! can be helped.

use std::path::Path;
use std::process::Command;

use crate::testbed::Testbed;

/// Puts something else into the place of every repository of the server, none of which has been opened yet.
fn replace_all(testbed: &Testbed, make: impl Fn(&Path)) {
    for entry in std::fs::read_dir(testbed.path("data/repos")).expect("a folder") {
        let path = entry.expect("an entry").path();
        std::fs::remove_dir_all(&path).expect("it goes");
        make(&path);
    }
}

fn init(path: &Path, more: &[&str]) {
    let mut git = Command::new("git");
    git.args(["init", "-q", "--bare"])
        .args(more)
        .arg(path)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("HOME", "/nonexistent");
    assert!(git.status().expect("git starts").success());
}

fn sha256(path: &Path) {
    init(path, &["--object-format=sha256"]);
}

/// As git 2.45 and newer make it; older ones can't.
fn reftable(path: &Path) {
    init(path, &[]);
    let config =
        "[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\trefStorage = reftable\n";
    std::fs::write(path.join("config"), config).expect("a file");
    std::fs::write(path.join("HEAD"), "ref: refs/heads/.invalid\n").expect("a file");
    std::fs::remove_dir_all(path.join("refs")).expect("it goes");
    std::fs::create_dir(path.join("refs")).expect("a folder");
    std::fs::write(path.join("refs/heads"), "this repository uses the reftable format\n").expect("a file");
    std::fs::create_dir(path.join("reftable")).expect("a folder");
    std::fs::write(path.join("reftable/tables.list"), "").expect("a file");
}

fn broken(path: &Path) {
    init(path, &[]);
    std::fs::write(path.join("config"), "[core\n\tsecret = hidden-detail\n").expect("a file");
}

fn newer(path: &Path) {
    init(path, &[]);
    std::fs::write(path.join("config"), "[core]\n\trepositoryformatversion = 2\n").expect("a file");
}

fn without_head(path: &Path) {
    init(path, &[]);
    std::fs::write(path.join("HEAD"), "garbage\n").expect("a file");
}

fn missing(_: &Path) {}

/// The damaged states of a repository of the server itself.
const DAMAGED: [Row; 2] = [
    (without_head, "the repository can't be opened: its HEAD is damaged", ""),
    (missing, "the repository can't be opened: its folder is missing on the server", ""),
];

type Row = (fn(&Path), &'static str, &'static str);

const ROWS: [Row; 4] = [
    (sha256, "the repository names its objects by SHA256, which is not supported", "git fast-export"),
    (
        reftable,
        "the repository stores its refs as reftable, which is not supported",
        "git refs migrate --ref-format=files",
    ),
    (newer, "the repository has the format version 2", "1 is the latest"),
    (broken, "the repository can't be opened: its files are damaged", ""),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_same_reason_is_told_over_ssh_and_http() {
    for (make, reason, hint) in ROWS.into_iter().chain(DAMAGED) {
        let testbed = Testbed::new().await;
        replace_all(&testbed, make);
        for version in ["0", "2"] {
            let alice = testbed.person("alice").speaking(version);
            let output = alice.git(&["ls-remote", &testbed.url("extra")]).await.fails();
            assert!(
                output.contains(&format!("remote: {reason}")) && output.contains(hint),
                "{version}: {output}"
            );
            assert!(!output.contains("hidden-detail") && !output.contains("/data/"), "{output}");
        }
        let http = testbed.server.clone_url("acme", "iris", "extra");
        let header = "http.extraHeader=Authorization: Bearer alicepat";
        let output = testbed.person("alice").git(&["-c", header, "ls-remote", &http]).await.fails();
        assert!(output.contains(reason) && output.contains(hint), "{output}");
        assert!(!output.contains("hidden-detail") && !output.contains("/data/"), "{output}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_fails_says_why() {
    let testbed = Testbed::new().await;
    for (number, (make, reason, hint)) in ROWS.into_iter().enumerate() {
        let path = testbed.path(&format!("foreign-{number}.git"));
        make(&path);
        let body = serde_json::json!({ "name": format!("r{number}"), "import": path });
        let output =
            testbed.admin_fails("POST", "/accounts/acme/projects/iris/repos", &body.to_string()).await;
        let reason = if hint.is_empty() { "config" } else { reason };
        assert!(output.contains(reason) && output.contains(hint), "{output}");
    }
    let partial = testbed.path("partial.git");
    init(&partial, &[]);
    std::fs::write(partial.join("objects/pack/pack-1.promisor"), "").expect("a file");
    let body = serde_json::json!({ "name": "p", "import": partial }).to_string();
    let output = testbed.admin_fails("POST", "/accounts/acme/projects/iris/repos", &body).await;
    assert!(output.contains("it is a partial clone"), "{output}");
    let bundle = testbed.path("new.bundle");
    std::fs::write(&bundle, "# v3 git bundle\n@object-format=sha256\n\n").expect("a file");
    let body = serde_json::json!({ "name": "b", "import": bundle }).to_string();
    let output = testbed.admin_fails("POST", "/accounts/acme/projects/iris/repos", &body).await;
    assert!(output.contains("git bundle create --version=2"), "{output}");
    let nothing = serde_json::json!({ "name": "n", "import": testbed.path("data") }).to_string();
    let output = testbed.admin_fails("POST", "/accounts/acme/projects/iris/repos", &nothing).await;
    assert!(output.contains("cannot import") && output.contains(": "), "{output}");
}
