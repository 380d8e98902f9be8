//! The bytes that a Git client sends: requests of protocol v2, and pushes of one small commit each, whose objects
//! are made here.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use sha1::{Digest as _, Sha1};

/// The id of an object.
pub(super) type Id = [u8; 20];

/// An id as text.
pub(super) fn hex(id: &[u8]) -> String {
    id.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string succeeds");
        text
    })
}

/// The id that a text spells.
pub(super) fn id(text: &str) -> Option<Id> {
    let mut id = [0; 20];
    for (place, byte) in id.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(place * 2..place * 2 + 2)?, 16).ok()?;
    }
    Some(id)
}

fn line(text: &str) -> String {
    format!("{:04x}{text}", text.len() + 4)
}

/// A request of protocol v2.
pub(super) fn command(name: &str, arguments: &[&str]) -> Vec<u8> {
    let mut body = line(&format!("command={name}\n")) + &line("object-format=sha1\n") + "0001";
    for argument in arguments {
        body += &line(&format!("{argument}\n"));
    }
    body.push_str("0000");
    body.into_bytes()
}

/// A push of a ready pack to one ref.
pub(super) fn push(old: &str, new: &str, name: &str, pack: &[u8]) -> Vec<u8> {
    let capabilities = "report-status side-band-64k object-format=sha1 agent=bench/1";
    let mut body = line(&format!("{old} {new} {name}\0 {capabilities}")).into_bytes();
    body.extend_from_slice(b"0000");
    body.extend_from_slice(pack);
    body
}

/// Returns the number of objects that the pack in an answer to a fetch announces. The pack's head may come in pieces.
pub(super) fn objects_in(answer: &[u8]) -> Option<u32> {
    let mut rest = answer;
    let mut pack = Vec::new();
    while pack.len() < 12 {
        let length = usize::from_str_radix(std::str::from_utf8(rest.get(..4)?).ok()?, 16).ok()?.max(4);
        let line = &rest[4..length.min(rest.len())];
        if let Some(data) = line.strip_prefix(b"\x01") {
            pack.extend_from_slice(data);
        }
        rest = rest.get(length..).unwrap_or_default();
    }
    objects(&pack)
}

/// Returns the number of objects that a pack announces.
pub(super) fn objects(pack: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(pack.strip_prefix(b"PACK\0\0\0\x02")?.get(..4)?.try_into().ok()?))
}

/// A branch as one client pushes to it: each commit changes the one file of its own.
#[derive(Debug, Clone)]
pub(super) struct Branch {
    pub(super) name: String,
    pub(super) tip: Id,
    /// The tree of the first commit, without the file.
    tree: Vec<u8>,
    file: String,
    count: u32,
}

impl Branch {
    /// A branch at `tip`, whose commit has the flat tree `tree`.
    pub(super) fn new(name: String, tip: Id, tree: Vec<u8>) -> Self {
        // Sorts behind what the repository has, so that the entry goes to the end.
        let file = format!("~{}", name.rsplit('/').next().unwrap_or_default());
        Self { name, tip, tree, file, count: 0 }
    }

    /// The push of one more commit.
    pub(super) fn next(&mut self) -> Vec<u8> {
        self.count += 1;
        let mut text = String::new();
        for number in 0..20 {
            writeln!(text, "{} {} {number}", self.name, self.count).expect("writing to a string succeeds");
        }
        let blob = object("blob", text.as_bytes());
        let mut tree = self.tree.clone();
        tree.extend_from_slice(format!("100644 {}\0", self.file).as_bytes());
        tree.extend_from_slice(&blob);
        let tree_id = object("tree", &tree);
        let who = format!("b <b@example.com> {} +0000", 1_600_000_000 + self.count);
        let commit = format!(
            "tree {}\nparent {}\nauthor {who}\ncommitter {who}\n\ncommit {}\n",
            hex(&tree_id),
            hex(&self.tip),
            self.count
        );
        let new = object("commit", commit.as_bytes());
        let pack = pack(&[(3, text.as_bytes()), (2, &tree), (1, commit.as_bytes())]);
        let body = push(&hex(&self.tip), &hex(&new), &self.name, &pack);
        self.tip = new;
        body
    }
}

fn object(kind: &str, content: &[u8]) -> Id {
    let mut hash = Sha1::new();
    hash.update(format!("{kind} {}\0", content.len()));
    hash.update(content);
    hash.finalize().into()
}

fn pack(objects: &[(u8, &[u8])]) -> Vec<u8> {
    let mut pack = b"PACK\0\0\0\x02".to_vec();
    pack.extend_from_slice(&u32::try_from(objects.len()).unwrap_or_default().to_be_bytes());
    for (kind, content) in objects {
        let mut size = content.len();
        let mut byte = kind << 4 | size.to_le_bytes()[0] & 15;
        size >>= 4;
        while size > 0 {
            pack.push(byte | 0x80);
            byte = size.to_le_bytes()[0] & 0x7f;
            size >>= 7;
        }
        pack.push(byte);
        let mut encoder = ZlibEncoder::new(&mut pack, Compression::fast());
        encoder.write_all(content).and_then(|()| encoder.finish().map(drop)).expect("memory takes it");
    }
    let checksum: Id = Sha1::digest(&pack).into();
    pack.extend_from_slice(&checksum);
    pack
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::process::Stdio;

    use super::{Branch, command, hex, id, objects, objects_in};
    use crate::bench::stock::git;

    #[test]
    fn a_request_is_packet_lines() {
        assert_eq!(
            command("ls-refs", &["peel"]),
            b"0014command=ls-refs\n0017object-format=sha1\n00010009peel\n0000"
        );
    }

    #[test]
    fn the_number_of_objects_is_found_in_pieces() {
        let answer = b"000dpackfile\n0007\x02x\n0010\x01PACK\0\0\0\x02\0\0\x14" as &[u8];
        assert_eq!(objects_in(&[answer, b"2fff\x01\xfe" as &[u8]].concat()), Some(5374));
        assert_eq!(objects_in(b"0008NAK\n0000"), None);
    }

    #[test]
    fn stock_git_takes_the_packs() {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let run = |args: &[&str], input: &[u8]| {
            let mut child = git(scratch.path())
                .args(args)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("git");
            child.stdin.take().expect("a pipe").write_all(input).expect("written");
            let output = child.wait_with_output().expect("git ends");
            assert!(output.status.success(), "git {args:?}");
            output.stdout
        };
        run(&["init", "-q", "--bare"], b"");
        let tree = String::from_utf8(run(&["mktree"], b"")).expect("UTF-8");
        let who = ["-c", "user.name=b", "-c", "user.email=b@example.com"];
        let first = run(&[who[0], who[1], who[2], who[3], "commit-tree", "-m", "m", tree.trim()], b"");
        let first = String::from_utf8(first).expect("UTF-8");
        let mut branch = Branch::new("refs/heads/b".to_owned(), id(first.trim()).expect("an id"), Vec::new());
        let body = branch.next();
        let at = body.windows(4).position(|window| window == b"PACK").expect("a pack");
        run(&["unpack-objects", "-q", "--strict"], &body[at..]);
        assert_eq!(objects(&body[at..]), Some(3));
        run(&["fsck", "--strict", &hex(&branch.tip)], b"");
    }
}
