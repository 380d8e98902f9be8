//! The default branch of an empty repository: the first branch that comes into it, by whichever way.

use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::ssh::make_key;
use vsts_mock::Profile;

use crate::site::{Site, ZEROS, add};

const SEED: &str = include_str!("../support/seed.toml");
const REPOS: &str = "/acme/iris/_apis/git/repositories";
const HISTORY: &str = "AzureMLHistory/11111111-2222-3333-4444-555555555555";

async fn default_of(site: &Site, repo: &str) -> Value {
    let repo = site.get(&format!("{REPOS}/{repo}"), "carolpat").await.expect(200);
    repo["defaultBranch"].clone()
}

/// A clone-to-be with one commit at `HEAD`, and its id.
async fn local(site: &Site) -> String {
    site.git("local", &["init", "-q"]).await;
    site.git("local", &["commit", "-q", "--allow-empty", "-m", "First"]).await;
    site.git("local", &["rev-parse", "HEAD"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_branch_becomes_the_default_one_by_every_way() {
    let dir = TempDir::new().expect("a folder");
    let key = make_key(dir.path(), "carols", &["-t", "ed25519"]);
    let seed = SEED.replace(
        "name = \"carol\"\n",
        &format!("name = \"carol\"\nssh_keys = [{{ name = \"laptop\", key = \"{key}\" }}]\n"),
    );
    let site = Site::start(dir, &seed, |builder| builder.profile(Profile::Permissive)).await;
    let tip = local(&site).await;
    for way in ["http", "ssh", "pushes", "refs"] {
        site.post(REPOS, "alicepat", &json!({ "name": way })).await.expect(201);
        match way {
            "http" => {
                site.git("local", &["push", "-q", &site.url(way), "HEAD:refs/heads/trunk"]).await;
            }
            "ssh" => {
                let ssh = site.ssh_with(&site.dir.path().join("carols"));
                let url = site.server.ssh_clone_url("acme", "iris", way).expect("SSH is listened for");
                site.git("local", &["-c", &ssh, "push", "-q", &url, "HEAD:refs/heads/trunk"]).await;
            }
            "pushes" => {
                site.push(way, "refs/heads/trunk", ZEROS, json!([add("/a", "a")])).await.expect(201);
            }
            _ => {
                // The object comes with a ref that is no branch.
                site.git("local", &["push", "-q", &site.url(way), "HEAD:refs/tags/v1"]).await;
                assert_eq!(default_of(&site, way).await, Value::Null, "a tag is no branch");
                let new = json!([{ "name": "refs/heads/trunk", "oldObjectId": ZEROS, "newObjectId": tip }]);
                site.post(&format!("{REPOS}/{way}/refs"), "carolpat", &new).await.expect(200);
            }
        }
        assert_eq!(default_of(&site, way).await, "refs/heads/trunk", "{way}");
        site.push(way, "refs/heads/main", ZEROS, json!([add("/b", "b")])).await.expect(201);
        assert_eq!(default_of(&site, way).await, "refs/heads/trunk", "it stays: {way}");
        site.git(".", &["clone", "-q", &site.url(way), way]).await;
        assert_eq!(site.git(way, &["branch", "--show-current"]).await, "trunk", "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_branches_the_usual_one_is_taken_and_a_run_history_never() {
    let site = Site::with_profile(Profile::Permissive).await;
    local(&site).await;
    for (name, pushes, expected) in [
        ("several", &[&["HEAD:refs/heads/a", "HEAD:refs/heads/main"][..]][..], Some("main")),
        ("project", &[&[&format!("HEAD:refs/heads/{HISTORY}"), "HEAD:refs/heads/master"]], Some("master")),
        ("history", &[&[&format!("HEAD:refs/heads/{HISTORY}")]], None),
        ("later", &[&[&format!("HEAD:refs/heads/{HISTORY}")], &["HEAD:refs/heads/work"]], Some("work")),
    ] {
        site.post(REPOS, "alicepat", &json!({ "name": name })).await.expect(201);
        for refs in pushes {
            site.git("local", &[&["push", "-q", &site.url(name)], *refs].concat()).await;
        }
        let expected = expected.map_or(Value::Null, |branch| format!("refs/heads/{branch}").into());
        assert_eq!(default_of(&site, name).await, expected, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pushes_at_once_into_an_empty_repository_leave_one_default_branch() {
    let site = Site::with_profile(Profile::Permissive).await;
    let names: Vec<String> = (0..8).map(|number| format!("refs/heads/b{number}")).collect();
    let pushes = names.iter().map(|name| site.push("extra", name, ZEROS, json!([add("/a", name)])));
    for pushed in futures_util::future::join_all(pushes).await {
        pushed.expect(201);
    }
    let default = default_of(&site, "extra").await;
    assert!(names.iter().any(|name| default == name.as_str()), "{default}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_without_a_branch_at_head_takes_one_of_its_branches() {
    let dir = TempDir::new().expect("a folder");
    let scratch = Site::with_profile(Profile::Permissive).await;
    local(&scratch).await;
    let at = |path: &Path| path.display().to_string();
    let (bare, bundle) = (at(&dir.path().join("bare.git")), at(&dir.path().join("all.bundle")));
    scratch.git("local", &["branch", "-m", "trunk"]).await;
    scratch.git("local", &["clone", "-q", "--bare", ".", &bare]).await;
    scratch.git("local", &["--git-dir", &bare, "symbolic-ref", "HEAD", "refs/heads/none"]).await;
    scratch.git("local", &["bundle", "create", "-q", "--version=2", &bundle, "trunk"]).await;
    let imports = [("bare", &bare), ("bundle", &bundle)];
    let imports = imports
        .map(|(name, from)| format!("[[accounts.projects.repos]]\nname = \"{name}\"\nimport = \"{from}\"\n"));
    let seed = format!("{SEED}\n{}", imports.concat());
    let site = Site::start(dir, &seed, |builder| builder.profile(Profile::Permissive)).await;
    for name in ["bare", "bundle"] {
        assert_eq!(default_of(&site, name).await, "refs/heads/trunk", "{name}");
    }
}
