//! The packages for Python and Node.js: the examples of their manuals, as they stand there, with the built program.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use test_support::{npm, venv};

use crate::program;

const BINARY: &str = env!("CARGO_BIN_EXE_vsts-mock");
const PACKAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packages");
const PYTHON_PACKAGES: [&str; 2] = ["azure-devops==7.1.0b4", "pytest==9.2.0"];
const NODE_PACKAGE: &str = "azure-devops-node-api@17.0.1";

fn cache() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// The examples of a manual in a language, in their order.
fn examples(manual: &str, language: &str) -> Vec<String> {
    let text = std::fs::read_to_string(Path::new(PACKAGES).join(manual)).expect("there is a manual");
    let start = format!("```{language}\n");
    let blocks = text.split(start.as_str()).skip(1);
    blocks.filter_map(|rest| Some(rest.split_once("\n```")?.0.to_owned() + "\n")).collect()
}

/// Runs Python with the package, as if it were installed.
async fn python(dir: &Path, args: &[&str]) -> program::Output {
    let environment = tokio::task::spawn_blocking(|| venv::with_packages(cache(), &PYTHON_PACKAGES)).await;
    let python = environment.expect("it is set up").join("bin/python");
    let mut command = program::program(python, dir);
    command
        .env("PYTHONPATH", Path::new(PACKAGES).join("python/src"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("AZURE_DEVOPS_CACHE_DIR", dir.join("sdk"))
        .env("VSTS_MOCK_BIN", BINARY)
        .args(args);
    program::run(command).await
}

#[tokio::test(flavor = "multi_thread")]
async fn pytest_reaches_dev_azure_com_in_ten_lines() {
    let dir = TempDir::new().expect("a folder");
    let examples = examples("python/README.md", "python");
    assert!(examples[0].trim_end().lines().count() <= 10, "{}", examples[0]);
    std::fs::write(dir.path().join("test_example.py"), &examples[0]).expect("a file is written");
    let plugin = ["-m", "pytest", "-q", "-p", "vsts_mock.pytest_plugin", "-p", "no:cacheprovider"];
    let said = python(dir.path(), &[&plugin[..], &["--vsts-mock-intercept"]].concat()).await.ok();
    assert!(said.contains("1 passed"), "{said}");

    // A state that is made once.
    std::fs::write(dir.path().join("test_history.py"), &examples[1]).expect("a file is written");
    let said = python(dir.path(), &[&plugin[..], &["test_history.py"]].concat()).await.ok();
    assert!(said.contains("2 passed"), "{said}");
    std::fs::remove_file(dir.path().join("test_history.py")).expect("it is there");

    // Another seed, an option in the ini file, and what one test does is gone in the next.
    std::fs::write(dir.path().join("conftest.py"), &examples[2]).expect("a file is written");
    std::fs::write(dir.path().join("pytest.ini"), "[pytest]\nvsts_mock_intercept = true\n")
        .expect("a file is written");
    let more = r#"
import os, subprocess
import pytest
import vsts_mock as package

def test_git_clones_from_the_service(vsts_mock, vsts_repo, tmp_path):
    assert vsts_mock.token("carol")
    tip = vsts_repo.commit({"a.txt": "one\n"})
    assert vsts_repo.commit({"a.txt": "two\n", "b/c.bin": b"\0"}) != tip
    url = vsts_repo.url_for("alice", vsts_repo.service_url)
    assert url.startswith("https://alice:") and "@dev.azure.com/" in url
    subprocess.run(["git", "clone", "-q", url, tmp_path / "clone"], check=True)
    assert (tmp_path / "clone/a.txt").read_text() == "two\n" and (tmp_path / "clone/b/c.bin").read_bytes() == b"\0"

@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_begins_at_the_seed(vsts_mock, turn):
    names = lambda: [repo["name"] for repo in vsts_mock.rest("GET", "iris/_apis/git/repositories")["value"]]
    assert names() == ["iris"] and vsts_mock.journal(unknown="true") == []
    vsts_mock.repo("left")
    assert "left" in names()

def test_states_come_back_with_their_tokens(vsts_mock):
    before = vsts_mock.token("alice")
    saved = vsts_mock.snapshot("mine")
    assert saved["counts"]["repositories"] == 1 and vsts_mock.snapshots() == [saved]
    vsts_mock.repo("left")
    vsts_mock.reset()
    assert vsts_mock.token("alice") != before
    vsts_mock.restore("mine")
    assert vsts_mock.token("alice") == before and len(vsts_mock.rest("GET", "iris/_apis/git/repositories")["value"]) == 1
    vsts_mock.remove_snapshot("mine")
    with pytest.raises(package.Refused):
        vsts_mock.restore("mine")

def test_refusals_are_exceptions(vsts_mock):
    with pytest.raises(package.Refused) as caught:
        vsts_mock.rest("GET", "none/_apis/git/repositories")
    assert caught.value.status == 404 and "none" in str(caught.value)
    with pytest.raises(package.Refused):
        vsts_mock.repo(user="carol")
"#;
    std::fs::write(dir.path().join("test_more.py"), more).expect("a file is written");
    let said = python(dir.path(), &plugin).await.ok();
    assert!(said.contains("6 passed"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_module_starts_a_server_without_pytest_and_says_why_it_does_not() {
    let dir = TempDir::new().expect("a folder");
    let example = &examples("python/README.md", "python")[3];
    let said = python(dir.path(), &["-c", example]).await.ok();
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("http://alice:") && lines[1].starts_with("http://127.0.0.1:"), "{said}");
    let wrong = "import vsts_mock; vsts_mock.start(seed={'users': [{'name': 'a', 'colour': 'red'}]})";
    let said = python(dir.path(), &["-c", wrong]).await.fails();
    assert!(said.contains("vsts-mock did not start") && said.contains("colour"), "{said}");
}

/// A folder in which `require('vsts-mock')` finds the package beside Microsoft's client.
fn node_modules(dir: &Path) -> PathBuf {
    let modules = dir.join("node_modules");
    std::fs::create_dir_all(&modules).expect("a folder");
    std::os::unix::fs::symlink(Path::new(PACKAGES).join("npm"), modules.join("vsts-mock")).expect("a link");
    npm::with_package(cache(), NODE_PACKAGE).join("node_modules")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_of_node_uses_the_server() {
    let dir = TempDir::new().expect("a folder");
    let path = dir.path().to_owned();
    let clients = tokio::task::spawn_blocking(move || node_modules(&path)).await.expect("it is set up");
    let example = &examples("npm/README.md", "js")[0];
    std::fs::write(dir.path().join("example.test.js"), example).expect("a file is written");
    let more = r"
const assert = require('node:assert');
const { execFileSync } = require('node:child_process');
const { test } = require('node:test');
const mock = require('vsts-mock');

test('programs reach the service', async () => {
  const server = await mock.start({ intercept: true });
  const repo = await server.repo();
  const first = await repo.commit({ 'a.txt': 'one' });
  assert.notEqual(await repo.commit({ 'a.txt': 'two', 'b.bin': Uint8Array.of(0, 1) }), first);
  const environment = { ...process.env, ...server.environment };
  const said = execFileSync('git', ['ls-remote', repo.urlFor('bob', repo.serviceUrl)], { env: environment });
  assert.match(String(said), /refs\/heads\/main/);
  assert.equal((await server.snapshot('made')).counts.repositories, 2);
  await server.reset();
  await assert.rejects(repo.rest('GET', 'refs'), { name: 'Refused', status: 404 });
  await server.restore('made');
  assert.equal((await repo.rest('GET', 'refs')).count, 1);
  assert.deepEqual((await server.snapshots()).map((one) => one.name), ['made']);
  await server.removeSnapshot('made');
  await server.reset();
  await assert.rejects(repo.rest('GET', 'refs'), { name: 'Refused', status: 404 });
  assert.ok((await server.journal({ kind: 'request' })).length > 0);
  await server.stop();
});

test('a seed that is wrong is named', async () => {
  await assert.rejects(mock.start({ seed: { users: [{ name: 'a', colour: 'red' }] } }), /colour/);
});

test('a server that nobody stops does not keep the process', async () => {
  await mock.start();
});
";
    std::fs::write(dir.path().join("more.test.js"), more).expect("a file is written");
    let mut command = program::program("node", dir.path());
    command.env("NODE_PATH", clients).env("VSTS_MOCK_BIN", BINARY).env("NODE_NO_WARNINGS", "1");
    command.args(["--test", "example.test.js", "more.test.js"]);
    let output = program::run(command).await;
    assert!(output.out.contains("# pass 4") || output.out.contains("pass 4"), "{}{}", output.out, output.err);
    let mut command = program::program("node", dir.path());
    command.env("VSTS_MOCK_BIN", BINARY).args([
        "node_modules/vsts-mock/cli.js",
        "exec",
        "--",
        "sh",
        "-c",
        "exit 7",
    ]);
    assert_eq!(program::run(command).await.code, Some(7));
}
