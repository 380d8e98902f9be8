//! libgit2 as the client: over HTTP, which it speaks in the protocol's first version. It has no partial clones.

use std::cell::RefCell;
use std::path::Path;

use git2::{AutotagOption, Cred, FetchOptions, FetchPrune, PushOptions, RemoteCallbacks, Repository};

use crate::judge;
use crate::site::{Site, Transport, Who};

/// The value that libgit2's authors call `GIT_FETCH_DEPTH_UNSHALLOW`.
const UNSHALLOW: i32 = i32::MAX;

fn callbacks<'c>(who: Who) -> RemoteCallbacks<'c> {
    let token = if who == Who::Alice { "alicepat" } else { "bobspat" };
    let mut callbacks = RemoteCallbacks::new();
    callbacks.credentials(move |_, _, _| Cred::userpass_plaintext("me", token));
    callbacks
}

fn fetching<'c>() -> FetchOptions<'c> {
    let mut options = FetchOptions::new();
    options.remote_callbacks(callbacks(Who::Bob));
    options
}

fn clone(url: &str, to: &Path, options: FetchOptions<'_>) -> Repository {
    git2::build::RepoBuilder::new().fetch_options(options).clone(url, to).expect("a clone")
}

/// Pushes, and gives each ref that was refused with the reason.
fn push(
    repository: &Repository,
    who: Who,
    refspecs: &[&str],
    options: &[&str],
) -> Result<Vec<(String, String)>, git2::Error> {
    let refused = RefCell::new(Vec::new());
    let mut callbacks = callbacks(who);
    callbacks.push_update_reference(|name, status| {
        refused.borrow_mut().extend(status.map(|status| (name.to_owned(), status.to_owned())));
        Ok(())
    });
    let mut push = PushOptions::new();
    push.remote_callbacks(callbacks);
    if !options.is_empty() {
        push.remote_push_options(options);
    }
    repository.find_remote("origin")?.push(refspecs, Some(&mut push))?;
    drop(push);
    Ok(refused.into_inner())
}

#[test]
fn it_lists_clones_and_fetches() {
    let site = Site::start(&["read"]);
    let (url, folder) = (site.url(Transport::Http, "read"), site.folder("read").to_owned());
    let dir = site.dir().join("whole");
    let repository = clone(&url, &dir, fetching());
    judge::assert_sound(&dir);
    assert_eq!(judge::objects(&dir, &["--all"]), judge::objects(&folder, &["--all"]));

    let mut remote = repository.find_remote("origin").expect("a remote");
    let connection =
        remote.connect_auth(git2::Direction::Fetch, Some(callbacks(Who::Bob)), None).expect("a connection");
    let mut listed: Vec<_> = connection
        .list()
        .expect("a list")
        .iter()
        .map(|head| format!("{}\t{}", head.oid(), head.name()))
        .collect();
    drop(connection);
    listed.sort();
    let by_git = site.git(site.dir(), Transport::Http, Who::Bob).run(&["ls-remote", &url]).ok();
    let mut by_git: Vec<_> = by_git.lines().map(str::to_owned).collect();
    by_git.sort();
    assert_eq!(listed, by_git);

    let writer = site.git(&site.fixture.whole, Transport::Http, Who::Alice);
    writer
        .run(&[
            "push",
            "-q",
            &url,
            "refs/ahead/further:refs/heads/master",
            "refs/tags/later",
            ":refs/heads/side",
        ])
        .ok();
    let mut options = fetching();
    options.prune(FetchPrune::On).download_tags(AutotagOption::All);
    remote.fetch(&["+refs/heads/*:refs/remotes/origin/*"], Some(&mut options), None).expect("a fetch");
    assert_eq!(judge::id(&dir, "origin/master"), judge::id(&folder, "master"));
    assert_eq!(judge::id(&dir, "later"), judge::id(&folder, "later"));
    assert_eq!(judge::id(&dir, "refs/remotes/origin/side"), "");
    judge::assert_sound(&dir);
}

#[test]
fn it_clones_shallow_deepens_and_unshallows() {
    let site = Site::start(&["read"]);
    let (url, folder) = (site.url(Transport::Http, "read"), site.folder("read").to_owned());
    let dir = site.dir().join("shallow");
    let mut options = fetching();
    options.depth(1);
    let repository = clone(&url, &dir, options);
    assert_eq!(judge::count(&dir, "HEAD"), 1);
    judge::assert_sound(&dir);
    let mut remote = repository.find_remote("origin").expect("a remote");
    for (depth, expected) in [(3, 3), (UNSHALLOW, judge::count(&folder, "master"))] {
        let mut options = fetching();
        options.depth(depth);
        remote
            .fetch(&["refs/heads/master:refs/remotes/origin/master"], Some(&mut options), None)
            .expect("a fetch");
        assert_eq!(judge::count(&dir, "HEAD"), expected, "depth {depth}");
        judge::assert_sound(&dir);
    }
    assert_eq!(judge::objects(&dir, &["HEAD"]), judge::objects(&folder, &["master"]));
}

#[test]
fn it_pushes_all_that_can_be_pushed() {
    let site = Site::start(&["written"]);
    let (url, folder) = (site.url(Transport::Http, "written"), site.folder("written").to_owned());
    let repository = Repository::open(&site.fixture.whole).expect("the fixture");
    repository.remote("origin", &url).expect("a new remote");
    let ahead = |name: &str| judge::id(&site.fixture.whole, &format!("refs/ahead/{name}"));
    let here = |name: &str| judge::id(&folder, name);
    let done = |refspecs: &[&str], options: &[&str]| {
        let refused = push(&repository, Who::Alice, refspecs, options)
            .unwrap_or_else(|error| panic!("{refspecs:?}: {error}"));
        assert_eq!(refused, [], "{refspecs:?}");
    };
    done(&["refs/ahead/next:refs/heads/new/branch"], &[]);
    assert_eq!(here("new/branch"), ahead("next"));
    done(&["refs/ahead/further:refs/heads/master", "refs/tags/later:refs/tags/later"], &["ci.skip"]);
    assert_eq!((here("master"), here("later")), (ahead("further"), judge::id(&site.fixture.whole, "later")));
    done(&["+refs/ahead/rewritten:refs/heads/master"], &[]);
    assert_eq!(here("master"), ahead("rewritten"));
    done(&[":refs/heads/side"], &[]);
    assert_eq!(here("side"), "");
    let many: Vec<String> =
        (0..crate::fixture::MANY).map(|n| format!("refs/many/{n:03}:refs/heads/many/{n:03}")).collect();
    done(&many.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
    assert_eq!(here("many/299"), judge::id(&site.fixture.whole, "refs/many/299"));

    let refused = push(&repository, Who::Alice, &[":refs/heads/master"], &[]).expect("the rest goes through");
    assert!(matches!(refused.as_slice(), [(name, _)] if name == "refs/heads/master"), "{refused:?}");
    let before = here("new/branch");
    let error = push(&repository, Who::Bob, &["+refs/ahead/rewritten:refs/heads/new/branch"], &[]);
    let error = error.map(|refused| refused.is_empty());
    assert_ne!(error.ok(), Some(true), "bob only reads");
    assert_eq!(here("new/branch"), before);
    judge::assert_sound(&folder);
}
