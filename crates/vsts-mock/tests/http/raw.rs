//! HTTP by hand, for requests that no well-behaved client sends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection to `http://HOST:PORT`.
pub(crate) fn connect(url: &str) -> TcpStream {
    let stream = TcpStream::connect(url.trim_start_matches("http://")).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time-out can be set");
    stream
}

/// Sends a request's head and body as given, and reads the answer until the connection closes.
pub(crate) async fn send(url: &str, head: &str, body: Vec<u8>) -> Reply {
    let (url, head) = (url.to_owned(), head.to_owned());
    let sent = tokio::task::spawn_blocking(move || {
        let mut stream = connect(&url);
        stream.write_all(head.replace('\n', "\r\n").as_bytes()).expect("the head is sent");
        // A server that refuses may close before it has read everything.
        let _cut_short = stream.write_all(&body);
        read(&mut BufReader::new(stream))
    });
    sent.await.expect("the exchange ends")
}

/// Reads an answer: by its length, in chunks, or until the end.
pub(crate) fn read(stream: &mut impl BufRead) -> Reply {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        let count = stream.read_line(&mut line).expect("a line of the head");
        if count == 0 || line == "\r\n" {
            break;
        }
        head.push_str(&line.to_lowercase());
    }
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default();
    let header = |name: &str| {
        head.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(|value| value.trim().to_owned()))
    };
    let mut body = Vec::new();
    if let Some(length) = header("content-length").and_then(|length| length.parse().ok()) {
        stream.take(length).read_to_end(&mut body).expect("the body");
    } else if header("transfer-encoding").is_some() {
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).expect("a chunk's length");
            let length = u64::from_str_radix(line.trim(), 16).expect("a chunk's length is hexadecimal");
            stream.take(length).read_to_end(&mut body).expect("a chunk");
            stream.read_line(&mut String::new()).expect("the end of a chunk");
            if length == 0 {
                break;
            }
        }
    }
    Reply { status, head, body }
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
