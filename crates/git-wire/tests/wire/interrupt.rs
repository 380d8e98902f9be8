//! A conversation ends when its interrupt is set, in whatever it is doing, and leaves nothing.

use std::io::{self, BufRead, Read, Write};

use git_wire::{
    AllowAll, Denial, Error, Interrupt, Options, Policy, ProtocolVersion, RefUpdate, Repository, Server,
    Service,
};
use gix::ObjectId;

use crate::chains::chain;
use crate::forge::{COMMIT, commit_of, files, good, id_of, tree};

/// A stream that sets the interrupt when so many bytes have passed.
struct Setting<S> {
    stream: S,
    left: usize,
    interrupt: Interrupt,
}

impl<S> Setting<S> {
    fn pass(&mut self, count: usize) {
        self.left = self.left.saturating_sub(count);
        if self.left == 0 {
            self.interrupt.set();
        }
    }
}

impl Read for Setting<&[u8]> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(out)?;
        self.pass(count);
        Ok(count)
    }
}

impl BufRead for Setting<&[u8]> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let end = self.stream.len().min(64);
        Ok(&self.stream[..end])
    }

    fn consume(&mut self, count: usize) {
        self.stream.consume(count);
        self.pass(count);
    }
}

impl Write for Setting<Vec<u8>> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pass(bytes.len());
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sets the interrupt when it is asked a question.
struct Asked {
    interrupt: Interrupt,
    at: &'static str,
}

impl Asked {
    fn hear(&self, question: &str) {
        if question == self.at {
            self.interrupt.set();
        }
    }
}

impl Policy for Asked {
    fn may_read(&self) -> Result<(), Denial> {
        self.hear("read");
        Ok(())
    }

    fn may_push(&self) -> Result<(), Denial> {
        self.hear("push");
        Ok(())
    }

    fn may_update(&self, _update: &RefUpdate) -> Result<(), Denial> {
        self.hear("update");
        Ok(())
    }
}

fn options(interrupt: &Interrupt) -> Options {
    Options { durable: false, interrupt: interrupt.clone(), ..Options::default() }
}

fn push_of(id: ObjectId, pack: &[u8]) -> Vec<u8> {
    let mut request = Vec::new();
    let line = format!("{} {id} refs/heads/x\0report-status side-band-64k", "0".repeat(40));
    git_wire::pktline::encode_text(line.as_bytes(), &mut request).expect("fits");
    request.extend_from_slice(b"0000");
    request.extend_from_slice(pack);
    request
}

#[track_caller]
fn assert_interrupted(result: &Result<git_wire::Summary, Error>, what: &str) {
    assert!(matches!(result, Err(Error::Interrupted)), "{what}: {result:?}");
}

#[test]
fn a_push_ends_wherever_it_is_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("repo.git");
    let repository = Repository::init_bare(&path, "main").expect("created");
    let before = files(&path);
    // A small pack, which is taken in memory, and one with long chains, which are resolved when all of it is there.
    let (small, small_id) = good();
    let packs = [(small.finish(), small_id), (chain(3_000), id_of(gix::objs::Kind::Blob, b""))];
    for (pack, id) in packs {
        let request = push_of(id, &pack);
        let steps = (0..20).map(|step| request.len() * step / 20).chain([request.len()]);
        for left in steps {
            let interrupt = Interrupt::default();
            let mut reader = Setting { stream: &request[..], left, interrupt: interrupt.clone() };
            let result = Server { repository: &repository, policy: &AllowAll, options: &options(&interrupt) }
                .respond(Service::ReceivePack, ProtocolVersion::V0, &mut reader, &mut Vec::new());
            assert_interrupted(&result, &format!("after {left} of {}", request.len()));
            assert_eq!(files(&path), before, "after {left} of {}", request.len());
        }
    }
    for at in ["push", "update"] {
        let interrupt = Interrupt::default();
        let mut answer = Vec::new();
        let result = Server {
            repository: &repository,
            policy: &Asked { interrupt: interrupt.clone(), at },
            options: &options(&interrupt),
        }
        .respond(
            Service::ReceivePack,
            ProtocolVersion::V0,
            &mut &push_of(small_id, &small.finish())[..],
            &mut answer,
        );
        assert_interrupted(&result, at);
        assert_eq!(files(&path), before, "{at}");
        assert!(String::from_utf8_lossy(&answer).contains("took too long"), "it is told: {at}");
    }
}

#[test]
fn a_fetch_ends_while_it_counts_and_while_it_sends() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("repo.git");
    let repository = Repository::init_bare(&path, "main").expect("created");
    // Bytes that don't deflate: more than is gathered before it is written.
    let mut number = 1_u32;
    let noise: Vec<u8> = (0..600_000)
        .map(|_| {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            number.to_be_bytes()[0]
        })
        .collect();
    let root = tree(&[("100644", "noise", id_of(gix::objs::Kind::Blob, &noise))]);
    let commit = commit_of(id_of(gix::objs::Kind::Tree, &root), "");
    let id = id_of(gix::objs::Kind::Commit, &commit);
    let pack = crate::forge::Pack::default()
        .entry(crate::forge::BLOB, &noise)
        .entry(crate::forge::TREE, &root)
        .entry(COMMIT, &commit)
        .finish();
    let push = |options: &Options| {
        let mut answer = Vec::new();
        Server { repository: &repository, policy: &AllowAll, options }.respond(
            Service::ReceivePack,
            ProtocolVersion::V0,
            &mut &push_of(id, &pack)[..],
            &mut answer,
        )
    };
    push(&options(&Interrupt::default())).expect("taken");
    let before = files(&path);
    let line = |text: &str| format!("{:04x}{text}", text.len() + 4);
    let v2 = format!("{}0001{}{}0000", line("command=fetch"), line(&format!("want {id}")), line("done"));
    let v0 = format!("{}0000{}", line(&format!("want {id} side-band-64k")), line("done"));
    for (version, request) in [(ProtocolVersion::V2, v2), (ProtocolVersion::V0, v0)] {
        for left in [0, 200_000, 400_000] {
            let interrupt = Interrupt::default();
            let mut answer = Setting { stream: Vec::new(), left, interrupt: interrupt.clone() };
            let at = if left == 0 { "read" } else { "" };
            let result = Server {
                repository: &repository,
                policy: &Asked { interrupt: interrupt.clone(), at },
                options: &options(&interrupt),
            }
            .respond(Service::UploadPack, version, &mut request.as_bytes(), &mut answer);
            assert_interrupted(&result, &format!("{version:?} after {left}"));
            assert!(answer.stream.len() < left + 200_000, "{version:?} after {left}");
            assert_eq!(files(&path), before, "{version:?} after {left}");
        }
    }
}
