//! Fetches by hand: each feature of upload-pack, answered as stock git answers it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use bstr::BStr;
use git_wire::{
    AllowAll, Denial, KeepAlive, Options, Policy, Profile, ProtocolVersion, RefUpdate, Server, Service,
};

use crate::raw::{Answer, lines, objects_in, ours, theirs, v2};
use crate::sandbox::{Sandbox, command, commit, git};

const UPLOAD: Service = Service::UploadPack;
const V0: ProtocolVersion = ProtocolVersion::V0;
const V2: ProtocolVersion = ProtocolVersion::V2;
const ABSENT: &str = "1234567890123456789012345678901234567890";

/// Two branches from one commit, an annotated tag, and a commit that no ref reaches.
struct Testbed {
    _sandbox: Sandbox,
    origin: PathBuf,
    base: String,
    main: String,
    side: String,
    unreachable: String,
}

fn testbed() -> Testbed {
    let sandbox = Sandbox::new();
    let work = sandbox.seed();
    let base = commit(&work, "base", "base\n");
    git(&work, &["tag", "-a", "v1", "-m", "one"]);
    git(&work, &["checkout", "-q", "-b", "side"]);
    let side = commit(&work, "side", "side\n");
    git(&work, &["checkout", "-q", "main"]);
    commit(&work, "one", "one\n");
    let main = commit(&work, "two", "two\n");
    let unreachable = commit(&work, "three", "three\n");
    git(&work, &["push", "-q", "origin", "HEAD:refs/heads/temporary"]);
    git(&work, &["push", "-q", "origin", ":refs/heads/temporary", "HEAD~:main", "side", "v1"]);
    let origin = sandbox.path("origin.git");
    Testbed { _sandbox: sandbox, origin, base, main, side, unreachable }
}

/// The answers of both, taken apart.
fn both(origin: &Path, version: ProtocolVersion, request: &[u8]) -> (Answer, Answer) {
    let options = Options { ref_in_want: true, ..Options::default() };
    let ours = ours(origin, &AllowAll, &options, UPLOAD, version, request);
    (Answer::of(&ours), Answer::of(&theirs(origin, UPLOAD, version, request)))
}

#[test]
fn acknowledgements_are_those_of_stock_git() {
    let Testbed { _sandbox, origin, base, main, side, .. } = testbed();
    let want = |words: &str| format!("want {main} {words}");
    let have = |id: &str| format!("have {id}");
    let rows: Vec<(ProtocolVersion, Vec<u8>)> =
        ["", "multi_ack", "multi_ack_detailed", "multi_ack_detailed no-done"]
            .iter()
            .flat_map(|words| {
                let want = want(&format!("{words} side-band-64k ofs-delta no-progress"));
                let absent = have(ABSENT);
                [
                    vec![want.clone(), "0000".into(), "done".into()],
                    vec![want.clone(), "0000".into(), absent.clone(), "0000".into()],
                    vec![want.clone(), "0000".into(), absent.clone(), "done".into()],
                    vec![want.clone(), "0000".into(), have(&base), "0000".into()],
                    vec![want.clone(), "0000".into(), have(&base), "done".into()],
                    vec![want.clone(), "0000".into(), have(&base), absent.clone(), "0000".into()],
                    vec![
                        want.clone(),
                        "0000".into(),
                        have(&side),
                        have(&base),
                        absent.clone(),
                        "0000".into(),
                    ],
                    vec![want.clone(), "0000".into(), have(&side), have(&base), "done".into()],
                    vec![want.clone(), "0000".into(), have(&main), "done".into()],
                    vec![want, "0000".into()],
                ]
            })
            .map(|texts| (V0, lines(&texts)))
            .chain(
                [
                    vec![format!("want {main}"), "done".into()],
                    vec![format!("want {main}"), have(ABSENT)],
                    vec![format!("want {main}"), have(ABSENT), "done".into()],
                    vec![format!("want {main}"), have(&base)],
                    vec![format!("want {main}"), have(&base), have(ABSENT)],
                    vec![format!("want {main}"), have(&base), have(ABSENT), "done".into()],
                    vec![format!("want {main}"), have(&side), have(ABSENT)],
                    vec![format!("want {main}"), have(&base), "wait-for-done".into()],
                    vec![format!("want {main}"), have(&base), "wait-for-done".into(), "done".into()],
                    vec![have(&base), have(ABSENT), "wait-for-done".into()],
                    vec![format!("want {main}"), format!("want {side}"), have(&base)],
                    vec![],
                ]
                .into_iter()
                .map(|mut texts| {
                    texts.push("no-progress".into());
                    (V2, v2("fetch", &texts))
                }),
            )
            .collect();
    let mut packs = 0;
    for (version, request) in rows {
        let shown = String::from_utf8_lossy(&request).into_owned();
        // Without multi_ack, one common object is acknowledged; stock git acknowledges its parents, too.
        if !shown.contains("multi_ack") && version == V0 && shown.contains(&have(&side)) {
            continue;
        }
        let (ours, theirs) = both(&origin, version, &request);
        assert_eq!(ours.lines, theirs.lines, "{shown}");
        assert_eq!(ours.pack.is_empty(), theirs.pack.is_empty(), "{shown}");
        if !ours.pack.is_empty() {
            assert_eq!(objects_in(&ours.pack, &origin), objects_in(&theirs.pack, &origin), "{shown}");
            packs += 1;
        }
    }
    assert!(packs > 0, "no request was answered by a pack");
}

#[test]
fn sections_and_shallow_lines_are_those_of_stock_git() {
    let Testbed { _sandbox, origin, base, main, side, unreachable, .. } = testbed();
    let want = format!("want {main}");
    let date = git(&origin, &["log", "-1", "--format=%ct", &base]);
    let rows: Vec<Vec<String>> = vec![
        vec![want.clone(), "deepen 1".into()],
        vec![want.clone(), "deepen 2".into()],
        vec![want.clone(), "deepen 2147483647".into()],
        vec![want.clone(), format!("shallow {main}"), "deepen 2".into()],
        vec![want.clone(), format!("shallow {main}"), "deepen 1".into(), "deepen-relative".into()],
        vec![want.clone(), "deepen 1".into(), "deepen-relative".into()],
        vec![want.clone(), format!("shallow {main}"), "deepen 2147483647".into()],
        vec![want.clone(), format!("shallow {main}")],
        vec![want.clone(), format!("deepen-since {date}")],
        vec![want.clone(), "deepen-not refs/tags/v1".into()],
        vec![want.clone(), "deepen-not v1".into()],
        vec![want.clone(), "deepen-not side".into()],
        vec![want.clone(), "deepen-not heads/side".into(), format!("deepen-since {date}")],
        vec!["want-ref refs/heads/main".into(), "want-ref refs/tags/v1".into()],
        vec![format!("want {unreachable}"), format!("have {side}")],
    ];
    for mut texts in rows {
        texts.extend(["no-progress".into(), "done".into()]);
        let (ours, theirs) = both(&origin, V2, &v2("fetch", &texts));
        let sorted = |answer: &Answer| {
            let mut lines = answer.lines.clone();
            lines.sort_unstable();
            // Stock git opens the section also where it has nothing to say.
            lines.retain(|line| !["shallow-info", "0001"].contains(&line.as_str()));
            lines
        };
        assert_eq!(sorted(&ours), sorted(&theirs), "{texts:?}");
        // The client has what its boundary itself consists of; stock git sends some of it again.
        let boundary =
            texts.iter().find_map(|line| line.strip_prefix("shallow ")).filter(|_| texts.len() > 4);
        let known = boundary.map(|id| git(&origin, &["ls-tree", "-rt", id])).unwrap_or_default();
        let objects = |answer: &Answer| -> Vec<String> {
            let all = objects_in(&answer.pack, &origin).into_iter();
            all.filter(|id| !known.contains(id.as_str())).collect()
        };
        assert_eq!(objects(&ours), objects(&theirs), "{texts:?}");
    }
}

#[test]
fn refs_and_sizes_are_told_as_stock_git_tells_them() {
    let Testbed { _sandbox, origin, main, .. } = testbed();
    let rows = [
        v2::<&str>("ls-refs", &[]),
        v2("ls-refs", &["peel", "symrefs"]),
        v2("ls-refs", &["peel", "symrefs", "unborn", "ref-prefix HEAD", "ref-prefix refs/tags/"]),
        v2("ls-refs", &["ref-prefix refs/heads/ma"]),
        v2("ls-refs", &["ref-prefix refs/none/"]),
        v2("object-info", &["size", &format!("oid {main}"), &format!("oid {ABSENT}")]),
        v2("object-info", &[format!("oid {main}")]),
        lines(&[
            "command=ls-refs",
            "server-option=a",
            "server-option=b c",
            "agent=x",
            "session-id=1",
            "0001",
            "0000",
        ]),
        lines(&["command=ls-refs", "0000"]),
        b"0000".to_vec(),
    ];
    for request in rows {
        let (ours, theirs) = both(&origin, V2, &request);
        assert_eq!(ours.lines, theirs.lines, "{}", String::from_utf8_lossy(&request));
    }
    let empty = tempfile::tempdir().expect("a folder");
    git(empty.path(), &["init", "-q", "--bare", "-b", "trunk", "."]);
    let request = v2("ls-refs", &["symrefs", "unborn"]);
    let (ours, theirs) = both(empty.path(), V2, &request);
    assert_eq!((&ours.lines, ours.lines.len()), (&theirs.lines, 2));
    assert_eq!(ours.lines[0], "unborn HEAD symref-target:refs/heads/trunk");
}

#[test]
fn refs_are_wanted_by_name_where_that_is_turned_on_and_nowhere_else() {
    let Testbed { _sandbox, origin, main, .. } = testbed();
    let request = v2("fetch", &["want-ref refs/heads/main", "no-progress", "done"]);
    let repository = git_wire::Repository::open(&origin).expect("opened");
    for ref_in_want in [false, true] {
        let options = Options { ref_in_want, ..Options::default() };
        let mut told = Vec::new();
        Server { repository: &repository, policy: &AllowAll, options: &options }
            .advertise(UPLOAD, V2, &mut told)
            .expect("told");
        assert_eq!(String::from_utf8_lossy(&told).contains("ref-in-want"), ref_in_want);
        let answer = Answer::of(&ours(&origin, &AllowAll, &options, UPLOAD, V2, &request));
        if ref_in_want {
            assert_eq!(answer.lines[..2], ["wanted-refs".to_owned(), format!("{main} refs/heads/main")]);
        } else {
            assert_eq!(
                answer.lines,
                ["ERR the request is malformed: unexpected line: 'want-ref refs/heads/main'"]
            );
        }
    }
}

#[test]
fn every_ref_of_many_may_be_wanted_by_name() {
    let Testbed { _sandbox, origin, main, .. } = testbed();
    let names: Vec<String> = (0..10_001).map(|number| format!("refs/tags/t{number:05}")).collect();
    let packed: Vec<String> = names.iter().map(|name| format!("{main} {name}\n")).collect();
    std::fs::write(origin.join("packed-refs"), format!("# pack-refs with: sorted \n{}", packed.concat()))
        .expect("written");
    let mut texts: Vec<String> = names.iter().map(|name| format!("want-ref {name}")).collect();
    texts.extend(["no-progress".to_owned(), "done".to_owned()]);
    let (mut ours, mut theirs) = both(&origin, V2, &v2("fetch", &texts));
    // Stock git tells them in any order.
    ours.lines.sort_unstable();
    theirs.lines.sort_unstable();
    assert!(ours.lines.len() > names.len() && ours.lines == theirs.lines, "{:?}", ours.lines.first());
}

/// The capabilities that one of the servers shows.
fn words(line: &str) -> Vec<&str> {
    line.split(['\0', ' ']).skip(2).collect()
}

#[test]
fn everything_that_stock_git_offers_is_offered() {
    let Testbed { _sandbox, origin, .. } = testbed();
    let repository = git_wire::Repository::open(&origin).expect("opened");
    let options = Options { session_id: Some("a-b-1".into()), ref_in_want: true, ..Options::default() };
    for (version, env) in [(V0, "version=0"), (ProtocolVersion::V1, "version=1"), (V2, "version=2")] {
        let mut answer = Vec::new();
        Server { repository: &repository, policy: &AllowAll, options: &options }
            .advertise(UPLOAD, version, &mut answer)
            .expect("told");
        let ours = Answer::of(&answer).lines.split_off(2);
        let output = command(&origin)
            .args(["-c", "uploadpack.allowFilter", "-c", "uploadpack.allowRefInWant"])
            .args(["-c", "uploadpack.allowTipSHA1InWant", "-c", "uploadpack.allowReachableSHA1InWant"])
            .args(["-c", "transfer.advertiseObjectInfo", "-c", "transfer.advertiseSID"])
            .args(["upload-pack", "--http-backend-info-refs", "."])
            .env("GIT_PROTOCOL", env)
            .output()
            .expect("git is installed");
        let theirs = Answer::of(&output.stdout).lines;
        let set = |lines: &[String]| -> Vec<String> {
            let mut all: Vec<String> = if version == V2 {
                lines.iter().flat_map(|line| line.split(['=', ' '])).map(ToOwned::to_owned).collect()
            } else {
                let first = lines.iter().find(|line| line.contains('\0')).expect("a first line");
                words(first).iter().map(ToString::to_string).collect()
            };
            all.retain(|word| {
                !word.starts_with("git") && !word.starts_with("agent=") && !word.contains("-id=")
            });
            all
        };
        let (mine, stock) = (set(&ours), set(&theirs));
        let missing: Vec<&String> = stock
            .iter()
            .filter(|word| !mine.contains(word))
            // The session's own id; addresses of packs elsewhere are offered by nobody who hasn't any.
            .filter(|word| word.len() < 20 && *word != "packfile-uris")
            .collect();
        assert!(missing.is_empty(), "{env}: {missing:?} of {stock:?}");
        if version != V2 {
            let refs = |lines: &[String]| -> Vec<String> {
                lines.iter().map(|line| line.split('\0').next().unwrap_or_default().to_owned()).collect()
            };
            assert_eq!(refs(&ours), refs(&theirs), "{env}");
        }
    }
}

/// Hides what is below `refs/hidden/`.
struct Hiding;

impl Policy for Hiding {
    fn may_read(&self) -> Result<(), Denial> {
        Ok(())
    }

    fn may_push(&self) -> Result<(), Denial> {
        Err(Denial::new("no"))
    }

    fn may_update(&self, _update: &RefUpdate) -> Result<(), Denial> {
        Err(Denial::new("no"))
    }

    fn is_hidden(&self, name: &BStr) -> bool {
        name.starts_with(b"refs/hidden/")
    }
}

#[test]
fn what_only_hidden_refs_reach_can_neither_be_had_nor_felt() {
    let Testbed { _sandbox, origin, unreachable, main, .. } = testbed();
    git(&origin, &["update-ref", "refs/hidden/x", &unreachable]);
    let blob = git(&origin, &["rev-parse", &format!("{unreachable}:three")]);
    let options = Options { ref_in_want: true, ..Options::default() };
    let ask = |version, request: &[u8]| ours(&origin, &Hiding, &options, UPLOAD, version, request);
    for id in [&unreachable, &blob, ABSENT] {
        for (version, request) in [
            (V0, lines(&[&format!("want {id} multi_ack"), "0000", "done"])),
            (V0, lines(&[&format!("want {main} multi_ack"), &format!("want {id}"), "0000", "done"])),
            (V2, v2("fetch", &[&format!("want {id}"), "done"])),
        ] {
            let answer = String::from_utf8_lossy(&ask(version, &request)).into_owned();
            assert!(answer.contains(&format!("not our ref {id}")), "{answer}");
            assert!(!answer.contains("PACK"), "{answer}");
        }
        // Existing and absent look the same.
        let sizes = Answer::of(&ask(V2, &v2("object-info", &["size", &format!("oid {id}")])));
        assert_eq!(sizes.lines, ["size", &format!("{id} "), "0000"]);
    }
    for line in ["want-ref refs/hidden/x", "want-ref hidden/x", "want-ref refs/none/x", "want-ref x"] {
        let answer = ask(V2, &v2("fetch", &[line, "done"]));
        assert!(String::from_utf8_lossy(&answer).contains("unknown ref"));
    }
    // Nor is history sent from a boundary that the client can't have.
    for depth in ["1", "2147483647"] {
        let lines = [&format!("want {main}"), &format!("have {main}"), &format!("shallow {unreachable}")];
        let lines = lines.map(String::as_str);
        let more = [&format!("deepen {depth}"), "deepen-relative", "no-progress", "done"];
        let answer = Answer::of(&ask(V2, &v2("fetch", &[&lines[..], &more[..]].concat())));
        assert!(!answer.lines.iter().any(|line| line.contains("shallow ")), "{:?}", answer.lines);
    }
    for line in ["deepen-not refs/hidden/x", "deepen-not hidden/x", "deepen-not x"] {
        let answer = ask(V2, &v2("fetch", &[&format!("want {main}"), line, "done"]));
        assert!(String::from_utf8_lossy(&answer).contains("deepen-not is not a ref"), "{line}");
    }
}

#[test]
fn people_see_what_goes_on_and_nobody_else() {
    let Testbed { _sandbox, origin, main, .. } = testbed();
    let request = |words: &[&str]| {
        let want = format!("want {main}");
        v2("fetch", &[&[want.as_str(), "done"], words].concat())
    };
    let asked = std::sync::Arc::new(AtomicU32::new(0));
    let counter = asked.clone();
    let options = Options {
        keep_alive: Some(KeepAlive::new(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            true
        })),
        ..Options::default()
    };
    let loud = ours(&origin, &AllowAll, &options, UPLOAD, V2, &request(&[]));
    let loud = Answer::of(&loud).progress;
    for line in
        ["Enumerating objects: 12, done.\n", "Counting objects: 100% (12/12), done.\n", "Total 12 (delta 0)"]
    {
        assert!(loud.contains(line), "{loud}");
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    // Who wants no progress gets lines without data, which mean nothing, where it takes long.
    let quiet = ours(&origin, &AllowAll, &options, UPLOAD, V2, &request(&["no-progress"]));
    assert!(asked.load(Ordering::Relaxed) > 0);
    let at = quiet.windows(5).position(|bytes| bytes == b"0005\x01").expect("a sign of life");
    assert!(quiet[at..].windows(4).any(|bytes| bytes == b"PACK"));
    assert_eq!(Answer::of(&quiet).progress, "");
    assert_eq!(
        Answer::of(&quiet).pack,
        Answer::of(&ours(&origin, &AllowAll, &options, UPLOAD, V2, &request(&[]))).pack
    );
}

#[test]
fn the_vsts_profile_offers_and_takes_what_the_service_did() {
    let Testbed { _sandbox, origin, main, .. } = testbed();
    let options = Options { profile: Profile::Vsts, ..Options::default() };
    let repository = git_wire::Repository::open(&origin).expect("opened");
    let mut answer = Vec::new();
    Server { repository: &repository, policy: &AllowAll, options: &options }
        .advertise(UPLOAD, V2, &mut answer)
        .expect("told");
    let first = Answer::of(&answer).lines[2].clone();
    assert_eq!(
        words(&first),
        "multi_ack thin-pack side-band side-band-64k no-progress multi_ack_detailed no-done shallow \
         allow-tip-sha1-in-want symref=HEAD:refs/heads/main"
            .split(' ')
            .collect::<Vec<_>>()
    );
    let ask = |texts: &[&str]| ours(&origin, &AllowAll, &options, UPLOAD, V2, &lines(texts));
    // The transport says it, with a status of its own.
    let without = [&format!("want {main} side-band-64k"), "0000", "done"];
    assert_eq!(ask(&without), b"");
    let told = Server { repository: &repository, policy: &AllowAll, options: &options }.converse(
        UPLOAD,
        V0,
        &mut &lines(&without)[..],
        &mut answer,
    );
    assert!(told.is_err_and(|error| error.to_string().contains("TF401041")));
    assert!(
        String::from_utf8_lossy(&answer).contains("ERR TF401041: The Git protocol sent is not as expected")
    );
    for texts in [
        [&format!("want {main} multi_ack side-band-64k"), "0000", "done"],
        [&format!("want {main}"), "0000", "done"],
    ] {
        assert!(!Answer::of(&ask(&texts)).pack.is_empty());
    }
    let filtered = ask(&[&format!("want {main} multi_ack filter"), "filter blob:none", "0000", "done"]);
    assert!(String::from_utf8_lossy(&filtered).contains("ERR"));
}

/// A repository that was opened when it was empty: what has been pushed since is known to negotiation at once.
#[test]
fn what_was_pushed_after_the_repository_was_opened_is_common() {
    let sandbox = Sandbox::new();
    let work = sandbox.seed();
    git(&sandbox.path(""), &["init", "-q", "--bare", "-b", "main", "new.git"]);
    let (ours_new, path) = (sandbox.repository("new.git"), sandbox.path("new.git"));
    let options = Options::default();
    let ask = |arguments: &[String]| {
        let request = v2("fetch", arguments);
        let mut answer = Vec::new();
        Server { repository: &ours_new, policy: &AllowAll, options: &options }
            .respond(UPLOAD, V2, &mut &request[..], &mut answer)
            .expect("answered");
        Answer::of(&answer).lines
    };
    let head = git(&work, &["rev-parse", "HEAD"]);
    let haves = [format!("have {head}"), format!("have {ABSENT}"), "wait-for-done".to_owned()];
    // The store is looked at while it is empty.
    assert_eq!(ask(&haves), ["acknowledgments", "NAK", "0000"]);
    git(&work, &["push", "-q", path.to_str().expect("UTF-8"), "main"]);
    git(&path, &["repack", "-adq"]);
    assert_eq!(ask(&haves), Answer::of(&theirs(&path, UPLOAD, V2, &v2("fetch", &haves))).lines);
    assert!(ask(&haves).contains(&format!("ACK {head}")));
}
