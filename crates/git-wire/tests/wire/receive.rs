//! Pushes by hand: names in one another's way, what is incomplete, what is prohibited, many at once, and a client that
//! vanishes.

use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use git_wire::{AllowAll, Error, Options, Profile, ProtocolVersion, Repository, Server, Service};

use crate::forge::{BLOB, COMMIT, Pack, TREE, blob, commit_of, files, good, id_of, pack_around, tree};
use crate::raw::{Answer, lines, ours};
use crate::sandbox::{fsck, git};

const RECEIVE: Service = Service::ReceivePack;
const V0: ProtocolVersion = ProtocolVersion::V0;
pub(crate) const NONE: &str = "0000000000000000000000000000000000000000";

/// A push of these commands, old and new and name, with that pack behind.
pub(crate) fn request(words: &str, commands: &[(String, String, &str)], pack: &[u8]) -> Vec<u8> {
    let mut texts: Vec<String> =
        commands.iter().map(|(old, new, name)| format!("{old} {new} {name}")).collect();
    texts[0] = format!("{}\0{words}", texts[0]);
    texts.push("0000".into());
    let mut bytes = lines(&texts);
    bytes.extend_from_slice(pack);
    bytes
}

pub(crate) fn push(path: &Path, options: &Options, request: &[u8]) -> Vec<String> {
    Answer::of(&ours(path, &AllowAll, options, RECEIVE, V0, request)).lines
}

pub(crate) fn options() -> Options {
    Options { durable: false, ..Options::default() }
}

/// A repository with the forged commit on `refs/heads/a` and `refs/heads/Dir/x`.
pub(crate) fn filled() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    Repository::init_bare(folder.path(), "main").expect("created");
    let (pack, id) = good();
    let id = id.to_string();
    let new = |name| (NONE.to_owned(), id.clone(), name);
    let commands = [new("refs/heads/a"), new("refs/heads/Dir/x")];
    let told = push(folder.path(), &options(), &request("report-status", &commands, &pack.finish()));
    assert_eq!(told, ["unpack ok", "ok refs/heads/a", "ok refs/heads/Dir/x", "0000"]);
    (folder, id)
}

/// The refs to create (true) or delete, and the report's lines about the first of them.
type Row<'a> = (&'a [(bool, &'static str)], &'a [String]);

#[test]
fn names_in_the_way_of_one_another_are_refused() {
    for packed in [false, true] {
        let (folder, id) = filled();
        let path = folder.path();
        if packed {
            git(path, &["pack-refs", "--all"]);
        }
        let empty = Pack::default().finish();
        let ask = |options: &Options, changes: &[(bool, &'static str)]| {
            let commands: Vec<_> = changes
                .iter()
                .map(|(comes, name)| match comes {
                    true => (NONE.to_owned(), id.clone(), *name),
                    false => (id.clone(), NONE.to_owned(), *name),
                })
                .collect();
            push(path, options, &request("report-status delete-refs", &commands, &empty))
        };
        let exists = |there: &str, new: &str| format!("ng {new} '{there}' exists; cannot create '{new}'");
        let twin = |there: &str, new: &str| {
            format!("ng {new} '{there}' exists; cannot create '{new}', which differs in case only")
        };
        let rows: [Row<'_>; 5] = [
            (&[(true, "refs/heads/a/b")], &[exists("refs/heads/a", "refs/heads/a/b")]),
            (&[(true, "refs/heads/Dir")], &[exists("refs/heads/Dir/x", "refs/heads/Dir")]),
            (&[(true, "refs/heads/A")], &[twin("refs/heads/a", "refs/heads/A")]),
            (&[(true, "refs/heads/dIR/X")], &[twin("refs/heads/Dir/x", "refs/heads/dIR/X")]),
            (
                &[
                    (true, "refs/heads/n"),
                    (true, "refs/heads/n/o"),
                    (true, "refs/heads/\u{e4}x"),
                    (true, "refs/heads/\u{c4}X"),
                    (true, "refs/heads/fine"),
                ],
                &[
                    exists("refs/heads/n/o", "refs/heads/n"),
                    "ok refs/heads/n/o".into(),
                    "ok refs/heads/\u{e4}x".into(),
                    twin("refs/heads/\u{e4}x", "refs/heads/\u{c4}X"),
                    "ok refs/heads/fine".into(),
                ],
            ),
        ];
        for (changes, expected) in rows {
            let told = ask(&options(), changes);
            assert_eq!(told[1..=expected.len()], *expected, "{changes:?}");
        }
        // What goes makes room, within one push.
        let told =
            ask(&options(), &[(false, "refs/heads/a"), (true, "refs/heads/A"), (true, "refs/heads/A2")]);
        assert_eq!(told, ["unpack ok", "ok refs/heads/a", "ok refs/heads/A", "ok refs/heads/A2", "0000"]);
        let told = ask(&options(), &[(true, "refs/heads/A/b"), (false, "refs/heads/A")]);
        assert_eq!(told, ["unpack ok", "ok refs/heads/A/b", "ok refs/heads/A", "0000"]);
        let lenient = Options { allow_case_clashes: true, ..options() };
        assert_eq!(ask(&lenient, &[(true, "refs/heads/Fine")])[1], "ok refs/heads/Fine");
        fsck(path);
    }
}

#[test]
fn an_atomic_push_is_all_or_nothing_and_heard_only_where_it_is_offered() {
    let (folder, id) = filled();
    let empty = Pack::default().finish();
    let commands = [
        (NONE.to_owned(), id.clone(), "refs/heads/new"),
        (id.clone(), id.clone(), "refs/heads/none"),
        (NONE.to_owned(), id.clone(), "refs/heads/a..b"),
    ];
    let atomic = request("report-status-v2 atomic", &commands, &empty);
    let told = push(folder.path(), &options(), &atomic);
    assert_eq!(told[1], "ng refs/heads/new atomic push failure");
    assert!(told[2].starts_with("ng refs/heads/none "), "{told:?}");
    assert_eq!(told[3], "ng refs/heads/a..b funny refname");
    let vsts = Options { profile: Profile::Vsts, ..options() };
    let words = "report-status atomic push-options quiet";
    let told = push(folder.path(), &vsts, &request(words, &commands, &empty));
    assert_eq!(told[1], "ok refs/heads/new");
}

#[test]
fn the_current_branch_stays_and_so_does_what_others_changed() {
    let (folder, id) = filled();
    let path = folder.path();
    let empty = Pack::default().finish();
    let other = id_of(gix::objs::Kind::Blob, b"other").to_string();
    git(path, &["update-ref", "refs/heads/main", &id]);
    let ask = |options: &Options, old: &str, new: &str, name: &'static str| {
        let commands = [(old.to_owned(), new.to_owned(), name)];
        push(path, options, &request("report-status", &commands, &empty)).remove(1)
    };
    let told = ask(&options(), &id, NONE, "refs/heads/main");
    assert_eq!(told, "ng refs/heads/main deletion of the current branch prohibited");
    for (old, new) in [(other.as_str(), id.as_str()), (&other, NONE), (NONE, &id)] {
        let told = ask(&options(), old, new, "refs/heads/a");
        assert!(told.contains("it has changed in the meantime"), "{told}");
    }
    let told = ask(&options(), &id, NONE, "refs/heads/none");
    assert_eq!(told, "ng refs/heads/none the ref does not exist");
    git(path, &["symbolic-ref", "refs/heads/alias", "refs/heads/a"]);
    let told = ask(&options(), &id, NONE, "refs/heads/alias");
    assert_eq!(told, "ng refs/heads/alias refusing to update a symbolic ref");
    let lenient = Options { allow_delete_current: true, ..options() };
    assert_eq!(ask(&lenient, &id, NONE, "refs/heads/main"), "ok refs/heads/main");
    let twice = [
        (NONE.to_owned(), id.clone(), "refs/heads/t"),
        (NONE.to_owned(), id.clone(), "refs/heads/t"),
        (NONE.to_owned(), id, "refs/heads/u"),
    ];
    let told = push(path, &options(), &request("report-status", &twice, &empty));
    let refused = "ng refs/heads/t multiple updates for the same ref";
    assert_eq!(told[1..4], [refused, refused, "ok refs/heads/u"]);
}

#[test]
fn tips_have_to_be_complete_also_where_they_are_old() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    Repository::init_bare(path, "main").expect("created");
    // What a sweep left of something unreachable: a commit, and of its tree nothing.
    let lost_tree = tree(&[("100644", "lost", blob())]);
    let broken = commit_of(id_of(gix::objs::Kind::Tree, &lost_tree), "");
    let broken_id = id_of(gix::objs::Kind::Commit, &broken).to_string();
    std::fs::write(path.join("broken"), &broken).expect("written");
    assert_eq!(git(path, &["hash-object", "-w", "-t", "commit", "--literally", "broken"]), broken_id);
    let (on_broken, child) =
        pack_around(&tree(&[("100644", "file", blob())]), &format!("parent {broken_id}\n"));
    // And a folder, of which the file is gone.
    let broken_folder = tree(&[("100644", "lost", id_of(gix::objs::Kind::Blob, b"swept away"))]);
    std::fs::write(path.join("broken"), &broken_folder).expect("written");
    git(path, &["hash-object", "-w", "-t", "tree", "--literally", "broken"]);
    let broken_folder = id_of(gix::objs::Kind::Tree, &broken_folder);
    let (with_folder, above) = pack_around(&tree(&[("40000", "folder", broken_folder)]), "");
    let (pack, id) = good();
    let empty = Pack::default().finish();
    let new = |id: &str, name| (NONE.to_owned(), id.to_owned(), name);
    for (commands, pack) in [
        (vec![new(&broken_id, "refs/heads/x")], &empty),
        (vec![new(&child.to_string(), "refs/heads/x")], &on_broken.finish()),
        (vec![new(&above.to_string(), "refs/heads/x")], &with_folder.finish()),
        (vec![new(&broken_id, "refs/heads/x"), new(&id.to_string(), "refs/heads/y")], &pack.finish()),
    ] {
        let told = push(path, &options(), &request("report-status", &commands, pack));
        assert_eq!(told[1], "ng refs/heads/x missing necessary objects");
        assert!(commands.len() == 1 || told[2] == "ok refs/heads/y", "{told:?}");
    }
    assert_eq!(git(path, &["for-each-ref", "--format=%(refname)"]), "refs/heads/y");
    // Old, unreachable and complete is fine: a branch that comes back.
    git(path, &["update-ref", "-d", "refs/heads/y"]);
    let told =
        push(path, &options(), &request("report-status", &[new(&id.to_string(), "refs/heads/z")], &empty));
    assert_eq!(told[1], "ok refs/heads/z");
}

#[test]
fn a_refused_ref_is_told_by_its_whole_name() {
    let (pack, id) = good();
    let new = |name: &str| (NONE.to_owned(), id.to_string(), format!("refs/heads/{name}"));
    let longest = "x".repeat(65_400 - "refs/heads/".len() - 82);
    let names = ["fine".to_owned(), "y".repeat(1_024), "z".repeat(5_000), longest];
    let folder = tempfile::tempdir().expect("a folder");
    Repository::init_bare(folder.path(), "main").expect("created");
    let commands: Vec<_> = names.iter().map(|name| new(name)).collect();
    let commands: Vec<_> =
        commands.iter().map(|(old, new, name)| (old.clone(), new.clone(), name.as_str())).collect();
    let told = push(folder.path(), &options(), &request("report-status", &commands, &pack.finish()));
    assert_eq!(told[1], "ok refs/heads/fine");
    for (line, (_, _, name)) in told[2..].iter().zip(&commands[1..]) {
        assert_eq!(*line, format!("ng {name} funny refname"));
    }
}

#[test]
fn a_ref_that_no_push_can_make_can_be_deleted() {
    let (folder, id) = filled();
    let path = folder.path();
    let names = ["refs/stash", "refs/bisect", "refs/heads/HEAD", "refs/heads/-dash"];
    let empty = Pack::default().finish();
    let ask = |old: &str, new: &str, name: &'static str| {
        let commands = [(old.to_owned(), new.to_owned(), name)];
        push(path, &options(), &request("report-status delete-refs", &commands, &empty)).remove(1)
    };
    for name in names {
        assert_eq!(ask(NONE, &id, name), format!("ng {name} funny refname"));
        let packed = format!("# pack-refs with: sorted \n{id} {name}\n");
        std::fs::write(path.join("packed-refs"), packed).expect("written");
        assert_eq!(ask(&id, &id, name), format!("ng {name} funny refname"));
        assert_eq!(ask(&id, NONE, name), format!("ok {name}"));
        assert_eq!(git(path, &["for-each-ref", name]), "");
    }
    for name in ["refs/", "refs", "HEAD", "stash"] {
        assert_eq!(ask(&id, NONE, name), format!("ng {name} funny refname"));
    }
}

/// A stream that breaks after so many bytes: with an error, or with a silent end.
struct Breaking<'a> {
    left: &'a [u8],
    with_error: bool,
}

impl Read for Breaking<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.left.is_empty() && self.with_error {
            return Err(std::io::ErrorKind::ConnectionReset.into());
        }
        self.left.read(out)
    }
}

#[test]
fn a_client_that_vanishes_leaves_nothing() {
    let (folder, id) = filled();
    let path = folder.path();
    let text = "some content\n".repeat(500);
    let tree = tree(&[("100644", "new", id_of(gix::objs::Kind::Blob, text.as_bytes()))]);
    let new = commit_of(id_of(gix::objs::Kind::Tree, &tree), &format!("parent {id}\n"));
    let pack = Pack::default().entry(BLOB, text.as_bytes()).entry(TREE, &tree).entry(COMMIT, &new);
    let new = id_of(gix::objs::Kind::Commit, &new).to_string();
    let commands = [(id.clone(), new.clone(), "refs/heads/a"), (NONE.to_owned(), new, "refs/heads/b")];
    let whole = request("report-status side-band-64k", &commands, &pack.finish());
    let before = files(path);
    let refs = git(path, &["for-each-ref"]);
    let repository = Repository::open(path).expect("opened");
    for with_error in [true, false] {
        for cut in (0..whole.len()).step_by(7) {
            let mut stream =
                std::io::BufReader::with_capacity(64, Breaking { left: &whole[..cut], with_error });
            let mut answer = Vec::new();
            let result = Server { repository: &repository, policy: &AllowAll, options: &options() }.respond(
                RECEIVE,
                V0,
                &mut stream,
                &mut answer,
            );
            assert!(result.is_ok_and(|summary| summary.updated.is_empty()) || with_error || cut > 0);
            assert_eq!(files(path), before, "cut at {cut}");
        }
    }
    assert_eq!(git(path, &["for-each-ref"]), refs);
    // One that vanishes before it hears the report has pushed all the same.
    struct Gone;
    impl std::io::Write for Gone {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
    }
    let result = Server { repository: &repository, policy: &AllowAll, options: &options() }.respond(
        RECEIVE,
        V0,
        &mut &whole[..],
        &mut Gone,
    );
    assert!(matches!(result, Err(Error::Io(_))), "{result:?}");
    assert_eq!(git(path, &["rev-parse", "refs/heads/a"]), commands[0].1);
    let quarantines = files(path).iter().any(|file| file.contains("incoming") || file.contains(".lock"));
    assert!(!quarantines);
    fsck(path);
}

#[test]
fn ten_thousand_refs_come_change_and_go_in_one_push_each() {
    let (folder, first) = filled();
    let path = folder.path();
    let (pack, second) = pack_around(&tree(&[("100644", "file", blob())]), &format!("parent {first}\n"));
    let second = second.to_string();
    let names: Vec<String> =
        (0..10_000).map(|number| format!("refs/heads/many/{}/{number}", number % 100)).collect();
    let empty = Pack::default().finish();
    let all = |old: &str, new: &str, pack: &[u8]| {
        let commands: Vec<_> =
            names.iter().map(|name| (old.to_owned(), new.to_owned(), name.as_str())).collect();
        let begin = Instant::now();
        let told = push(path, &options(), &request("report-status atomic", &commands, pack));
        assert_eq!(told.iter().filter(|line| line.starts_with("ok ")).count(), 10_000, "{:?}", told[1]);
        begin.elapsed()
    };
    let count = || git(path, &["for-each-ref", "refs/heads/many"]).lines().count();
    let created = all(NONE, &first, &empty);
    assert_eq!(count(), 10_000);
    let changed = all(&first, &second, &pack.finish());
    assert_eq!(git(path, &["rev-parse", "refs/heads/many/7/107"]), second);
    let deleted = all(&second, NONE, b"");
    assert_eq!(count(), 0);
    // Some seconds each where creating files is slow; what is quadratic takes many minutes.
    let all = [created, changed, deleted];
    assert!(all.iter().all(|took| *took < Duration::from_mins(1)), "{all:?}");
}
