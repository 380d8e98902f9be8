//! The same bytes to vsts-mock and to `git http-backend`, the answers side by side.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::differences::{BANNER, MORE_IN_V2, level};
use crate::git::Git;
use crate::site::{Oracle, READ, Site, Transport};

/// One repository for every push.
const PUSHED: [&str; 7] = ["push-0", "push-1", "push-2", "push-3", "push-4", "push-5", "push-6"];

/// A packet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Packet {
    Flush,
    Delimiter,
    Data(String),
}

/// Both servers with the same repositories.
struct Pair {
    site: Site,
    oracle: Oracle,
}

impl Pair {
    fn start(names: &[&str]) -> Self {
        let site = Site::start(names);
        let oracle = Oracle::start(site.dir(), &site.fixture, names, true);
        Self { site, oracle }
    }

    fn id(&self, revision: &str) -> String {
        crate::judge::id(&self.site.fixture.whole, revision)
    }

    /// Requires that we sent all that stock git sent, and beyond it nothing but what the client has already: each server
    /// stops looking for that where it likes.
    #[track_caller]
    fn assert_enough(&self, ours: &BTreeSet<String>, theirs: &BTreeSet<String>, haves: &[&str], name: &str) {
        let known = |id: &&&str| self.id(&format!("{id}^{{object}}")) == ***id;
        let haves: Vec<&str> = haves.iter().filter(known).copied().collect();
        let mut had = BTreeSet::new();
        if !haves.is_empty() {
            had.extend(crate::judge::objects(&self.site.fixture.whole, &haves));
        }
        let missing: Vec<_> = theirs.difference(ours).filter(|id| !had.contains(*id)).collect();
        assert_eq!(missing, [""; 0], "{name}: stock git sends these");
        let needless: Vec<_> = ours.difference(theirs).filter(|id| !had.contains(*id)).collect();
        assert_eq!(needless, [""; 0], "{name}: stock git does not send these");
    }

    /// Ours first.
    fn ask(&self, repo: &str, tail: &str, protocol: &str, body: Option<&[u8]>) -> [Vec<u8>; 2] {
        let ours = self.site.url(Transport::Http, repo);
        let theirs = self.oracle.url(repo);
        [ours, theirs].map(|url| send(&format!("{url}/{tail}"), protocol, body))
    }

    fn packets(&self, repo: &str, tail: &str, protocol: &str, body: Option<&[u8]>) -> [Vec<Packet>; 2] {
        let banner = |found: Vec<Packet>| match found.as_slice() {
            [Packet::Data(line), Packet::Flush, rest @ ..] if line.starts_with(BANNER) => rest.to_vec(),
            _ => found,
        };
        self.ask(repo, tail, protocol, body).map(|answer| banner(packets(&answer)))
    }
}

/// Returns the objects that the client has according to the request.
fn haves(arguments: &[String]) -> Vec<&str> {
    arguments.iter().filter_map(|argument| argument.strip_prefix("have ")).collect()
}

/// Asks, and gives the answer's body.
fn send(url: &str, protocol: &str, body: Option<&[u8]>) -> Vec<u8> {
    let rest = url.strip_prefix("http://").expect("HTTP");
    let (host, path) = rest.split_once('/').expect("a path");
    let mut stream = TcpStream::connect(host).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_mins(1))).expect("a time-out");
    let service = path.rsplit('/').next().unwrap_or_default();
    let mut head = format!(
        "{} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAuthorization: Bearer alicepat\r\n",
        if body.is_some() { "POST" } else { "GET" }
    );
    if !protocol.is_empty() {
        write!(head, "Git-Protocol: {protocol}\r\n").expect("a String takes all");
    }
    if let Some(body) = body {
        write!(head, "Content-Type: application/x-{service}-request\r\nContent-Length: {}\r\n", body.len())
            .expect("a String takes all");
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).expect("it takes a head");
    stream.write_all(body.unwrap_or_default()).expect("it takes a body");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200"), "{url}: {}", String::from_utf8_lossy(&answer));
    let body = &answer[end..];
    if head.contains("transfer-encoding: chunked") { unchunk(body) } else { body.to_vec() }
}

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).ok().and_then(|hex| usize::from_str_radix(hex, 16).ok());
        let size = size.expect("a chunk's size");
        whole.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 2 + size + 2..];
    }
    whole
}

/// Packets up to what is none; the agent's name is taken out.
fn packets(mut bytes: &[u8]) -> Vec<Packet> {
    let mut found = Vec::new();
    while let Some(length) = bytes
        .get(..4)
        .and_then(|hex| std::str::from_utf8(hex).ok())
        .and_then(|hex| usize::from_str_radix(hex, 16).ok())
    {
        match length {
            0 => found.push(Packet::Flush),
            1..4 => found.push(Packet::Delimiter),
            _ => found.push(Packet::Data(level(&without_agent(&String::from_utf8_lossy(&bytes[4..length]))))),
        }
        bytes = &bytes[length.max(4)..];
    }
    found
}

fn without_agent(line: &str) -> String {
    let Some(at) = line.find("agent=") else { return line.to_owned() };
    let end = line[at..].find([' ', '\n', '\0']).map_or(line.len(), |end| at + end);
    format!("{}agent=…{}", &line[..at], &line[end..])
}

fn line(text: &str) -> Vec<u8> {
    format!("{:04x}{text}", text.len() + 4).into_bytes()
}

/// A v2 request.
fn command(name: &str, arguments: &[String]) -> Vec<u8> {
    let mut request =
        [line(&format!("command={name}\n")), line("object-format=sha1"), b"0001".to_vec()].concat();
    for argument in arguments {
        request.extend(line(&format!("{argument}\n")));
    }
    request.extend(b"0000");
    request
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[test]
fn the_second_version_offers_all_that_stock_git_offers() {
    let pair = Pair::start(&[READ]);
    let [ours, theirs] = pair.packets(READ, "info/refs?service=git-upload-pack", "version=2", None);
    let words = |packets: &[Packet]| -> BTreeSet<String> {
        let lines = packets.iter().filter_map(|packet| match packet {
            Packet::Data(line) => Some(line.trim_end()),
            _ => None,
        });
        // `fetch=shallow filter` is one capability for each word.
        lines
            .flat_map(|line| match line.split_once('=') {
                Some((name @ ("fetch" | "ls-refs"), words)) => {
                    words.split(' ').map(|word| format!("{name}={word}")).collect()
                }
                _ => vec![line.to_owned()],
            })
            .collect()
    };
    let (ours, theirs) = (words(&ours), words(&theirs));
    let missing: Vec<_> = theirs.difference(&ours).collect();
    assert_eq!(missing, [""; 0], "stock git offers these");
    let more: Vec<_> = ours.difference(&theirs).map(String::as_str).collect();
    assert_eq!(more, MORE_IN_V2, "stock git does not offer these without being told to");
}

#[test]
fn listed_refs_are_the_same_bytes() {
    let pair = Pair::start(&[READ, "empty"]);
    let rows: [&[&str]; 8] = [
        &[],
        &["symrefs", "peel"],
        &["peel", "symrefs", "unborn"],
        &["ref-prefix refs/heads/"],
        &["peel", "ref-prefix refs/tags/"],
        &["symrefs", "ref-prefix HEAD", "ref-prefix refs/heads/s"],
        &["ref-prefix refs/heads/side", "ref-prefix refs/heads/side"],
        &["ref-prefix nothing"],
    ];
    for repo in [READ, "empty"] {
        for arguments in rows {
            let request = command("ls-refs", &owned(arguments));
            let [ours, theirs] = pair.ask(repo, "git-upload-pack", "version=2", Some(&request));
            let [ours, theirs] = [ours, theirs].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            assert_eq!(ours, theirs, "{repo}: {arguments:?}");
        }
    }
}

#[test]
fn the_first_versions_list_the_same_refs_and_offer_no_less() {
    let pair = Pair::start(&[READ, "empty"]);
    for (service, protocol) in [
        ("git-upload-pack", ""),
        ("git-upload-pack", "version=1"),
        ("git-receive-pack", ""),
        ("git-receive-pack", "version=1"),
        ("git-receive-pack", "version=2"),
    ] {
        for repo in [READ, "empty"] {
            let tail = format!("info/refs?service={service}");
            let [ours, theirs] = pair.packets(repo, &tail, protocol, None);
            let split = |packets: Vec<Packet>| {
                let mut offered = BTreeSet::new();
                let rest: Vec<Packet> = packets
                    .into_iter()
                    .map(|packet| match packet {
                        Packet::Data(line) if line.contains('\0') => {
                            let (line, words) = line.split_once('\0').expect("it was seen");
                            offered.extend(words.split_whitespace().map(str::to_owned));
                            Packet::Data(line.to_owned())
                        }
                        other => other,
                    })
                    .collect();
                (rest, offered)
            };
            let ((ours, we_offer), (theirs, they_offer)) = (split(ours), split(theirs));
            assert_eq!(ours, theirs, "{service} {protocol} {repo}");
            // A session's id is each server's own, and only logs read it.
            let missing: Vec<_> =
                they_offer.difference(&we_offer).filter(|word| !word.starts_with("session-id=")).collect();
            assert_eq!(missing, [""; 0], "{service} {protocol} {repo}: stock git offers these");
        }
    }
}

/// The packets before the pack, and the ids of the objects in it.
fn fetched(pair: &Pair, answer: &[u8], name: &str) -> (Vec<Packet>, BTreeSet<String>) {
    let (mut pack, mut output) = (Vec::new(), Vec::new());
    let mut rest = answer;
    let mut is_pack = false;
    while let Some(length) = rest
        .get(..4)
        .and_then(|hex| std::str::from_utf8(hex).ok())
        .and_then(|hex| usize::from_str_radix(hex, 16).ok())
    {
        let data = if length < 4 { &[][..] } else { &rest[4..length] };
        match (length, data) {
            (0, _) => output.push(Packet::Flush),
            (1..4, _) => output.push(Packet::Delimiter),
            (_, [1, more @ ..]) if is_pack => pack.extend_from_slice(more),
            (_, [2, ..]) if is_pack => {}
            _ => {
                let line = String::from_utf8_lossy(data).into_owned();
                is_pack |= line == "packfile\n";
                output.push(Packet::Data(line));
            }
        }
        rest = &rest[length.max(4)..];
    }
    if let Some(at) = rest.windows(4).position(|four| four == b"PACK") {
        pack.extend_from_slice(&rest[at..]);
    }
    if pack.is_empty() {
        return (output, BTreeSet::new());
    }
    // Stock git reads it; what a thin pack leaves out is in the fixture.
    let git = Git::new(pair.site.dir());
    git.run(&["clone", "-q", "--bare", pair.site.fixture.base.to_str().expect("UTF-8"), name]).ok();
    let git = git.at(&pair.site.dir().join(name));
    let made = git.with_input(&["index-pack", "--stdin", "--fix-thin"], &pack).ok();
    let pack = made.split_whitespace().last().expect("a checksum");
    let index = git.dir().join(format!("objects/pack/pack-{pack}.idx"));
    let listed = git.with_input(&["show-index"], &std::fs::read(index).expect("an index")).ok();
    let ids = listed.lines().filter_map(|line| line.split(' ').nth(1)).map(str::to_owned).collect();
    (output, ids)
}

#[test]
fn fetches_are_negotiated_in_the_same_words() {
    let pair = Pair::start(&[READ]);
    let (master, side, v1) = (pair.id("refs/heads/master"), pair.id("refs/heads/side"), pair.id("v1^{}"));
    let unknown = "1234567890123456789012345678901234567890";
    let want = format!("want {master}");
    let rows: Vec<(&str, Vec<String>)> = vec![
        ("all", vec![want.clone(), "done".to_owned()]),
        ("ofs", vec![want.clone(), "ofs-delta".to_owned(), "no-progress".to_owned(), "done".to_owned()]),
        ("incremental", vec![want.clone(), format!("have {v1}"), "done".to_owned()]),
        ("thin", vec![want.clone(), format!("have {v1}"), "thin-pack".to_owned(), "done".to_owned()]),
        ("common", vec![want.clone(), format!("have {v1}")]),
        ("nothing in common", vec![want.clone(), format!("have {unknown}")]),
        ("both", vec![want.clone(), format!("have {unknown}"), format!("have {side}")]),
        ("wait", vec![want.clone(), format!("have {v1}"), "wait-for-done".to_owned()]),
        ("tag", vec![want.clone(), "include-tag".to_owned(), "done".to_owned()]),
        ("depth", vec![want.clone(), "deepen 3".to_owned(), "done".to_owned()]),
        (
            "deepened",
            vec![
                want.clone(),
                format!("shallow {v1}"),
                "deepen 9".to_owned(),
                format!("have {v1}"),
                "done".to_owned(),
            ],
        ),
        ("since", vec![want.clone(), "deepen-since 1500777600".to_owned(), "done".to_owned()]),
        ("not", vec![want.clone(), "deepen-not refs/tags/v1".to_owned(), "done".to_owned()]),
        ("no blobs", vec![want.clone(), "filter blob:none".to_owned(), "done".to_owned()]),
        ("small blobs", vec![want.clone(), "filter blob:limit=100".to_owned(), "done".to_owned()]),
        ("no trees", vec![want, "filter tree:0".to_owned(), "done".to_owned()]),
    ];
    for (n, (name, arguments)) in rows.into_iter().enumerate() {
        let request = command("fetch", &arguments);
        let [ours, theirs] = pair.ask(READ, "git-upload-pack", "version=2", Some(&request));
        let (ours, theirs) =
            (fetched(&pair, &ours, &format!("ours-{n}")), fetched(&pair, &theirs, &format!("theirs-{n}")));
        let sorted = |mut packets: Vec<Packet>| {
            // The boundaries of a shallow history come in any order.
            let is_boundary =
                |packet: &Packet| matches!(packet, Packet::Data(line) if line.contains("shallow "));
            let mut boundaries: Vec<_> =
                packets.iter().filter(|packet| is_boundary(packet)).cloned().collect();
            boundaries.sort();
            packets.retain(|packet| !is_boundary(packet));
            (packets, boundaries)
        };
        assert_eq!(sorted(ours.0), sorted(theirs.0), "{name}");
        pair.assert_enough(&ours.1, &theirs.1, &haves(&arguments), name);
    }
}

#[test]
fn the_first_version_acknowledges_in_the_same_words() {
    let pair = Pair::start(&[READ]);
    let (master, v1) = (pair.id("refs/heads/master"), pair.id("v1^{}"));
    let unknown = "1234567890123456789012345678901234567890";
    let rows: [(&str, &[&str], bool); 7] = [
        ("", &[], true),
        ("", &[&v1], true),
        ("multi_ack", &[unknown, &v1], true),
        ("multi_ack_detailed", &[unknown, &v1], true),
        ("multi_ack_detailed", &[unknown, &v1], false),
        ("multi_ack_detailed no-done", &[&v1], false),
        ("multi_ack_detailed no-done", &[unknown], false),
    ];
    for (n, (words, haves, is_done)) in rows.into_iter().enumerate() {
        let mut request = line(&format!("want {master} {words} ofs-delta\n"));
        request.extend(b"0000");
        for have in haves {
            request.extend(line(&format!("have {have}\n")));
        }
        request.extend(if is_done { line("done\n") } else { b"0000".to_vec() });
        let [ours, theirs] = pair.ask(READ, "git-upload-pack", "", Some(&request));
        let ours = fetched(&pair, &ours, &format!("ours-{n}"));
        let theirs = fetched(&pair, &theirs, &format!("theirs-{n}"));
        assert_eq!(ours.0, theirs.0, "{words:?} {haves:?} {is_done}");
        pair.assert_enough(&ours.1, &theirs.1, haves, words);
    }
}

#[test]
fn pushes_are_reported_in_the_same_words() {
    let pair = Pair::start(&PUSHED);
    let (master, side, v1) = (pair.id("refs/heads/master"), pair.id("refs/heads/side"), pair.id("v1^{}"));
    let none = "0".repeat(40);
    let unknown = "1234567890123456789012345678901234567890";
    let caps = "report-status delete-refs";
    let rows: [(&str, Vec<String>); 7] = [
        (caps, vec![format!("{side} {none} refs/heads/side")]),
        (caps, vec![format!("{none} {v1} refs/heads/new"), format!("{master} {v1} refs/heads/side")]),
        (caps, vec![format!("{none} {unknown} refs/heads/new"), format!("{none} {v1} refs/heads/fine")]),
        (caps, vec![format!("{v1} {none} refs/heads/absent")]),
        (
            "report-status atomic",
            vec![format!("{none} {v1} refs/heads/new"), format!("{side} {v1} refs/heads/master")],
        ),
        ("report-status-v2 side-band-64k", vec![format!("{none} {v1} refs/heads/new")]),
        (caps, vec![format!("{none} {v1} refs/heads/bad..name"), format!("{none} {v1} refs/heads/good")]),
    ];
    // A pack of nothing: all that is pushed is there already.
    let empty = [&b"PACK\0\0\0\x02\0\0\0\0"[..], &EMPTY_PACK_SUM].concat();
    for (repo, (words, commands)) in PUSHED.iter().zip(rows) {
        let mut request = Vec::new();
        for (n, command) in commands.iter().enumerate() {
            let words = if n == 0 { format!("\0{words}") } else { String::new() };
            request.extend(line(&format!("{command}{words}")));
        }
        request.extend(b"0000");
        if commands.iter().any(|command| command.split(' ').nth(1) != Some(&none)) {
            request.extend(&empty);
        }
        let [ours, theirs] = pair.packets(repo, "git-receive-pack", "", Some(&request));
        assert_eq!(ours, theirs, "{commands:?}");
        let refs = [pair.site.folder(repo).to_owned(), pair.oracle.folder(repo)]
            .map(|folder| Git::new(&folder).run(&["for-each-ref"]).ok());
        assert_eq!(refs[0], refs[1], "{commands:?}");
    }
}

/// The checksum of a pack without objects.
const EMPTY_PACK_SUM: [u8; 20] = [
    0x02, 0x9d, 0x08, 0x82, 0x3b, 0xd8, 0xa8, 0xea, 0xb5, 0x10, 0xad, 0x6a, 0xc7, 0x5c, 0x82, 0x3c, 0xfd,
    0x3e, 0xd3, 0x1e,
];
