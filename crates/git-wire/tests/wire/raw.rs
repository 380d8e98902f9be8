//! Conversations by hand, with the engine and with stock git's servers: one request, one answer, taken apart.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use git_wire::pktline::{Decoded, Line, decode, encode_text};
use git_wire::{Options, Policy, ProtocolVersion, Repository, Server, Service};

use crate::sandbox::{command, git};

/// Packet lines of text: `0000`, `0001` and `0002` stand for themselves.
pub(crate) fn lines<T: AsRef<str>>(texts: &[T]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for text in texts {
        match text.as_ref() {
            special @ ("0000" | "0001" | "0002") => bytes.extend_from_slice(special.as_bytes()),
            text => encode_text(text.as_bytes(), &mut bytes).expect("it fits"),
        }
    }
    bytes
}

/// A command of version 2.
pub(crate) fn v2<T: AsRef<str>>(name: &str, arguments: &[T]) -> Vec<u8> {
    let mut all = vec![format!("command={name}"), "object-format=sha1".to_owned(), "0001".to_owned()];
    all.extend(arguments.iter().map(|argument| argument.as_ref().to_owned()));
    all.push("0000".to_owned());
    lines(&all)
}

/// Returns the engine's answer to one stateless request.
pub(crate) fn ours(
    path: &Path,
    policy: &dyn Policy,
    options: &Options,
    service: Service,
    version: ProtocolVersion,
    request: &[u8],
) -> Vec<u8> {
    let repository = Repository::open(path).expect("a repository");
    let mut answer = Vec::new();
    // Whatever comes of it has been told in the answer.
    drop(Server { repository: &repository, policy, options }.respond(
        service,
        version,
        &mut &request[..],
        &mut answer,
    ));
    answer
}

/// Returns stock git's answer to the same.
pub(crate) fn theirs(path: &Path, service: Service, version: ProtocolVersion, request: &[u8]) -> Vec<u8> {
    let version = match version {
        ProtocolVersion::V0 => "version=0",
        ProtocolVersion::V1 => "version=1",
        ProtocolVersion::V2 => "version=2",
    };
    let mut child = command(path)
        .args(["-c", "uploadpack.allowAnySHA1InWant=true", "-c", "uploadpack.allowFilter=true"])
        .args(["-c", "uploadpack.allowRefInWant=true", "-c", "transfer.advertiseObjectInfo=true"])
        .args(["-c", "transfer.advertiseSID=true"])
        .args(["-c", "receive.advertisePushOptions=true", "-c", "receive.fsckObjects=true"])
        .args([service.as_str().trim_start_matches("git-"), "--stateless-rpc", "."])
        .env("GIT_PROTOCOL", version)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("git is installed");
    let mut stdin = child.stdin.take().expect("piped");
    let request = request.to_vec();
    let writer = std::thread::spawn(move || {
        // It may have given up before it has read everything.
        stdin.write_all(&request).unwrap_or_default();
    });
    let output = child.wait_with_output().expect("it ended");
    writer.join().expect("no panic");
    output.stdout
}

/// An answer: the lines in front of the side-band, and what the side-band carried.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// Each without line feed; `0000` and `0001` for themselves.
    pub(crate) lines: Vec<String>,
    pub(crate) pack: Vec<u8>,
    pub(crate) progress: String,
    pub(crate) error: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut answer = Self::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            if rest.starts_with(b"PACK") {
                answer.pack = rest.to_vec();
                break;
            }
            let decoded = decode(rest).expect("packet lines");
            let Decoded::Complete { line, consumed } = decoded else { panic!("a line is cut") };
            rest = &rest[consumed..];
            match line {
                Line::Data([1, data @ ..]) => answer.pack.extend_from_slice(data),
                Line::Data([2, text @ ..]) => answer.progress.push_str(&String::from_utf8_lossy(text)),
                Line::Data([3, text @ ..]) => answer.error.push_str(&String::from_utf8_lossy(text)),
                Line::Data(text) => {
                    answer.lines.push(String::from_utf8_lossy(text).trim_end_matches('\n').to_owned());
                }
                Line::Flush => answer.lines.push("0000".to_owned()),
                Line::Delimiter => answer.lines.push("0001".to_owned()),
                Line::ResponseEnd => answer.lines.push("0002".to_owned()),
            }
        }
        answer
    }
}

/// The ids of the objects in a pack, sorted, as stock git finds them; `base` has what a thin pack leaves out.
#[track_caller]
pub(crate) fn objects_in(pack: &[u8], base: &Path) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    git(folder.path(), &["init", "-q", "--bare", "."]);
    let info = folder.path().join("objects/info/alternates");
    let with_files = base.join(".git/objects");
    let objects = if with_files.is_dir() { with_files } else { base.join("objects") };
    std::fs::write(&info, format!("{}\n", objects.display())).expect("written");
    let mut child = command(folder.path())
        .args(["index-pack", "--stdin", "--fix-thin", "--strict"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("git is installed");
    child.stdin.take().expect("piped").write_all(pack).expect("all taken");
    assert!(child.wait().expect("ended").success(), "it's a pack");
    std::fs::remove_file(&info).expect("removed");
    let all = git(folder.path(), &["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"]);
    all.lines().map(ToOwned::to_owned).collect()
}
