//! Questions about a long history by the REST API: answered as by stock git, before there is a commit-graph and after.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use e2e::server::SEED;
use e2e::{Actor, Sandbox, Server, git, http};
use serde_json::Value;

/// alice with her token.
const BASIC: &str = "Basic YWxpY2U6YWxpY2VwYXQ=";
/// Commits of the history: enough that one without a commit-graph asks for it.
const COMMITS: usize = 1_500;

/// A history of one file each commit, of topics that are merged, some of which come to nothing, and of branches that stay.
fn stream() -> String {
    let mut stream = String::new();
    let mut next = 0;
    let mut commit = |stream: &mut String, branch: &str, parents: &[usize], file: Option<&str>| {
        next += 1;
        let time = 1_400_000_000 + next * 60;
        writeln!(
            stream,
            "commit refs/heads/{branch}\nmark :{next}\ncommitter c <c@example.com> {time} +0000"
        )
        .expect("memory");
        writeln!(stream, "data 2\nc").expect("memory");
        for (number, parent) in parents.iter().enumerate() {
            writeln!(stream, "{} :{parent}", if number == 0 { "from" } else { "merge" }).expect("memory");
        }
        if let Some(file) = file {
            let text = format!("{next}\n");
            writeln!(stream, "M 100644 inline {file}\ndata {}\n{text}", text.len()).expect("memory");
        }
        next
    };
    let mut tip = commit(&mut stream, "master", &[], Some("rare/once"));
    while tip < COMMITS {
        let file = format!("often/file{}", tip % 7);
        if tip % 10 < 3 {
            // Every other topic's change is not taken over by the merge of it.
            let topic = commit(&mut stream, "topic", &[tip], Some("topic/file"));
            let main = commit(&mut stream, "master", &[tip], Some(&file));
            let taken = (tip % 20 < 10).then_some("topic/file");
            tip = commit(&mut stream, "master", &[main, topic], taken);
        } else {
            tip = commit(&mut stream, "master", &[tip], Some(&file));
        }
        if tip % 300 < 3 {
            commit(&mut stream, &format!("stay/{tip}"), &[tip], Some("rare/twice"));
        }
    }
    stream
}

fn ask(server: &Server, path: &str) -> Value {
    let path = format!("/acme/iris/_apis/git/repositories/iris/{path}");
    let headers = [("Authorization", BASIC), ("Accept", "application/json")];
    let (status, body) = http::send(server.http(), "GET", &path, &headers, "");
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).expect("JSON")
}

fn strings(answer: &Value, field: &str) -> Vec<String> {
    let values = answer["value"].as_array().expect("a list");
    values.iter().map(|value| value[field].as_str().unwrap_or_default().to_owned()).collect()
}

/// Asks both about paths, branches and where they parted.
fn assert_same(server: &Server, alice: &Actor<'_>, work: &Path) {
    let git = |args: &[&str]| alice.git(work, args).ok().text().to_owned();
    for path in ["rare/once", "rare", "topic/file", "often/file3", "often", "nothing"] {
        for (mode, option) in [("simplifiedHistory", "--no-first-parent"), ("firstParent", "--first-parent")]
        {
            let asked = format!(
                "commits?searchCriteria.itemPath=/{path}&searchCriteria.historyMode={mode}&searchCriteria.$top=9999"
            );
            let theirs = match option {
                "--first-parent" => git(&["log", "--format=%H", option, "master", "--", path]),
                _ => git(&["log", "--format=%H", "master", "--", path]),
            };
            let theirs: Vec<&str> = theirs.lines().collect();
            assert_eq!(strings(&ask(server, &asked), "commitId"), theirs, "{path} {mode}");
        }
    }
    let branches = ask(server, "stats/branches");
    for branch in branches["value"].as_array().expect("a list") {
        let name = branch["name"].as_str().expect("a name");
        let range = format!("master...refs/heads/{name}");
        let counts = git(&["rev-list", "--left-right", "--count", &range]);
        let ours = format!("{}\t{}", branch["behindCount"], branch["aheadCount"]);
        assert_eq!(ours, counts.trim(), "{name}");
    }
    let names = strings(&branches, "name");
    assert!(names.len() > 4, "{names:?}");
    for pair in names.windows(2) {
        let asked = format!("diffs/commits?baseVersion={}&targetVersion={}", pair[0], pair[1]);
        let common = git(&["merge-base", &pair[0], &pair[1]]);
        assert_eq!(ask(server, &asked)["commonCommit"].as_str(), Some(common.trim()), "{pair:?}");
    }
}

#[test]
fn a_long_history_is_told_as_stock_git_tells_it() {
    let sandbox = Sandbox::new();
    let server = Server::start(&sandbox, SEED);
    let alice = sandbox.actor("alice", "alicepat");
    let work = sandbox.dir("work");
    let _done = alice.git(&work, &["init", "-q", "-b", "master", "."]).ok();
    std::fs::write(work.join("stream"), stream()).expect("written");
    let _done = alice.sh(&work, "git fast-import --quiet < stream && rm stream").ok();
    let url = server.repo("iris");
    let _done = alice.git(&work, &["push", "-q", &url, "--all"]).ok();
    assert_same(&server, &alice, &work);

    // The first walks have asked for a commit-graph, which is written in the background.
    let repositories = git::repositories_below(server.data());
    let has_graph = || {
        repositories.iter().any(|repository| {
            std::fs::read(repository.join("objects/info/commit-graph"))
                .is_ok_and(|graph| graph.windows(4).take(200).any(|name| name == b"BIDX"))
        })
    };
    let begun = Instant::now();
    while !has_graph() {
        assert!(begun.elapsed() < Duration::from_mins(1), "no commit-graph is written");
        ask(&server, "commits?searchCriteria.itemPath=/nothing");
    }
    assert_same(&server, &alice, &work);

    // What comes after it is told as well.
    let _done =
        alice.sh(&work, "git checkout -q master && echo again > rare/once && git commit -qam again").ok();
    let _done = alice.git(&work, &["push", "-q", &url, "master"]).ok();
    assert_same(&server, &alice, &work);
}
