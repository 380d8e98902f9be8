//! A remote that never stops talking: it is left, and nothing of it is kept.
//!
//! Security review, S13: refs with names of 60 KB filled 2.4 GB in 20 s.

use std::io::{self, Read};

use gix::refs::FullName;

use super::Git;
use crate::client::{
    Connection, Error, FetchRequest, FetchSession, PushRequest, PushSession, PushUpdate, TransportError,
};

const ID: &str = "0123456789012345678901234567890123456789";

/// Says `first`, then `again` and again.
struct Endless {
    first: Vec<u8>,
    again: Vec<u8>,
    at: usize,
}

impl Read for Endless {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let from = if self.first.is_empty() { &self.again } else { &self.first };
        let count = out.len().min(from.len() - self.at);
        out[..count].copy_from_slice(&from[self.at..self.at + count]);
        self.at += count;
        if self.at == from.len() {
            self.first.clear();
            self.at = 0;
        }
        Ok(count)
    }
}

/// A server that answers one request after what it advertises.
struct Server {
    advertisement: (Vec<u8>, Vec<u8>),
    answer: (Vec<u8>, Vec<u8>),
}

impl Connection for Server {
    fn advertisement(&mut self) -> Result<Box<dyn Read + '_>, TransportError> {
        let (first, again) = self.advertisement.clone();
        Ok(Box::new(Endless { first, again, at: 0 }))
    }

    fn exchange(&mut self, _request: &mut dyn Read) -> Result<Box<dyn Read + '_>, TransportError> {
        let (first, again) = self.answer.clone();
        Ok(Box::new(Endless { first, again, at: 0 }))
    }

    fn is_stateless(&self) -> bool {
        true
    }
}

fn line(text: &str) -> String {
    format!("{:04x}{text}", text.len() + 4)
}

fn bytes(parts: &[&str]) -> Vec<u8> {
    parts.concat().into_bytes()
}

#[track_caller]
fn assert_left<T>(what: &str, result: Result<T, Error>) {
    match result {
        Err(Error::TooMuch { .. }) => {}
        Err(error) => panic!("{what}: {error:?}"),
        Ok(_) => panic!("{what}: it was believed"),
    }
}

#[test]
fn a_remote_without_end_is_left() {
    let local = Git::bare();
    let long = line(&format!("{ID} refs/heads/{}\n", "x".repeat(60_000)));
    let v0 = line(&format!(
        "{ID} refs/heads/x\0side-band-64k multi_ack_detailed shallow report-status delete-refs\n"
    ));
    let v2 = bytes(&[&line("version 2\n"), &line("ls-refs\n"), &line("fetch=shallow\n"), "0000"]);
    let nothing = (Vec::new(), b"0000".to_vec());

    // What is said first, and lists of refs.
    let rows: [(&str, Vec<u8>, Vec<u8>); 4] = [
        ("refs", v0.clone().into_bytes(), long.clone().into_bytes()),
        ("refs that are none", v0.clone().into_bytes(), line(&format!("{ID} x..y\n")).into_bytes()),
        ("capabilities", line("version 2\n").into_bytes(), line(&"c".repeat(60_000)).into_bytes()),
        ("a preamble", line("# service=git-upload-pack\n").into_bytes(), line("x").into_bytes()),
    ];
    for (what, first, again) in rows {
        let mut server = Server { advertisement: (first, again), answer: nothing.clone() };
        assert_left(what, FetchSession::start(&mut server, &[]).map(|_| ()));
    }
    let mut server =
        Server { advertisement: (v2, b"0000".to_vec()), answer: (Vec::new(), long.into_bytes()) };
    assert_left("ls-refs", FetchSession::start(&mut server, &[]).map(|_| ()));

    // Answers to a fetch.
    let wants = FetchRequest {
        wants: vec![gix::ObjectId::from_hex(ID.as_bytes()).expect("an id")],
        ..FetchRequest::default()
    };
    let rows = [
        ("acknowledgements", "", line(&format!("ACK {ID} common\n"))),
        ("progress", "0008NAK\n", line("\u{2}counting\n")),
        ("silence", "0008NAK\n", line("\u{1}")),
    ];
    for (what, first, again) in rows {
        let answer = (first.as_bytes().to_vec(), again.into_bytes());
        let mut server = Server { advertisement: (bytes(&[&v0, "0000"]), b"0000".to_vec()), answer };
        let mut session = FetchSession::start(&mut server, &[]).expect("listed");
        assert_left(what, session.fetch(&local.gix(), &wants, &mut |_| {}));
    }

    // Reports on a push.
    for (what, again) in [
        ("a report", line(&format!("\u{1}{}", line(&format!("ok refs/heads/{}", "x".repeat(60_000)))))),
        ("text", line("\u{2}counting\n")),
    ] {
        let answer = (Vec::new(), again.into_bytes());
        let mut server = Server { advertisement: (bytes(&[&v0, "0000"]), b"0000".to_vec()), answer };
        let mut session = PushSession::start(&mut server).expect("listed");
        let name = FullName::try_from("refs/heads/x").expect("a name");
        let updates = vec![PushUpdate { name, old: gix::ObjectId::from_hex(ID.as_bytes()).ok(), new: None }];
        let request = PushRequest { updates, ..PushRequest::default() };
        assert_left(what, session.push(&local.gix(), &request, &mut |_| {}));
    }
}
