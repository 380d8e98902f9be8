//! gix as the client, over HTTP, in every version of the protocol. It can't push, and filters nothing.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use gix::progress::Discard;
use gix::remote::Direction;
use gix::remote::fetch::Shallow;

use crate::fixture;
use crate::judge;
use crate::site::{Oracle, Site, Transport, Who};

static GO_ON: AtomicBool = AtomicBool::new(false);

/// bob's credentials, and how to speak.
fn settings(version: u8) -> [String; 2] {
    ["http.extraHeader=Authorization: Bearer bobspat".to_owned(), format!("protocol.version={version}")]
}

fn clone(url: &str, to: &Path, version: u8, shallow: Shallow) {
    let prepared = gix::prepare_clone_bare(url, to).expect("a folder");
    let mut prepared = prepared.with_in_memory_config_overrides(settings(version)).with_shallow(shallow);
    prepared.fetch_only(Discard, &GO_ON).expect("a clone");
}

fn fetch(repository: &Path, version: u8, shallow: Shallow) {
    let options = gix::open::Options::isolated().config_overrides(settings(version));
    let repository = gix::open_opts(repository, options).expect("a repository");
    // A bare clone notes no ref specs.
    let remote = repository.find_remote("origin").expect("a remote");
    let remote = remote.with_refspecs(["+refs/heads/*:refs/heads/*"], Direction::Fetch).expect("a ref spec");
    let connection = remote.connect(Direction::Fetch).expect("a connection");
    let prepared = connection.prepare_fetch(Discard, gix::remote::ref_map::Options::default());
    prepared.expect("refs").with_shallow(shallow).receive(Discard, &GO_ON).expect("a pack");
}

fn commits(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("more than none")
}

#[test]
fn it_clones_and_fetches_in_every_version() {
    for version in [0, 1, 2] {
        let site = Site::start(&["read"]);
        let (url, folder) = (site.url(Transport::Http, "read"), site.folder("read").to_owned());
        let dir = site.dir().join("clone");
        clone(&url, &dir, version, Shallow::NoChange);
        judge::assert_sound(&dir);
        assert_eq!(
            judge::objects(&dir, &["--all"]),
            judge::objects(&folder, &["--all"]),
            "version {version}"
        );
        let writer = site.git(&site.fixture.whole, Transport::Http, Who::Alice);
        writer.run(&["push", "-q", &url, "refs/ahead/further:refs/heads/master", "refs/tags/later"]).ok();
        fetch(&dir, version, Shallow::NoChange);
        judge::assert_sound(&dir);
        let tip = judge::id(&folder, "master");
        assert_eq!(judge::objects(&dir, &[&tip]), judge::objects(&folder, &[&tip]), "version {version}");
    }
}

#[test]
fn it_clones_shallow_in_every_way_and_unshallows() {
    let site = Site::start(&["read"]);
    let stock = Oracle::start(site.dir(), &site.fixture, &["read"], true);
    let (url, folder) = (site.url(Transport::Http, "read"), site.folder("read").to_owned());
    let day = i64::try_from(fixture::day(9)).expect("a time");
    let git = |args: &[&str]| site.git(site.dir(), Transport::Http, Who::Bob).run(args).ok();
    let ways = [
        ("--depth=3".to_owned(), Shallow::DepthAtRemote(commits(3))),
        (format!("--shallow-since={day}"), Shallow::Since { cutoff: gix::date::Time::new(day, 0) }),
        (
            "--shallow-exclude=v1".to_owned(),
            Shallow::Exclude { remote_refs: vec!["v1".try_into().expect("a name")], since_cutoff: None },
        ),
    ];
    let head = judge::id(&folder, "master");
    for version in [0, 2] {
        for (n, (argument, shallow)) in ways.iter().enumerate() {
            let dir = site.dir().join(format!("gix-{version}-{n}"));
            clone(&url, &dir, version, shallow.clone());
            judge::assert_sound(&dir);
            // In version 0 gix asks for a relative depth, which a clone has nothing for: stock git sends everything, too.
            let of_stock = site.dir().join(format!("stock-{version}-{n}"));
            clone(&stock.url("read"), &of_stock, version, shallow.clone());
            let expected = judge::objects(&of_stock, &[&head]);
            assert_eq!(judge::objects(&dir, &[&head]), expected, "version {version}, {argument}");
            fetch(&dir, version, Shallow::Deepen(1));
            judge::assert_sound(&dir);
            fetch(&dir, version, Shallow::undo());
            judge::assert_sound(&dir);
            assert_eq!(judge::objects(&dir, &[&head]), judge::objects(&folder, &["master"]), "{argument}");
        }
    }
    for (n, (argument, _)) in ways.iter().enumerate() {
        let (by_gix, by_git) = (site.dir().join(format!("stock-2-{n}")), format!("git-{n}"));
        git(&["clone", "-q", "--bare", argument, &url, &by_git]);
        let by_git = judge::objects(&site.dir().join(by_git), &["master"]);
        assert_eq!(judge::objects(&by_gix, &[&head]), by_git, "{argument}");
    }
}
