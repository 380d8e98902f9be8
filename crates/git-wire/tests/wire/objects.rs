//! Objects that no repository should hold: what stock git refuses with `receive.fsckObjects` is refused, by the same
//! rule, and what it takes is taken.

use git_wire::{AllowAll, Options, ProtocolVersion, Repository, Service};
use gix::objs::Kind;

use crate::forge::{BLOB, COMMIT, Pack, TAG, TREE, WHO, blob, id_of};
use crate::raw::{Answer, lines, objects_in, ours, theirs, v2};
use crate::sandbox::git;

/// A tree with these entries: mode, name, and whether it's a folder.
fn tree_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (mode, name) in entries {
        let is_folder = mode.trim_start_matches('0').starts_with('4');
        let id = if is_folder { id_of(Kind::Tree, b"") } else { blob() };
        bytes.extend_from_slice(mode.as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend_from_slice(id.as_slice());
    }
    bytes
}

/// A push of one object with all it needs.
fn request(number: usize, kind: Kind, object: &[u8], more: &[Vec<u8>]) -> Vec<u8> {
    let mut pack = Pack::default().entry(BLOB, b"blob\n").entry(TREE, b"");
    for blob in more {
        pack = pack.entry(BLOB, blob);
    }
    let plain = format!("tree {}\nauthor {WHO}\ncommitter {WHO}\n\nm\n", id_of(Kind::Tree, b""));
    let (id, folder) = match kind {
        Kind::Tree => {
            let commit = format!("tree {}\nauthor {WHO}\ncommitter {WHO}\n\nm\n", id_of(Kind::Tree, object));
            pack = pack.entry(TREE, object).entry(COMMIT, commit.as_bytes());
            (id_of(Kind::Commit, commit.as_bytes()), "heads")
        }
        Kind::Commit => {
            pack = pack.entry(COMMIT, object);
            (id_of(Kind::Commit, object), "heads")
        }
        _ => {
            pack = pack.entry(COMMIT, plain.as_bytes()).entry(TAG, object);
            (id_of(Kind::Tag, object), "tags")
        }
    };
    let command = format!("{} {id} refs/{folder}/x{number}\0report-status side-band-64k", "0".repeat(40));
    let mut bytes = lines(&[command.as_str(), "0000"]);
    bytes.extend_from_slice(&pack.finish());
    bytes
}

/// Returns whether the push was accepted, and all text of the answer.
fn said(answer: &[u8]) -> (bool, String) {
    let answer = Answer::of(answer);
    // The report travels as data of the side-band.
    let report = String::from_utf8_lossy(&answer.pack).into_owned();
    (report.contains("unpack ok"), format!("{report}{}{}", answer.progress, answer.error))
}

/// The rule that it breaks, if any; the object; blobs that it needs.
type Row = (&'static str, Kind, Vec<u8>, Vec<Vec<u8>>);

#[test]
fn objects_are_refused_and_taken_as_stock_git_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = ["ours", "theirs"].map(|name| folder.path().join(name));
    for path in &paths {
        Repository::init_bare(path, "main").expect("created");
    }
    let mut rows: Vec<Row> = Vec::new();
    type Tree<'a> = (&'static str, &'a [(&'a str, &'a [u8])]);
    let file = "100644";
    let trees: &[Tree<'_>] = &[
        ("", &[(file, b"a"), ("100755", b"b"), ("40000", b"c"), ("120000", b"d"), ("160000", b"e")]),
        ("", &[("100664", b"a")]),
        ("", &[("100600", b"a")]),
        ("", &[("100777", b"a")]),
        ("", &[("104755", b"a")]),
        ("", &[("40755", b"a")]),
        ("zeroPaddedFilemode", &[("040000", b"a")]),
        ("zeroPaddedFilemode", &[("0100644", b"a")]),
        ("zeroPaddedFilemode", &[("0104755", b"a")]),
        ("zeroPaddedFilemode", &[("0120777", b"a")]),
        ("hasDot", &[("40000", b".")]),
        ("hasDotdot", &[("40000", b"..")]),
        ("hasDotdot", &[(file, b"..")]),
        ("fullPathname", &[(file, b"a/b")]),
        ("hasDotgit", &[(file, b".git")]),
        ("hasDotgit", &[("40000", b".GiT")]),
        ("hasDotgit", &[(file, b"git~1")]),
        ("hasDotgit", &[(file, b".git.")]),
        ("hasDotgit", &[(file, b".git  ")]),
        ("hasDotgit", &[(file, b".git::$INDEX_ALLOCATION")]),
        ("hasDotgit", &[(file, ".g\u{200c}it".as_bytes())]),
        ("hasDotgit", &[(file, b"a\\.git\\x")]),
        ("", &[(file, b"git~2")]),
        ("", &[(file, b".gitx")]),
        ("", &[(file, b"...")]),
        ("", &[(file, b"CON")]),
        ("", &[(file, b"a\\b")]),
        ("", &[(file, b"\xff\xfe")]),
        ("treeNotSorted", &[(file, b"b"), (file, b"a")]),
        ("treeNotSorted", &[("40000", b"a"), (file, b"a.b")]),
        ("", &[(file, b"a.b"), ("40000", b"a"), (file, b"a0")]),
        ("duplicateEntries", &[(file, b"a"), (file, b"a")]),
        ("duplicateEntries", &[(file, b"a"), ("120000", b"a")]),
        ("duplicateEntries", &[(file, b"a"), ("40000", b"a")]),
        ("duplicateEntries", &[(file, b"a"), (file, b"a.b"), ("40000", b"a")]),
        ("gitmodulesSymlink", &[("120000", b".gitmodules")]),
        ("gitmodulesSymlink", &[("120000", b".GITMODULES")]),
        ("gitmodulesSymlink", &[("120000", b"gitmod~1")]),
        ("gitmodulesSymlink", &[("120000", b"GI7EBA~1")]),
        ("gitmodulesSymlink", &[("120000", ".gitmodul\u{200d}es".as_bytes())]),
        ("gitmodulesBlob", &[("40000", b".gitmodules")]),
        ("", &[("120000", b".gitattributes")]),
        ("", &[("120000", b".gitignore")]),
        ("", &[("120000", b".mailmap")]),
    ];
    for (rule, entries) in trees {
        rows.push((rule, Kind::Tree, tree_of(entries), Vec::new()));
    }
    let long = "x".repeat(5_000);
    rows.push(("largePathname", Kind::Tree, tree_of(&[(file, long.as_bytes())]), Vec::new()));
    rows.push(("emptyName", Kind::Tree, tree_of(&[(file, b"")]), Vec::new()));
    rows.push(("nullSha1", Kind::Tree, [&b"160000 a\0"[..], &[0; 20]].concat(), Vec::new()));
    rows.push(("badTree", Kind::Tree, b"100644 a\0short".to_vec(), Vec::new()));
    rows.push(("badTree", Kind::Tree, tree_of(&[("10064x", b"a")]), Vec::new()));
    for (rule, text) in [
        ("", "[submodule \"a\"]\n\tpath = a\n\turl = ../a.git\n".to_owned()),
        ("", "[submodule \"a\"]\n\turl = https://example.com/a\n".to_owned()),
        ("", "[submodule \"a/b..c\"]\n\turl = git://example.com/a\n".to_owned()),
        ("", "no config [".to_owned()),
        ("gitmodulesUpdate", "[submodule \"a\"]\n\tupdate = !rm\n".to_owned()),
        ("gitmodulesName", "[submodule \"../../x\"]\n\tpath = a\n".to_owned()),
        ("gitmodulesName", "[submodule \"a/..\"]\n\tpath = a\n".to_owned()),
        ("gitmodulesName", "[submodule \"..\\\\x\"]\n\tpath = a\n".to_owned()),
        ("gitmodulesPath", "[submodule \"a\"]\n\tpath = -x\n".to_owned()),
        ("gitmodulesUrl", "[submodule \"a\"]\n\turl = --upload-pack=x\n".to_owned()),
        ("gitmodulesUrl", "[submodule \"a\"]\n\turl = https://host/%0ax\n".to_owned()),
        ("gitmodulesUrl", "[submodule \"a\"]\n\turl = \"https://host/a\\nb\"\n".to_owned()),
        ("gitmodulesUrl", "[submodule \"a\"]\n\turl = ../%0ax\n".to_owned()),
        ("gitmodulesUrl", "[submodule \"a\"]\n\turl = ../../:x\n".to_owned()),
        ("gitmodulesUrl", "[submodule \"a\"]\n\turl = ..//x\n".to_owned()),
        ("gitmodulesUrl", "[submodule \"a\"]\n\turl = https:///x\n".to_owned()),
        ("gitmodulesUrl", "[submodule \"a\"]\n\turl = http::example.com\n".to_owned()),
    ] {
        let text = text.into_bytes();
        for name in [&b".gitmodules"[..], b"GITMOD~1"] {
            let mut tree = format!("100644 {}\0", String::from_utf8_lossy(name)).into_bytes();
            tree.extend_from_slice(id_of(Kind::Blob, &text).as_slice());
            rows.push((rule, Kind::Tree, tree, vec![text.clone()]));
        }
    }
    for (rule, text) in
        [("", "* text\n".to_owned()), ("gitattributesLineLength", format!("{} text\n", "x".repeat(3_000)))]
    {
        let text = text.into_bytes();
        let tree = [&b"100644 .gitattributes\0"[..], id_of(Kind::Blob, &text).as_slice()].concat();
        rows.push((rule, Kind::Tree, tree, vec![text]));
    }
    let head = format!("tree {}\n", id_of(Kind::Tree, b""));
    let by =
        |author: &str, committer: &str| format!("{head}author {author}\ncommitter {committer}\n\nmessage\n");
    for (rule, text) in [
        ("", by(WHO, WHO)),
        ("", by("\u{1b}[31m \u{202e} <> 1 +0000", WHO)),
        ("", by("A <a> 0 +0000", WHO)),
        ("", by("A <a> 253402300800 +9999", WHO)),
        (
            "",
            format!(
                "{head}author {WHO}\ncommitter {WHO}\nencoding latin1\ngpgsig x\n y\n\n{}",
                "\n".repeat(3_000)
            ),
        ),
        ("missingEmail", by("A", WHO)),
        ("missingNameBeforeEmail", by("<a> 1 +0000", WHO)),
        ("missingSpaceBeforeEmail", by("A<a> 1 +0000", WHO)),
        ("badName", by("A> <a> 1 +0000", WHO)),
        ("badEmail", by("A <a<b> 1 +0000", WHO)),
        ("missingSpaceBeforeDate", by("A <a>1 +0000", WHO)),
        ("badDate", by("A <a> x +0000", WHO)),
        ("badDate", by("A <a> -1 +0000", WHO)),
        ("zeroPaddedDate", by("A <a> 01 +0000", WHO)),
        ("badDateOverflow", by("A <a> 99999999999999999999 +0000", WHO)),
        ("badDateOverflow", by("A <a> 9223372036854775808 +0000", WHO)),
        ("badTimezone", by("A <a> 1 0000", WHO)),
        ("badTimezone", by("A <a> 1 +000", WHO)),
        ("badTimezone", by(WHO, "A <a> 1 +00000")),
        ("multipleAuthors", format!("{head}author {WHO}\nauthor {WHO}\ncommitter {WHO}\n\n")),
        ("missingAuthor", format!("{head}committer {WHO}\n\n")),
        ("missingCommitter", format!("{head}author {WHO}\n\n")),
        ("badTreeSha1", format!("tree 123\nauthor {WHO}\ncommitter {WHO}\n\n")),
        ("missingTree", format!("author {WHO}\ncommitter {WHO}\n\n")),
        ("badParentSha1", format!("{head}parent 123\nauthor {WHO}\ncommitter {WHO}\n\n")),
        ("nulInHeader", by("A\0 <a> 1 +0000", WHO)),
        ("nulInCommit", format!("{head}author {WHO}\ncommitter {WHO}\n\n\0")),
        ("unterminatedHeader", format!("{head}author {WHO}\ncommitter {WHO}")),
    ] {
        rows.push((rule, Kind::Commit, text.into_bytes(), Vec::new()));
    }
    let target = format!("tree {}\nauthor {WHO}\ncommitter {WHO}\n\nm\n", id_of(Kind::Tree, b""));
    let object = format!("object {}\n", id_of(Kind::Commit, target.as_bytes()));
    for (rule, text) in [
        ("", format!("{object}type commit\ntag v1\ntagger {WHO}\n\nm\n")),
        ("", format!("{object}type commit\ntag v1\n\nm\n")),
        ("", format!("{object}type commit\ntag a..b\ntagger {WHO}\n\nm\n")),
        ("missingObject", format!("type commit\ntag v1\ntagger {WHO}\n\nm\n")),
        ("badObjectSha1", format!("object 12\ntype commit\ntag v1\ntagger {WHO}\n\nm\n")),
        ("missingTypeEntry", format!("{object}tag v1\ntagger {WHO}\n\nm\n")),
        ("badType", format!("{object}type thing\ntag v1\ntagger {WHO}\n\nm\n")),
        ("missingTagEntry", format!("{object}type commit\ntagger {WHO}\n\nm\n")),
        ("missingEmail", format!("{object}type commit\ntag v1\ntagger x\n\nm\n")),
        ("badTimezone", format!("{object}type commit\ntag v1\ntagger A <a> 1 +1\n\nm\n")),
    ] {
        rows.push((rule, Kind::Tag, text.into_bytes(), Vec::new()));
    }
    let mut wrong = Vec::new();
    for (number, (rule, kind, object, more)) in rows.iter().enumerate() {
        let request = request(number, *kind, object, more);
        let (service, version) = (Service::ReceivePack, ProtocolVersion::V0);
        let options = Options { durable: false, ..Options::default() };
        let (is_ours, ours) = said(&ours(&paths[0], &AllowAll, &options, service, version, &request));
        let (is_theirs, theirs) = said(&theirs(&paths[1], service, version, &request));
        let is_right =
            is_ours == is_theirs && is_ours == rule.is_empty() && (is_ours || ours.contains(*rule));
        if !is_right {
            let object = object.iter().take(120).flat_map(|byte| byte.escape_ascii());
            let object: String = object.map(char::from).collect();
            wrong.push(format!("{rule:?} {kind} {object}\n  ours: {ours:?}\n  theirs: {theirs:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
    // What was taken can be given out again, odd as it may be.
    let ids = git(&paths[0], &["for-each-ref", "--format=want %(objectname)"]);
    let mut arguments: Vec<&str> = ids.lines().collect();
    arguments.push("done");
    let request = v2("fetch", &arguments);
    let (service, version) = (Service::UploadPack, ProtocolVersion::V2);
    let answer = Answer::of(&ours(&paths[0], &AllowAll, &Options::default(), service, version, &request));
    let all = git(&paths[0], &["rev-list", "--objects", "--no-object-names", "--all"]);
    let mut all: Vec<&str> = all.lines().collect();
    all.sort_unstable();
    assert_eq!(objects_in(&answer.pack, folder.path()), all);
}
