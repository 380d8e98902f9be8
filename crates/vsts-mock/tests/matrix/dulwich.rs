//! dulwich as the client, from its package, in a virtual environment that the first test sets up.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::judge;
use crate::site::{Site, Transport, Who};
use test_support::venv;

/// Found to do what the tests ask of it.
const PACKAGE: &str = "dulwich==1.2.21";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/matrix/with_dulwich.py");

/// The environment's interpreter.
fn python() -> PathBuf {
    venv::with_package(Path::new(env!("CARGO_TARGET_TMPDIR")), PACKAGE).join("bin/python")
}

fn ask(site: &Site, operation: &str, who: Who, repo: &str, folder: &Path, more: &[&str]) -> Output {
    let token = if who == Who::Alice { "alicepat" } else { "bobspat" };
    let url = site.url(Transport::Http, repo).replace("http://", &format!("http://me:{token}@"));
    Command::new(python())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", site.dir())
        .args([SCRIPT, operation, &url])
        .arg(folder)
        .args(more)
        .output()
        .expect("python starts")
}

#[track_caller]
fn done(output: Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let out = String::from_utf8(output.stdout).expect("UTF-8");
    serde_json::from_str(out.lines().last().unwrap_or_default()).expect("JSON")
}

#[test]
fn it_lists_clones_and_fetches() {
    let site = Site::start(&["read"]);
    let folder = site.folder("read").to_owned();
    let listed = done(ask(&site, "refs", Who::Bob, "read", site.dir(), &[]));
    for name in ["HEAD", "refs/heads/master", "refs/heads/side", "refs/tags/light"] {
        assert_eq!(listed[name].as_str(), Some(judge::id(&folder, name).as_str()), "{name}: {listed}");
    }
    // Depth, filter, version of the protocol.
    let rows = [("", "", "0"), ("", "", "2"), ("3", "", "0"), ("3", "", "2"), ("", "blob:none", "2")];
    for (n, row) in rows.into_iter().enumerate() {
        let dir = site.dir().join(format!("clone-{n}"));
        done(ask(&site, "clone", Who::Bob, "read", &dir, &[row.0, row.1, row.2]));
        assert_eq!(judge::id(&dir, "HEAD"), judge::id(&folder, "master"), "{row:?}");
        match row {
            ("", "", _) => {
                judge::assert_sound(&dir);
                assert_eq!(judge::objects(&dir, &["--all"]), judge::objects(&folder, &["--all"]), "{row:?}");
            }
            (_, "", _) => {
                judge::assert_sound(&dir);
                assert_eq!(judge::count(&dir, "HEAD"), 3, "{row:?}");
            }
            _ => assert_eq!(judge::count(&dir, "HEAD"), judge::count(&folder, "master"), "{row:?}"),
        }
    }
    let url = site.url(Transport::Http, "read");
    let writer = site.git(&site.fixture.whole, Transport::Http, Who::Alice);
    writer.run(&["push", "-q", &url, "refs/ahead/further:refs/heads/master"]).ok();
    let dir = site.dir().join("clone-0");
    done(ask(&site, "fetch", Who::Bob, "read", &dir, &[]));
    let tip = judge::id(&folder, "master");
    assert_eq!(judge::objects(&dir, &[&tip]), judge::objects(&folder, &[&tip]));
    judge::assert_sound(&dir);
}

#[test]
fn it_pushes_and_is_refused() {
    let site = Site::start(&["written"]);
    let folder = site.folder("written").to_owned();
    let whole = site.fixture.whole.clone();
    let push = |who, refspec: &str| ask(&site, "push", who, "written", &whole, &[refspec]);
    let ahead = |name: &str| judge::id(&whole, &format!("refs/ahead/{name}"));
    done(push(Who::Alice, "refs/ahead/next:refs/heads/new"));
    assert_eq!(judge::id(&folder, "new"), ahead("next"));
    done(push(Who::Alice, "refs/ahead/further:refs/heads/new"));
    assert_eq!(judge::id(&folder, "new"), ahead("further"));
    done(push(Who::Alice, "+refs/ahead/rewritten:refs/heads/new"));
    assert_eq!(judge::id(&folder, "new"), ahead("rewritten"));
    assert!(!push(Who::Bob, "refs/ahead/next:refs/heads/more").status.success(), "bob only reads");
    assert_eq!(judge::id(&folder, "more"), "");
    done(push(Who::Alice, ":refs/heads/side"));
    assert_eq!(judge::id(&folder, "side"), "");
    judge::assert_sound(&folder);
}
