//! Pushes.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use bstr::BStr;
use git_wire::{Denial, Options, Policy, RefUpdate, UpdateKind};

use crate::sandbox::{Sandbox, WAYS, commit, fsck, git, lines, try_git};

#[track_caller]
fn refs(repository: &Path) -> String {
    git(repository, &["for-each-ref", "--format=%(refname) %(objectname)"])
}

#[test]
fn every_kind_of_update_arrives_in_every_way() {
    for (scheme, version) in WAYS {
        let sandbox = Sandbox::new();
        let work = sandbox.seed();
        let origin = sandbox.path("origin.git");
        let url = sandbox.url(scheme, "origin.git");
        let protocol = format!("protocol.version={version}");
        let push = |args: &[&str]| {
            let mut all = vec!["-c", &protocol, "push", "-q", &url];
            all.extend_from_slice(args);
            git(&work, &all)
        };
        // Fast-forward, with deltas against what the server has.
        let long = lines(2000);
        commit(&work, "long", &long);
        push(&["main"]);
        commit(&work, "long", &format!("{long}one more\n"));
        push(&["main"]);
        // New branches and tags, many at once.
        git(&work, &["tag", "-a", "v1", "-m", "one"]);
        for number in 0..300 {
            git(&work, &["update-ref", &format!("refs/heads/many/{number}"), "HEAD"]);
        }
        push(&["refs/heads/many/*:refs/heads/many/*", "v1"]);
        // Rewrite.
        git(&work, &["commit", "-q", "--amend", "-m", "another"]);
        let refused = try_git(&work, &["-c", &protocol, "push", "-q", &url, "main"]);
        assert!(!refused.status.success(), "git itself refuses to push what isn't a fast-forward");
        push(&["--force", "main"]);
        // Delete some.
        push(&["--delete", "many/1", "many/2", "many/299"]);
        for number in [1, 2, 299] {
            git(&work, &["update-ref", "-d", &format!("refs/heads/many/{number}")]);
        }
        push(&["--atomic", "HEAD:refs/heads/x", "HEAD:refs/azureml/runs/y"]);
        for name in ["refs/heads/x", "refs/azureml/runs/y"] {
            git(&work, &["update-ref", name, "HEAD"]);
        }
        git(&work, &["update-ref", "-d", "refs/remotes/origin/main"]);
        assert_eq!(refs(&origin), refs(&work), "{scheme} {version}");
        fsck(&origin);
        assert!(leftovers(&origin).is_empty(), "{:?}", leftovers(&origin));
    }
}

/// Returns the files that an unfinished push might leave.
fn leftovers(repository: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for folder in ["objects", "objects/pack", "refs/heads", "."] {
        for entry in fs::read_dir(repository.join(folder)).expect("a folder") {
            let name = entry.expect("an entry").file_name().to_string_lossy().into_owned();
            let is_temporary = name.starts_with("tmp_")
                || name.starts_with("incoming")
                || Path::new(&name)
                    .extension()
                    .is_some_and(|extension| extension == "lock" || extension == "keep");
            if is_temporary {
                found.push(format!("{folder}/{name}"));
            }
        }
    }
    found
}

#[derive(Default)]
struct Strict {
    seen: Mutex<Vec<(String, UpdateKind)>>,
}

impl Policy for Strict {
    fn may_read(&self) -> Result<(), Denial> {
        Ok(())
    }

    fn may_push(&self) -> Result<(), Denial> {
        Ok(())
    }

    fn may_update(&self, update: &RefUpdate) -> Result<(), Denial> {
        match (update.name.as_bstr().to_string().as_str(), update.kind) {
            ("refs/heads/locked", _) => {
                Err(Denial::new("TF402455: Pushes to this branch are not permitted."))
            }
            (_, UpdateKind::Rewrite) => {
                Err(Denial::new("TF401027: You need the Git 'ForcePush' permission."))
            }
            _ => Ok(()),
        }
    }

    fn is_hidden(&self, name: &BStr) -> bool {
        name.starts_with(b"refs/hidden/")
    }

    fn updated(&self, updates: &[RefUpdate]) {
        let mut seen = self.seen.lock().expect("not poisoned");
        seen.extend(updates.iter().map(|update| (update.name.as_bstr().to_string(), update.kind)));
    }
}

#[test]
fn the_policy_refuses_refs_one_by_one_in_its_own_words() {
    let policy = Arc::new(Strict::default());
    let sandbox = Sandbox::with(
        Arc::clone(&policy) as Arc<dyn Policy>,
        Options { durable: false, ..Options::default() },
    );
    let work = sandbox.seed();
    let url = sandbox.url("http", "origin.git");
    let output =
        try_git(&work, &["push", "--porcelain", &url, "main:locked", "main:open", "main:refs/hidden/x"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.contains("[remote rejected] (TF402455: Pushes to this branch are not permitted.)"),
        "{text}"
    );
    assert!(text.contains("refs/heads/open\t[new branch]"), "{text}");
    assert!(text.contains("(deny updating a hidden ref)"), "{text}");
    let atomic = try_git(&work, &["push", "--porcelain", "--atomic", &url, "main:locked", "main:other"]);
    assert!(!atomic.status.success());
    git(&work, &["commit", "-q", "--amend", "-m", "rewritten"]);
    let forced = try_git(&work, &["push", "--porcelain", "--force", &url, "HEAD:main"]);
    let text = String::from_utf8_lossy(&forced.stdout).into_owned();
    assert!(text.contains("(TF401027: You need the Git 'ForcePush' permission.)"), "{text}");
    assert_eq!(
        *policy.seen.lock().expect("not poisoned"),
        [("refs/heads/open".to_owned(), UpdateKind::Create)]
    );
    let names = git(&sandbox.path("origin.git"), &["for-each-ref", "--format=%(refname)"]);
    assert_eq!(names, "refs/heads/main\nrefs/heads/open");
}

#[test]
fn hidden_refs_are_neither_shown_nor_fetched() {
    let sandbox =
        Sandbox::with(Arc::new(Strict::default()), Options { durable: false, ..Options::default() });
    let work = sandbox.seed();
    let secret = commit(&work, "secret", "hidden\n");
    let blob = git(&work, &["rev-parse", "HEAD:secret"]);
    git(&work, &["push", "-q", "origin", "HEAD:refs/hidden/x"]);
    let visible = git(&work, &["rev-parse", "HEAD~:README"]);
    for (scheme, version) in WAYS {
        let url = sandbox.url(scheme, "origin.git");
        let protocol = format!("protocol.version={version}");
        let listed = git(&work, &["-c", &protocol, "ls-remote", &url]);
        assert!(!listed.contains("hidden"), "{listed}");
        for id in [&secret, &blob] {
            git(&sandbox.path(""), &["init", "-q", "empty"]);
            let output = try_git(&sandbox.path("empty"), &["-c", &protocol, "fetch", &url, id]);
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(text.contains("not our ref"), "{scheme} {version}: {text}");
        }
        git(&sandbox.path("empty"), &["-c", &protocol, "fetch", "-q", &url, &visible]);
        fs::remove_dir_all(sandbox.path("empty")).expect("removed");
    }
}

#[test]
fn names_in_one_anothers_way_are_refused_alone() {
    for pack_refs in [false, true] {
        let sandbox = Sandbox::new();
        let work = sandbox.seed();
        let url = sandbox.url("git", "origin.git");
        git(&work, &["push", "-q", &url, "HEAD:refs/heads/a", "HEAD:refs/heads/d/e"]);
        if pack_refs {
            git(&sandbox.path("origin.git"), &["pack-refs", "--all"]);
        }
        let output = try_git(
            &work,
            &["push", "--porcelain", &url, "HEAD:refs/heads/a/b", "HEAD:refs/heads/d", "HEAD:refs/heads/ok"],
        );
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("'refs/heads/a' exists; cannot create 'refs/heads/a/b'"), "{text}");
        assert!(text.contains("'refs/heads/d/e' exists; cannot create 'refs/heads/d'"), "{text}");
        git(&work, &["push", "-q", &url, ":refs/heads/a", "HEAD:refs/heads/a/b"]);
        let names = git(&sandbox.path("origin.git"), &["for-each-ref", "--format=%(refname:lstrip=2)"]);
        assert_eq!(names, "a/b\nd/e\nmain\nok");
    }
}

#[test]
fn a_shallow_clone_can_push() {
    for (scheme, version) in WAYS {
        let sandbox = Sandbox::new();
        let work = sandbox.seed();
        for number in 0..5 {
            commit(&work, "file", &format!("{number}\n"));
        }
        git(&work, &["push", "-q", "origin", "main"]);
        let protocol = format!("protocol.version={version}");
        let url = sandbox.url(scheme, "origin.git");
        git(&sandbox.path(""), &["-c", &protocol, "clone", "-q", "--depth=2", &url, "clone"]);
        let clone = sandbox.path("clone");
        let commit = commit(&clone, "more", "more\n");
        git(&clone, &["-c", &protocol, "push", "-q", "origin", "main"]);
        assert_eq!(git(&sandbox.path("origin.git"), &["rev-parse", "main"]), commit);
        fsck(&sandbox.path("origin.git"));
        // To where its history is unknown it can't be.
        git(&sandbox.path(""), &["init", "-q", "--bare", "other.git"]);
        let other = try_git(&clone, &["push", &sandbox.url(scheme, "other.git"), "main"]);
        assert!(!other.status.success(), "{}", String::from_utf8_lossy(&other.stderr));
        assert_eq!(refs(&sandbox.path("other.git")), "");
    }
}

#[test]
fn the_vsts_profile_serves_stock_git_in_version_0() {
    let options = Options { profile: git_wire::Profile::Vsts, durable: false, ..Options::default() };
    let sandbox = Sandbox::with(Arc::new(git_wire::AllowAll), options);
    let work = sandbox.seed();
    let text = lines(2000);
    commit(&work, "long", &text);
    commit(&work, "long", &format!("{text}more\n"));
    for scheme in ["git", "http"] {
        let url = sandbox.url(scheme, "origin.git");
        let head = commit(&work, "scheme", scheme);
        git(&work, &["push", "-q", &url, "main"]);
        git(&sandbox.path("origin.git"), &["repack", "-adq"]);
        git(&sandbox.path(""), &["clone", "-q", &url, scheme]);
        assert_eq!(git(&sandbox.path(scheme), &["rev-parse", "HEAD"]), head);
        fsck(&sandbox.path(scheme));
        let atomic = try_git(&work, &["push", "--atomic", &url, "main:a", "main:b"]);
        assert!(String::from_utf8_lossy(&atomic.stderr).contains("does not support --atomic push"));
    }
}

#[test]
fn push_options_and_reports_of_both_versions_are_understood() {
    let sandbox = Sandbox::new();
    let work = sandbox.seed();
    for (scheme, version) in WAYS {
        let url = sandbox.url(scheme, "origin.git");
        let name = format!("HEAD:refs/heads/{scheme}{version}");
        git(&work, &["push", "-q", "-o", "one", "-o", "two words", &url, &name]);
    }
    assert_eq!(refs(&sandbox.path("origin.git")).lines().count(), 5);
}
