//! Every client by every transport in every version of the protocol: the matrix; and stock git's server side as its judge.
//!
//! `scenario` holds the tables, `cell` plays one against vsts-mock and against stock git and compares what is left,
//! `wire` sends both the same bytes, `differences` lists what is meant to differ. A machine with one git has half of the rows, and says so.

mod cell;
mod cgi;
mod differences;
mod dulwich;
mod fixture;
mod git;
mod gitoxide;
mod judge;
mod libgit2;
mod scenario;
mod site;
mod wire;

use scenario::{FETCHING, PUSHING, Scenario, essential};
use site::{Site, Transport, Who};

/// Runs a table with the n-th git of the machine, oldest first.
#[expect(clippy::print_stderr, reason = "is shown with the test that has nothing to do")]
fn stock(n: usize, transport: Transport, version: u8, scenarios: &[Scenario]) {
    let programs = git::programs();
    match programs.get(n) {
        Some(program) => cell::run(program, transport, version, scenarios),
        None => {
            eprintln!("this machine has {} git(s), and the other has told the same story", programs.len());
        }
    }
}

/// Not for stock git to judge: it knows no permissions.
#[test]
fn a_reader_fetches_and_pushes_nothing_by_any_transport() {
    let site = Site::start(&["guarded"]);
    let before = judge::id(site.folder("guarded"), "refs/heads/master");
    for (n, program) in git::programs().iter().enumerate() {
        for transport in [Transport::Http, Transport::Https, Transport::Ssh] {
            let url = site.url(transport, "guarded");
            let bob = site.git(site.dir(), transport, Who::Bob).program(program);
            let name = format!("bob-{n}-{transport:?}");
            bob.run(&["clone", "-q", &url, &name]).ok();
            let bob = bob.at(&site.fixture.whole);
            for refspec in
                ["refs/ahead/next:refs/heads/master", "refs/ahead/next:refs/heads/new", ":refs/heads/side"]
            {
                let output = bob.run(&["push", &url, refspec]);
                assert_ne!(output.code, 0, "{transport:?}: {output:?}");
                assert!(output.err.contains("TF401027"), "{transport:?}: {output:?}");
            }
        }
    }
    assert_eq!(judge::id(site.folder("guarded"), "refs/heads/master"), before);
    assert_eq!(judge::id(site.folder("guarded"), "refs/heads/new"), "");
    judge::assert_sound(site.folder("guarded"));
}

/// More refs than any other limit of a request allows.
#[test]
fn a_repository_with_many_refs_is_cloned_and_fetched_by_every_transport() {
    const TAGS: usize = 10_001;
    let site = Site::start(&["many"]);
    let folder = site.folder("many");
    let id = judge::id(folder, "refs/heads/master");
    let mut packed = std::fs::read_to_string(folder.join("packed-refs")).unwrap_or_default();
    let tags: Vec<String> = (0..TAGS).map(|number| format!("{id} refs/tags/zz/{number:05}\n")).collect();
    packed.push_str(&tags.concat());
    std::fs::write(folder.join("packed-refs"), packed).expect("written");
    for (transport, version) in
        [(Transport::Http, 0), (Transport::Http, 2), (Transport::Ssh, 0), (Transport::Ssh, 2)]
    {
        let url = site.url(transport, "many");
        let name = format!("many-{transport:?}-{version}");
        let git = site.git(site.dir(), transport, Who::Alice).set(format!("protocol.version={version}"));
        git.run(&["clone", "-q", "--mirror", &url, &name]).ok();
        let git = git.at(&site.dir().join(&name));
        let next = format!("refs/heads/next-{transport:?}-{version}");
        git.run(&["push", "-q", &url, &format!("master:{next}")]).ok();
        git.run(&["fetch", "-q"]).ok();
        assert_eq!(judge::id(git.dir(), &next), id);
        let tags = git.run(&["for-each-ref", "--format=%(refname)", "refs/tags/zz"]).ok();
        assert_eq!(tags.lines().count(), TAGS);
    }
}

/// Rows with every scenario, and rows with one of each kind.
macro_rules! matrix {
    (whole { $($whole:ident: $whole_git:literal, $whole_transport:ident, $whole_version:literal;)* }
     essential { $($name:ident: $git:literal, $transport:ident, $version:literal;)* }) => {
        $(mod $whole {
            use super::*;

            #[test]
            fn fetching() {
                stock($whole_git, Transport::$whole_transport, $whole_version, FETCHING);
            }

            #[test]
            fn pushing() {
                stock($whole_git, Transport::$whole_transport, $whole_version, PUSHING);
            }
        })*
        $(#[test]
        fn $name() {
            stock($git, Transport::$transport, $version, &essential());
        })*
    };
}

matrix! {
    whole {
        older_git_http_v0: 0, Http, 0;
        older_git_http_v2: 0, Http, 2;
        newer_git_http_v0: 1, Http, 0;
        newer_git_http_v2: 1, Http, 2;
    }
    essential {
        older_git_http_v1: 0, Http, 1;
        older_git_https_v0: 0, Https, 0;
        older_git_https_v1: 0, Https, 1;
        older_git_https_v2: 0, Https, 2;
        older_git_ssh_v0: 0, Ssh, 0;
        older_git_ssh_v1: 0, Ssh, 1;
        older_git_ssh_v2: 0, Ssh, 2;
        newer_git_http_v1: 1, Http, 1;
        newer_git_https_v0: 1, Https, 0;
        newer_git_https_v1: 1, Https, 1;
        newer_git_https_v2: 1, Https, 2;
        newer_git_ssh_v0: 1, Ssh, 0;
        newer_git_ssh_v1: 1, Ssh, 1;
        newer_git_ssh_v2: 1, Ssh, 2;
    }
}
