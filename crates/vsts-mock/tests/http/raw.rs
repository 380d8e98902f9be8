//! HTTP by hand, for requests that no well-behaved client sends.

use std::io::{BufRead, ErrorKind};
use std::net::TcpStream;

use test_support::http;

/// An answer, with its head in small letters.
pub(crate) type Reply = test_support::Answer;

/// A connection to `http://HOST:PORT`.
pub(crate) fn connect(url: &str) -> TcpStream {
    http::connect(url).expect("the server listens")
}

/// Sends a request's head and body as given, and reads the answer until the connection closes.
pub(crate) async fn send(url: &str, head: &str, body: Vec<u8>) -> Reply {
    let (url, head) = (url.to_owned(), head.to_owned());
    let sent = tokio::task::spawn_blocking(move || in_small_letters(http::send(&url, &head, &body)));
    sent.await.expect("the exchange ends")
}

/// Reads an answer: by its length, in chunks, or until the end.
pub(crate) fn read(stream: &mut impl BufRead) -> Reply {
    in_small_letters(http::read(stream))
}

/// A connection that is closed without an answer has the status 0.
fn in_small_letters(answer: std::io::Result<Reply>) -> Reply {
    match answer {
        Ok(answer) => Reply { head: answer.head.to_lowercase(), ..answer },
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
            Reply { status: 0, head: String::new(), body: Vec::new() }
        }
        Err(error) => panic!("no answer: {error}"),
    }
}

/// The body in chunks of that size.
pub(crate) fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut encoded = Vec::new();
    for chunk in body.chunks(size) {
        encoded.extend(format!("{:x}\r\n", chunk.len()).bytes());
        encoded.extend(chunk);
        encoded.extend(b"\r\n");
    }
    encoded.extend(b"0\r\n\r\n");
    encoded
}

/// Packet lines, with a flush after the last.
pub(crate) fn lines(lines: &[&str]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for line in lines {
        if *line == "0001" {
            encoded.extend(b"0001");
        } else {
            encoded.extend(format!("{:04x}{line}", line.len() + 4).bytes());
        }
    }
    encoded.extend(b"0000");
    encoded
}
