//! Git's rules, one row each.

use super::*;

const ID: &str = "1234567890123456789012345678901234567890";
const WHO: &str = "A U Thor <a@example.com> 1500000000 +0100";

fn refused(kind: Kind, bytes: &[u8]) -> String {
    match object(kind, bytes, true, &mut |_| {}) {
        Ok(()) => "accepted".to_owned(),
        Err(reason) => reason.split(':').next().unwrap_or_default().to_owned(),
    }
}

fn tree_of(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (mode, name) in entries {
        bytes.extend_from_slice(mode.as_bytes());
        bytes.push(b' ');
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend_from_slice(&[7; 20]);
    }
    bytes
}

#[test]
fn commits() {
    for (text, expected) in [
        (format!("tree {ID}\nparent {ID}\nauthor {WHO}\ncommitter {WHO}\n\nmessage\n"), "accepted"),
        (format!("tree {ID}\nauthor {WHO}\ncommitter {WHO}\nencoding x\n\n"), "accepted"),
        (String::new(), "unterminatedHeader"),
        (format!("parent {ID}\n\n"), "missingTree"),
        (format!("tree {}\n\n", &ID[1..]), "badTreeSha1"),
        (format!("tree {}\n\n", "A".repeat(40)), "badTreeSha1"),
        (format!("tree {ID}\nparent x\n\n"), "badParentSha1"),
        (format!("tree {ID}\n\n"), "missingAuthor"),
        (format!("tree {ID}\nauthor {WHO}\n\n"), "missingCommitter"),
        (format!("tree {ID}\nauthor {WHO}\nauthor {WHO}\ncommitter {WHO}\n\n"), "multipleAuthors"),
        (format!("tree {ID}\nauthor A\ncommitter {WHO}\n\n"), "missingEmail"),
        (format!("tree {ID}\nauthor <a> 1 +0000\ncommitter {WHO}\n\n"), "missingNameBeforeEmail"),
        (format!("tree {ID}\nauthor A<a> 1 +0000\ncommitter {WHO}\n\n"), "missingSpaceBeforeEmail"),
        (format!("tree {ID}\nauthor A> <a> 1 +0000\ncommitter {WHO}\n\n"), "badName"),
        (format!("tree {ID}\nauthor A <a<> 1 +0000\ncommitter {WHO}\n\n"), "badEmail"),
        (format!("tree {ID}\nauthor A <a>1 +0000\ncommitter {WHO}\n\n"), "missingSpaceBeforeDate"),
        (format!("tree {ID}\nauthor A <a> x +0000\ncommitter {WHO}\n\n"), "badDate"),
        (format!("tree {ID}\nauthor A <a> -1 +0000\ncommitter {WHO}\n\n"), "badDate"),
        (format!("tree {ID}\nauthor A <a> 01 +0000\ncommitter {WHO}\n\n"), "zeroPaddedDate"),
        (
            format!("tree {ID}\nauthor A <a> 99999999999999999999 +0000\ncommitter {WHO}\n\n"),
            "badDateOverflow",
        ),
        (format!("tree {ID}\nauthor A <a> 1 0000\ncommitter {WHO}\n\n"), "badTimezone"),
        (format!("tree {ID}\nauthor A <a> 1 +00000\ncommitter {WHO}\n\n"), "badTimezone"),
        (format!("tree {ID}\nauthor A\0 <a> 1 +0000\ncommitter {WHO}\n\n"), "nulInHeader"),
        (format!("tree {ID}\nauthor {WHO}\ncommitter {WHO}\n\n\0"), "nulInCommit"),
    ] {
        assert_eq!(refused(Kind::Commit, text.as_bytes()), expected, "{text:?}");
    }
}

#[test]
fn tags() {
    for (text, expected) in [
        (format!("object {ID}\ntype commit\ntag v1\ntagger {WHO}\n\nmessage\n"), "accepted"),
        (format!("object {ID}\ntype commit\ntag v1\n\n"), "accepted"),
        ("type commit\n\n".to_owned(), "missingObject"),
        (format!("object {}\n\n", &ID[2..]), "badObjectSha1"),
        (format!("object {ID}\n\n"), "missingTypeEntry"),
        (format!("object {ID}\ntype thing\n\n"), "badType"),
        (format!("object {ID}\ntype commit\n\n"), "missingTagEntry"),
        (format!("object {ID}\ntype commit\ntag v1\ntagger x\n\n"), "missingEmail"),
    ] {
        assert_eq!(refused(Kind::Tag, text.as_bytes()), expected, "{text:?}");
    }
}

#[test]
fn trees() {
    let file = "100644";
    type Row<'a> = (&'a [(&'a str, &'a [u8])], &'a str);
    let rows: &[Row<'_>] = &[
        (&[], "accepted"),
        (
            &[
                (file, b"a"),
                ("100755", b"b"),
                ("40000", b"c"),
                ("120000", b"d"),
                ("160000", b"e"),
                ("100664", b"f"),
            ],
            "accepted",
        ),
        (&[(file, b"a.b"), ("40000", b"a"), (file, b"a0")], "accepted"),
        (&[(file, b"COM1"), (file, b"a:b"), (file, b"na\\me")], "accepted"),
        (&[(file, b"")], "emptyName"),
        (&[(file, b".")], "hasDot"),
        (&[("40000", b"..")], "hasDotdot"),
        (&[(file, b"a/b")], "fullPathname"),
        (&[("40000", b".git")], "hasDotgit"),
        (&[("40000", b".GIT")], "hasDotgit"),
        (&[("40000", b".git ")], "hasDotgit"),
        (&[("40000", b".git.")], "hasDotgit"),
        (&[("40000", b"git~1")], "hasDotgit"),
        (&[("40000", b".git::$INDEX_ALLOCATION")], "hasDotgit"),
        (&[("40000", ".g\u{200c}it".as_bytes())], "hasDotgit"),
        (&[("40000", b"a\\.git\\hooks")], "hasDotgit"),
        (&[("40000", b"a\\..\\b")], "hasDotgit"),
        (&[("120000", b".gitmodules")], "gitmodulesSymlink"),
        (&[("40000", b".gitmodules")], "gitmodulesBlob"),
        (&[("040000", b"a")], "zeroPaddedFilemode"),
        (&[("0104755", b"a")], "zeroPaddedFilemode"),
        (&[("0120777", b"a")], "zeroPaddedFilemode"),
        (&[("100600", b"a")], "accepted"),
        (&[("10644", b"a")], "badFilemode"),
        (&[("777777", b"a")], "badFilemode"),
        (&[("10064x", b"a")], "badTree"),
        (&[("", b"a")], "badTree"),
        (&[(file, b"b"), (file, b"a")], "treeNotSorted"),
        (&[("40000", b"a"), (file, b"a.b")], "treeNotSorted"),
        (&[(file, b"a"), (file, b"a")], "duplicateEntries"),
        (&[(file, b"a"), ("40000", b"a")], "duplicateEntries"),
        (&[(file, b"a"), (file, b"a.b"), ("40000", b"a")], "duplicateEntries"),
    ];
    for (entries, expected) in rows {
        assert_eq!(refused(Kind::Tree, &tree_of(entries)), *expected, "{entries:?}");
    }
    let whole = tree_of(&[(file, b"a")]);
    for cut in 1..whole.len() {
        assert_eq!(refused(Kind::Tree, &whole[..cut]), "badTree", "cut at {cut}");
    }
}

#[test]
fn gitmodules_files() {
    for (text, expected) in [
        ("[submodule \"a\"]\n\tpath = a\n\turl = ../a.git\n", "accepted"),
        ("not a config file [", "accepted"),
        ("[submodule \"a\"]\n\tupdate = !rm -rf /\n", "gitmodulesUpdate"),
        ("[submodule \"../../x\"]\n\tpath = a\n", "gitmodulesName"),
        ("[submodule \"a\"]\n\turl = --upload-pack=x\n", "gitmodulesUrl"),
        ("[submodule \"a\"]\n\turl = https://host/%0afoo\n", "gitmodulesUrl"),
        ("[submodule \"a\"]\n\tpath = -x\n", "gitmodulesPath"),
        ("[submodule \"a\"]\n\tpath = \"a\\r\"\n", "accepted"),
    ] {
        let got = match gitmodules(text.as_bytes()) {
            Ok(()) => "accepted".to_owned(),
            Err(reason) => reason.split(':').next().unwrap_or_default().to_owned(),
        };
        assert_eq!(got, expected, "{text:?}");
    }
    assert!(gitattributes(&vec![b'x'; 3000]).is_err());
    assert!(gitattributes(b"* text\n").is_ok());
}
