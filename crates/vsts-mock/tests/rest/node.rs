//! The service's own Node SDK, unmodified, from its package, in a folder that the first test sets up.

use std::path::Path;
use std::process::Command;

use vsts_mock::Profile;

use crate::site::Site;
use test_support::npm;

/// The package, in the version that the script was written against.
const PACKAGE: &str = "azure-devops-node-api@17.0.1";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rest/with_node_api.js");

#[tokio::test(flavor = "multi_thread")]
async fn the_node_sdk_lives_through_a_whole_life() {
    for profile in [Profile::Permissive, Profile::Vsts, Profile::AzureDevops] {
        let site = Site::with_profile(profile).await;
        let key = site.dir.path().join("laptop");
        let mut keygen = Command::new("ssh-keygen");
        keygen.args(["-q", "-t", "rsa", "-b", "2048", "-N", "", "-C", "alice", "-f"]).arg(&key);
        assert!(keygen.status().expect("ssh-keygen starts").success());
        let url = site.server.ssh_clone_url("acme", "Rose", "garden");
        let mut command = Command::new("node");
        command
            .env(
                "NODE_PATH",
                npm::with_package(Path::new(env!("CARGO_TARGET_TMPDIR")), PACKAGE).join("node_modules"),
            )
            .env("NODE_NO_WARNINGS", "1")
            .env("HOME", site.dir.path())
            .current_dir(site.dir.path())
            .args([SCRIPT, site.server.url()])
            .arg(key.with_extension("pub"))
            .arg(site.ssh_with(&key))
            .arg(url.expect("SSH is listened for"));
        let output = tokio::task::spawn_blocking(move || command.output());
        let output = output.await.expect("it ran").expect("node starts");
        assert!(
            output.status.success(),
            "{profile:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
