//! Names of snapshots, beside stock Git's.

use std::process::Command;

use jiff::{Timestamp, tz::TimeZone};

use super::*;
use crate::history::HistoryRepo;

const FIRST: i64 = 1_511_000_000;

fn clock() -> Clock {
    Clock { now: Timestamp::from_second(FIRST + 100_000).unwrap(), zone: TimeZone::UTC }
}

fn git(history: &HistoryRepo, args: &[&str], seconds: i64) -> String {
    let mut command = Command::new("git");
    command.arg("--git-dir").arg(history.path()).args([
        "-c",
        "user.name=T",
        "-c",
        "user.email=t@example.com",
    ]);
    command.args(args).env("GIT_COMMITTER_DATE", format!("{seconds} +0000"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// Some snapshots, an hour after each other.
fn fixture(count: usize) -> (tempfile::TempDir, HistoryRepo, Vec<ObjectId>) {
    let folder = tempfile::tempdir().unwrap();
    let id = "0a1b2c3d-0000-4000-8000-000000000001".parse().unwrap();
    let history = HistoryRepo::init(folder.path(), id).unwrap();
    let tree = git(&history, &["hash-object", "-t", "tree", "-w", "/dev/null"], FIRST);
    let mut made: Vec<ObjectId> = Vec::new();
    for n in 0..count {
        let parent = made.last().map(ToString::to_string);
        let mut args = vec!["commit-tree", "-m", "x", &tree];
        args.extend(parent.as_deref().into_iter().flat_map(|parent| ["-p", parent]));
        made.push(git(&history, &args, FIRST + 3600 * i64::try_from(n).unwrap()).parse().unwrap());
        git(&history, &["update-ref", "HEAD", &made[n].to_string()], FIRST);
    }
    (folder, history, made)
}

fn named(history: &HistoryRepo, text: &str) -> Result<ObjectId, Error> {
    resolve(history, text, &clock()).map(|named| named.commit)
}

#[test]
fn ids_and_ancestors_are_what_git_says() {
    let (_folder, history, made) = fixture(12);
    let newest = made[11].to_string();
    for text in
        ["HEAD", "HEAD~", "HEAD^", "HEAD~3", "HEAD^^", "HEAD~2^~1", "@~1", "HEAD~11", &newest, &newest[..12]]
    {
        let gits = git(&history, &["rev-parse", text], FIRST);
        assert_eq!(named(&history, text).unwrap().to_string(), gits, "{text}");
    }
    let of_older = format!("{}~2", &made[5].to_string()[..10].to_uppercase());
    assert_eq!(named(&history, &of_older).unwrap(), made[3]);
    assert!(matches!(named(&history, "HEAD~12"), Err(Error::BeforeFirst { ancestors: 11, .. })));
    assert!(matches!(named(&history, "HEAD~99999999999999999999"), Err(Error::BeforeFirst { .. })));
    let elsewhere = "1234567890123456789012345678901234567890";
    assert_eq!(named(&history, elsewhere).unwrap().to_string(), elsewhere, "it may be at the remote");
    let tree = git(&history, &["rev-parse", "HEAD^{tree}"], FIRST);
    assert!(matches!(named(&history, &tree), Err(Error::NotASnapshot { .. })));
}

#[test]
fn beginnings_have_to_be_long_and_unique() {
    let (_folder, history, made) = fixture(200);
    let mut starts: Vec<String> = made.iter().map(|id| id.to_string()[..4].to_owned()).collect();
    starts.sort();
    for start in &starts {
        let count = starts.iter().filter(|other| *other == start).count();
        match named(&history, start) {
            Ok(found) => assert!(count == 1 && found.to_string().starts_with(start.as_str()), "{start}"),
            Err(Error::Ambiguous { candidates, .. }) => {
                assert!(count > 1 && candidates.len() == count, "{start}");
            }
            other => panic!("{start}: {other:?}"),
        }
    }
    assert!(matches!(named(&history, &starts[0][..3]), Err(Error::TooShort { .. })));
    for odd in ["", "~", "^", "~2", "zzzz", "HEAD~x", "HEAD@{1}", "-1", "a b", "☃", "HEAD:train.py"] {
        assert!(matches!(named(&history, odd), Err(Error::Unknown { .. })), "{odd:?}");
    }
}

#[test]
fn times_mean_the_newest_snapshot_that_is_as_old() {
    let (_folder, history, made) = fixture(5);
    // 2017-11-18 10:13:20 UTC is the first.
    for (text, expect) in [
        ("now", 4),
        ("2017-11-18 10:14", 0),
        ("2017-11-18T12:13:20", 2),
        ("2017-11-18 12:13:19 +0000", 1),
        ("2017-11-18 14:00 +0200", 1),
        ("25 hours ago", 2),
        ("yesterday", 3),
        ("1 day 1 hour ago", 2),
    ] {
        assert_eq!(named(&history, text).unwrap(), made[expect], "{text}");
    }
    assert_eq!(named(&history, "yesterday~1").unwrap(), made[2]);
    assert!(matches!(named(&history, "2 years ago"), Err(Error::TooOld { .. })));
    assert!(matches!(named(&history, "2017-13-40 10:00"), Err(Error::Unknown { .. })));
    let (_folder, empty, _) = fixture(0);
    assert!(matches!(named(&empty, "yesterday"), Err(Error::Empty)));
    assert!(matches!(named(&empty, "HEAD"), Err(Error::Empty)));
}

#[test]
fn a_tag_names_one_snapshot_for_good() {
    let (_folder, history, made) = fixture(3);
    set_tag(&history, "good/one", made[0], &clock()).unwrap();
    set_tag(&history, "good/one", made[0], &clock()).unwrap();
    assert!(
        matches!(set_tag(&history, "good/one", made[1], &clock()), Err(Error::TagTaken { of, .. }) if of == made[0])
    );
    git(&history, &["tag", "-a", "-m", "x", "theirs", &made[1].to_string()], FIRST);
    assert_eq!(named(&history, "good/one").unwrap(), made[0]);
    assert_eq!(named(&history, "theirs").unwrap(), made[1]);
    assert_eq!(tags(&history).unwrap(), [("good/one".to_owned(), made[0])]);
    for bad in [
        "",
        "a b",
        "a..b",
        "x.lock",
        "cafe",
        "HEAD",
        "yesterday",
        "iris_1504832281116",
        "-m",
        "a~1",
        "2017-11-18",
    ] {
        assert!(matches!(set_tag(&history, bad, made[0], &clock()), Err(Error::TagName { .. })), "{bad:?}");
    }
    assert_eq!(git(&history, &["fsck", "--strict", "--no-dangling"], FIRST), "");
}
