//! Thousands of repositories: what one request costs does not grow with them, and memory grows with those in use.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::binary::{Served, command};
use crate::raw;
use test_support::usage::Usage;

const PROJECTS: usize = 10;
const REPOS: usize = 1_000;
/// Repositories that are made to see what one costs.
const MADE: usize = 100;

fn seed(projects: usize, repos: usize) -> String {
    let mut seed = "[[users]]\nname = \"alice\"\ntokens = [{ name = \"ci\", value = \"alicepat\" }]\n\
                    [[users]]\nname = \"bob\"\ntokens = [{ name = \"ci\", value = \"bobspat\" }]\n\
                    [[accounts]]\nname = \"acme\"\nowner = \"alice\"\n"
        .to_owned();
    for project in 0..projects {
        write!(seed, "[[accounts.projects]]\nname = \"p{project}\"\nreaders = [\"bob\"]\nrepos = [")
            .expect("a string");
        for repo in 1..repos / projects {
            write!(seed, "{{ name = \"r{repo}\" }}, ").expect("a string");
        }
        seed.push_str("]\n");
    }
    seed
}

fn serve(dir: &Path) -> Served {
    let args = ["serve", "--config", "many.toml", "--http", "127.0.0.1:0", "--data-dir", "data"];
    let mut command = command(dir, &args);
    command.env("RUST_LOG", "warn");
    Served::of(dir, command)
}

/// Gives every repository the same commit, as files beside the server.
fn fill(dir: &Path) {
    let one = dir.join("one.git");
    let made = git2::Repository::init_bare(&one).expect("a repository");
    let blob = made.blob(b"content").expect("a blob");
    let mut tree = made.treebuilder(None).expect("a tree");
    tree.insert("file", blob, 0o100_644).expect("an entry");
    let tree = made.find_tree(tree.write().expect("a tree")).expect("it is there");
    let who =
        git2::Signature::new("a", "a@example.com", &git2::Time::new(1_500_000_000, 0)).expect("somebody");
    let commit = made.commit(None, &who, &who, "one", &tree, &[]).expect("a commit");
    let ids = [blob, tree.id(), commit].map(|id| id.to_string());
    for entry in fs::read_dir(dir.join("data/repos")).expect("a folder") {
        let path = entry.expect("an entry").path();
        for id in &ids {
            let name = format!("objects/{}/{}", &id[..2], &id[2..]);
            fs::create_dir_all(path.join(&name).parent().expect("it has one")).expect("a folder");
            fs::hard_link(one.join(&name), path.join(&name)).expect("a link");
        }
        fs::write(path.join("refs/heads/master"), format!("{commit}\n")).expect("a file");
    }
}

async fn get(served: &Served, path: &str, token: &str) -> raw::Reply {
    let head = format!("GET {path} HTTP/1.1\nHost: x\nConnection: close\nAuthorization: Bearer {token}\n\n");
    let reply = raw::send(served.url(), &head, Vec::new()).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    reply
}

fn values(reply: &raw::Reply) -> Vec<Value> {
    let mut value: Value = serde_json::from_slice(&reply.body).expect("JSON");
    serde_json::from_value(value["value"].take()).expect("a list")
}

/// Returns the number of read system calls of the process so far.
fn reads(pid: u32) -> usize {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).expect("the kernel counts");
    let count = io.lines().find_map(|line| line.strip_prefix("syscr: ")).expect("a line for reads");
    count.parse().expect("a number")
}

/// The processor time, in ticks, that making some repositories takes.
async fn make(served: &Served) -> u64 {
    let before = Usage::of(served.pid()).ticks;
    for number in 0..MADE {
        let body = format!("{{\"name\": \"made-{number}\"}}");
        let made = served.ask("POST", "/_mock/accounts/acme/projects/p0/repos", &body).await;
        assert_eq!(made.status, 201, "{}", made.text());
    }
    Usage::of(served.pid()).ticks - before
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_repositories_take_neither_time_nor_memory_for_ever() {
    let few = {
        let dir = TempDir::new().expect("a folder");
        fs::write(dir.path().join("many.toml"), seed(1, 1)).expect("a seed");
        make(&serve(dir.path())).await
    };
    let dir = TempDir::new().expect("a folder");
    fs::write(dir.path().join("many.toml"), seed(PROJECTS, REPOS)).expect("a seed");
    assert!(serve(dir.path()).terminate().success());
    fill(dir.path());

    let served = serve(dir.path());
    let (started, reads_before) = (Usage::of(served.pid()), reads(served.pid()));
    let list = "/acme/_apis/git/repositories";
    let first = get(&served, list, "alicepat").await;
    let after_first = Usage::of(served.pid());
    let (all, answer_bytes) = (values(&first), first.body.len());
    assert_eq!(all.len(), REPOS);
    assert!(all.iter().all(|repo| repo["defaultBranch"] == "refs/heads/master"));
    let again = get(&served, list, "bobspat").await;
    let after_again = Usage::of(served.pid());
    assert_eq!(values(&again), all);
    let (first, again) = (after_first.ticks - started.ticks, after_again.ticks - after_first.ticks);
    assert!(first <= 3 * again + 30, "the first list took {first} ticks, the second {again}");
    // `HEAD` and its branch once each, whether the list reads them first or the look through all when the server starts.
    let read = reads(served.pid()) - reads_before;
    assert!(read < 3 * REPOS, "{read} reads for two lists of {REPOS}");
    let grown = (after_again.peak - started.peak) >> 20;
    assert!(grown < 5, "{grown} MB at most for two lists of {answer_bytes} bytes");

    let mut paged = Vec::new();
    let mut next = Some(String::new());
    while let Some(token) = next {
        let page = get(&served, &format!("{list}?$top=300&continuationToken={token}"), "alicepat").await;
        paged.extend(values(&page));
        next = page
            .head
            .lines()
            .find_map(|line| line.strip_prefix("x-ms-continuationtoken: "))
            .map(|at| at.trim().to_owned());
    }
    assert_eq!(paged, all, "pages have all of it");
    let filtered = values(&get(&served, &format!("{list}?filterContains=R17"), "alicepat").await);
    assert_eq!(filtered.len(), PROJECTS);

    let before = Usage::of(served.pid());
    for repo in &all {
        let id = repo["id"].as_str().expect("an id");
        let refs =
            values(&get(&served, &format!("/acme/_apis/git/repositories/{id}/refs"), "alicepat").await);
        assert_eq!(refs.len(), 1);
    }
    let touched = Usage::of(served.pid());
    let grown = touched.resident.saturating_sub(before.resident) >> 20;
    assert!(grown < 80, "{grown} MB for {REPOS} repositories that were opened: {before:?} {touched:?}");
    assert!(touched.descriptors < before.descriptors + 50, "{before:?} {touched:?}");

    let many = make(&served).await;
    assert!(
        many <= 2 * few + 20,
        "{MADE} repositories took {many} ticks beside {REPOS}, and {few} beside none"
    );
}
