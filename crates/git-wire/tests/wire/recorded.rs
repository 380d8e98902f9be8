//! Recorded conversations: what stock git's client says, byte by byte, and what it is answered, in text that people can
//! read. Each is replayed to the engine and to stock git's own server; both have to give the recorded answer.
//!
//! `>` is the client, `<` the server, one packet line each; `0000` and `0001` are the special ones. A pack from the
//! client stands as it is behind `> raw`; one from the server is the list of its objects, since how they are compressed
//! is nobody's business. Progress isn't recorded, and of the report of a push the side-band is taken off.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use git_wire::pktline::{self, Decoded, Line};
use git_wire::{AllowAll, Options, ProtocolVersion, Service};

use crate::host::Exchange;
use crate::raw::{Answer, objects_in, ours, theirs};
use crate::sandbox::{Sandbox, command, git};

/// The recorded scenes: a name, and the arguments of git in a folder `client` with the older half of the history.
const SCENES: [(&str, &[&str]); 9] = [
    ("clone-0", &["-c", "protocol.version=0", "clone", "-q", "URL", "new"]),
    ("clone-2", &["-c", "protocol.version=2", "clone", "-q", "URL", "new"]),
    ("fetch-0", &["-c", "protocol.version=0", "fetch", "-q", "URL", "main"]),
    ("fetch-2", &["-c", "protocol.version=2", "fetch", "-q", "URL", "main"]),
    ("shallow-2", &["-c", "protocol.version=2", "clone", "-q", "--depth=1", "URL", "new"]),
    ("partial-2", &["-c", "protocol.version=2", "clone", "-q", "-n", "--filter=blob:none", "URL", "new"]),
    ("sha1-0", &["-c", "protocol.version=0", "fetch", "-q", "URL", "OLDEST"]),
    ("push", &["push", "-q", "URL", "mine:refs/heads/mine", "mine:refs/tags/t", ":side"]),
    (
        "push-atomic",
        &["push", "-q", "--atomic", "-o", "an option", "URL", "mine:main", "mine:refs/heads/new"],
    ),
];

/// A repository that is the same everywhere and always, and a client with some of it and a commit of its own.
fn testbed() -> (Sandbox, PathBuf, PathBuf) {
    let sandbox = Sandbox::new();
    let root = sandbox.path("");
    git(&root, &["init", "-q", "--bare", "-b", "main", "origin.git"]);
    let origin = sandbox.path("origin.git");
    let client = sandbox.path("client");
    let mut script = String::new();
    for (number, (branch, from, file)) in
        [("main", "", "a"), ("main", "", "dir/b"), ("side", "main", "side"), ("main", "", "a")]
            .iter()
            .enumerate()
    {
        let from = if from.is_empty() { String::new() } else { format!("from refs/heads/{from}\n") };
        let time = 1_500_000_000 + number * 60;
        let who = format!("A U Thor <author@example.com> {time} +0000");
        write!(
            script,
            "commit refs/heads/{branch}\nauthor {who}\ncommitter {who}\ndata 2\n{number}\n{from}M 100644 inline {file}\ndata 8\nfile {number}\n\n"
        )
        .expect("a String takes it");
    }
    import(&origin, &script);
    git(&root, &["clone", "-q", "origin.git", "client"]);
    git(&client, &["checkout", "-q", "-b", "mine", "main~1"]);
    git(&client, &["update-ref", "-d", "refs/remotes/origin/main"]);
    git(&client, &["update-ref", "-d", "refs/heads/main"]);
    git(&client, &["update-ref", "-d", "refs/remotes/origin/HEAD"]);
    git(&client, &["remote", "rm", "origin"]);
    let who = "A U Thor <author@example.com> 1500001000 +0000";
    let script = format!(
        "commit refs/heads/mine\nauthor {who}\ncommitter {who}\ndata 5\nmine\nfrom refs/heads/mine^0\nM 100644 inline mine\ndata 5\nmine\n\n"
    );
    import(&client, &script);
    git(&client, &["reflog", "expire", "--expire=now", "--all"]);
    git(&client, &["gc", "-q", "--prune=now"]);
    git(&origin, &["config", "receive.advertisePushOptions", "true"]);
    (sandbox, origin, client)
}

fn import(repository: &Path, script: &str) {
    let file = repository.join("script");
    fs::write(&file, script).expect("written");
    let status = command(repository)
        .args(["fast-import", "--quiet"])
        .stdin(fs::File::open(&file).expect("there"))
        .status();
    assert!(status.expect("git is installed").success());
    fs::remove_file(file).expect("removed");
}

fn escaped(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chars = text.bytes();
    while let Some(byte) = chars.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match chars.next().expect("something is escaped") {
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'x' => {
                let digits = [chars.next().expect("a digit"), chars.next().expect("a digit")];
                let digits = std::str::from_utf8(&digits).expect("ASCII");
                bytes.push(u8::from_str_radix(digits, 16).expect("hexadecimal"));
            }
            other => bytes.push(other),
        }
    }
    bytes
}

/// The client's bytes as text, one packet line each; what follows the last as it is.
fn write_request(request: &[u8], text: &mut String) {
    let mut rest = request;
    while let Ok(Decoded::Complete { line, consumed }) = pktline::decode(rest) {
        rest = &rest[consumed..];
        let line = match line {
            Line::Data(data) => escaped(data),
            Line::Flush => "0000".to_owned(),
            Line::Delimiter => "0001".to_owned(),
            Line::ResponseEnd => "0002".to_owned(),
        };
        writeln!(text, "> {line}").expect("a String takes it");
    }
    if !rest.is_empty() {
        writeln!(text, "> raw {}", escaped(rest)).expect("a String takes it");
    }
}

fn read_request(lines: &[&str]) -> Vec<u8> {
    let mut request = Vec::new();
    for line in lines {
        match *line {
            "0000" | "0001" | "0002" => request.extend_from_slice(line.as_bytes()),
            line => match line.strip_prefix("raw ") {
                Some(raw) => request.extend(unescaped(raw)),
                None => pktline::encode_data(&unescaped(line), &mut request).expect("it fits"),
            },
        }
    }
    request
}

/// Returns a server's answer as text.
fn answer_text(answer: &[u8], base: &Path) -> String {
    let answer = Answer::of(answer);
    let mut text = String::new();
    let mut put = |line: &str| writeln!(text, "< {line}").expect("a String takes it");
    let (end, lines) = match answer.lines.split_last() {
        Some((end, lines)) if end == "0000" && !answer.pack.is_empty() => (Some(end), lines),
        _ => (None, &answer.lines[..]),
    };
    for line in lines {
        put(line);
    }
    if answer.pack.starts_with(b"PACK") {
        for id in objects_in(&answer.pack, base) {
            put(&format!("pack {id}"));
        }
    } else {
        for line in Answer::of(&answer.pack).lines {
            put(&format!("report {line}"));
        }
    }
    if let Some(end) = end {
        put(end);
    }
    text
}

fn version_text(version: ProtocolVersion) -> &'static str {
    match version {
        ProtocolVersion::V0 => "0",
        ProtocolVersion::V1 => "1",
        ProtocolVersion::V2 => "2",
    }
}

/// Lets stock git do it and writes down what was said.
fn record(arguments: &[&str], git_version: &str) -> String {
    let (sandbox, origin, client) = testbed();
    let url = sandbox.url("http", "origin.git");
    let oldest = git(&origin, &["rev-parse", "main~2"]);
    let arguments: Vec<&str> = arguments
        .iter()
        .map(|argument| match *argument {
            "URL" => url.as_str(),
            "OLDEST" => oldest.as_str(),
            argument => argument,
        })
        .collect();
    // Whatever becomes of it: a refusal is an answer, too.
    drop(command(&client).args(&arguments).output().expect("git is installed"));
    let mut text = format!("# {git_version}\n");
    for Exchange { service, version, request, answer } in sandbox.exchanges() {
        writeln!(text, "\n= {service} {}", version_text(version)).expect("a String takes it");
        write_request(&request, &mut text);
        text.push_str(&answer_text(&answer, &origin));
    }
    text
}

fn recording(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire/recordings").join(format!("{name}.txt"))
}

#[test]
fn recorded_conversations_are_answered_as_recorded() {
    for (name, _) in SCENES {
        let text = fs::read_to_string(recording(name)).expect("a recording");
        let (sandbox, origin, _client) = testbed();
        git(&sandbox.path(""), &["clone", "-q", "--mirror", "origin.git", "twin.git"]);
        let twin = sandbox.path("twin.git");
        for exchange in text.split("\n= ").skip(1) {
            let (head, rest) = exchange.split_once('\n').expect("a head");
            let (service, version) = head.split_once(' ').expect("service and version");
            let service: Service = service.parse().expect("a service");
            let version = ProtocolVersion::from_git_protocol_value(&format!("version={version}"));
            let request: Vec<&str> = rest.lines().filter_map(|line| line.strip_prefix("> ")).collect();
            let request = read_request(&request);
            let expected: String = rest
                .lines()
                .filter(|line| line.starts_with('<'))
                .fold(String::new(), |all, line| all + line + "\n");
            let options = Options { durable: false, ..Options::default() };
            let ours = ours(&origin, &AllowAll, &options, service, version, &request);
            assert_eq!(answer_text(&ours, &origin), expected, "{name}: the engine");
            let theirs = theirs(&twin, service, version, &request);
            // Stock git's server tells wanted refs before the boundary, and doesn't acknowledge the parents of what it
            // has acknowledged; both against the documentation.
            let sorted = |text: &str| {
                let mut lines: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
                lines.retain(|line| !line.starts_with("< ACK "));
                lines.sort_unstable();
                lines
            };
            let theirs = answer_text(&theirs, &origin);
            assert_eq!(sorted(&theirs), sorted(&expected), "{name}: stock git");
        }
    }
}

#[test]
fn stock_git_says_what_was_recorded() {
    let version = git(Path::new("."), &["version"]);
    let mut changed = Vec::new();
    for (name, arguments) in SCENES {
        let path = recording(name);
        let known = fs::read_to_string(&path).unwrap_or_default();
        // Another version may say other things.
        if !known.is_empty() && !known.starts_with(&format!("# {version}\n")) {
            continue;
        }
        let new = record(arguments, &version);
        if new != known {
            let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.txt"));
            fs::write(&place, &new).expect("written");
            changed.push(format!("{} is now as in {}", path.display(), place.display()));
        }
    }
    assert!(changed.is_empty(), "\n{}", changed.join("\n"));
}
