//! The service's own Python SDK, unmodified, from its package, in a virtual environment that the first test sets up.

use std::path::{Path, PathBuf};
use std::process::Command;

use vsts_mock::Profile;

use crate::site::Site;
use test_support::venv;

/// The package, in the version that the script was written against.
const PACKAGE: &str = "azure-devops==7.1.0b4";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rest/with_azure_devops.py");

/// The environment's interpreter.
fn python() -> PathBuf {
    venv::with_package(Path::new(env!("CARGO_TARGET_TMPDIR")), PACKAGE).join("bin/python")
}

/// Lets the script live through a part of a project's life.
async fn script(site: &Site, part: &str, more: &[&str]) -> String {
    let mut command = Command::new(python());
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", site.dir.path())
        .env("AZURE_DEVOPS_CACHE_DIR", site.dir.path().join("sdk"))
        .args([SCRIPT, site.server.url(), part])
        .args(more);
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.expect("it ran").expect("python starts");
    assert!(output.status.success(), "{part}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

async fn whole_life(profile: Profile) {
    let site = Site::with_profile(profile).await;
    let tip = script(&site, "make", &[]).await;
    let url = site.server.clone_url("acme", "Rose", "garden");
    let as_alice = ["-c", "http.extraHeader=Authorization: Bearer alicepat"];
    let git = async |folder: &str, args: &[&str]| {
        let all: Vec<&str> = as_alice.iter().copied().chain(args.iter().copied()).collect();
        site.git(folder, &all).await
    };
    git(
        ".",
        &["-c", "http.extraHeader=", "clone", "-q", &url.replace("http://", "http://me:alicepat@"), "garden"],
    )
    .await;
    assert_eq!(git("garden", &["rev-parse", "HEAD"]).await, tip);
    assert_eq!(git("garden", &["ls-tree", "-r", "--name-only", "HEAD"]).await, "docs/b.bin\nreadme.md");
    site.write("garden/by-git.txt", "from Git\n");
    git("garden", &["add", "-A"]).await;
    git("garden", &["commit", "-q", "-m", "By Git."]).await;
    let pushed = ["-c", "http.extraHeader=", "push", "-q", "origin", "HEAD:master", "HEAD:by-git"];
    git("garden", &pushed).await;
    let tip = git("garden", &["rev-parse", "HEAD"]).await;
    script(&site, "read", &[&tip]).await;
    a_denial_and_its_end(&site, &url).await;
    a_key_and_its_end(&site).await;
    script(&site, "pulls", &[]).await;
    script(&site, "work", &[]).await;
    if profile != Profile::Vsts {
        script(&site, "entitlements", &[]).await;
    }
    script(&site, "end", &[]).await;
}

/// The SDK's denial refuses Git's pushes until the SDK takes it back.
async fn a_denial_and_its_end(site: &Site, url: &str) {
    script(site, "deny", &[]).await;
    let with_token = url.replace("http://", "http://me:bobspat@");
    let as_bob = ["-c", "http.extraHeader="];
    let git = async |folder: &str, args: &[&str]| site.run_git(folder, &[&as_bob, args].concat()).await;
    git(".", &["clone", "-q", &with_token, "bobs"]).await.expect("he reads");
    site.write("bobs/by-bob.txt", "from bob\n");
    git("bobs", &["add", "-A"]).await.expect("added");
    git("bobs", &["commit", "-q", "-m", "By bob."]).await.expect("committed");
    let said = git("bobs", &["push", "origin", "HEAD:refs/heads/bobs"]).await.expect_err("it is denied");
    assert!(said.contains("TF401027: You need the Git 'GenericContribute' permission"), "{said}");
    script(site, "allow", &[]).await;
    git("bobs", &["push", "-q", "origin", "HEAD:refs/heads/bobs"]).await.expect("it is allowed");
}

/// A key that the SDK registers opens SSH, until the SDK takes it out.
async fn a_key_and_its_end(site: &Site) {
    let path = site.dir.path().join("laptop");
    let mut keygen = Command::new("ssh-keygen");
    keygen.args(["-q", "-t", "rsa", "-b", "2048", "-N", "", "-C", "alice", "-f"]).arg(&path);
    assert!(keygen.status().expect("ssh-keygen starts").success());
    let public = path.with_extension("pub").display().to_string();
    let id = script(site, "key", &[&public]).await;
    let url = site.server.ssh_clone_url("acme", "Rose", "garden").expect("SSH is listened for");
    let ssh = site.ssh_with(&path);
    let clone = async |to: &str| site.run_git(".", &["-c", &ssh, "clone", "-q", &url, to]).await;
    clone("by-key").await.expect("the key is known");
    script(site, "key", &[&id]).await;
    let said = clone("no-key").await.expect_err("the key is not known any more");
    assert!(
        said.contains("Permission denied (publickey)") || said.contains("Public key authentication failed."),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_sdk_lives_through_a_whole_life() {
    whole_life(Profile::Permissive).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_does_so_where_the_profile_is_strict() {
    for profile in [Profile::Vsts, Profile::AzureDevops] {
        whole_life(profile).await;
    }
}
