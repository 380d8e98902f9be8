//! Clones and fetches.

use std::fs;

use crate::sandbox::{Sandbox, WAYS, commit, fsck, git};

#[test]
fn clones_are_complete_in_every_way() {
    let sandbox = Sandbox::new();
    let work = sandbox.seed();
    commit(&work, "deep/er/file", "content\n");
    git(&work, &["tag", "-a", "v1", "-m", "one"]);
    git(&work, &["tag", "light"]);
    git(&work, &["branch", "topic"]);
    git(&work, &["push", "-q", "origin", "--all"]);
    git(&work, &["push", "-q", "origin", "--tags"]);
    for repack in [false, true] {
        if repack {
            git(&sandbox.path("origin.git"), &["repack", "-adq"]);
            git(&sandbox.path("origin.git"), &["pack-refs", "--all"]);
        }
        for (scheme, version) in WAYS {
            let clone = format!("clone-{scheme}-{version}-{repack}");
            let protocol = format!("protocol.version={version}");
            let root = sandbox.path("");
            git(&root, &["-c", &protocol, "clone", "-q", &sandbox.url(scheme, "origin.git"), &clone]);
            let clone = sandbox.path(&clone);
            fsck(&clone);
            let refs =
                ["for-each-ref", "--format=%(objectname) %(refname:lstrip=3)", "refs/remotes/origin/main"];
            assert!(git(&clone, &refs).starts_with(&git(&work, &["rev-parse", "main"])));
            assert_eq!(
                git(&clone, &["rev-parse", "v1^{}", "light"]),
                git(&work, &["rev-parse", "v1^{}", "light"])
            );
            assert_eq!(git(&clone, &["symbolic-ref", "HEAD"]), "refs/heads/main");
            assert_eq!(fs::read_to_string(clone.join("deep/er/file")).expect("checked out"), "content\n");
        }
    }
}

/// A folder with many files, so that a fetch that looked at all of them would show.
fn fill(work: &std::path::Path) {
    for folder in 0..40 {
        let path = work.join(format!("folder{folder}"));
        fs::create_dir_all(&path).expect("create a folder");
        for file in 0..50 {
            fs::write(path.join(format!("file{file}")), format!("{folder} {file}\n")).expect("write a file");
        }
    }
    git(work, &["add", "-A"]);
    git(work, &["commit", "-q", "-m", "many files"]);
}

/// Returns the number of objects that a repository has of its own.
fn count_objects(repository: &std::path::Path) -> u32 {
    let text = git(repository, &["count-objects", "-v"]);
    let number = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)).expect("listed");
        line.parse::<u32>().expect("a number")
    };
    number("count: ") + number("in-pack: ")
}

#[test]
fn a_fetch_of_one_commit_brings_only_what_is_new() {
    let sandbox = Sandbox::new();
    let work = sandbox.seed();
    fill(&work);
    git(&work, &["push", "-q", "origin", "main"]);
    git(&sandbox.path("origin.git"), &["repack", "-adq"]);
    let ways = WAYS.map(|(scheme, version)| {
        (scheme, format!("protocol.version={version}"), format!("{scheme}{version}"))
    });
    for (scheme, protocol, name) in &ways {
        let url = sandbox.url(scheme, "origin.git");
        git(&sandbox.path(""), &["-c", protocol, "clone", "-q", "--no-checkout", &url, name]);
    }
    let before = count_objects(&sandbox.path(&ways[0].2));
    commit(&work, "folder7/file7", "changed\n");
    // A file and a folder that move don't travel again.
    git(&work, &["mv", "folder1", "moved"]);
    git(&work, &["mv", "folder2/file1", "folder3/renamed"]);
    git(&work, &["commit", "-q", "-m", "moves"]);
    git(&work, &["push", "-q", "origin", "main"]);
    for (_, protocol, name) in &ways {
        let clone = sandbox.path(name);
        git(&clone, &["-c", protocol, "fetch", "-q"]);
        // The first commit brings itself, two trees and a blob; the second itself and the trees of three folders.
        assert_eq!(count_objects(&clone) - before, 8, "{name}");
        assert_eq!(git(&clone, &["rev-parse", "origin/main"]), git(&work, &["rev-parse", "main"]));
        fsck(&clone);
    }
}

#[test]
fn shallow_clones_deepen_as_with_stock_git() {
    for (scheme, version) in WAYS {
        let sandbox = Sandbox::new();
        let work = sandbox.seed();
        for number in 0..8 {
            commit(&work, &format!("dir/file{number}"), &format!("{number}\n"));
        }
        git(&work, &["checkout", "-q", "-b", "side", "HEAD~4"]);
        commit(&work, "side", "side\n");
        git(&work, &["checkout", "-q", "main"]);
        git(&work, &["merge", "-q", "--no-edit", "side"]);
        git(&work, &["tag", "-a", "old", "-m", "old", "HEAD~3"]);
        git(&work, &["push", "-q", "origin", "--all"]);
        git(&work, &["push", "-q", "origin", "--tags"]);
        let protocol = format!("protocol.version={version}");
        let ours = sandbox.url(scheme, "origin.git");
        let theirs = format!("file://{}", sandbox.path("origin.git").display());
        let old = git(&work, &["rev-parse", "old^{}"]);
        let steps: [&[&str]; 7] = [
            &["fetch", "-q", "--depth=1", "origin", "main"],
            &["fetch", "-q", "--depth=3", "origin", "main"],
            &["fetch", "-q", "--deepen=1", "origin", "main"],
            &["fetch", "-q", "origin", "side"],
            &["fetch", "-q", "--depth=2", "origin", "main"],
            &["fetch", "-q", "--shallow-exclude=refs/tags/old", "origin", "main"],
            &["fetch", "-q", "--unshallow", "origin"],
        ];
        for (name, url) in [("ours", &ours), ("theirs", &theirs)] {
            git(&sandbox.path(""), &["init", "-q", name]);
            git(&sandbox.path(name), &["remote", "add", "origin", url]);
        }
        for step in steps {
            let mut seen = Vec::new();
            for name in ["ours", "theirs"] {
                let folder = sandbox.path(name);
                let mut args = vec!["-c", protocol.as_str()];
                args.extend_from_slice(step);
                git(&folder, &args);
                fsck(&folder);
                let mut shallow: Vec<String> = fs::read_to_string(folder.join(".git/shallow"))
                    .unwrap_or_default()
                    .lines()
                    .map(ToOwned::to_owned)
                    .collect();
                shallow.sort_unstable();
                let commits = git(&folder, &["rev-list", "--all", "FETCH_HEAD"]);
                seen.push((shallow, commits));
            }
            assert_eq!(seen[0], seen[1], "{scheme} {version} {step:?}");
        }
        git(&sandbox.path("ours"), &["-c", &protocol, "fetch", "-q", "--depth=1", "origin", &old]);
    }
}

#[test]
fn partial_clones_fetch_what_they_miss_later() {
    let sandbox = Sandbox::new();
    let work = sandbox.seed();
    fill(&work);
    git(&work, &["push", "-q", "origin", "main"]);
    git(&sandbox.path("origin.git"), &["repack", "-adq"]);
    for (scheme, version, filter) in
        [("http", "2", "blob:none"), ("git", "0", "blob:limit=5"), ("git", "2", "tree:0")]
    {
        let protocol = format!("protocol.version={version}");
        let name = format!("{scheme}{version}");
        let url = sandbox.url(scheme, "origin.git");
        let clone = sandbox.path(&name);
        let filter = format!("--filter={filter}");
        git(&sandbox.path(""), &["-c", &protocol, "clone", "-q", "--no-checkout", &filter, &url, &name]);
        assert!(count_objects(&clone) < 2_045, "{filter}");
        git(&clone, &["-c", &protocol, "checkout", "-q", "main", "--", "folder3"]);
        assert_eq!(fs::read_to_string(clone.join("folder3/file4")).expect("checked out"), "3 4\n");
    }
}

#[test]
fn negotiation_finds_the_common_history_of_diverged_repositories() {
    let sandbox = Sandbox::new();
    let work = sandbox.seed();
    git(&sandbox.path(""), &["clone", "-q", &sandbox.url("git", "origin.git"), "mine"]);
    let mine = sandbox.path("mine");
    for number in 0..40 {
        git(&mine, &["commit", "-q", "--allow-empty", "-m", &format!("mine {number}")]);
        commit(&work, "theirs", &format!("{number}\n"));
    }
    git(&work, &["push", "-q", "origin", "main"]);
    for (scheme, version) in WAYS {
        let name = format!("{scheme}{version}");
        git(&sandbox.path(""), &["clone", "-q", mine.to_str().expect("UTF-8"), &name]);
        let clone = sandbox.path(&name);
        let before = count_objects(&clone);
        let protocol = format!("protocol.version={version}");
        git(&clone, &["-c", &protocol, "fetch", "-q", &sandbox.url(scheme, "origin.git"), "main"]);
        fsck(&clone);
        // Three objects for each of forty commits, and none of what both have.
        assert_eq!(count_objects(&clone) - before, 120, "{name}");
    }
}

#[test]
fn an_empty_repository_can_be_cloned_and_pushed_to() {
    for (scheme, version) in WAYS {
        let sandbox = Sandbox::new();
        git_wire::Repository::init_bare(&sandbox.path("new.git"), "trunk").expect("created");
        let url = sandbox.url(scheme, "new.git");
        let protocol = format!("protocol.version={version}");
        git(&sandbox.path(""), &["-c", &protocol, "clone", "-q", &url, "clone"]);
        let clone = sandbox.path("clone");
        commit(&clone, "a", "a\n");
        git(&clone, &["-c", &protocol, "push", "-q", "origin", "HEAD:trunk"]);
        git(&sandbox.path(""), &["-c", &protocol, "clone", "-q", &url, "again"]);
        assert_eq!(git(&sandbox.path("again"), &["symbolic-ref", "HEAD"]), "refs/heads/trunk");
        fsck(&sandbox.path("new.git"));
    }
}

#[test]
fn a_whole_clone_stays_whole_when_it_is_deepened() {
    let sandbox = Sandbox::new();
    let work = sandbox.seed();
    for number in 0..4 {
        commit(&work, "file", &format!("{number}\n"));
    }
    git(&work, &["push", "-q", "origin", "main"]);
    for (scheme, version) in WAYS {
        let root = sandbox.path("");
        let protocol = format!("protocol.version={version}");
        let name = format!("whole-{scheme}-{version}");
        git(&root, &["-c", &protocol, "clone", "-q", &sandbox.url(scheme, "origin.git"), &name]);
        for depth in ["--deepen=1", "--deepen=0", "--deepen=100"] {
            git(&sandbox.path(&name), &["-c", &protocol, "fetch", "-q", depth]);
            let count = git(&sandbox.path(&name), &["rev-list", "--count", "HEAD"]);
            assert_eq!(count, "5", "{scheme} {version} {depth}");
            assert!(!sandbox.path(&name).join(".git/shallow").exists(), "{scheme} {version} {depth}");
        }
    }
}

#[test]
fn history_is_not_cut_where_a_merge_is_deepened_past() {
    let sandbox = Sandbox::new();
    let work = sandbox.seed();
    commit(&work, "one", "one\n");
    commit(&work, "two", "two\n");
    git(&work, &["checkout", "-q", "-b", "side"]);
    commit(&work, "three", "three\n");
    commit(&work, "four", "four\n");
    git(&work, &["checkout", "-q", "main"]);
    git(&work, &["merge", "-q", "--no-ff", "side"]);
    git(&work, &["push", "-q", "origin", "main"]);
    for (scheme, version) in WAYS {
        let protocol = format!("protocol.version={version}");
        let name = format!("deepened-{scheme}-{version}");
        let url = sandbox.url(scheme, "origin.git");
        git(&sandbox.path(""), &["-c", &protocol, "clone", "-q", "--depth=3", &url, &name]);
        let count = || git(&sandbox.path(&name), &["rev-list", "--count", "HEAD"]);
        assert_eq!(count(), "5");
        git(&sandbox.path(&name), &["-c", &protocol, "fetch", "-q", "--deepen=1"]);
        assert_eq!(count(), "6", "{scheme} {version}");
        fsck(&sandbox.path(&name));
    }
}

#[test]
fn the_plumbing_fetches_by_id_and_everything() {
    let sandbox = Sandbox::new();
    let work = sandbox.seed();
    let id = commit(&work, "file", "content\n");
    git(&work, &["push", "-q", "origin", "main", "main:side"]);
    let url = sandbox.url("git", "origin.git");
    for version in ["0", "2"] {
        let rows = [[url.as_str(), &id], ["--all", &url], [&url, "refs/heads/side"]];
        for (number, what) in rows.iter().enumerate() {
            let name = format!("plumbed-{version}-{number}");
            git(&sandbox.path(""), &["init", "-q", &name]);
            let protocol = format!("protocol.version={version}");
            let args = ["-c", &protocol, "fetch-pack", "-q"];
            let told = git(&sandbox.path(&name), &[&args[..], what].concat());
            assert!(told.starts_with(&id), "{version} {what:?}: {told}");
            git(&sandbox.path(&name), &["rev-list", "--objects", &id]);
        }
    }
}
