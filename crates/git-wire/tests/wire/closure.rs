//! Clones of everything, which need no walk: what stock git gets is what the refs reach, not an object more or less,
//! whatever happened since the pack that is sent was recorded.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use crate::sandbox::{Sandbox, WAYS, command, commit, git, lines};

/// Every object in the repository's store, by id.
fn stored(repository: &Path) -> BTreeSet<String> {
    let all =
        git(repository, &["cat-file", "--batch-all-objects", "--batch-check=%(objectname)", "--unordered"]);
    all.lines().map(str::to_owned).collect()
}

/// Returns the objects that can be reached from the refs that match `patterns`.
fn reachable(repository: &Path, patterns: &[&str]) -> BTreeSet<String> {
    let list = git(repository, &[&["rev-list", "--objects", "--no-object-names"], patterns].concat());
    list.lines().map(str::to_owned).collect()
}

/// Clones in every way, with `args`, and requires exactly the objects that `patterns` reach in the origin.
#[track_caller]
fn clones_are_exact(sandbox: &Sandbox, what: &str, args: &[&str], patterns: &[&str]) {
    let expected = reachable(&sandbox.path("origin.git"), patterns);
    for (scheme, version) in WAYS {
        let name = format!("{what}-{scheme}-{version}").replace(' ', "-");
        let (url, version) = (sandbox.url(scheme, "origin.git"), format!("protocol.version={version}"));
        let clone = ["-c", &version, "clone", "-q", "--bare"];
        git(&sandbox.path(""), &[&clone, args, &[url.as_str(), name.as_str()]].concat());
        let copy = sandbox.path(&name);
        git(&copy, &["fsck", "--strict"]);
        let stored = stored(&copy);
        let (more, less): (Vec<_>, Vec<_>) =
            (stored.difference(&expected).collect(), expected.difference(&stored).collect());
        assert!(
            more.is_empty() && less.is_empty(),
            "{what} by {scheme}, {version}: more {more:?}, less {less:?}"
        );
    }
}

fn import(repository: &Path, stream: &str) {
    let mut import = command(repository)
        .args(["fast-import", "--quiet"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("git is installed");
    import.stdin.take().expect("a pipe").write_all(stream.as_bytes()).expect("git reads");
    assert!(import.wait().expect("git ends").success());
}

#[test]
fn the_first_push_is_sent_on_as_it_lies_and_later_ones_behind_it() {
    let sandbox = Sandbox::new();
    let work = sandbox.seed();
    let origin = sandbox.path("origin.git");
    let everything = ["--branches", "--tags"];
    git(&sandbox.path(""), &["init", "-q", "--bare", "-b", "main", "first.git"]);
    fs::remove_dir_all(&origin).expect("the folder goes");
    fs::rename(sandbox.path("first.git"), &origin).expect("an empty one comes");

    for round in 0..20 {
        let text = lines(200).replace('7', &format!(" seven of {round} "));
        commit(&work, "numbers", &text);
    }
    git(&work, &["tag", "-a", "-m", "one", "v1", "HEAD~3"]);
    git(&work, &["branch", "side", "HEAD~5"]);
    git(&work, &["push", "-q", &sandbox.url("http", "origin.git"), "main", "v1", "side"]);
    assert!(origin.join("git-wire/closure").is_file(), "the pack is remembered");
    clones_are_exact(&sandbox, "first", &[], &everything);

    // Beside it: a commit, a tag of an old one, a branch at an old one.
    commit(&work, "numbers", "new\n");
    git(&work, &["tag", "-a", "-m", "two", "v2", "HEAD~9"]);
    git(&work, &["push", "-q", &sandbox.url("http", "origin.git"), "main", "v2", "HEAD~7:refs/heads/other"]);
    clones_are_exact(&sandbox, "more", &[], &everything);
    clones_are_exact(&sandbox, "one branch", &["--single-branch"], &["main", "v1", "v2"]);
    // Git asks for the tag here too, and then doesn't keep its name.
    clones_are_exact(&sandbox, "no tags", &["--single-branch", "--no-tags", "-b", "side"], &["side", "v2"]);

    // What is gone is not sent, though it is in the pack.
    git(
        &work,
        &["push", "-q", &sandbox.url("http", "origin.git"), ":refs/tags/v1", "+HEAD~8:refs/heads/main"],
    );
    clones_are_exact(&sandbox, "less", &[], &everything);
}

#[test]
fn a_pack_that_was_made_once_is_sent_again_and_only_to_who_wants_the_same() {
    let sandbox = Sandbox::new();
    let work = sandbox.seed();
    // Enough objects for the pack to be worth keeping, and in a pack that nobody has recorded.
    let stream: Vec<String> = (0..1_200)
        .map(|at| {
            let time = 1_600_000_000 + at;
            let from = if at == 0 { "from refs/heads/main^0\n" } else { "" };
            let file = format!("M 644 inline f{at}\ndata 2\n{:02}\n", at % 100);
            format!("commit refs/heads/main\ncommitter A <a@b> {time} +0000\ndata 1\nx\n{from}{file}")
        })
        .collect();
    let stream = stream.concat();
    import(&sandbox.path("origin.git"), &stream);
    clones_are_exact(&sandbox, "first", &[], &["--branches"]);
    let kept = || fs::read_dir(sandbox.path("origin.git/git-wire/finished")).map_or(0, Iterator::count);
    assert_eq!(kept(), 1, "one pack for four clones");
    clones_are_exact(&sandbox, "again", &[], &["--branches"]);
    assert_eq!(kept(), 1);
    git(&work, &["pull", "-q", "origin", "main"]);
    commit(&work, "more", "more\n");
    git(&work, &["push", "-q", &sandbox.url("git", "origin.git"), "main"]);
    clones_are_exact(&sandbox, "changed", &[], &["--branches"]);
    clones_are_exact(&sandbox, "shallow", &["--depth=1"], &["--no-walk", "--branches"]);
}

/// Counts the deltas in a clone's packs that name their base by distance.
fn deltas_by_distance(repository: &Path) -> usize {
    let packs = fs::read_dir(repository.join("objects/pack")).expect("packs");
    let packs = packs.map(|entry| entry.expect("an entry").path());
    let mut found = 0;
    for pack in packs.filter(|path| path.extension().is_some_and(|extension| extension == "pack")) {
        let bytes = fs::read(&pack).expect("a pack");
        let index = pack.with_extension("idx");
        let entries = git(repository, &["verify-pack", "-v", index.to_str().expect("UTF-8")]);
        let offsets = entries.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            words.next().filter(|id| id.len() == 40)?;
            words.nth(3)?.parse::<usize>().ok()
        });
        found += offsets.filter(|offset| (bytes[*offset] >> 4) & 7 == 6).count();
    }
    found
}

#[test]
fn a_client_that_knows_no_distances_is_sent_none() {
    let sandbox = Sandbox::new();
    let work = sandbox.seed();
    let url = sandbox.url("http", "fresh.git");
    git(&sandbox.path(""), &["init", "-q", "--bare", "-b", "main", "fresh.git"]);
    for round in 0..10 {
        commit(&work, "numbers", &lines(200).replace("line 77\n", &format!("seven of {round}\n")));
    }
    git(&work, &["push", "-q", &url, "main"]);
    assert!(deltas_by_distance(&sandbox.path("fresh.git")) > 0, "there is something to see");
    assert!(sandbox.path("fresh.git/git-wire/closure").is_file(), "the pack is remembered");
    for (version, takes_distances) in [("0", true), ("2", true), ("0", false), ("2", false)] {
        let name = format!("copy-{version}-{takes_distances}");
        let version = format!("protocol.version={version}");
        let distances = format!("repack.useDeltaBaseOffset={takes_distances}");
        git(
            &sandbox.path(""),
            &[
                "-c",
                &version,
                "-c",
                &distances,
                "-c",
                "fetch.unpackLimit=1",
                "clone",
                "-q",
                "--bare",
                &url,
                &name,
            ],
        );
        let copy = sandbox.path(&name);
        git(&copy, &["fsck", "--strict"]);
        assert_eq!(deltas_by_distance(&copy) > 0, takes_distances, "{name}");
    }
}
