//! The manual's examples, taken from the document and run as they stand there: a shell script and pytest here, the Rust
//! one by rustdoc. And the description of the admin API, judged by a validator of such descriptions.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use test_support::venv;
use vsts_mock::MockServer;

use crate::raw;

const MANUAL: &str = include_str!("../../README.md");
const BINARY: &str = env!("CARGO_BIN_EXE_vsts-mock");
const PYTEST: &str = "pytest==9.2.0";
const VALIDATOR: &str = "openapi-spec-validator==0.9.0";
/// The most lines that an example may have.
const SHORT: usize = 15;

/// The first example in that language.
fn example(language: &str) -> &'static str {
    let block = example_of_any_length(language);
    assert!(block.lines().count() < SHORT, "{language}: {} lines", block.lines().count());
    block
}

fn example_of_any_length(language: &str) -> &'static str {
    let start = format!("```{language}\n");
    let block = MANUAL.split(start.as_str()).nth(1).and_then(|rest| rest.split("\n```").next());
    block.unwrap_or_else(|| panic!("the manual has an example in {language}"))
}

/// A Python interpreter that has the package.
fn python(package: &str) -> PathBuf {
    venv::with_package(Path::new(env!("CARGO_TARGET_TMPDIR")), package).join("bin/python")
}

/// Runs a program as a stranger would who has installed the binary.
fn run(dir: &Path, program: &Path, args: &[&str]) -> String {
    let path =
        format!("{}:/usr/local/bin:/usr/bin:/bin", Path::new(BINARY).parent().expect("a folder").display());
    let output = Command::new(program)
        .env_clear()
        .env("PATH", path)
        .env("HOME", dir)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .current_dir(dir)
        .args(args)
        .output()
        .expect("it starts");
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{args:?}: {said}");
    said
}

#[test]
fn the_shell_script_works_as_it_stands() {
    let dir = TempDir::new().expect("a folder");
    std::fs::write(dir.path().join("example.sh"), example("sh")).expect("a file is written");
    let said = run(dir.path(), Path::new("/bin/sh"), &["-e", "example.sh"]);
    assert!(said.contains("\trefs/heads/master\n"), "{said}");
}

#[test]
fn the_example_over_https_works_as_it_stands() {
    let dir = TempDir::new().expect("a folder");
    let seed = example("sh").lines().next().expect("it begins with a seed");
    let start = "```sh\n";
    let block =
        MANUAL.split(start).nth(2).and_then(|rest| rest.split("\n```").next()).expect("a second example");
    std::fs::write(dir.path().join("example.sh"), format!("{seed}\n{block}\n")).expect("a file is written");
    run(dir.path(), Path::new("/bin/sh"), &["-e", "example.sh"]);
    assert!(dir.path().join("by-https/.git").is_dir());
}

#[test]
fn the_example_under_the_services_names_works_as_it_stands() {
    let dir = TempDir::new().expect("a folder");
    let seed = example("sh").lines().next().expect("it begins with a seed");
    run(dir.path(), Path::new("/bin/sh"), &["-ec", seed]);
    std::fs::write(dir.path().join("example.sh"), example("shell")).expect("a file is written");
    let said = run(dir.path(), Path::new("/bin/sh"), &["-e", "example.sh"]);
    assert!(
        said.contains("https://acme.visualstudio.com/_apis/projects/") && said.contains("200\n"),
        "{said}"
    );
    assert!(dir.path().join("iris/.git").is_dir());
}

#[test]
fn the_example_with_large_files_works_as_it_stands() {
    let dir = TempDir::new().expect("a folder");
    let seed = example("sh").lines().next().expect("it begins with a seed");
    run(dir.path(), Path::new("/bin/sh"), &["-ec", seed]);
    std::fs::write(dir.path().join("example.sh"), example("bash")).expect("a file is written");
    run(dir.path(), Path::new("/bin/sh"), &["-e", "example.sh"]);
    assert_eq!(std::fs::metadata(dir.path().join("copy/model.bin")).expect("it is there").len(), 1_000_000);
}

#[test]
fn the_example_with_a_saved_state_works_as_it_stands() {
    let dir = TempDir::new().expect("a folder");
    let seed = example("sh").lines().next().expect("it begins with a seed");
    run(dir.path(), Path::new("/bin/sh"), &["-ec", seed]);
    std::fs::write(dir.path().join("example.sh"), example("console")).expect("a file is written");
    let said = run(dir.path(), Path::new("/bin/sh"), &["-e", "example.sh"]);
    assert!(said.contains("\"name\":\"one-commit\""), "{said}");
}

#[test]
fn the_example_with_a_pull_request_works_as_it_stands() {
    let dir = TempDir::new().expect("a folder");
    let seed = example("sh").lines().next().expect("it begins with a seed");
    run(dir.path(), Path::new("/bin/sh"), &["-ec", seed]);
    let section = MANUAL.split("## Pull requests").nth(1).and_then(|rest| rest.split("```bash\n").nth(1));
    let script = section.and_then(|rest| rest.split("\n```").next()).expect("the section has an example");
    assert!(script.lines().count() < SHORT, "{} lines", script.lines().count());
    std::fs::write(dir.path().join("example.sh"), script).expect("a file is written");
    let said = run(dir.path(), Path::new("/bin/sh"), &["-e", "example.sh"]);
    assert!(said.contains("Merge pull request 1 from topic into master"), "{said}");
    assert!(said.contains(r#""status":"completed""#), "{said}");
}

#[test]
fn the_example_with_a_work_item_works_as_it_stands() {
    let dir = TempDir::new().expect("a folder");
    let seed = example("sh").lines().next().expect("it begins with a seed");
    run(dir.path(), Path::new("/bin/sh"), &["-ec", seed]);
    let section = MANUAL.split("## Work items").nth(1).and_then(|rest| rest.split("```bash\n").nth(1));
    let script = section.and_then(|rest| rest.split("\n```").next()).expect("the section has an example");
    std::fs::write(dir.path().join("example.sh"), script).expect("a file is written");
    let said = run(dir.path(), Path::new("/bin/sh"), &["-e", "example.sh"]);
    assert!(said.contains(r#""workItems":[{"id":1"#), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_faults_of_the_manual_are_met_as_it_says() {
    let seed = format!("{}\n{}", crate::git::SEED, example_of_any_length("toml"));
    let server = MockServer::builder().seed_toml(&seed).expect("a seed").start().await.expect("it starts");
    let dir = TempDir::new().expect("a folder");
    let url = server.clone_url("acme", "iris", "iris");
    let alice = crate::git::Git::of(dir.path(), "alicepat").clone_to(&url, "alice").await;
    let mut pushes = Vec::new();
    for name in ["a", "b", "c", "d"] {
        alice.commit(name, b"x").await;
        pushes.push(alice.run(&["push", "-q", "origin", "HEAD:master"]).await.err.contains("TF402455"));
    }
    assert_eq!(pushes, [false, false, true, false]);
}

#[test]
fn the_pytest_example_works_as_it_stands() {
    let dir = TempDir::new().expect("a folder");
    let seed = example("sh").lines().next().expect("it begins with a seed");
    run(dir.path(), Path::new("/bin/sh"), &["-ec", seed]);
    std::fs::write(dir.path().join("test_example.py"), example("python")).expect("a file is written");
    let said = run(dir.path(), &python(PYTEST), &["-m", "pytest", "-q"]);
    assert!(said.contains("1 passed"), "{said}");
}

#[test]
fn the_rust_example_is_short() {
    assert!(example("rust").contains("MockServer::builder()"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_admin_apis_description_is_a_valid_one() {
    let dir = TempDir::new().expect("a folder");
    let server = MockServer::builder().start().await.expect("the server starts");
    let head = "GET /_mock/openapi.json HTTP/1.1\nHost: x\nConnection: close\n\n";
    let reply = raw::send(server.url(), head, Vec::new()).await;
    std::fs::write(dir.path().join("openapi.json"), reply.body).expect("a file is written");
    let checked = tokio::task::spawn_blocking(move || {
        run(dir.path(), &python(VALIDATOR), &["-m", "openapi_spec_validator", "openapi.json"])
    });
    let said = checked.await.expect("it is checked");
    assert!(said.contains("OK"), "{said}");
}
